"""Breaks and restores each dependency of a running system in turn, under load, and counts what that cost.

A whole system, with the test endpoint (``tests/support/llm_endpoint.py``) as its language model, takes in messages all
the while. The endpoint is killed, slow, silent, rate-limited, broken, or answers nonsense, made-up ids and half
sentences; readers, scheduler and frames are killed in the midst of a task; the embedder's replica, its relay, the
directory and the gateway are killed, frames frozen. After each fault: how long until a new message was acknowledged
and finely read. At the end failed tasks are tried again, all cubes are read back, and
``dependencies_checker.py`` compares them with what was acknowledged, and what failed with what anybody said of it.
The run fails (status 1) if any promise was broken. A full disk is ``chaos.py``'s.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import report
from dependencies_checker import ENDED, Fault, Found, judge
from dependencies_faults import KINDS, QUICK_KINDS, Breaker, EndpointProcess, plan_of
from dependencies_load import Callers, Watcher, Wire, found_in
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from system import running_system

from memcube.model.errors import MemCubeError, NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

FULL = {"cubes": 6, "callers": 2, "frames": 8, "pause_s": 0.3, "calm_s": 30.0}
QUICK = {"cubes": 3, "callers": 1, "frames": 3, "pause_s": 0.15, "calm_s": 5.0}
RECOVER_S = 120.0
"""Bound of a recovery: a model that was down is asked again after a minute at the latest."""
SETTLE_S, QUICK_SETTLE_S = 240.0, 30.0
"""How long tasks may go on at the end."""
LEASE_S = 20.0
SETTINGS = """\
[llm]
base_url = "{url}"
model = "test"
timeout_s = 6.0

[frame]
read_settle_s = 1.0
read_latest_s = 5.0

[scheduler]
lease_s = {lease_s}
sweep_s = 2.0
max_readers = 2
"""
RERANKER = """
[reranker]
kind = "cross-encoder"
model = "{model}"
"""
PROBE = "user:probe"


class Run:
    """One run: the system, its load, the watcher, and the probes of its recovery."""

    def __init__(
        self, callers: Callers, watcher: Watcher, wire: Wire, breaker: Breaker, searching: tuple[bool, bool], seed: int
    ) -> None:
        self.callers = callers
        self.watcher = watcher
        self.wire = wire
        self.breaker = breaker
        self.embedding, self.reranking = searching
        self.random = random.Random(seed)
        self.faults: list[Fault] = []
        self.probes = 0

    def break_all(self, plan: list[str], progress: Progress) -> None:
        """One fault after the other, each until the system works again."""
        line = progress.add_task("faults", total=len(plan), messages=0)
        for number, kind in enumerate(plan, 1):
            name = f"{number} {kind}"
            self.watcher.begin(name)
            since = self.breaker.break_one(kind, self.keep_busy)
            self.faults.append(Fault(kind, self.recovered(since)))
            progress.update(line, completed=number, messages=len(self.callers.added))
            time.sleep(self.random.uniform(0.2, 1.0))
        self.watcher.begin("after all faults")

    def keep_busy(self) -> None:
        """One message more, of a conversation of its own, so that a task is due soon."""
        self.probe()

    def probe(self) -> str:
        """Add a message; the id of the task that reads it, empty where it was refused."""
        self.probes += 1
        said = (self.callers.text(self.random),)
        return self.callers.add(PROBE, f"probe-{self.probes}", said).task_id

    def recovered(self, since: float) -> float | None:
        """Milliseconds from ``since`` until a new message was acknowledged, read, and found with vectors where there are
        some; None if not in time."""
        ends = since + RECOVER_S
        task_id = self.probe()
        while time.monotonic() < ends:
            try:
                task = self.wire.call("GetTask", pb.GetTaskRequest(id=task_id)).task
                if task.state == task_pb2.TASK_STATE_COMPLETED and self.is_found_well():
                    return 1000 * (time.monotonic() - since)
                if task.state == task_pb2.TASK_STATE_FAILED:
                    task_id = self.probe()
            except (NotFoundError, MemCubeError):
                time.sleep(0.2)
            time.sleep(0.1)
        return None

    def is_found_well(self) -> bool:
        """Whether the probes' memories are all embedded, a search's question too, and the reranker is there if any."""
        if not self.embedding:
            return True
        request = pb.SearchRequest(scope=pb.Scope(cube_id=PROBE), query="What do I like?", rerank=self.reranking)
        found = self.wire.call("Search", request)
        return not found.degraded and found.vector_coverage > 0.999


def cost(wire: Wire, cubes: list[str]) -> dict[str, float]:
    """What reading took so far, where nothing has failed yet."""
    read = [task for task in tasks_in(wire, cubes, [task_pb2.TASK_STATE_COMPLETED]) if task.kind == "mem_read"]
    messages = sum(len(task.item_ids) for task in read)
    memories = messages + sum(len(task.result_ids) for task in read)
    tokens = sum(task.spent.tokens_in + task.spent.tokens_out for task in read)
    return {
        "calm_messages": messages,
        "calm_llm_calls_per_message": round(sum(task.spent.calls for task in read) / max(1, messages), 3),
        "calm_llm_tokens_per_memory": round(tokens / max(1, memories), 1),
    }


def tasks_in(wire: Wire, cubes: list[str], states: list[int]) -> list[task_pb2.Task]:
    """The tasks of all cubes that are in one of ``states``."""
    found: list[task_pb2.Task] = []
    for cube in cubes:
        request = pb.ListTasksRequest(scope=pb.Scope(cube_id=cube), states=states, page_size=1000)
        try:
            found += wire.patiently("ListTasks", request).tasks
        except NotFoundError:
            continue  # nobody has added to it yet
    return found


def settle(wire: Wire, cubes: list[str], within_s: float) -> int:
    """Try again what was given up, and let what waits run to its end, as far as time allows; how many were retried."""
    failed = tasks_in(wire, cubes, [task_pb2.TASK_STATE_FAILED])
    waiting = [task for task in tasks_in(wire, cubes, [task_pb2.TASK_STATE_WAITING]) if task.attempts]
    for task in [*failed, *waiting]:
        try:
            wire.patiently("RetryTask", pb.RetryTaskRequest(id=task.id))
        except MemCubeError:
            continue  # taken meanwhile
    ends = time.monotonic() + within_s
    while tasks_in(wire, cubes, [task_pb2.TASK_STATE_WAITING, task_pb2.TASK_STATE_IN_PROGRESS]):
        if time.monotonic() > ends:
            break
        time.sleep(1.0)
    return len(failed)


def dependencies(
    plan: dict[str, Any], kinds: dict[str, int], out: Path, embedder: str, reranker: str, quick: bool, seed: int
) -> Any:
    """The whole run; returns its figures."""
    home = out / "home"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    cubes = [f"user:cube-{number}" for number in range(plan["cubes"])]
    everywhere = [*cubes, PROBE]
    with ExitStack() as stack:
        endpoint = EndpointProcess()
        stack.callback(endpoint.close)
        settings = SETTINGS.format(url=endpoint.url, lease_s=LEASE_S)
        settings += RERANKER.format(model=reranker) if reranker else ""
        (home / "memcube.toml").write_text(settings, encoding="utf-8")
        running = stack.enter_context(running_system(home, plan["frames"], embedder))
        breaker = Breaker(running, endpoint, random.Random(seed))
        callers = Callers(running.grpc, cubes, plan["callers"], plan["pause_s"], seed)
        watcher = Watcher(running.grpc, everywhere, bool(reranker))
        wire = Wire(running.grpc)
        stack.callback(wire.close)
        run = Run(callers, watcher, wire, breaker, (embedder != "none", bool(reranker)), seed)
        if run.recovered(time.monotonic()) is None:
            raise TimeoutError(f"nothing is read within {RECOVER_S:.0f} s of a start: no fault was made yet")
        callers.start()
        watcher.start()
        time.sleep(plan["calm_s"])
        calm = cost(wire, cubes)
        begun = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("{task.fields[messages]} adds"))  # fmt: skip
        with Progress(*columns, console=report.console) as progress:
            run.break_all(plan_of(breaker.kinds(kinds), seed), progress)
        took_s = time.monotonic() - begun
        callers.stop()
        watcher.stop()
        retried = settle(wire, everywhere, QUICK_SETTLE_S if quick else SETTLE_S)
        report.console.print(f"reading back {len(everywhere)} cubes")
        ids: dict[str, list[str]] = {}
        for one in callers.added:
            ids.setdefault(one.cube, []).extend(one.ids)
        found = {cube: found_in(wire, cube, ids.get(cube, []), watcher) for cube in everywhere}
        verdict = judge(callers.added, found, run.faults, watcher.failures())
    return (
        figures(verdict, found, run, watcher)
        | calm
        | {
            "seconds": round(took_s, 1),
            "dead_letters_retried": retried,
            "embedder": embedder,
            "reranker": bool(reranker),
        }
    )


def figures(verdict: Any, found: dict[str, Found], run: Run, watcher: Watcher) -> dict[str, Any]:
    """The result in numbers."""
    tasks = [task for one in found.values() for task in one.tasks]
    recovery = [fault.recovery_ms for fault in run.faults if fault.recovery_ms is not None] or [0.0]
    failures = watcher.failures()
    by_kind: dict[str, int] = {}
    slowest: dict[str, float] = {}
    for fault in run.faults:
        by_kind[fault.kind] = by_kind.get(fault.kind, 0) + 1
        slowest[fault.kind] = max(slowest.get(fault.kind, 0.0), round(fault.recovery_ms or 1000 * RECOVER_S, 1))
    # The probes are one message each on purpose: what reading costs is told by the conversations.
    talk = [one for cube, one in found.items() if cube != PROBE]
    calls, tokens = (sum(getattr(task, what) for one in talk for task in one.tasks) for what in ("calls", "tokens"))
    said = sum(len(one.texts) for one in run.callers.added if one.acknowledged and one.cube != PROBE)
    return {
        "faults": len(run.faults),
        "faults_by_kind": by_kind,
        "lost": verdict.lost,
        "broken_ids": verdict.broken_ids,
        "duplicated": verdict.duplicated,
        "tasks_lost": verdict.tasks_lost,
        "tasks_done_twice": verdict.tasks_done_twice,
        "silent_failures": verdict.silent_failures,
        "not_recovered": verdict.not_recovered,
        "refused_calls": len(run.callers.refused),
        "adds": len(run.callers.added),
        "messages": verdict.messages,
        "memories": verdict.memories,
        "tasks": verdict.tasks,
        "tasks_completed": sum(task.state == "completed" for task in tasks),
        "tasks_unfinished": sum(task.state not in ENDED for task in tasks),
        "failures_seen": len(failures),
        "recovery_ms_p50": round(float(np.percentile(recovery, 50)), 1),
        "recovery_ms_max": round(max(recovery), 1),
        "recovery_ms_max_by_kind": slowest,
        "llm_calls_per_message": round(calls / max(1, said), 3),
        "llm_tokens_per_memory": round(tokens / max(1, sum(len(one.memories) for one in talk)), 1),
        "looks": watcher.looks,
        "examples": (verdict.examples + run.callers.refused)[:10],
    }


BROKEN = ("lost", "broken_ids", "duplicated", "tasks_lost", "tasks_done_twice", "silent_failures", "not_recovered",
          "refused_calls")  # fmt: skip


def main() -> int:
    """Run, print and report; returns the exit status."""
    parser = report.options("Every dependency broken and restored under load: nothing lost, nothing silent.")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep the home and its logs there")
    parser.add_argument("--embedder", default="minilm", help="as 'memcube up' takes it (default minilm)")
    parser.add_argument(
        "--reranker", default="", metavar="MODEL", help="a cross-encoder, to be killed too (default none)"
    )
    parser.add_argument("--only", action="append", metavar="KIND", help="only kinds that begin so; may be repeated")
    chosen = parser.parse_args()
    kinds = QUICK_KINDS if chosen.quick else KINDS
    if chosen.only:
        kinds = {kind: count for kind, count in kinds.items() if any(kind.startswith(word) for word in chosen.only)}
    out = chosen.out or Path(tempfile.mkdtemp(prefix="mc-dependencies-"))
    try:
        result = dependencies(
            QUICK if chosen.quick else FULL, kinds, out, chosen.embedder, chosen.reranker, chosen.quick, chosen.seed
        )
    finally:
        if chosen.out is None:
            shutil.rmtree(out, ignore_errors=True)
    report.table("Dependencies", ["what", "figure"], [[name, str(value)] for name, value in result.items()])
    if chosen.plot:
        draw(chosen.plot, result)
    report.finish(result, chosen)
    return 0 if result["faults"] and not any(result[name] for name in BROKEN) else 1


def draw(file: Path, result: dict[str, Any]) -> None:
    """The recoveries as a plot of two points."""
    broken = ", ".join(f"{name} {result[name]}" for name in BROKEN)
    report.plot(
        file,
        f"Dependencies: {result['faults']} faults, {broken}",
        ("percentile of recoveries", "ms until acknowledged and read"),
        {"recovery": ((50, 100), (result["recovery_ms_p50"], result["recovery_ms_max"]))},
    )


if __name__ == "__main__":
    sys.exit(main())
