"""SQLite's files damaged: always noticed, named, and rebuilt as far as anything is left to rebuild from."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import faults
import pytest
from vault_contract import REF, event, fill, rebuild, vector

from memcube.actors.vault import attach, inspect
from memcube.actors.vault.base import LOST, Commit, ItemRecord, TaskRecord
from memcube.actors.vault.paths import CubePaths
from memcube.actors.vault.seal import NO_SALTS
from memcube.actors.vault.session import Session
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef


@pytest.fixture
def vault(tmp_path: Path) -> SqliteVault:
    """A vault with a cube of 80 sealed changes and 20 in its log."""
    vault = SqliteVault(tmp_path / "vault", rebuild)
    store = vault.attach(REF, b"about")
    fill(store, 80)
    store.commit(Commit(vectors=[(b"c" * 16, "mini", vector(1, 2))], tasks=[TaskRecord("t", "embed", b"")]))
    store.checkpoint()
    fill(store, 20, 81)
    store.close(checkpoint=False)
    return vault


def truth() -> dict[str, ItemRecord]:
    """The items of that cube."""
    made = [rebuild(event(seq, f"item-{seq % 40}", b"x" * (seq % 90) + b" %d" % seq)) for seq in range(1, 101)]
    return {item.id: item for item in made if item is not None}


def contents(vault: SqliteVault) -> dict[str, ItemRecord]:
    """The items as an attach finds them."""
    store = vault.attach(REF)
    try:
        return {item.id: item for item in store.load().items}
    finally:
        store.close(checkpoint=False)


def test_a_hundred_flipped_bits_are_all_detected() -> None:
    """In databases, logs and seals; each stops an attach."""
    result = faults.bit_flips(100, 11)
    assert (result.flips, result.detected, result.missed) == (100, 100, [])


def test_flips_go_unnoticed_without_the_inspection(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite alone would read damaged files: the test above can fail."""
    whole = inspect.inspect

    def blind(files: object) -> inspect.Inspection:
        found = whole(files)  # type: ignore[arg-type]
        found.problems = [problem for problem in found.problems if problem.path.endswith(".seal")]
        return found

    monkeypatch.setattr(attach, "inspect", blind)
    assert faults.bit_flips(30, 11).missed


@pytest.mark.parametrize("suffix", ["db", "seal", "wal"])
def test_damage_names_the_file_and_is_found_by_check_too(vault: SqliteVault, suffix: str) -> None:
    """The error says which file and where; the report says so as well, and nothing was changed by looking."""
    path = getattr(vault.paths(REF), suffix)
    faults.flip(path, path.stat().st_size * 4)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(DamagedError) as caught:
        vault.attach(REF)
    assert caught.value.path == str(path)
    report = vault.check(REF)
    assert not report.sound
    assert str(path) in {finding.path for finding in report.findings}
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("suffix", ["db", "seal", "wal"])
def test_a_missing_file_is_damage_and_no_empty_cube(vault: SqliteVault, suffix: str) -> None:
    """Not even when the caller would create the cube."""
    getattr(vault.paths(REF), suffix).unlink()
    for create in (None, b"about"):
        with pytest.raises(DamagedError):
            vault.attach(REF, create)
    assert not vault.check(REF).sound
    assert REF in set(vault.every())


@pytest.mark.parametrize("suffix", ["db", "seal", "wal"])
@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_a_shortened_file_is_damage(vault: SqliteVault, suffix: str, part: int) -> None:
    """To nothing, to a part, by a few bytes: what was acknowledged is missed."""
    path = getattr(vault.paths(REF), suffix)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate([0, 100, size // 2, size - 4][part])
    with pytest.raises(DamagedError):
        vault.attach(REF)


def test_older_files_are_damage(vault: SqliteVault, tmp_path: Path) -> None:
    """A log, a database or a seal put back from before the last fold is not read as the present."""
    paths = vault.paths(REF)
    old = tmp_path / "old"
    shutil.copytree(paths.folder, old)
    store = vault.attach(REF)
    fill(store, 10, 101)
    store.checkpoint()
    fill(store, 5, 111)
    store.close(checkpoint=False)
    for path in (paths.db, paths.wal, paths.seal):
        kept = path.read_bytes()
        shutil.copy(old / path.name, path)
        with pytest.raises(DamagedError):
            vault.attach(REF)
        path.write_bytes(kept)
    assert len(contents(vault)) == 40


def test_another_cubes_file_is_damage(vault: SqliteVault) -> None:
    """A cube never shows another's memories, even if the files were mixed up."""
    bob = CubeRef("acme", "user:bob")
    vault.attach(bob, b"").close()
    mine, his = vault.paths(REF), vault.paths(bob)
    for name in ("db", "wal", "seal"):
        shutil.copy(getattr(mine, name), getattr(his, name))
    with pytest.raises(DamagedError, match="user:alice"):
        vault.attach(bob)


class StopsBeforeFolding(Session):
    """Dies between sealing and folding."""

    def _seal_fold(self) -> None:
        super()._seal_fold()
        raise KeyboardInterrupt


class SealsWithoutTheLog(StopsBeforeFolding):
    """And its seal does not name the log: broken."""

    def _seal_fold(self) -> None:
        from dataclasses import replace

        from memcube.actors.vault.paths import write_durably

        Session._seal_fold(self)
        nameless = replace(self.seal, salts=NO_SALTS, end=0)
        self.files.take_seal(write_durably(self.files.paths.seal, nameless.encode()))
        raise KeyboardInterrupt


def stopped(vault: SqliteVault, kind: type[Session]) -> None:
    """Let a writer of this kind die in the middle of a fold."""

    class Stopping(SqliteVault):
        session_type = kind

    store = Stopping(vault.paths(REF).db.parents[3]).attach(REF)
    fill(store, 5, 101)
    with pytest.raises(KeyboardInterrupt):
        store.checkpoint()
    store.close(checkpoint=False)


def test_a_fold_that_was_interrupted_is_no_damage(vault: SqliteVault) -> None:
    """At any of its steps: nothing, some, or all pages written; cut or not; the next writer goes on."""
    stopped(vault, StopsBeforeFolding)
    paths = vault.paths(REF)
    sealed = {path: path.read_bytes() for path in (paths.db, paths.wal, paths.seal)}
    store = vault.attach(REF)
    store.checkpoint()
    expected = {item.id: item for item in store.load().items}
    store.close()
    folded = paths.db.read_bytes()
    chance = random.Random(1)
    for cut in (0, 4096, 40960, len(folded)):
        for path, data in sealed.items():
            path.write_bytes(data)
        mixed = bytearray(folded[:cut] + sealed[paths.db][cut:])
        if chance.random() < 0.5:
            mixed[:4096] = sealed[paths.db][:4096]
        paths.db.write_bytes(bytes(mixed))
        assert contents(vault) == expected
        assert vault.check(REF).sound
    stray = bytearray(sealed[paths.db])
    stray[-5] ^= 1  # the last page is one that the fold leaves alone, or replaces: both must end well
    for path, data in sealed.items():
        path.write_bytes(data)
    paths.db.write_bytes(bytes(stray))
    try:
        assert contents(vault) == expected
    except DamagedError as error:
        assert error.path == str(paths.db)


def test_a_seal_that_names_no_log_is_caught(vault: SqliteVault) -> None:
    """A store that seals wrongly does not survive a crash in a fold."""
    stopped(vault, SealsWithoutTheLog)
    with pytest.raises(DamagedError):
        vault.attach(REF)


def damaged(vault: SqliteVault, suffix: str, offset: int, data: bytes) -> CubePaths:
    """Overwrite a part of a file."""
    paths = vault.paths(REF)
    with getattr(paths, suffix).open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return paths


def test_repair_rebuilds_the_state_from_the_journal(vault: SqliteVault) -> None:
    """A lost seal costs nothing; the damaged original stays beside the repaired cube, and takes no part."""
    paths = vault.paths(REF)
    original = paths.db.read_bytes()
    paths.seal.write_bytes(b"rust")
    report = vault.repair(REF)
    assert [finding.repairable for finding in report.findings] == [True]
    assert (report.events, report.items) == (100, 40)
    kept = [path for path in paths.beside() if ".damaged-" in path.name]
    assert sorted(path.name.split(".damaged-")[0] for path in kept) == sorted(
        path.name for path in (paths.db, paths.wal, paths.seal)
    )
    assert original in [path.read_bytes() for path in kept]
    assert contents(vault) == truth()
    assert vault.check(REF).sound
    vault.delete(REF)
    assert list(paths.folder.iterdir()) == []


def test_repair_says_exactly_what_is_lost(vault: SqliteVault) -> None:
    """Every page of the database in turn: either all is as before, or the events named are the ones missing."""
    paths = vault.paths(REF)
    kept = {path: path.read_bytes() for path in (paths.db, paths.wal, paths.seal)}
    expected, lossy = truth(), 0
    store = vault.attach(REF)
    journal = store.events(limit=200)
    store.close(checkpoint=False)
    for page in range(len(kept[paths.db]) // 4096):
        for path in paths.beside():
            path.unlink()
        for path, data in kept.items():
            path.write_bytes(data)
        damaged(vault, "db", page * 4096, bytes(4096))
        try:
            vault.attach(REF).close(checkpoint=False)
        except DamagedError:
            pass
        else:
            pytest.fail(f"page {page + 1} was not missed")
        checked = vault.check(REF)
        report = vault.repair(REF)
        assert [f.problem for f in report.findings] == [f.problem for f in checked.findings]
        assert vault.check(REF).sound, page
        store = vault.attach(REF)
        events, items = store.events(limit=200), {item.id: item for item in store.load().items}
        assert store.load().about == b"about"
        store.close(checkpoint=False)
        lost = [found.seq for found in events if found.kind == LOST]
        assert [found for found in events if found.kind != LOST] == [was for was in journal if was.seq not in lost]
        problems = " ".join(finding.problem for finding in report.findings if not finding.repairable)
        if all(finding.repairable for finding in report.findings):
            assert (lost, items) == ([], expected)
        elif lost:
            lossy += 1
            assert f"event {lost[0]} " in problems or f"events {lost[0]}, " in problems
            assert items == expected
        else:
            assert "background tasks" in problems or "receipts" in problems
            assert items == expected
    assert lossy > 0


def test_repair_of_random_damage_ends_sound(vault: SqliteVault) -> None:
    """Flips, zeros and cuts anywhere, several at once: repaired, sound, and never a wrong item."""
    paths = vault.paths(REF)
    kept = {path: path.read_bytes() for path in (paths.db, paths.wal, paths.seal)}
    chance = random.Random(42)
    versions = {
        (f"item-{seq % 40}", seq): rebuild(event(seq, f"item-{seq % 40}", b"x" * (seq % 90) + b" %d" % seq))
        for seq in range(1, 101)
    }
    for _ in range(40):
        for path in paths.beside():
            path.unlink()
        for path, data in kept.items():
            path.write_bytes(data)
        for _ in range(chance.randrange(1, 4)):
            path = chance.choice(list(kept))
            size = path.stat().st_size
            kind = chance.randrange(3)
            if kind == 0 and size:
                faults.flip(path, chance.randrange(size * 8))
            elif kind == 1 and size:
                damaged(
                    vault, {".seal": "seal", ".db": "db"}.get(path.suffix, "wal"), chance.randrange(size), bytes(700)
                )
            elif size:
                with path.open("r+b") as file:
                    file.truncate(chance.randrange(size))
        try:
            vault.attach(REF).close(checkpoint=False)
        except DamagedError:
            vault.repair(REF)
        assert vault.check(REF).sound
        for id_, item in contents(vault).items():
            assert item == versions[id_, item.version]


def test_repair_needs_the_cube_detached(vault: SqliteVault) -> None:
    """An attached cube is not replaced under its writer."""
    store = vault.attach(REF)
    with pytest.raises(UnavailableError):
        vault.repair(REF)
    store.close()
    with pytest.raises(NotFoundError):
        vault.repair(CubeRef("acme", "user:nobody"))


def test_state_that_differs_from_the_journal_is_found_and_rebuilt(vault: SqliteVault) -> None:
    """A change behind the journal's back, with every checksum right, is undone."""
    store = vault.attach(REF)
    store.commit(Commit(items=[ItemRecord("item-3", 999, b"forged", b"", b"")], dropped=["item-4"]))
    store.close()
    report = vault.check(REF)
    assert [finding.problem for finding in report.findings] == ["items item-3, item-4 not what the journal says"]
    assert report.findings[0].repairable
    vault.repair(REF)
    assert contents(vault) == truth()


def test_without_a_codec_what_is_readable_is_kept(vault: SqliteVault) -> None:
    """No journal can be replayed then; rows that are sound stay."""
    plain = SqliteVault(vault.paths(REF).db.parents[3])
    damaged(vault, "seal", 600, b"\xff")
    assert plain.repair(REF).items == 40
    assert contents(plain) == truth()


def test_a_damaged_cube_can_be_deleted(vault: SqliteVault) -> None:
    """Nothing of it stays."""
    paths = damaged(vault, "db", 0, bytes(5000))
    vault.delete(REF)
    assert list(paths.folder.iterdir()) == []
    vault.attach(REF, b"new").close()


def test_a_power_loss_in_a_commit_loses_only_that_commit(vault: SqliteVault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log cut anywhere, or its end never written, after the machine started anew: the rest is there."""
    paths = vault.paths(REF)
    store = vault.attach(REF)
    fill(store, 1, 101)
    size, seal = paths.wal.stat().st_size, paths.seal.read_bytes()
    fill(store, 1, 102)
    store.close(checkpoint=False)
    db, log = paths.db.read_bytes(), paths.wal.read_bytes()
    monkeypatch.setattr(inspect, "boot", lambda: b"another start---")
    chance = random.Random(9)
    for end in [size, size + 10, size + 24, size + 4120, *(chance.randrange(size, len(log)) for _ in range(20))]:
        sector = max(size, (end - 64) // 512 * 512)
        for written in (log[:end], log[:sector].ljust(len(log), b"\0")):
            paths.db.write_bytes(db)
            paths.seal.write_bytes(seal)  # the note that change 102 is acknowledged was lost too
            paths.wal.write_bytes(written)
            store = vault.attach(REF)
            assert store.head == 101
            assert paths.wal.stat().st_size == size + 4120  # the epoch's commit follows at once
            store.close(checkpoint=False)
    paths.wal.write_bytes(log)
    paths.seal.write_bytes(seal)
    store = vault.attach(REF)
    assert store.head == 102  # written whole: it may as well be there
    store.close(checkpoint=False)
