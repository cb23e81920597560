"""Keys: who gets in, what the file may look like, and what happens when it changes or breaks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memcube.actors.gateway.keys import LOCAL, KeyFile, KeyRing, digest_of, new_key
from memcube.model.errors import DamagedError, UnauthenticatedError
from memcube.model.ids import Principal

ALICE = Principal("acme", "alice", ("writer",), ("user:alice", "team-*"))


def test_a_key_is_its_principal_and_nothing_else_is(tmp_path: Path) -> None:
    """What was saved is found again by the key alone; the file holds no key."""
    key = new_key()
    KeyRing().with_key(key, ALICE).save(tmp_path / "keys.json")
    ring = KeyRing.load(tmp_path / "keys.json")
    assert ring.principal_of(key) == ALICE
    assert key not in (tmp_path / "keys.json").read_text()
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0
    for wrong in ("", key[:-1], key + "a", digest_of(key), "ä", "\udcff"):
        with pytest.raises(UnauthenticatedError) as caught:
            ring.principal_of(wrong)
        assert caught.value.args == ("the call carries no valid key",)


def test_keys_are_long_and_differ() -> None:
    """160 random bits each."""
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {36}


def test_without_any_key_everyone_is_local() -> None:
    """An empty ring asks for nothing, whatever is sent."""
    assert KeyRing().principal_of("") == LOCAL
    assert KeyRing().principal_of("whatever") == LOCAL
    assert LOCAL.roles == ("admin",)


def test_removing_a_principal_removes_its_keys_only() -> None:
    """``without`` goes by tenant and id."""
    other = Principal("other", "alice", ("writer",))
    first, second = new_key(), new_key()
    ring = KeyRing().with_key(first, ALICE).with_key(second, other).without("acme", "alice")
    assert ring.principal_of(second) == other
    with pytest.raises(UnauthenticatedError):
        ring.principal_of(first)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"keys": 3}',
        '{"keys": [{}]}',
        '{"keys": [{"sha256": "zz", "tenant": "t", "principal": "p"}]}',
        json.dumps({"keys": [{"sha256": "0" * 62, "tenant": "t", "principal": "p"}]}),
        json.dumps({"keys": [{"sha256": "0" * 64, "tenant": "", "principal": "p"}]}),
        json.dumps({"keys": [{"sha256": "0" * 64, "tenant": "t", "principal": "p", "roles": ["root"]}]}),
        json.dumps({"keys": [{"sha256": "0" * 64, "tenant": "t", "principal": "p", "roles": "admin"}]}),
        json.dumps({"keys": [{"sha256": "0" * 64, "tenant": "t", "principal": "p", "cubes": [1]}]}),
        json.dumps({"keys": [{"sha256": "0" * 64, "tenant": "t", "principal": "p", "rolls": ["admin"]}]}),
        b"\xff\xfe",
    ],
)
def test_a_file_that_is_not_understood_is_an_error(tmp_path: Path, content: str | bytes) -> None:
    """Never an empty ring: that would open the door."""
    path = tmp_path / "keys.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DamagedError) as caught:
        KeyRing.load(path)
    assert caught.value.path == str(path)


def test_the_running_gateway_sees_a_changed_file(tmp_path: Path) -> None:
    """A new key counts within a second; a removed one no longer."""
    path = tmp_path / "keys.json"
    first, second = new_key(), new_key()
    KeyRing().with_key(first, ALICE).save(path)
    keys = KeyFile(path)
    assert keys.current(1.0).principal_of(first) == ALICE
    KeyRing().with_key(second, ALICE).save(path)
    assert keys.current(1.2).principal_of(first) == ALICE
    assert keys.current(2.5).principal_of(second) == ALICE
    with pytest.raises(UnauthenticatedError):
        keys.current(2.5).principal_of(first)


@pytest.mark.parametrize("how", ["removed", "emptied", "damaged"])
def test_a_running_gateway_with_keys_never_opens(tmp_path: Path, how: str) -> None:
    """Of a file that can't be read the last good ring stays; without any key nobody is let in, until there is one."""
    path = tmp_path / "keys.json"
    key = new_key()
    KeyRing().with_key(key, ALICE).save(path)
    keys = KeyFile(path)
    if how == "removed":
        os.unlink(path)
    elif how == "emptied":
        KeyRing().save(path)
    else:
        path.write_text("{")
    ring = keys.current(5.0)
    assert keys.problem
    assert not ring.open_to_all
    with pytest.raises(UnauthenticatedError):
        ring.principal_of("")
    if how == "damaged":
        assert ring.principal_of(key) == ALICE
        return
    with pytest.raises(UnauthenticatedError):
        ring.principal_of(key)
    KeyRing().with_key(key, ALICE).save(path)
    assert keys.current(10.0).principal_of(key) == ALICE
    assert not keys.problem


def test_the_first_key_closes_an_open_gateway(tmp_path: Path) -> None:
    """Adding a key to a gateway that runs without any makes it ask for keys."""
    keys = KeyFile(tmp_path / "keys.json")
    assert keys.current(1.0).principal_of("") == LOCAL
    KeyRing().with_key(new_key(), ALICE).save(tmp_path / "keys.json")
    with pytest.raises(UnauthenticatedError):
        keys.current(3.0).principal_of("")
