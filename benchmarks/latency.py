"""How long a search and an add take through gRPC, against what they cannot do without, measured in turns with them.

- The floor of a search: one query embedding (the same model in this process, as many threads as the deployment has),
  one gRPC round trip (a health check of the same gateway), one Ray hop (a trivial method of an async actor in the same
  cluster, as frames are). Every query is different: no cache of queries can answer one.
- The floor of an add: one fsync commit (1 KiB appended, ``fdatasync``, same file system), one gRPC round trip, one Ray
  hop. Beside it the same with a bare SQLite commit (WAL, ``synchronous=FULL``) of one 1 KiB row.

Each round makes one call and one of each control, in random order; a floor is the median of the rounds' sums. An add
is acknowledged when it is durable and findable: after each, one search by its words must find it. Rounds of adds
start when the background embedding of the last one is over. ``rows`` has a row a cube size; the figures at the top are
those of 10,000 memories. ``rest_ms_p50`` is a search without embedding and index: gRPC, gateway, the hop to the frame.
``reader_ms_p50`` is the CPU time of reading one message of four sentences in this process: ``read_messages``, and the
analysis of its words and times for the index (``read_messages_ms_p50`` is the former alone).
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import report
import sentences
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from system import Running, running_system

from memcube.client import Memory

FULL, QUICK = (100, 1_000, 10_000, 50_000), (100, 1_000)
HEADLINE = 10_000
SEARCHES, ADDS, WARM = 300, 200, 20
READS, SENTENCES = 500, 4
QUICK_SEARCHES, QUICK_ADDS = 60, 40
ADD_AT_ONCE = 100
SETTLE_S = 0.12
"""The background embedding of an add is over by then; it would slow the next round's controls as much as its add."""
COVERED_S = 3600.0
PAYLOAD = os.urandom(1024)
Control = Callable[[], None]
Times = dict[str, list[float]]


def took_ms(work: Callable[[], Any]) -> float:
    """How long ``work`` takes."""
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


class Controls:
    """The parts that no implementation can do without; each call does one of them once."""

    def __init__(self, running: Running, folder: Path, stack: ExitStack) -> None:
        import ray

        from memcube.deployments.embedder.onnx_model import OnnxMiniLM

        class Hop:
            async def echo(self, payload: bytes) -> bytes:
                return payload

        class PlainHop:
            def echo(self, payload: bytes) -> bytes:
                return payload

        self._model = OnnxMiniLM(running.config.settings.embedder.threads)
        self._questions = sentences.questions(seed=7)
        channel = grpc.insecure_channel(running.grpc)
        stack.callback(channel.close)
        self._health = health_pb2_grpc.HealthStub(channel)
        self._get = ray.get
        hops: list[Any] = [ray.remote(kind).options(num_cpus=0).remote() for kind in (Hop, PlainHop)]
        for hop in hops:
            stack.callback(ray.kill, hop)
        self._hop, self._plain_hop = hops
        self._log = os.open(folder / "control.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stack.callback(os.close, self._log)
        self._database = sqlite3.connect(folder / "control.db", isolation_level=None)
        stack.callback(self._database.close)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")

    def embed(self) -> None:
        """One query's vector."""
        self._model.encode([next(self._questions)])

    def grpc(self) -> None:
        """One unary call to the gateway."""
        self._health.Check(health_pb2.HealthCheckRequest(), timeout=10)

    def ray(self) -> None:
        """One call of an async actor."""
        self._get(self._hop.echo.remote(PAYLOAD), timeout=10)

    def ray_plain(self) -> None:
        """One call of a plain actor."""
        self._get(self._plain_hop.echo.remote(PAYLOAD), timeout=10)

    def fsync(self) -> None:
        """One durable append."""
        os.write(self._log, PAYLOAD)
        os.fdatasync(self._log)

    def sqlite(self) -> None:
        """One durable row."""
        self._database.execute("INSERT INTO rows (body) VALUES (?)", (PAYLOAD,))


def round_of(call: Callable[[], Any], controls: dict[str, Control], chance: random.Random, times: Times) -> None:
    """The call and each control once, in random order."""
    work: dict[str, Callable[[], Any]] = {"call": call, **controls}
    for name in chance.sample(sorted(work), len(work)):
        times.setdefault(name, []).append(took_ms(work[name]))


def p50(values: list[float]) -> float:
    """The median, in milliseconds with three decimals."""
    return round(float(np.median(values)), 3)


def floor_of(times: Times, parts: tuple[str, ...]) -> float:
    """The median of the rounds' sums."""
    return p50(np.sum([times[part] for part in parts], axis=0).tolist())


def fill(memory: Memory, cube: str, size: int, texts: Iterator[str], progress: Progress) -> float:
    """Put ``size`` memories into a cube and wait until all have vectors; returns the seconds that it took."""
    task = progress.add_task(f"{size:,} memories: adding", total=size)
    begun = time.monotonic()
    while not progress.tasks[task].finished:
        left = int(size - progress.tasks[task].completed)
        memory.add([next(texts) for _ in range(min(ADD_AT_ONCE, left))], cube_id=cube, session_id="filling")
        progress.advance(task, min(ADD_AT_ONCE, left))
    embedding = progress.add_task(f"{size:,} memories: embedding", total=size)
    while (covered := memory.status(cube_id=cube)["cube"]["vector_coverage"]) < 1.0:
        if time.monotonic() - begun > COVERED_S:
            raise TimeoutError(f"only {covered:.0%} of {cube} is embedded after {COVERED_S:.0f} s")
        progress.update(embedding, completed=int(covered * size))
        time.sleep(0.2)
    progress.update(embedding, completed=size)
    return time.monotonic() - begun


def measure_searches(
    memory: Memory, cube: str, rounds: int, controls: Controls, chance: random.Random, step: Callable[[], None]
) -> dict[str, Any]:
    """Distinct searches of one cube, with the controls in between."""
    asked = sentences.questions(seed=chance.randrange(1 << 30))
    parts: dict[str, Control] = {
        "embed": controls.embed, "grpc": controls.grpc, "ray": controls.ray, "ray_plain": controls.ray_plain,
    }  # fmt: skip
    timing: Times = {"index": [], "embed": []}

    def search() -> None:
        found = memory.search(next(asked), cube_id=cube)
        if found["degraded"] or not found["results"]:
            raise RuntimeError(f"a degraded or empty answer cannot be measured: {found['degraded']}")
        timing["index"].append(found["timing_ms"]["index"])
        timing["embed"].append(found["timing_ms"]["embed"])

    times: Times = {}
    for number in range(WARM + rounds):
        if number == WARM:
            times, timing["index"], timing["embed"] = {}, [], []
        round_of(search, parts, chance, times)
        step()
    rest = np.array(times["call"]) - timing["index"] - timing["embed"]
    floor = floor_of(times, ("embed", "grpc", "ray"))
    return {
        "search_ms_p50": p50(times["call"]),
        "search_ms_p99": round(float(np.percentile(times["call"], 99)), 3),
        "search_floor_ms_p50": floor,
        "search_ratio": round(p50(times["call"]) / floor, 3),
        "index_ms_p50": p50(timing["index"]),
        "embed_ms_p50": p50(timing["embed"]),
        "rest_ms_p50": p50(rest.tolist()),
        "floor_embed_ms_p50": p50(times["embed"]),
        "floor_grpc_ms_p50": p50(times["grpc"]),
        "floor_ray_ms_p50": p50(times["ray"]),
        "floor_ray_plain_ms_p50": p50(times["ray_plain"]),
    }


def add_one(memory: Memory, cube: str, text: str, made: list[str]) -> None:
    """One add; the id goes into ``made``."""
    made.append(memory.add(text, cube_id=cube)["results"][0]["id"])


def measure_adds(
    memory: Memory, cube: str, rounds: int, controls: Controls, chance: random.Random, step: Callable[[], None]
) -> dict[str, Any]:
    """Adds of one memory each, with the controls in between; after each, a search by its words."""
    texts = sentences.memories(seed=chance.randrange(1 << 30))
    parts: dict[str, Control] = {
        "fsync": controls.fsync, "sqlite": controls.sqlite, "grpc": controls.grpc, "ray": controls.ray,
    }  # fmt: skip
    times: Times = {}
    findable = 0

    for number in range(WARM + rounds):
        if number == WARM:
            times, findable = {}, 0
        text = next(texts)
        made: list[str] = []
        round_of(partial(add_one, memory, cube, text, made), parts, chance, times)
        found = memory.search(text, cube_id=cube, top_k=3)
        findable += made[0] in [one["id"] for one in found["results"]]
        time.sleep(SETTLE_S)
        step()
    floor, sqlite_floor = floor_of(times, ("fsync", "grpc", "ray")), floor_of(times, ("sqlite", "grpc", "ray"))
    return {
        "add_ms_p50": p50(times["call"]),
        "add_ms_p99": round(float(np.percentile(times["call"], 99)), 3),
        "add_floor_ms_p50": floor,
        "add_ratio": round(p50(times["call"]) / floor, 3),
        "add_sqlite_floor_ms_p50": sqlite_floor,
        "add_sqlite_ratio": round(p50(times["call"]) / sqlite_floor, 3),
        "floor_fsync_ms_p50": p50(times["fsync"]),
        "floor_sqlite_ms_p50": p50(times["sqlite"]),
        "adds": rounds,
        "findable_at_ack": findable,
    }


def measure_reader(seed: int) -> dict[str, Any]:
    """The reader's CPU for one message, each message another."""
    from memcube.actors.reader.fast import read_messages
    from memcube.actors.recall.analysis import analyze
    from memcube.actors.recall.document import Document
    from memcube.model.times import utc_now
    from memcube.protos.memcube.v1 import service_pb2 as pb

    texts, now = sentences.memories(seed), utc_now()
    reading: list[float] = []
    whole: list[float] = []
    for number in range(WARM + READS):
        message = pb.Message(content=". ".join(next(texts) for _ in range(SENTENCES)), name="Ann")
        request = pb.AddRequest(messages=[message])
        begun = time.process_time_ns()
        drafts = read_messages(request, now).drafts
        read = time.process_time_ns()
        for draft in drafts:
            analyze(Document("id", draft.text, "Ann", said_at=draft.said_at, role="user"))
        if number >= WARM:
            reading.append((read - begun) / 1e6)
            whole.append((time.process_time_ns() - begun) / 1e6)
    return {"reader_ms_p50": p50(whole), "read_messages_ms_p50": p50(reading)}


def main() -> None:
    """Measure, print and report."""
    parser = report.options("Latency of search and add against their floors, by cube size.")
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), help="e.g. 1000,10000")
    chosen = parser.parse_args()
    sizes = chosen.sizes or (QUICK if chosen.quick else FULL)
    searches, adds = (QUICK_SEARCHES, QUICK_ADDS) if chosen.quick else (SEARCHES, ADDS)
    chance = random.Random(chosen.seed)
    rows = []
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mc-latency-")))
        running = stack.enter_context(running_system(folder / "home", frames=len(sizes) + 2))
        controls = Controls(running, folder, stack)
        memory = stack.enter_context(running.memory())
        bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        progress = stack.enter_context(Progress(*bars, console=report.console))
        for size in sizes:
            cube = f"latency-{size}"
            seconds = fill(memory, cube, size, sentences.memories(chosen.seed), progress)
            task = progress.add_task(f"{size:,} memories: measuring", total=searches + adds + 2 * WARM)
            step = partial(progress.advance, task)
            row = {"memories": size, **measure_searches(memory, cube, searches, controls, chance, step)}
            rows.append(row | measure_adds(memory, cube, adds, controls, chance, step) | {"fill_s": round(seconds, 1)})
    keys = [key for key in rows[0] if key != "memories"]
    report.table(
        "Latency by cube size (ms)",
        ["what", *(f"{row['memories']:,}" for row in rows)],
        [[key, *(row[key] for row in rows)] for key in keys],
    )
    head = next((row for row in rows if row["memories"] == HEADLINE), rows[-1])
    if chosen.plot:
        xs = [row["memories"] for row in rows]
        names = ("search_ms_p50", "search_floor_ms_p50", "index_ms_p50", "add_ms_p50", "add_floor_ms_p50")
        series = {name: (xs, [row[name] for row in rows]) for name in names}
        report.plot(chosen.plot, "Latency by cube size", ("memories in the cube", "ms, median"), series, log_x=True)
    reader = measure_reader(chosen.seed)
    report.finish({**head, **reader, "load_average_before": round(load_before, 2), "rows": rows}, chosen)


if __name__ == "__main__":
    main()
