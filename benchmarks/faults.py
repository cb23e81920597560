"""Faults under a vault's feet: processes killed at system calls, failing disks, flipped bits.

``chaos.py`` and the contract tests call ``crash_points`` and ``bit_flips``; run alone, it prints both as one JSON
object. Crashes need ``strace``: it stops a writer process at the n-th write, sync, truncation or rename.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from memcube.actors.vault.base import Commit, CubeStore, EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, MemCubeError, NotFoundError, StorageFullError
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")
CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "write")
KILL = "signal=SIGKILL"
EIO = "error=EIO"
FULL = "error=ENOSPC"

_COMMITS = 24
_FOLD_BYTES = 160 << 10
_RUN_TIMEOUT_S = 60.0
_DROP_EVERY = 5


@dataclass(frozen=True, slots=True)
class CrashResult:
    """``points`` faults that were really met by a writer, after ``recovered`` of which the cube was as promised."""

    points: int
    recovered: int
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FlipResult:
    """``flips`` single bits were flipped, one at a time; ``missed`` names the file and bit of each undetected one."""

    flips: int
    detected: int
    missed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th call of ``call`` in a writer's life, from 1."""

    call: str
    number: int
    fault: str = KILL

    def __str__(self) -> str:
        return f"{self.call} #{self.number} {self.fault}"


def change(number: int) -> Commit:
    """The ``number``-th commit (from 1) of every writer here: a function of its number, so that a reader can check."""
    body = blake2b(b"%d" % number).digest() * (3 + number % 7)
    item = ItemRecord(f"item-{number}", 1, body, b"entry " + body[:40], body[:16])
    dropped = [f"item-{number - 1}"] if number % _DROP_EVERY == 0 else []
    return Commit(
        events=[EventRecord(number, 2, item.id, body)],
        items=[item],
        dropped=dropped,
        receipts=[Receipt(f"key-{number}", body[:16], b"answer", float(number))],
        tasks=[TaskRecord(f"task-{number}", "embed", body[:20])],
        finished_tasks=[f"task-{number - 1}"],
    )


def items_after(head: int) -> dict[str, ItemRecord]:
    """The items that are alive after the first ``head`` changes."""
    items: dict[str, ItemRecord] = {}
    for number in range(1, head + 1):
        commit = change(number)
        items.update({item.id: item for item in commit.items})
        for id_ in commit.dropped:
            items.pop(id_, None)
    return items


def crash_points(
    count: int, fault: str = KILL, calls: tuple[str, ...] = CALLS, writer: Sequence[str] = (__file__,)
) -> CrashResult:
    """Stop a writer at ``count`` different calls, spread over its life, and look at what it leaves.

    Each time: everything acknowledged is there, nothing is half there, nothing else is; the cube is sound and takes
    the next change. With an error instead of a kill, an unacknowledged change must be gone, and a writer that met a
    failing disk must refuse whatever comes after it. ``writer`` is another script to run in the writer's place, with
    its arguments: tests break one on purpose.
    """
    points = _points(calls, writer)
    if not points:
        raise RuntimeError("strace met none of the calls")
    step = max(1, len(points) // count)
    failures: list[str] = []
    met = 0
    for point in (points[::step] + points)[:count]:
        with _folder() as folder:
            root, log = folder / "vault", folder / "calls"
            output = run_under_strace(root, log, writer, f"inject={point.call}:{fault}:when={point.number}")
            if not any(sign in log.read_text(errors="replace") for sign in ("(INJECTED)", "killed by SIGKILL")):
                continue  # this run made fewer calls than the undisturbed one
            met += 1
            problem = _verdict(root, output.stdout, fault)
            if problem:
                failures.append(f"{Point(point.call, point.number, fault)}: {problem}")
    return CrashResult(met, met - len(failures), failures)


def bit_flips(count: int, seed: int) -> FlipResult:
    """Flip ``count`` random bits, one at a time, in databases, logs and seals; each must stop an attach."""
    chance = random.Random(seed)
    missed: list[str] = []
    with _folder() as folded, _folder() as logged:
        states = [(root, _files(root, log)) for root, log in ((folded, False), (logged, True))]
        for _ in range(count):
            root, files = chance.choice(states)
            path = chance.choice(files)
            bit = chance.randrange(path.stat().st_size * 8)
            if not detected(root, path, bit):
                missed.append(f"{path.name} bit {bit} of {path.stat().st_size * 8}")
    return FlipResult(count, count - len(missed), missed)


def detected(root: Path, path: Path, bit: int) -> bool:
    """Whether an attach refuses the cube while this bit of the file is flipped; the file is as before afterwards."""
    kept = {file: file.read_bytes() for file in path.parent.iterdir()}
    flip(path, bit)
    try:
        SqliteVault(root).attach(REF).close()
    except DamagedError:
        return True
    finally:
        for file, data in kept.items():
            file.write_bytes(data)
    return False


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file, in place."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def write_cube(vault: SqliteVault, commits: int, *, checkpoint: bool) -> None:
    """A cube of ``commits`` changes, closed with its log folded, or left."""
    store = vault.attach(REF, b"about")
    for number in range(1, commits + 1):
        store.commit(change(number))
    if checkpoint:
        store.checkpoint()
    store.close(checkpoint=False)


def _files(root: Path, log: bool) -> list[Path]:
    vault = SqliteVault(root)
    write_cube(vault, 60, checkpoint=True)
    if log:
        store = vault.attach(REF)
        for number in range(61, 80):
            store.commit(change(number))
        store.close(checkpoint=False)
    paths = vault.paths(REF)
    return [paths.db, paths.seal] + ([paths.wal] if log else [])


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_under_strace(
    root: Path, log: Path, writer: Sequence[str] = (__file__,), inject: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a writer under strace, with a fault if ``inject`` names one; its calls, with paths, go to ``log``."""
    # With --seccomp-bpf it would be faster, and strace 6.1 would silently not send the signals.
    command = ["strace", "-f", "-y", "-qq", "-e", f"trace={','.join(CALLS)}", "-o", str(log)]
    command += ["-e", inject] if inject else []
    command += [sys.executable, *writer, "--writer", str(root)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S, env=environment, check=False)


def _points(calls: tuple[str, ...], writer: Sequence[str]) -> list[Point]:
    """The calls that an undisturbed writer makes on its cube's files, in a fixed order."""
    with _folder() as root:
        log = root / "calls"
        output = run_under_strace(root / "vault", log, writer)
        if output.returncode != 0:
            raise RuntimeError(f"the undisturbed writer failed: {output.stderr[-2000:]}")
        made = [line.split(None, 1)[1] for line in log.read_text(errors="replace").splitlines() if "(" in line]
    points, seen = [], dict.fromkeys(CALLS, 0)
    for call in made:
        name = call.split("(", 1)[0]
        if name in seen:
            seen[name] += 1
            if name in calls and not call.startswith("write(1<"):
                points.append(Point(name, seen[name]))
    return points


def _verdict(root: Path, output: str, fault: str) -> str:
    """What is wrong with what a stopped writer left; empty if nothing."""
    acknowledged = max([0, *(int(line[4:]) for line in output.splitlines() if line.startswith("ack "))])
    said = [line for line in output.splitlines() if not line.startswith("ack ")]
    if any(line.startswith("wrong") for line in said):
        return "; ".join(said)
    vault = SqliteVault(root)
    try:
        store = vault.attach(REF)
    except NotFoundError:
        return "" if not acknowledged else f"no cube, {acknowledged} were acknowledged"
    except MemCubeError as error:
        return f"attach after {acknowledged}: {error}"
    try:
        problem = _contents_problem(store, acknowledged, allowed=1 if fault == KILL else 0)
        if problem:
            return problem
        store.commit(change(store.head + 1))
    finally:
        store.close()
    report = vault.check(REF)
    return "" if report.sound else f"check: {report.findings[0].problem}"


def _contents_problem(store: CubeStore, acknowledged: int, allowed: int) -> str:
    contents = store.load()
    if not acknowledged <= contents.head <= acknowledged + allowed:
        return f"head {contents.head}, acknowledged {acknowledged}"
    if {item.id: item for item in contents.items} != items_after(contents.head):
        return f"items are not those after change {contents.head}"
    expected = [change(number).events[0] for number in range(1, contents.head + 1)]
    if store.events(limit=len(expected) + 1) != expected:
        return f"the journal is not the first {contents.head} changes"
    kept = [number for number in range(1, contents.head + 2) if store.receipt(f"key-{number}")]
    return "" if kept == list(range(1, contents.head + 1)) else f"receipts {kept}"


def run_writer(root: Path, vault_type: type[SqliteVault] = SqliteVault) -> int:
    """A writer's life: create, commit, fold, close, attach again. It says ``ack N`` after each commit."""
    vault = vault_type(root, fold_bytes=_FOLD_BYTES)
    number = 0
    try:
        while number < _COMMITS:
            store = _patiently(vault)
            number = store.head
            while number < _COMMITS:
                number += 1
                _commit_patiently(store, number)
                os.write(1, b"ack %d\n" % number)
                if number % 10 == 0:
                    break
            store.close()
    except DamagedError as error:
        if "disk failed" not in str(error):
            print(f"wrong: {error}", flush=True)
        return 3
    return 0


def _patiently(vault: SqliteVault) -> CubeStore:
    """A full disk refuses an attach and harms nothing: the next may succeed."""
    try:
        return vault.attach(REF, b"about")
    except StorageFullError:
        return vault.attach(REF, b"about")


def _commit_patiently(store: CubeStore, number: int) -> None:
    try:
        store.commit(change(number))
    except StorageFullError:
        store.commit(change(number))
    except DamagedError:
        store.commit(change(number))  # it must refuse this one too
        print("wrong: a commit was accepted after the disk failed", flush=True)


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description="Crash points and bit flips under a vault.")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--writer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.writer is not None:
        return run_writer(arguments.writer)
    crashes, flips = crash_points(arguments.points), bit_flips(arguments.flips, arguments.seed)
    for problem in (*crashes.failures, *flips.missed):
        print(problem)
    print(
        json.dumps(
            {
                "crash_points": crashes.points,
                "crash_points_recovered": crashes.recovered,
                "bit_flips": flips.flips,
                "bit_flips_detected": flips.detected,
                "seed": arguments.seed,
            }
        )
    )
    return 1 if crashes.failures or flips.missed else 0


if __name__ == "__main__":
    sys.exit(main())
