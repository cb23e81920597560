"""The contract, held with encryption; what sealing promises besides, and what it must find out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from vault_contract import MODEL, REF, VaultContract, event, fill, item, rebuild

from memcube.actors.governance.keystore import Keystore, user_subject
from memcube.actors.vault import schema
from memcube.actors.vault.base import Commit, Rebuild, Receipt, TaskRecord, Vault
from memcube.actors.vault.build import write_cube
from memcube.actors.vault.memory_vault import MemoryVault
from memcube.actors.vault.sealed_vault import SealedVault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, MemCubeError

MASTER = bytes(range(32))


def subject_of(kind: str, body: bytes) -> str:
    """The user of these tests' bytes: what follows an @."""
    return body.split(b"@")[1].split()[0].decode() if b"@" in body else ""


def sealed(root: Path, *, master: bytes = MASTER, fold_bytes: int = 4 << 20) -> SealedVault:
    """An encrypted vault on SQLite."""

    def open_inner(codec: Rebuild | None) -> SqliteVault:
        return SqliteVault(root / "vault", codec, fold_bytes=fold_bytes)

    return SealedVault(open_inner, Keystore(root / "keys", master), subject_of, rebuild)


class TestSealedVault(VaultContract):
    """Over SQLite's files."""

    @pytest.fixture
    def vault(self, tmp_path: Path) -> Vault:
        """An empty vault."""
        self.root = tmp_path
        return sealed(tmp_path)

    def over(self, files: SqliteVault) -> Vault:
        """Snapshots are sealed with the same keys."""
        keys = Keystore(self.root / "keys", MASTER)
        return SealedVault(lambda codec: SqliteVault(files._layout.root, codec), keys, subject_of)


class TestSealedMemoryVault(VaultContract):
    """Over memory: nothing rests on what the vault below is."""

    @pytest.fixture
    def vault(self, tmp_path: Path) -> Vault:
        """An empty vault."""
        self.root = tmp_path
        inner = MemoryVault()
        return SealedVault(lambda _: inner, Keystore(tmp_path / "keys", MASTER), subject_of, rebuild)

    def over(self, files: SqliteVault) -> Vault:
        """Snapshots are sealed with the same keys."""
        keys = Keystore(self.root / "keys", MASTER)
        return SealedVault(lambda codec: SqliteVault(files._layout.root, codec), keys, subject_of)


NUMBERS = np.linspace(0.1, 0.9, 96).astype("<f4")
WORDS = (b"zebra", b"aardvark", b"okapi", b"gecko", b"weasel")


def filled(vault: Vault, about: bytes = b"about zebra") -> None:
    """A word of its own in each kind of bytes."""
    store = vault.attach(REF, about)
    made = item("a", 1, b"aardvark @alice 1")
    store.commit(
        Commit(
            events=[event(1, "a", b"aardvark @alice 1"), event(2, "b", b"okapi @bob 2")],
            items=[made, item("b", 2, b"okapi @bob 2")],
            receipts=[Receipt("gecko", b"gecko" * 3, b"gecko", 1.0)],
            tasks=[TaskRecord("t", "read", b"weasel", error="weasel")],
            vectors=[(made.content, MODEL, NUMBERS.tobytes())],
        )
    )
    store.close()


def traces(root: Path) -> int:
    """How often a word, or a part of the vector, is in any file."""
    half = NUMBERS.astype("<f2").tobytes()
    data = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    return sum(sum(map(one.count, WORDS)) + one.count(half[40:60]) + one.count(b"@alice") for one in data)


def test_no_file_says_anything(tmp_path: Path) -> None:
    """Nothing of items, entries, events, receipts, tasks, vectors or descriptions is in the clear; content digests are
    keyed, so that nobody finds a text by digesting guesses."""
    plain = SqliteVault(tmp_path / "plain")
    filled(plain)
    assert traces(tmp_path) > 5
    vault = sealed(tmp_path)
    filled(vault)
    assert traces(tmp_path / "vault") == 0
    assert traces(tmp_path / "keys") == 0
    content = item("a").content
    assert not any(content in path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file())
    store = vault.attach(REF)
    np.testing.assert_allclose(store.vectors(MODEL)[1][0], NUMBERS, rtol=1e-3)
    store.close()
    assert vault.check(REF).sound


def test_a_plain_cube_is_sealed_when_it_is_attached(tmp_path: Path) -> None:
    """Whole: nothing of what was in the clear is left, nothing of it is lost, its history is provable as before."""
    plain = SqliteVault(tmp_path / "vault", rebuild)
    filled(plain)
    fill(plain.attach(REF), 0)
    before = plain.attach(REF)
    contents, events, receipt = before.load(), before.events(), before.receipt("gecko")
    before.close()
    vault = sealed(tmp_path)
    store = vault.attach(REF)
    assert traces(tmp_path) == 0
    after = store.load()
    assert (after.about, sorted(after.items), after.tasks) == (b"about zebra", sorted(contents.items), contents.tasks)
    assert (store.events(), store.receipt("gecko")) == (events, receipt)
    store.close()
    assert vault.check(REF).sound
    assert [head.about for head in vault.list("acme")] == [b"about zebra"]


def test_a_destroyed_key_takes_its_memories_and_no_others(tmp_path: Path) -> None:
    """In the files, in snapshots made before, and in every copy; what comes later is sealed with another key."""
    vault = sealed(tmp_path)
    filled(vault)
    shutil.copytree(tmp_path / "vault", tmp_path / "copy")
    keys = vault._keystore.of("acme")
    assert keys.destroy(user_subject("alice"), keys.replace(user_subject("alice"))) == 1
    fresh = sealed(tmp_path)
    store = fresh.attach(REF)
    assert [found.id for found in store.load().items] == ["b"]
    assert [found.kind for found in store.events()] == [-1, 2]
    assert store.vectors(MODEL)[0] == []
    store.commit(Commit(events=[event(3, "a", b"back @alice 3")], items=[item("a", 3, b"back @alice 3")]))
    store.close()
    store = sealed(tmp_path).attach(REF)
    assert sorted(found.id for found in store.load().items) == ["a", "b"]
    store.close()
    shutil.rmtree(tmp_path / "vault")
    shutil.copytree(tmp_path / "copy", tmp_path / "vault")
    store = sealed(tmp_path).attach(REF)
    assert [found.id for found in store.load().items] == ["b"]
    store.close()


def test_another_process_does_not_go_on_with_a_replaced_key(tmp_path: Path) -> None:
    """A frame that has a key in memory asks before each commit: else what it writes would go with the key."""
    vault, other = sealed(tmp_path), sealed(tmp_path)
    store = other.attach(REF, b"")
    store.commit(Commit(events=[event(1, "a", b"one @alice 1")], items=[item("a", 1, b"one @alice 1")]))
    keys = vault._keystore.of("acme")
    old = keys.replace(user_subject("alice"))
    store.commit(Commit(events=[event(2, "b", b"two @alice 2")], items=[item("b", 2, b"two @alice 2")]))
    store.close()
    keys.destroy(user_subject("alice"), old)
    store = sealed(tmp_path).attach(REF)
    assert [found.id for found in store.load().items] == ["b"]
    store.close()


def pieces(root: Path) -> set[bytes]:
    """The sealed bodies of events and items in a cube's file."""
    store = SqliteVault(root / "vault").attach(REF)
    found = {one.body for one in (*store.events(), *store.load().items)}
    store.close()
    return found


def test_keys_are_rotated_and_everything_is_sealed_anew(tmp_path: Path) -> None:
    """The tenant's key: data stays readable, the old one is gone. Data keys: every piece is sealed anew."""
    vault = sealed(tmp_path)
    filled(vault)
    keys = vault._keystore.of("acme")
    kek = (tmp_path / "keys" / "acme" / "kek.json").read_bytes()
    assert keys.rotate() == 3
    assert sealed(tmp_path).attach(REF).load().items
    (tmp_path / "keys" / "acme" / "kek.json").write_bytes(kek)
    with pytest.raises(DamagedError):
        sealed(tmp_path).attach(REF)
    shutil.rmtree(tmp_path / "keys")
    shutil.rmtree(tmp_path / "vault")
    vault = sealed(tmp_path)
    filled(vault)
    keys = vault._keystore.of("acme")
    before = pieces(tmp_path)
    for user in ("alice", "bob"):
        keys.replace(user_subject(user))
    vault.reseal(REF)
    assert keys.drop_old() == 2
    store = sealed(tmp_path).attach(REF)
    assert sorted(found.id for found in store.load().items) == ["a", "b"]
    np.testing.assert_allclose(store.vectors(MODEL)[1][0], NUMBERS, rtol=1e-3)
    store.close()
    assert before
    assert before.isdisjoint(pieces(tmp_path))
    assert sealed(tmp_path).check(REF).sound


def test_without_the_right_master_key_nothing_is_read_or_made(tmp_path: Path) -> None:
    """An error that says so, never an empty cube, and no new keys over the old ones."""
    filled(sealed(tmp_path))
    wrong = sealed(tmp_path, master=os.urandom(32))
    with pytest.raises(DamagedError, match="master key"):
        wrong.attach(REF)
    (tmp_path / "keys" / "acme" / "kek.json").unlink()
    with pytest.raises(DamagedError, match="missing"):
        sealed(tmp_path).attach(REF)


def _forged(tmp_path: Path, statement: str, arguments: tuple[object, ...] = ()) -> SealedVault:
    """The vault with one row of the cube changed, and every checksum of the files right."""
    vault = sealed(tmp_path)
    filled(vault)
    db = SqliteVault(tmp_path / "vault").paths(REF).db
    SqliteVault(tmp_path / "vault").attach(REF).checkpoint()
    connection = schema.in_memory(db.read_bytes())
    connection.execute(statement, arguments)
    image = schema.to_image(connection)
    connection.close()
    shutil.rmtree(tmp_path / "vault")
    db.parent.mkdir(parents=True)
    write_cube(db, REF, image, 1, 2)
    return vault


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE items SET body = (SELECT body FROM items WHERE id = 'b') WHERE id = 'a'",
        "UPDATE items SET version = 9 WHERE id = 'a'",
        "UPDATE items SET body = x'0a0162' WHERE id = 'a'",
        "UPDATE items SET body = substr(body, 1, length(body) - 1) || x'00' WHERE id = 'a'",
        "UPDATE items SET entry = (SELECT entry FROM items WHERE id = 'b') WHERE id = 'a'",
        "UPDATE tasks SET id = 'u'",
        "UPDATE cube SET about = x'0a0162'",
    ],
)
def test_a_piece_in_another_place_is_found(tmp_path: Path, statement: str) -> None:
    """Swapped, cut, plain or changed: bound to its place, no sealed piece passes for another."""
    vault = _forged(tmp_path, statement)
    with pytest.raises(MemCubeError):
        store = vault.attach(REF)
        store.load()


def test_sealed_events_are_bound_to_their_numbers(tmp_path: Path) -> None:
    """Reordered, they are found when they are read."""
    vault = _forged(tmp_path, "UPDATE events SET body = (SELECT body FROM events WHERE seq = 2) WHERE seq = 1")
    store = vault.attach(REF)
    with pytest.raises(DamagedError):
        store.events()
