"""SQLite under faults: killed at system calls, failing and full disks, and proof that broken stores are caught."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
from vault_contract import REF, fill

from memcube.actors.vault.base import Commit, EventRecord, ItemRecord
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import StorageFullError
from memcube.model.ids import CubeRef

BROKEN = str(Path(__file__).parent / "broken_writer.py")


@pytest.fixture(scope="module")
def strace() -> None:
    """Skips where there is no strace; in CI its absence is a failure, so that nothing is skipped in silence."""
    if shutil.which("strace") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("strace is missing: install it, or crashes at system calls go untested")
        pytest.skip("strace is not installed")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(
    ("fault", "calls", "count"),
    [
        (faults.KILL, faults.CALLS, 16),
        (faults.KILL, ("rename", "ftruncate", "fsync", "unlink"), 8),
        (faults.EIO, ("fdatasync", "pwrite64"), 6),
        (faults.EIO, ("fsync", "write", "rename"), 4),
        (faults.FULL, ("pwrite64", "write"), 6),
    ],
)
def test_every_promise_holds_after_a_fault(fault: str, calls: tuple[str, ...], count: int) -> None:
    """Everything acknowledged is there, nothing else is, and the cube goes on."""
    result = faults.crash_points(count, fault, calls)
    assert result.failures == []
    assert result.recovered == result.points >= count // 2


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(
    ("broken", "fault", "call", "expected"),
    [
        ("NoStop", faults.EIO, "fdatasync", "accepted after the disk failed"),
        ("NoCut", faults.EIO, "fdatasync", "acknowledged"),
    ],
)
def test_a_broken_store_is_caught(broken: str, fault: str, call: str, expected: str) -> None:
    """Without failing stop, without cutting what failed: the faults above find each."""
    result = faults.crash_points(3, fault, (call,), writer=(BROKEN, broken))
    assert result.points > 0
    assert re.search(expected, "\n".join(result.failures))


@pytest.mark.usefixtures("strace")
def test_nothing_is_acknowledged_or_relied_on_before_it_is_synced(tmp_path: Path) -> None:
    """In a writer's system calls, syncs come first; leaving them out is noticed."""
    problems = {}
    for name, writer in (("sound", (faults.__file__,)), ("broken", (BROKEN, "NoSync"))):
        log = tmp_path / f"{name}.calls"
        run = faults.run_under_strace(tmp_path / name, log, writer)
        assert run.returncode == 0, run.stderr
        problems[name] = _order_problems(log.read_text(errors="replace").splitlines())
    assert problems["sound"] == []
    assert "acknowledged before its log was synced" in problems["broken"]


def _order_problems(calls: list[str]) -> list[str]:
    """What a power loss at some moment of these calls could take away."""
    problems: list[str] = []
    unsynced: set[str] = set()
    sealed = renamed = False
    for call in calls:
        match = re.match(r"\d+ +(\w+)\((\d+)<([^>]*)>", call)
        if "rename(" in call and ".seal" in call:
            renamed = True
        if match is None:
            continue
        name, descriptor, path = match.groups()
        if name == "pwrite64" and path.endswith(".db-wal"):
            unsynced.add(path)
        elif name == "pwrite64" and path.endswith(".db"):
            if not sealed:
                problems.append("the database was changed before its seal's name was synced")
            if unsynced:
                problems.append("the database was changed before its log was synced")
        elif name in ("fdatasync", "fsync"):
            unsynced.discard(path)
            sealed = sealed or (renamed and "." not in Path(path).name)
        elif name == "ftruncate" and path.endswith(".db-wal"):
            sealed = renamed = False
        elif name == "write" and descriptor == "1" and '"ack' in call and unsynced:
            problems.append("acknowledged before its log was synced")
    return problems


def test_a_writer_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """Ten kills at random moments on one cube: each successor finds every acknowledged change, and goes on."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import faults; from pathlib import Path\n"
        "from memcube.actors.vault.sqlite_vault import SqliteVault\n"
        "store = SqliteVault(Path(sys.argv[1]), fold_bytes=200_000).attach(faults.REF, b'about')\n"
        "while True:\n"
        "    number = store.head + 1; store.commit(faults.change(number)); print(number, flush=True)\n"
    )
    chance = random.Random(3)
    acknowledged = 0
    for _ in range(10):
        arguments = [sys.executable, "-c", code, str(tmp_path), str(Path(faults.__file__).parent)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.1))
            writer.send_signal(signal.SIGKILL)
            lines = [first, *writer.stdout.read().splitlines()]
        acknowledged = max([acknowledged, *(int(line) for line in lines if line.strip())])
        store = SqliteVault(tmp_path).attach(faults.REF)
        head = store.head
        assert acknowledged <= head <= acknowledged + 1
        assert {item.id: item for item in store.load().items} == faults.items_after(head)
        store.close()
    assert acknowledged > 50
    assert SqliteVault(tmp_path).check(faults.REF).sound


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; where none may be mounted, the faults above stand for a full disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system takes root; ENOSPC by strace covers it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_whole_commits_and_harms_nothing(small_disk: Path) -> None:
    """Reads go on; room made again, so do commits; the cube is as acknowledged throughout."""
    vault = SqliteVault(small_disk)
    store = vault.attach(REF, b"about")
    fill(store, 5)
    head = store.head
    with pytest.raises(StorageFullError) as caught:
        while True:
            body = os.urandom(30_000)
            store.commit(
                Commit(events=[EventRecord(head + 1, 2, "big", body)], items=[ItemRecord("big", head, body, b"", b"")])
            )
            head += 1
    assert caught.value.limit == pytest.approx(1 << 20, rel=0.1)
    assert (store.head, store.load().head) == (head, head)
    blocker = small_disk / "blocker"
    _fill_up(blocker)
    with pytest.raises(StorageFullError):
        store.commit(Commit(events=[EventRecord(head + 1, 2, "x", b"x" * 9000)]))
    with pytest.raises(StorageFullError):
        vault.attach(CubeRef("acme", "user:bob"), b"")
    blocker.unlink()
    store.commit(Commit(events=[EventRecord(head + 1, 2, "x", b"x")]))
    store.close(checkpoint=False)
    store = vault.attach(REF)
    assert store.head == head + 1
    store.close(checkpoint=False)
    assert vault.check(REF).sound


def _fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                continue
        except OSError:
            return
