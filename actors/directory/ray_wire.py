"""The wire and the fleet on Ray: named actors of the namespace ``memcube``, called with no retries of Ray's own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import ray
from ray.exceptions import ActorDiedError, RayError, RayTaskError
from ray.util import list_named_actors
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from memcube.actors.cube.actor import FrameRecipe, MemCubeActor, line_folder
from memcube.actors.cube.incident import incident
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.line_wire import DIRECT, LineWire
from memcube.actors.directory.wire import NAMESPACE
from memcube.model.errors import MemCubeError, UnavailableError

__all__ = ["RayFleet", "RayWire"]

logger = logging.getLogger(__name__)
FRAME_PREFIX = "frame-"
CALLS_AT_ONCE = 1000


class RayWire:
    """See ``wire.Wire``. Handles are looked up once and kept: an actor that Ray restarts keeps its handle."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        try:
            handle = self._handles.get(actor)
            if handle is None:
                handle = self._handles[actor] = ray.get_actor(actor, NAMESPACE)
            source: concurrent.futures.Future[Any] = getattr(handle, method).remote(*args).future()
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._fail(actor, answer, error)
            return answer

        def landed(source: concurrent.futures.Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._settle, actor, answer, source)

        source.add_done_callback(landed)
        return answer

    def close(self) -> None:
        """See ``Wire.close``: Ray keeps its own connections."""
        self._handles.clear()

    def _settle(self, actor: str, answer: asyncio.Future[Any], source: concurrent.futures.Future[Any]) -> None:
        error = source.exception()
        if error is not None:
            self._fail(actor, answer, error)
        elif not answer.done():
            answer.set_result(source.result())

    def _fail(self, actor: str, answer: asyncio.Future[Any], error: BaseException) -> None:
        if isinstance(error, ActorDiedError):
            # Dead for good: the next one of this name has another handle.
            self._handles.pop(actor, None)
        if not answer.done():
            answer.set_exception(_translate(actor, error))


def _translate(actor: str, error: BaseException) -> MemCubeError:
    if isinstance(error, RayTaskError):
        if isinstance(error.cause, MemCubeError):
            return error.cause
        return incident(logger, error, f"in {actor}")
    return UnavailableError(actor, 0.2)


class RayFleet(RayWire):
    """See ``wire.Fleet``: frames on the directory's own node, where the vault's files are."""

    def __init__(self, recipe: FrameRecipe, config: DirectoryConfig) -> None:
        super().__init__()
        # A frame's right to answer reads must end before its cubes may be given to another.
        lease_s = min(recipe.config.lease_s, 0.8 * config.ping_deadline_s)
        frame = replace(recipe.config, slots=config.cubes_per_frame, lease_s=lease_s)
        self._recipe = replace(recipe, config=frame)
        self._processes: dict[str, psutil.Process] = {}
        self._lines = LineWire(RayWire(), line_folder())

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``; attaches go by the frame's direct line once there is one."""
        return self._lines.send(actor, method, *args) if method in DIRECT else super().send(actor, method, *args)

    async def running(self) -> list[str]:
        """See ``Fleet.running``."""
        named = await asyncio.to_thread(list_named_actors, all_namespaces=True)
        mine = [row["name"] for row in named if row["namespace"] == NAMESPACE]
        return sorted(name for name in mine if name.startswith(FRAME_PREFIX))

    async def start(self, frame: str) -> None:
        """See ``Fleet.start``. Detached: frames outlive the directory that started them."""
        node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = MemCubeActor.options(
            name=frame,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=CALLS_AT_ONCE,
            num_cpus=0,
            scheduling_strategy=node,
        )
        self._handles[frame] = await asyncio.to_thread(options.remote, self._recipe)

    async def kill(self, frame: str, *, restart: bool) -> None:
        """See ``Fleet.kill``. By a signal where the process is known: Ray asks it first, and a frozen one is asked for
        5 s. Ray sees its end, and starts it again."""
        process = self._processes.pop(frame, None)
        if restart and process is not None:
            # Looks whether the number is another process's by now.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                return
        handle = self._handles.get(frame)
        if not restart:
            self._handles.pop(frame, None)
        if handle is not None:
            await asyncio.to_thread(ray.kill, handle, no_restart=not restart)

    def watch(self, frame: str, pid: int, on_end: Callable[[], None]) -> Callable[[], None]:
        """See ``Fleet.watch``: a pidfd tells of a process's end 1.5 s before Ray does. Linux only; else pings tell."""
        loop = asyncio.get_running_loop()
        try:
            process = psutil.Process(pid)
            fd = os.pidfd_open(pid)
        except (AttributeError, OSError, psutil.NoSuchProcess):
            return lambda: None

        def unwatch() -> None:
            nonlocal fd
            if fd >= 0:
                loop.remove_reader(fd)
                os.close(fd)
                fd = -1

        def ended() -> None:
            self._processes.pop(frame, None)
            unwatch()
            on_end()

        self._processes[frame] = process
        loop.add_reader(fd, ended)
        return unwatch
