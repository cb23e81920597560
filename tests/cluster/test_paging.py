"""Paging on real Ray: many cubes in few frames, bounds, density, vectors that survive a page-out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from memcube.actors.cube.call import Call
from memcube.model.errors import ExhaustedError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

Paged = Callable[..., Any]


class CountingEmbedder:
    """Vectors of text lengths: enough to see whether they were made and kept."""

    async def embed(self, texts: Sequence[str], timeout_s: float) -> tuple[str, npt.NDArray[np.float32]]:
        """One 2-number vector a text."""
        return "lengths", np.array([[len(text), 1.0] for text in texts], np.float32)

    async def model_id(self, timeout_s: float) -> str:
        """Its name."""
        return "lengths"


async def cube_status(p: Any, name: str) -> pb.CubeStatus:
    """What the cube says of its own background work."""
    call = Call("cube_status", pb.StatusRequest().SerializeToString(), Principal("t", "alice", ("admin",)))
    return pb.CubeStatus.FromString(await p.router.read(CubeRef("t", name), call, timeout_s=30))


def test_page_out_and_in_keeps_everything(paged: Paged) -> None:
    """Twelve cubes through two frames, several rounds: each keeps its memories and vectors, in order."""

    async def scenario() -> None:
        async with paged(open_embedder=CountingEmbedder) as p:
            for round_ in range(3):
                await asyncio.gather(*[p.add(f"c{n}", f"round {round_} of cube {n}") for n in range(12)])
            for n in range(12):
                assert await p.texts(f"c{n}") == [f"round {r} of cube {n}" for r in range(3)]
            status = await p.status()
            assert status.resident <= 2 and status.page_ins >= 24 and status.frames_lost == 0
            async with asyncio.timeout(20):
                while (await cube_status(p, "c0")).vector_coverage < 1.0:
                    await asyncio.sleep(0.1)
            before = (await p.status()).page_ins
            for n in range(1, 4):
                await p.texts(f"c{n}")
            assert (await cube_status(p, "c0")).vector_coverage == 1.0
            assert (await p.status()).page_ins >= before + 4

    asyncio.run(scenario())


def test_memory_pressure_pages_out(paged: Paged) -> None:
    """What the frames report is kept within the budget by paging out, and nothing is lost by it."""

    async def scenario() -> None:
        async with paged(max_frames=1, cubes_per_frame=8, memory_bytes=40_000) as p:
            for n in range(8):
                for i in range(10):
                    await p.add(f"c{n}", f"{i} " + "word " * 40)
            status = await p.until(lambda status: status.page_outs > 0 and status.resident_bytes <= 40_000)
            assert status.resident < 8
            for n in range(8):
                assert [text.split()[0] for text in await p.texts(f"c{n}")] == [str(i) for i in range(10)]

    asyncio.run(scenario())


def test_queue_for_frames_is_bounded(paged: Paged, frozen: Callable[[int], None]) -> None:
    """With its only frame hanging the directory holds a bounded number of calls, and refuses more with a hint."""

    async def scenario() -> None:
        async with paged(max_frames=1, max_waiting=3, ping_deadline_s=0.5, hang_kill_s=4.0) as p:
            await p.add("a", "n0")
            frozen((await p.host_of("a"))[1])
            await p.until(lambda status: status.suspect == 1)
            calls = [asyncio.create_task(p.add(f"c{n}", "x")) for n in range(8)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            refused = [result for result in results if isinstance(result, BaseException)]
            assert len(refused) == 5
            for error in refused:
                assert isinstance(error, ExhaustedError) and error.retry_after_s > 0
            # The others waited until the frame was killed and had started again.
            assert await p.texts("a") == ["n0"]

    asyncio.run(scenario())


def test_delete_reaches_the_frame(paged: Paged) -> None:
    """Deleting a cube that is resident removes it everywhere, and its name may be used again."""

    async def scenario() -> None:
        async with paged(max_frames=1) as p:
            made = await p.add("a", "old")
            assert await p.router.find("t", made.split("-")[0], lambda _: True) == CubeRef("t", "a")
            await p.router.delete(CubeRef("t", "a"))
            assert await p.router.cubes("t", "", 10) == []
            await p.add("a", "new")
            assert await p.texts("a") == ["new"]

    asyncio.run(scenario())


@pytest.mark.parametrize("module", ["torch", "pymilvus", "ray.serve"])
def test_frames_stay_light(paged: Paged, module: str) -> None:
    """A frame imports none of the heavy modules: each would be paid for in every frame."""
    import ray

    from memcube.actors.cube.actor import MemCube

    @ray.remote(num_cpus=0)
    class Probe(MemCube):
        def __init__(self) -> None:
            pass

        async def has(self, name: str) -> bool:
            import sys

            return name in sys.modules

    probe = Probe.remote()
    try:
        assert ray.get(probe.has.remote(module), timeout=60) is False
    finally:
        ray.kill(probe)
