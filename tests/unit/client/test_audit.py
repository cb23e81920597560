"""Verifying a copy of an audit log with the public key alone: sound as it is, and every change of it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_log import AuditLog, Origin
from memcube.client import audit
from memcube.client.privacy import Privacy
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.protos.memcube.v1 import audit_pb2

COUNT = 60


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    """A home's key."""
    return AuditKey(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, key: AuditKey) -> AuditLog:
    """A log with a head after each ten entries."""
    made = AuditLog(tmp_path_factory.mktemp("log") / "log.db", "acme", key)
    for first in range(0, COUNT, 10):
        rows = [audit_pb2.AuditEntry(verb="add", principal_id=f"p{n}", outcome="OK") for n in range(first, first + 10)]
        made.append([(Origin("s", first + n), entry) for n, entry in enumerate(rows)])
    return made


@pytest.fixture
def copy(tmp_path: Path, log: AuditLog) -> Path:
    """Its copy, as ``memcube audit export`` writes it."""
    page = audit_pb2.ReadAuditResponse(entries=[body for _, body in log.read(0, 1000)], head=log.head())
    path = tmp_path / "log.jsonl"
    audit.export([audit._page(page)], path)
    return path


def test_a_copy_is_sound_with_the_right_key_only(copy: Path, key: AuditKey, log: AuditLog) -> None:
    """And holds against every head that was kept before."""
    witnesses = [audit.head_to_plain(log.head(size)) for size in range(10, COUNT + 1, 10)]
    found = audit.verify(copy, key.public.hex(), witnesses)
    assert (found.sound, found.entries, found.tenant, found.signed_size) == (True, COUNT, "acme", COUNT)
    other = audit.verify(copy, bytes(range(32)).hex())
    assert not other.sound
    with pytest.raises(InvalidArgumentError, match="key"):
        audit.verify(copy, "not hex")


def test_every_change_of_every_entry_is_found(key: AuditKey, log: AuditLog) -> None:
    """Deleted, changed, moved, doubled: whichever, wherever."""
    leaves, head = [body for _, body in log.read(0, 1000)], log.head()
    assert audit.verify_entries(leaves, [head], key.public).sound
    missed = []
    for at in range(COUNT):
        entry = audit_pb2.AuditEntry.FromString(leaves[at])
        entry.outcome = "NOT_FOUND"
        moved = [*leaves[:at], *leaves[at + 1 :], leaves[at]] if at < COUNT - 1 else [leaves[at], *leaves[:at]]
        for forged in (
            [*leaves[:at], *leaves[at + 1 :]],
            [*leaves[:at], entry.SerializeToString(), *leaves[at + 1 :]],
            moved,
            [*leaves[:at], leaves[at], *leaves[at:]],
        ):
            if audit.verify_entries(forged, [head], key.public).sound:
                missed.append(at)
    assert missed == []


def test_a_cut_log_is_found_by_a_head_that_was_kept(key: AuditKey, log: AuditLog) -> None:
    """Even with the older head that was signed for just what is left."""
    leaves = [body for _, body in log.read(0, 1000)]
    cut = leaves[:30], [log.head(30)]
    assert audit.verify_entries(*cut, key.public).sound
    found = audit.verify_entries(*cut, key.public, [log.head()])
    assert not found.sound
    assert "cut" in found.problems[0]


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        (lambda lines: lines, True),
        (lambda lines: [*lines[:5], lines[5].replace('"p4"', '"p9"'), *lines[6:]], False),
        (lambda lines: lines[:-1], False),
        (lambda lines: [*lines[:-1], lines[-1].replace('"size": 60', '"size": 61')], False),
        (lambda lines: [*lines[:-1], lines[-1].replace('"tenant": "acme"', '"tenant": "evil"')], False),
    ],
)
def test_what_a_line_says_in_words_is_held_against_its_bytes(
    copy: Path, key: AuditKey, change: Any, sound: bool
) -> None:
    """A person reads the words: they have to be what was signed."""
    copy.write_text("".join(change(copy.read_text().splitlines(keepends=True))))
    assert audit.verify(copy, key.public.hex()).sound is sound


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]\n", b'{"format": "other"}\n', b"{" * 100_000])
def test_what_is_no_copy_is_refused_by_name(tmp_path: Path, key: AuditKey, content: bytes) -> None:
    """Never taken for an empty log that is sound."""
    path = tmp_path / "file"
    path.write_bytes(content)
    if content:
        with pytest.raises(InvalidArgumentError, match="file"):
            audit.verify(path, key.public.hex())
    else:
        assert not audit.verify(path, key.public.hex()).sound
    with pytest.raises(InvalidArgumentError, match="file"):
        audit.verify(tmp_path / "none", key.public.hex())


def test_an_empty_log_has_nothing_to_copy(tmp_path: Path) -> None:
    """And leaves no file behind."""
    page = audit_pb2.ReadAuditResponse()
    with pytest.raises(NotFoundError):
        audit.export([audit._page(page)], tmp_path / "log.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments_are_refused_before_anything_travels() -> None:
    """By the name of the argument."""
    privacy: Privacy[Any] = Privacy(lambda make, *args, **named: make(*args, **named))
    for field, call in (
        ("user_id", lambda: privacy.erase()),
        ("user_id", lambda: privacy.erase(user_id="a", cube_id="b")),
        ("keep_days", lambda: privacy.put_retention("r", keep_days=-1)),
        ("memory_type", lambda: privacy.put_retention("r", keep_days=1, memory_type="Odd")),
        ("reason", lambda: privacy.put_hold("h", reason=" ")),
        ("head", lambda: audit._consistency({"size": 1}, 0)),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            call()
        assert caught.value.field == field
    assert json.dumps(privacy.erase(user_id="a").method) == '"Erase"'
