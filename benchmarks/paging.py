"""What paging costs and carries: thousands of cubes served by a few frames.

Four questions, each answered on a real Ray cluster with real files:

1. How long does it take until a cube of 1,000 memories that is in no frame answers, and how long does it take to
   start a Ray actor process instead? Measured in turns, in the same run.
2. Do 10,000 cubes, asked for as Zipf's law has it, get served by 32 frames without an error?
3. Does memory stay flat while they are?
4. How many bytes does a resident cube take, in a process of its own and as one of several in a process?

The load goes through ``CubeRouter`` inside an actor, as the gateway's does. There is no embedder, so a search ranks by
words; but the large cubes' files hold the vectors of all memories, as those of a running system do, and each page-in
verifies them. ``page_in_ms`` is until a small read is answered, ``page_in_search_ms`` until a search is.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import psutil
import ray
import report
from rich.progress import track

from memcube.actors.cube.about import new_about
from memcube.actors.cube.actor import FrameRecipe, MemCubeActor
from memcube.actors.cube.call import Call
from memcube.actors.cube.cube import Cube
from memcube.actors.directory.actor import connect_router, start_directory
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.ray_wire import RayWire
from memcube.actors.directory.wire import DIRECTORY, NAMESPACE
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

TENANT = "bench"
ALICE = Principal(TENANT, "alice", ("admin",))
ZIPF = 1.0
MIB = 2**20
MODEL, DIMENSION = "bench", 384
"""Of the vectors in the files: their numbers are random, their size is that of the default model's."""
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    cubes: int = 10_000
    frames: int = 32
    load_calls: int = 12_000
    in_flight: int = 16
    page_ins: int = 120
    memories: int = 1_000
    actor_starts: int = 6
    dense_cubes: int = 40


QUICK = Sizes(cubes=300, frames=4, load_calls=900, page_ins=24, actor_starts=2, dense_cubes=8)


@dataclass
class Load:
    """What came of the Zipf load."""

    calls: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    read_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    rss_bytes: list[int] = field(default_factory=list)


class Bare:
    """The process that a cube without paging would need: the control."""

    def ready(self) -> bool:
        """It is up."""
        return True


def add_call(texts: Sequence[str]) -> Call:
    """One request that adds these memories."""
    request = pb.AddRequest(messages=[pb.Message(content=text, role="user") for text in texts])
    return Call("add", request.SerializeToString(), ALICE, new_idempotency_key())


def vocabulary(rng: random.Random) -> list[str]:
    """5,000 words of nobody's language."""
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(3, 10))) for _ in range(5_000)]


def fill(root: Path, name: str, count: int, memories: int, seed: int) -> None:
    """Make this many cubes with so many memories each, as a frame would, without one: files are files."""
    rng = random.Random(seed)
    words = vocabulary(rng)
    vault = SqliteVault(root)

    def make(n: int) -> None:
        ref = CubeRef(TENANT, f"{name}-{n}")
        cube = Cube.open(vault.attach(ref, new_about(ref)), MODEL)
        for begin in range(0, memories, 250):
            plan = cube.plan([add_call([text_of(rng, words) for _ in range(min(250, memories - begin))])])
            cube.view.store.commit(plan.commit)
            cube.apply(plan)
        contents = [content for content, _ in cube.pending_texts(memories)]
        vectors = np.random.default_rng(seed + n).standard_normal((len(contents), DIMENSION), np.float32)
        cube.view.store.commit(cube.plan_vectors(MODEL, contents, vectors))
        cube.apply_vectors(MODEL, contents, vectors)
        cube.close()

    with ThreadPoolExecutor(4) as pool:
        made = pool.map(make, range(count))
        for _ in track(made, f"{count:,} cubes of {memories:,} memories", count, console=report.console):
            pass


def text_of(rng: random.Random, words: Sequence[str]) -> str:
    """A sentence of the length that people write."""
    return " ".join(rng.choices(words, k=rng.randrange(8, 24)))


class Driver:
    """Runs the loads from inside an actor, where the gateway would be."""

    def __init__(self, seed: int) -> None:
        self.router = connect_router()
        self.random = random.Random(seed)
        self.words = vocabulary(self.random)

    async def wait_for_frames(self, frames: int) -> None:
        """Use cubes until that many frames run."""
        deadline_s = time.monotonic() + 240
        while True:
            status = await self.router.status()
            if status.frames >= frames or time.monotonic() > deadline_s:
                return
            await asyncio.gather(
                *[
                    self.router.mutate(CubeRef(TENANT, f"warm-{n}"), add_call(["x"]), create=True, timeout_s=TIMEOUT_S)
                    for n in range(2 * frames)
                ]
            )

    async def read(self, name: str) -> float:
        """One small read of a cube; milliseconds."""
        began = time.perf_counter()
        call = Call("get_cube", pb.GetCubeRequest(cube_id=name).SerializeToString(), ALICE)
        await self.router.read(CubeRef(TENANT, name), call, timeout_s=TIMEOUT_S)
        return (time.perf_counter() - began) * 1e3

    async def search(self, name: str) -> float:
        """One search by words; milliseconds."""
        began = time.perf_counter()
        request = pb.SearchRequest(query=text_of(self.random, self.words))
        call = Call("search", request.SerializeToString(), ALICE)
        await self.router.read(CubeRef(TENANT, name), call, timeout_s=TIMEOUT_S)
        return (time.perf_counter() - began) * 1e3

    async def page_in_one(self, name: str, *, search: bool) -> tuple[float, float]:
        """Milliseconds until a cube that is in no frame answers, and until it answers again right after."""
        ask = self.search if search else self.read
        return await ask(name), await ask(name)

    async def page_ins(self) -> int:
        """Page-ins since the directory started."""
        return (await self.router.status()).page_ins

    async def zipf(self, name: str, cubes: int, calls: int, in_flight: int) -> Load:
        """Adds (a fifth) and reads on cubes drawn by Zipf's law."""
        load = Load()
        weights = [1 / (rank + 1) ** ZIPF for rank in range(cubes)]
        drawn = self.random.choices(range(cubes), weights, k=calls)
        queue = iter(enumerate(drawn))
        began = time.perf_counter()

        async def worker() -> None:
            for i, cube in queue:
                ref = f"{name}-{cube}"
                try:
                    if i % 5 == 0:
                        call = add_call([text_of(self.random, self.words)])
                        await self.router.mutate(CubeRef(TENANT, ref), call, create=True, timeout_s=TIMEOUT_S)
                    else:
                        load.read_ms.append(await self.read(ref))
                    load.calls += 1
                except MemCubeError as error:
                    load.errors[type(error).__name__] = load.errors.get(type(error).__name__, 0) + 1
                if i % max(1, calls // 40) == 0:
                    load.rss_bytes.append((await self.router.status()).rss_bytes)

        await asyncio.gather(*[worker() for _ in range(in_flight)])
        load.wall_s = time.perf_counter() - began
        return load

    async def frames(self) -> tuple[int, int, list[int]]:
        """Resident cubes, bytes that they hold by the frames' own estimate, and each frame's unique set (USS)."""
        await asyncio.sleep(5.0)
        status = await self.router.status()
        wire = RayWire()
        pids = [(await wire.send(f"frame-{n}", "ping")).pid for n in range(status.frames)]
        return status.resident, status.resident_bytes, [psutil.Process(pid).memory_full_info().uss for pid in pids]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def start(root: Path, frames: int, cubes_per_frame: int, seed: int) -> Any:
    """A directory with its frames on a vault; returns the driver's handle."""
    config = DirectoryConfig(max_frames=frames, cubes_per_frame=cubes_per_frame, max_waiting=4096)
    start_directory(FrameRecipe(partial(SqliteVault, root)), config)
    return ray.remote(Driver).options(num_cpus=0, max_concurrency=1000).remote(seed)


def stop(driver: Any) -> None:
    """End the directory, its frames and the driver."""
    named = [row["name"] for row in ray.util.list_named_actors(all_namespaces=True) if row["namespace"] == NAMESPACE]
    for name in sorted(named, key=lambda name: name != DIRECTORY):
        ray.kill(ray.get_actor(name, NAMESPACE), no_restart=True)
    ray.kill(driver)


def measure_page_in(driver: Any, root: Path, cubes: int, sizes: Sizes) -> dict[str, Any]:
    """Page-ins of cubes of ``memories`` memories, each until the cube's first answer, and starts of actor processes:
    a bare one, and one that could host a cube. In turns, so that all see the same machine."""
    cold: dict[bool, list[float]] = {False: [], True: []}
    warm: dict[bool, list[float]] = {False: [], True: []}
    starts: list[float] = []
    own_starts: list[float] = []
    for n in range(sizes.page_ins):
        before = ray.get(driver.page_ins.remote())
        searched = n % 2 == 1
        first, second = ray.get(driver.page_in_one.remote(f"big-{n % cubes}", search=searched))
        if ray.get(driver.page_ins.remote()) > before:
            cold[searched].append(first)
        warm[searched].append(second)
        if n % max(1, sizes.page_ins // sizes.actor_starts) == 0:
            began = time.perf_counter()
            bare = ray.remote(Bare).options(num_cpus=0).remote()
            ray.get(bare.ready.remote())
            starts.append((time.perf_counter() - began) * 1e3)
            ray.kill(bare)
            began = time.perf_counter()
            own = MemCubeActor.options(num_cpus=0).remote(FrameRecipe(partial(SqliteVault, root)))
            ray.get(own.ping.remote())
            own_starts.append((time.perf_counter() - began) * 1e3)
            ray.kill(own)
    return {
        "page_in_ms_p50": statistics.median(cold[False]),
        "page_in_ms_p99": percentile(cold[False], 0.99),
        "page_in_search_ms_p50": statistics.median(cold[True]),
        "page_in_search_ms_p99": percentile(cold[True], 0.99),
        "page_ins_measured": len(cold[False] + cold[True]),
        "resident_read_ms_p50": statistics.median(warm[False]),
        "resident_search_ms_p50": statistics.median(warm[True]),
        "actor_start_ms_p50": statistics.median(starts),
        "cube_actor_start_ms_p50": statistics.median(own_starts),
        "page_in_speedup": statistics.median(starts) / statistics.median(cold[False]),
        "page_in_search_speedup": statistics.median(starts) / statistics.median(cold[True]),
    }


def measure_density(root: Path, sizes: Sizes, seed: int) -> dict[str, Any]:
    """The same cubes, all resident, in one frame of many slots: what one more cube takes in a process."""
    driver = start(root, 1, sizes.dense_cubes, seed)
    ray.get(driver.wait_for_frames.remote(1))
    _, _, (empty,) = ray.get(driver.frames.remote())
    began = time.perf_counter()
    for n in range(sizes.dense_cubes):
        ray.get(driver.read.remote(f"big-{n}"))
    wall_s = time.perf_counter() - began
    resident, held, (full,) = ray.get(driver.frames.remote())
    stop(driver)
    return {
        "cubes_per_frame": sizes.dense_cubes,
        "frames": 1,
        "resident": resident,
        "bytes_per_resident_cube": (full - empty) // max(1, resident),
        "estimated_bytes_per_resident_cube": held // max(1, resident),
        "page_in_ms_mean": round(wall_s * 1e3 / sizes.dense_cubes, 3),
    }


def main() -> None:
    """Measure, print, draw."""
    chosen = report.options("Paging: thousands of cubes through a few frames").parse_args()
    sizes = QUICK if chosen.quick else Sizes()
    folder = Path(tempfile.mkdtemp(prefix="mcp", dir="/tmp"))
    big = 3 * sizes.frames
    try:
        fill(folder / "vault", "big", max(big, sizes.dense_cubes), sizes.memories, chosen.seed)
        fill(folder / "vault", "cube", sizes.cubes, 3, chosen.seed)
        ray.init(
            address="local",
            _temp_dir=str(folder / "r"),
            include_dashboard=False,
            num_cpus=4,
            namespace=NAMESPACE,
            log_to_driver=False,
            object_store_memory=200 * MIB,
        )
        driver = start(folder / "vault", sizes.frames, 1, chosen.seed)
        ray.get(driver.wait_for_frames.remote(sizes.frames))
        report.console.print(f"{sizes.frames} frames are up")
        page_in = measure_page_in(driver, folder / "vault", big, sizes)
        resident, held, own = ray.get(driver.frames.remote())
        isolated = {
            "cubes_per_frame": 1,
            "frames": sizes.frames,
            "resident": resident,
            "bytes_per_resident_cube": sum(own) // len(own),
            "estimated_bytes_per_resident_cube": held // max(1, resident),
        }
        before = ray.get(driver.page_ins.remote())
        load: Load = ray.get(driver.zipf.remote("cube", sizes.cubes, sizes.load_calls, sizes.in_flight))
        paged = ray.get(driver.page_ins.remote()) - before
        stop(driver)
        dense = measure_density(folder / "vault", sizes, chosen.seed)
        ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    half = load.rss_bytes[len(load.rss_bytes) // 4 :]
    growth = int(statistics.median(half[len(half) // 2 :]) - statistics.median(half[: len(half) // 2]))
    result = {
        "cubes": sizes.cubes,
        "frames": sizes.frames,
        **{key: round(value, 3) for key, value in page_in.items()},
        "errors": sum(load.errors.values()),
        "errors_by_type": load.errors,
        "bytes_per_resident_cube": isolated["bytes_per_resident_cube"],
        "rss_growth_bytes": growth,
        "rss_bytes": load.rss_bytes[-1],
        "load_calls": load.calls,
        "load_calls_per_s": round(load.calls / load.wall_s, 1),
        "load_page_ins": paged,
        "load_read_ms_p50": round(statistics.median(load.read_ms), 3),
        "load_read_ms_p99": round(percentile(load.read_ms, 0.99), 3),
        "modes": [isolated, dense],
        "sizes": asdict(sizes),
    }
    report.table(
        "Paging",
        ("what", "value"),
        [(key, value) for key, value in result.items() if not isinstance(value, dict | list)],
    )
    if chosen.plot:
        points = [100 * i / max(1, len(load.rss_bytes) - 1) for i in range(len(load.rss_bytes))]
        report.plot(
            chosen.plot,
            f"{sizes.cubes} cubes through {sizes.frames} frames, and their memory",
            ("share of the load done (%)", "resident set of all frames (MiB)"),
            {"frames": (points, [value / MIB for value in load.rss_bytes])},
        )
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
