"""Faults on real Ray: killed and frozen processes under load. Acknowledged is never lost, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from memcube.actors.cube.packet import pack_calls, unpack_answers
from memcube.actors.directory.wire import DIRECTORY, NAMESPACE
from memcube.model.errors import MemCubeError, NotResidentError
from memcube.model.ids import CubeRef, new_idempotency_key

Paged = Callable[..., Any]


async def load(p: Any, cubes: int, stop: asyncio.Event) -> dict[str, list[str]]:
    """One caller a cube adds numbered memories until ``stop``; what was acknowledged, by cube, in order."""
    acknowledged: dict[str, list[str]] = {f"c{n}": [] for n in range(cubes)}

    async def caller(name: str) -> None:
        n = 0
        while not stop.is_set():
            await p.add(name, f"{name} {n}")
            acknowledged[name].append(f"{name} {n}")
            n += 1
            await asyncio.sleep(0.002)

    await asyncio.gather(*[caller(name) for name in acknowledged])
    return acknowledged


async def check(p: Any, acknowledged: dict[str, list[str]]) -> None:
    """Every cube holds exactly what was acknowledged, in order."""
    for name, texts in acknowledged.items():
        assert len(texts) > 5, "the load went on during the faults"
        assert await p.texts(name) == texts


def test_order_and_one_effect_per_key(paged: Paged) -> None:
    """A caller's pipelined calls keep their order; each sent twice with its key has one effect and one answer."""

    async def scenario() -> None:
        async with paged() as p:
            keys = [new_idempotency_key() for _ in range(150)]
            first = [asyncio.create_task(p.add("a", f"n{i}", key=key)) for i, key in enumerate(keys)]
            again = [asyncio.create_task(p.add("a", f"n{i}", key=key)) for i, key in enumerate(keys)]
            assert await asyncio.gather(*first) == await asyncio.gather(*again)
            assert await p.texts("a") == [f"n{i}" for i in range(150)]

    asyncio.run(scenario())


def test_killed_frames_lose_nothing(paged: Paged) -> None:
    """kill -9 of frames under load: calls wait, and everything acknowledged is there once, in order."""

    async def scenario() -> None:
        async with paged(max_frames=3) as p:
            stop = asyncio.Event()
            loading = asyncio.create_task(load(p, 4, stop))
            for _ in range(4):
                await asyncio.sleep(1.0)
                try:
                    _, pid = await p.host_of(f"c{random.randrange(4)}")
                except (AssertionError, MemCubeError):
                    continue  # just being paged, or just killed
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(1.0)
            stop.set()
            await check(p, await loading)
            assert (await p.status()).frames_lost >= 1

    asyncio.run(scenario())


def test_killed_directory_loses_nothing(paged: Paged) -> None:
    """kill -9 of the directory while cubes are paged: faults wait for the next one, which takes the frames over."""

    async def scenario() -> None:
        async with paged(max_frames=2) as p:
            stop = asyncio.Event()
            loading = asyncio.create_task(load(p, 4, stop))
            pids = set()
            for _ in range(2):
                await asyncio.sleep(1.0)
                await p.status()
                pids.add(pid := _pid_of(DIRECTORY))
                os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(2.0)
            stop.set()
            await check(p, await loading)
            assert len(pids) == 2

    asyncio.run(scenario())


def test_frozen_frame_is_replaced_and_fenced(paged: Paged, frozen: Callable[[int], None]) -> None:
    """SIGSTOP: another frame serves the cube within seconds. SIGCONT: the old frame's commit is refused as stale."""

    async def scenario() -> None:
        async with paged(max_frames=2, hang_kill_s=60.0) as p:
            await p.add("a", "n0")
            await p.until(lambda status: status.frames == 2 or status.starting == 0)
            frame, pid = await p.host_of("a")
            frozen(pid)
            late = p.wire.send(frame, "mutate", pack_calls(CubeRef("t", "a").key, [p.call_to_add("from the grave")]))
            began = asyncio.get_running_loop().time()
            await p.add("a", "n1", timeout_s=20)
            assert asyncio.get_running_loop().time() - began < 10
            os.kill(pid, signal.SIGCONT)
            async with asyncio.timeout(20):
                with pytest.raises(NotResidentError):
                    unpack_answers(await late)
            assert (await p.wire.send(frame, "ping")).stale_refused == 1
            assert await p.texts("a") == ["n0", "n1"]
            await p.until(lambda status: status.suspect == 0 and status.frames == 2)

    asyncio.run(scenario())


def test_hung_frame_is_killed(paged: Paged, frozen: Callable[[int], None]) -> None:
    """A frame that stays frozen is killed, and a new process takes its place."""

    async def scenario() -> None:
        async with paged(max_frames=1, ping_deadline_s=0.5, hang_kill_s=0.5) as p:
            await p.add("a", "n0")
            _, pid = await p.host_of("a")
            frozen(pid)
            await p.add("a", "n1", timeout_s=30)
            assert (await p.host_of("a"))[1] != pid
            assert await p.texts("a") == ["n0", "n1"]

    asyncio.run(scenario())


def test_frozen_frame_that_holds_a_cubes_lock_is_killed_soon(paged: Paged, frozen: Callable[[int], None]) -> None:
    """Nobody else can attach the cube while the frozen process lives: it is not left to ``hang_kill_s``."""

    def hold(database: Path, pid: int, held: threading.Event) -> None:
        """Hold the cube's lock for as long as the process lives, as if it had been frozen within an attach."""
        with database.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            held.set()
            with contextlib.suppress(psutil.NoSuchProcess):
                while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)

    async def scenario() -> None:
        async with paged(max_frames=2, hang_kill_s=60.0) as p:
            await p.add("a", "n0")
            await p.until(lambda status: status.frames == 2 or status.starting == 0)
            _, pid = await p.host_of("a")
            frozen(pid)
            held = threading.Event()
            (database,) = p.root.rglob("*.db")
            holding = asyncio.create_task(asyncio.to_thread(hold, database, pid, held))
            await asyncio.to_thread(held.wait)
            began = asyncio.get_running_loop().time()
            await p.add("a", "n1", timeout_s=20)
            # 0.25 s until the directory is asked, a ping's deadline of 1 s, and 1 s of an attach that does not end.
            assert asyncio.get_running_loop().time() - began < 4
            await holding
            assert await p.texts("a") == ["n0", "n1"]

    asyncio.run(scenario())


def _pid_of(name: str) -> int:
    from ray._private import state

    actor_id = ray.get_actor(name, NAMESPACE)._actor_id.hex()
    return int(state.actors()[actor_id]["Pid"])
