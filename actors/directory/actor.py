"""The Ray shell of the directory: the actor "directory", and how others reach it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import ray

from memcube.actors.cube.actor import FrameRecipe, line_folder
from memcube.actors.directory import directory
from memcube.actors.directory.config import DirectoryConfig, RouterConfig
from memcube.actors.directory.line_wire import DIRECT, LineWire
from memcube.actors.directory.ray_wire import RayFleet, RayWire
from memcube.actors.directory.router import CubeRouter
from memcube.actors.directory.wire import DIRECTORY, NAMESPACE
from memcube.actors.line import serve_line

__all__ = ["CubeDirectory", "CubeDirectoryActor", "connect_router", "start_directory"]

logger = logging.getLogger(__name__)
CALLS_AT_ONCE = 4096


class CubeDirectory(directory.CubeDirectory):
    """The directory, with a constructor that Ray can run again: it then takes over the frames that run."""

    def __init__(self, recipe: FrameRecipe, config: DirectoryConfig) -> None:
        # Ray ships this class by value, where the cell behind a bare super() is another class.
        directory.CubeDirectory.__init__(self, recipe.open_vault(), RayFleet(recipe, config), config)
        self._line: asyncio.Server | None = None
        # Ray runs the constructor of an actor with async methods in its event loop.
        self._starting = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        try:
            self._line = await serve_line(line_folder() / DIRECTORY, self._answer_line)
        except OSError as error:
            logger.warning("no direct line to the directory, Ray carries the calls: %s", error)
        await self.start()

    async def _answer_line(self, message: bytes) -> bytes:
        if message[:1] != DIRECT["resolve"]:
            raise ValueError(f"{message[:1]!r} is not the directory's")
        return await self.resolve(message[1:])


CubeDirectoryActor = ray.remote(CubeDirectory)


def start_directory(recipe: FrameRecipe, config: DirectoryConfig | None = None) -> Any:
    """Start the directory in the present Ray cluster, or find the one that runs; returns its actor handle.

    Called by the start code with Ray initialised. Detached, with unlimited restarts, on the caller's node. It starts
    its spare frames at once; ``status`` (of a ``CubeRouter``) says how far they are.
    """
    return CubeDirectoryActor.options(
        name=DIRECTORY,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=CALLS_AT_ONCE,
        num_cpus=0,
    ).remote(recipe, config or DirectoryConfig())


def connect_router(config: RouterConfig | None = None, *, direct: bool = True) -> CubeRouter:
    """A router for one event loop of a process that is connected to Ray, e.g. the gateway's actor.

    ``direct``: calls go by direct lines to frames on this machine; without, all of them go by Ray.
    """
    wire = RayWire()
    return CubeRouter(LineWire(wire, line_folder()) if direct else wire, config)
