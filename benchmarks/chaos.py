"""Breaks a running system under load, then compares everything that was acknowledged with everything that is stored.

Callers (``chaos_load.py``, processes of their own) add, update, delete and read over many cubes, with idempotency
keys, many of them sent twice on purpose. Meanwhile frames, the directory and the gateway are ended with ``kill -9``,
one after another and sometimes two together; frames are frozen until they are replaced, and wake up to commit; files
are attached beside their frames. At the end all journals and memories are read back, before and after a restart of
the whole system, and judged by ``checker.py``; the vault's own check looks at every file.

Then, without a system: crashes at every write and fsync of a vault process (``strace``), and flipped bits; see
``faults.py``. Only processes of the system that was started here are harmed, each by its id. ``--out FOLDER`` keeps the
histories, the fault log and the findings.

``recovery_ms`` is from the kill to the acknowledgement of an add that needs what was killed. The run fails (status 1)
if any promise was broken, or if no fault was injected.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import faults
import numpy as np
import report
from chaos_faults import Nemesis
from chaos_history import Writer, read_back, read_operations
from checker import Verdict, judge
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from system import Running, running_system

from memcube.actors.cube.state import rebuild_record
from memcube.actors.vault.sqlite_vault import SqliteVault

FULL = {"kills": 200, "freezes": 12, "seconds": 12, "cubes": 16, "processes": 2, "callers": 6, "frames": 6}
QUICK = {"kills": 8, "freezes": 1, "seconds": 2, "cubes": 8, "processes": 1, "callers": 4, "frames": 3}
FULL_VAULT, QUICK_VAULT = (100, 1000), (6, 60)
PAUSE_MS = 10.0
WARM_S = 60.0
STOP_S = 150.0


class Load:
    """The callers' processes."""

    def __init__(self, target: str, out: Path, plan: dict[str, int], cubes: list[str], seed: int) -> None:
        self.counts: list[dict[str, Any]] = [{} for _ in range(plan["processes"])]
        self.files = [out / f"history-{name}.jsonl" for name in "abcdefgh"[: plan["processes"]]]
        self._processes = []
        for number, file in enumerate(self.files):
            name = file.stem[-1]
            words = [target, file, name, plan["callers"], ",".join(cubes), seed, PAUSE_MS]
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("chaos_load.py")), *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(out / f"load-{name}.log").open("w"),
                text=True,
            )
            self._processes.append(process)
            threading.Thread(target=self._hear, args=(number, process), daemon=True).start()

    def _hear(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.counts[number] = json.loads(line)

    def total(self, what: str) -> int:
        """The sum of a count over the processes."""
        return sum(counts.get(what, 0) for counts in self.counts)

    def wait_for(self, acknowledged: int) -> None:
        """Until so many operations are acknowledged."""
        deadline = time.monotonic() + WARM_S
        while self.total("acknowledged") < acknowledged:
            self.check_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {self.total('acknowledged')} operations in {WARM_S:.0f} s")
            time.sleep(0.1)

    def check_alive(self) -> None:
        """Raise if a process ended before it was told to."""
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"a load process ended by itself with status {process.returncode}")

    def stop(self) -> None:
        """Let the callers finish what they have in flight; raises if one of them failed."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            if process.wait(timeout=STOP_S):
                raise RuntimeError(f"a load process failed with status {process.returncode}; see its log")
        time.sleep(0.2)

    def kill(self) -> None:
        """End whatever still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def harm(nemesis: Nemesis, plan: dict[str, int], cubes: list[str], load: Load, progress: Progress) -> None:
    """All the faults, shuffled, under load."""
    slow = [nemesis.freeze_one] * plan["freezes"] + [nemesis.usurp_one] * plan["seconds"]
    task = progress.add_task("faults", total=plan["kills"] + len(slow), operations=0)
    others = iter(nemesis.random.sample(slow, len(slow)))
    every = max(1, plan["kills"] // max(1, len(slow)))
    step = 0
    while sum(nemesis.faults.get(kind, 0) for kind in ("frame", "directory", "gateway")) < plan["kills"]:
        load.check_alive()
        nemesis.kill_one(cubes)
        step += 1
        if step % every == 0 and (other := next(others, None)):
            other()
        time.sleep(nemesis.random.choice((0.0, 0.05, 0.3, 0.8)))
        progress.update(task, completed=sum(nemesis.faults.values()), operations=load.total("operations"))
    for other in others:
        other()
        progress.update(task, completed=sum(nemesis.faults.values()), operations=load.total("operations"))


def judge_now(running: Running, files: list[Path], what: str) -> tuple[Verdict, list[str]]:
    """Read everything back and judge it; also the errors that callers were refused with."""
    operations, errors = read_operations(files)
    with running.memory() as memory:
        names: list[str] = []
        token: str | None = None
        while True:
            page = memory.cubes(limit=1000, page_token=token)
            names += [cube["id"] for cube in page["results"]]
            token = page["next"]
            if not token:
                break
        report.console.print(f"reading back {len(names)} cubes {what}")
        journals, memories = read_back(memory, names)
    return judge(operations, journals, memories), errors


def check_files(root: Path) -> list[str]:
    """What the vault's own check finds in the files, once nobody has them open."""
    vault = SqliteVault(root, rebuild_record)
    found = []
    for ref in vault.every():
        found += [f"{ref.cube_id}: {finding.problem}" for finding in vault.check(ref).findings]
    return found


def chaos(plan: dict[str, int], out: Path, embedder: str, seed: int) -> dict[str, Any]:
    """The part with a system; returns its figures."""
    home = out / "home"
    cubes = [f"cube-{number}" for number in range(plan["cubes"])]
    probes = Writer(out / "history-nemesis.jsonl")
    with ExitStack() as stack:
        running = stack.enter_context(running_system(home, plan["frames"], embedder))
        load = Load(running.grpc, out, plan, cubes, seed)
        stack.callback(load.kill)
        nemesis = Nemesis(
            running=running,
            memory=stack.enter_context(running.memory(timeout_s=8.0)),
            vault=SqliteVault(running.config.vault, rebuild_record),
            log=out / "faults.jsonl",
            put=probes.put,
            random=random.Random(seed),
        )
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("{task.fields[operations]} operations"))  # fmt: skip
        load.wait_for(plan["cubes"])
        begun = time.monotonic()
        with Progress(*columns, console=report.console) as progress:
            harm(nemesis, plan, cubes, load, progress)
        took_s = time.monotonic() - begun
        load.stop()
        files = [*load.files, out / "history-nemesis.jsonl"]
        live, errors = judge_now(running, files, "from the running system")
    with running_system(home, plan["frames"], embedder) as running:
        verdict, _ = judge_now(running, files, "after a restart of everything")
    damaged = check_files(running.config.vault)
    wrong = [words for counts in load.counts for words in counts.get("wrong", [])]
    findings = {
        "live": live.examples,
        "restarted": verdict.examples,
        "reads": wrong,
        "files": damaged,
        "refused": errors,
    }
    (out / "findings.json").write_text(json.dumps(findings, indent=1), encoding="utf-8")
    hits = nemesis.faults
    recovery = nemesis.recovery_ms or [0.0]
    return {
        "faults": sum(hits.values()),
        "kills": sum(hits.get(kind, 0) for kind in ("frame", "directory", "gateway")),
        "faults_by_kind": hits,
        "seconds": round(took_s, 1),
        "operations": verdict.operations,
        "acknowledged": verdict.acknowledged,
        "unknown": verdict.unknown,
        "refused_calls": len(errors),
        "events": verdict.events,
        "lost": max(verdict.lost, live.lost) + max(verdict.gaps, live.gaps),
        "duplicated": max(verdict.duplicated, live.duplicated),
        "phantom": max(verdict.phantom, live.phantom),
        "inversions": max(verdict.inversions, live.inversions),
        "reads": load.total("reads"),
        "wrong_reads": load.total("wrong_reads"),
        "stale_attempted": nemesis.stale_attempted,
        "stale_accepted": nemesis.stale_accepted + verdict.stale_accepted,
        "recovery_ms_p50": round(float(np.percentile(recovery, 50)), 1),
        "recovery_ms_p99": round(float(np.percentile(recovery, 99)), 1),
        "damaged_files": len(damaged),
        "embedder": embedder,
        "examples": (live.examples + verdict.examples + wrong + damaged + errors)[:10],
    }


def main() -> int:
    """Run, print and report; returns the exit status."""
    parser = report.options("Kills, freezes, crashes and flipped bits, and what they cost: nothing acknowledged.")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep histories, fault log and findings there")
    parser.add_argument("--kills", type=int, help="kill -9 of frames, directory and gateway (default 200)")
    parser.add_argument("--embedder", default="minilm", help="as 'memcube up' takes it (default minilm)")
    parser.add_argument("--only-system", action="store_true", help="leave out the crash points and the flipped bits")
    chosen = parser.parse_args()
    plan = dict(QUICK if chosen.quick else FULL)
    if chosen.kills is not None:
        plan["kills"] = chosen.kills
    out = chosen.out or Path(tempfile.mkdtemp(prefix="mc-chaos-"))
    out.mkdir(parents=True, exist_ok=True)
    try:
        result = chaos(plan, out, chosen.embedder, chosen.seed)
        if not chosen.only_system:
            result |= vault_faults(chosen.quick, chosen.seed)
    finally:
        if chosen.out is None:
            shutil.rmtree(out, ignore_errors=True)
    report.table("Chaos", ["what", "figure"], [[name, str(value)] for name, value in result.items()])
    if chosen.plot:
        draw(chosen.plot, result)
    report.finish(result, chosen)
    return 0 if passed(result) else 1


def vault_faults(quick: bool, seed: int) -> dict[str, Any]:
    """Crashes, failing disks and flipped bits, on the vault alone."""
    points, flips = QUICK_VAULT if quick else FULL_VAULT
    report.console.print(f"killing a vault process at {points} system calls, failing others, flipping {flips} bits")
    crashes = faults.crash_points(points)
    disk = [faults.crash_points(max(2, points // 5), fault) for fault in (faults.EIO, faults.FULL)]
    flipped = faults.bit_flips(flips, seed)
    return {
        "crash_points": crashes.points,
        "crash_points_recovered": crashes.recovered,
        "disk_errors": sum(one.points for one in disk),
        "disk_errors_recovered": sum(one.recovered for one in disk),
        "bit_flips": flipped.flips,
        "bit_flips_detected": flipped.detected,
        "vault_examples": [*crashes.failures, *(failure for one in disk for failure in one.failures), *flipped.missed][
            :5
        ],
    }


def passed(result: dict[str, Any]) -> bool:
    """Whether every promise was kept, and put to the test."""
    broken = (
        "lost",
        "duplicated",
        "phantom",
        "inversions",
        "stale_accepted",
        "wrong_reads",
        "refused_calls",
        "damaged_files",
    )
    return (
        not any(result[name] for name in broken)
        and result["faults"] > 0
        and result["stale_attempted"] > 0
        and result.get("crash_points") == result.get("crash_points_recovered")
        and result.get("disk_errors") == result.get("disk_errors_recovered")
        and result.get("bit_flips") == result.get("bit_flips_detected")
    )


def draw(file: Path, result: dict[str, Any]) -> None:
    """The counts as a plot of one series."""
    names = ["faults", "acknowledged", "lost", "duplicated", "phantom", "stale_attempted", "stale_accepted"]
    report.plot(
        file,
        "Chaos: " + ", ".join(f"{name} {result[name]}" for name in names),
        ("percentile of recoveries", "ms until acknowledged"),
        {"recovery": ((50, 99), (result["recovery_ms_p50"], result["recovery_ms_p99"]))},
    )


if __name__ == "__main__":
    sys.exit(main())
