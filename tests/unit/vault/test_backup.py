"""A backup holds what was acknowledged, goes back whole or not at all, and notices every change made to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from memcube.actors.vault.backup import back_up
from memcube.actors.vault.backup_index import BackupTarget
from memcube.actors.vault.base import Commit, EventRecord
from memcube.actors.vault.restore import restore
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import AlreadyExistsError, DamagedError, NotFoundError
from memcube.model.ids import CubeRef

ABOUT = b"about"


def ref(number: int) -> CubeRef:
    """A cube of this number."""
    return CubeRef("acme" if number % 2 else "Other GmbH", f"cube {number}")


def write(vault: SqliteVault, number: int, events: int) -> None:
    """Add events to a cube, and let go of it."""
    store = vault.attach(ref(number), ABOUT)
    for _ in range(events):
        store.commit(Commit(events=[EventRecord(store.head + 1, 2, f"item-{store.head + 1}", b"x" * 100)]))
    store.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three cubes, keys, a topic's log and a database of governance."""
    folder = tmp_path / "home"
    vault = SqliteVault(folder / "vault")
    for number in range(3):
        write(vault, number, 5)
    (folder / "keys.json").write_text("{}")
    (folder / "run.json").write_text("{}")
    (folder / "vault" / "store").mkdir()
    (folder / "vault" / "store" / "log").write_bytes(b"segment")
    for name in ("keys", "spool"):
        (folder / "vault" / "interchange" / name).mkdir(parents=True)
        (folder / "vault" / "interchange" / name / "acme").write_bytes(b"x")
    (folder / "vault" / "governance").mkdir()
    database = sqlite3.connect(folder / "vault" / "governance" / "state.db")
    database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (7);")
    database.commit()
    return folder


def heads(home: Path) -> dict[str, int]:
    """Every cube's head."""
    vault = SqliteVault(home / "vault")
    found = {}
    for one in vault.every():
        assert isinstance(one, CubeRef), one
        store = vault.attach(one)
        found[one.cube_id] = store.head
        assert [event.seq for event in store.events()] == list(range(1, store.head + 1))
        store.close()
    return found


def test_all_comes_back(home: Path, tmp_path: Path) -> None:
    """Cubes, keys, topics and governance are restored; what says how things are now is not."""
    report = back_up(home, tmp_path / "backups")
    assert (report.cubes, report.problems, report.quiet) == (3, [], True)
    restore(tmp_path / "backups", tmp_path / "new")
    assert heads(tmp_path / "new") == {"cube 0": 5, "cube 1": 5, "cube 2": 5}
    assert (tmp_path / "new" / "vault" / "store" / "log").read_bytes() == b"segment"
    governance = sqlite3.connect(tmp_path / "new" / "vault" / "governance" / "state.db")
    assert governance.execute("SELECT x FROM t").fetchall() == [(7,)]
    governance.close()
    assert not (tmp_path / "new" / "run.json").exists()
    assert [path.name for path in (tmp_path / "new" / "vault" / "interchange").iterdir()] == ["keys"]
    assert (tmp_path / "new" / "keys.json").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir() if "restoring" in path.name] == []


def test_what_did_not_change_is_not_copied(home: Path, tmp_path: Path) -> None:
    """A second backup copies the one cube that was written to, and each backup can be restored."""
    first = back_up(home, tmp_path / "backups")
    write(SqliteVault(home / "vault"), 1, 1)
    second = back_up(home, tmp_path / "backups")
    assert (second.unchanged, second.cubes) == (2, 3)
    assert 0 < second.new_bytes < first.new_bytes
    restore(tmp_path / "backups", tmp_path / "old", name=first.name[:20])
    restore(tmp_path / "backups", tmp_path / "new")
    assert (heads(tmp_path / "old")["cube 1"], heads(tmp_path / "new")["cube 1"]) == (5, 6)
    third = back_up(home, tmp_path / "backups", keep=1)
    assert len(third.removed) == 2
    assert BackupTarget(tmp_path / "backups").names() == [third.name]
    restore(tmp_path / "backups", tmp_path / "newest")
    assert heads(tmp_path / "newest")["cube 1"] == 6


def test_a_cube_in_use_is_copied_at_one_moment(home: Path, tmp_path: Path) -> None:
    """While a writer commits, each copy is a whole prefix of the journal, with all that was acknowledged before."""
    vault = SqliteVault(home / "vault")
    store = vault.attach(ref(1))
    acknowledged, stop = [store.head], threading.Event()

    def commit() -> None:
        while not stop.is_set():
            store.commit(Commit(events=[EventRecord(store.head + 1, 2, "i", os.urandom(3000))]))
            acknowledged.append(store.head)

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        for number in range(4):
            before = acknowledged[-1]
            report = back_up(home, tmp_path / "backups")
            assert report.problems == []
            restore(tmp_path / "backups", tmp_path / f"new-{number}")
            assert before <= heads(tmp_path / f"new-{number}")["cube 1"] <= acknowledged[-1] + 1
    finally:
        stop.set()
        writer.join()
    store.commit(Commit(events=[EventRecord(store.head + 1, 2, "i", b"still the writer")]))
    store.close()


def test_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    """A home with files, a target with other files, a target inside the home: all refused."""
    back_up(home, tmp_path / "backups")
    with pytest.raises(AlreadyExistsError):
        restore(tmp_path / "backups", home)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo").touch()
    with pytest.raises(AlreadyExistsError):
        back_up(home, tmp_path / "mine")
    with pytest.raises(ValueError, match="inside of the home"):
        back_up(home, home / "backups")
    with pytest.raises(NotFoundError):
        restore(tmp_path / "nothing", tmp_path / "new")


def test_every_change_of_a_backup_is_found(home: Path, tmp_path: Path) -> None:
    """One flipped bit in any file of a backup, or a missing one: nothing is put in place."""
    back_up(home, tmp_path / "backups")
    for path in [one for one in (tmp_path / "backups").rglob("*") if one.is_file()]:
        data = path.read_bytes()
        place = len(data) // 2
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DamagedError):
            restore(tmp_path / "backups", tmp_path / "new")
        path.unlink()
        with pytest.raises((DamagedError, NotFoundError)):
            restore(tmp_path / "backups", tmp_path / "new")
        path.write_bytes(data)
        assert not (tmp_path / "new").exists()
    restore(tmp_path / "backups", tmp_path / "new")
    assert len(heads(tmp_path / "new")) == 3


def test_a_damaged_cube_is_told_and_the_others_are_kept(home: Path, tmp_path: Path) -> None:
    """Damage is not backed up as if it were sound."""
    paths = SqliteVault(home / "vault").paths(ref(2))
    data = bytearray(paths.db.read_bytes())
    data[5000] ^= 1
    paths.db.write_bytes(data)
    report = back_up(home, tmp_path / "backups")
    assert report.cubes == 2
    assert "cube 2" in report.problems[0]["what"]


KILLED = """
import os, signal, sys
from pathlib import Path
from memcube.actors.vault import {module} as module
count = 0
def told(report):
    global count
    count += 1
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
module.{call}
"""


def test_killed_in_the_middle(home: Path, tmp_path: Path) -> None:
    """kill -9 leaves no half backup and no half home; the next run goes on with what was made."""
    target, new = tmp_path / "backups", tmp_path / "new"
    for module, call in (
        ("backup", f"back_up(Path({str(home)!r}), Path({str(target)!r}), told=told)"),
        ("restore", f"restore(Path({str(target)!r}), Path({str(new)!r}), told=told)"),
    ):
        ended = subprocess.run([sys.executable, "-c", KILLED.format(module=module, call=call)], timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL
        if module == "backup":
            assert BackupTarget(target).names() == []
            back_up(home, target)
    assert not new.exists()
    assert restore(target, new).resumed == 2
    assert len(heads(new)) == 3


def test_the_order_of_names_is_that_of_time(home: Path, tmp_path: Path) -> None:
    """Backups of one second are in their order, too."""
    names = []
    for _ in range(3):
        names.append(back_up(home, tmp_path / "backups").name)
        time.sleep(0.002)
    assert BackupTarget(tmp_path / "backups").names() == names
