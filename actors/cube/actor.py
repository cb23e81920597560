"""The Ray shell of a frame: the detached actors ``frame-0``, ``frame-1``, … of the namespace ``memcube``.

The directory starts them. Imports neither torch nor pymilvus nor ray.serve: each would be paid for in every frame.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ray

from memcube.actors.cube import frame
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.known_model import EmbedsTexts
from memcube.actors.cube.offering import TakesOffers
from memcube.actors.directory.line_wire import DIRECT_METHODS
from memcube.actors.directory.placement import FrameReport
from memcube.actors.line import serve_line
from memcube.actors.vault.base import Vault

__all__ = ["FrameRecipe", "MemCube", "MemCubeActor", "line_folder"]

logger = logging.getLogger(__name__)


SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while another one waits for it."""


@dataclass(frozen=True, slots=True)
class FrameRecipe:
    """What a frame is made of, as callables that make it inside its process: module-level functions or partials."""

    open_vault: Callable[[], Vault]
    open_embedder: Callable[[], EmbedsTexts] | None = None
    config: FrameConfig = field(default_factory=FrameConfig)
    open_scheduler: Callable[[], TakesOffers] | None = None
    """Where tasks are offered; None: nowhere, because nobody does them."""


class MemCube(frame.MemCube):
    """The frame, with a constructor that Ray can run again in a new process."""

    def __init__(self, recipe: FrameRecipe) -> None:
        # What is imported stays: collections need not look at it, and pauses stay short beside a large cube.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        # An answer must not wait the usual 5 ms for a thread that loads or indexes.
        sys.setswitchinterval(SWITCH_S)
        embedder = recipe.open_embedder() if recipe.open_embedder is not None else None
        self._line: asyncio.Server | None = None
        self._line_tried = False
        # Ray ships this class by value, where the cell behind a bare super() is another class.
        scheduler = recipe.open_scheduler() if recipe.open_scheduler is not None else None
        frame.MemCube.__init__(self, recipe.open_vault(), embedder, recipe.config, scheduler)

    async def hosting(self) -> FrameReport:
        """See ``frame.MemCube.hosting``; the first one, which comes before any attach, opens the direct line."""
        if not self._line_tried:
            self._line_tried = True
            await self._open_line()
        return await frame.MemCube.hosting(self)

    async def _open_line(self) -> None:
        name = ray.get_runtime_context().get_actor_name()
        path = line_folder() / str(name)
        try:
            self._line = await serve_line(path, self._answer_line)
        except OSError as error:
            logger.warning("no direct line at %s, Ray carries the calls: %s", path, error)

    async def _answer_line(self, message: bytes) -> bytes:
        match DIRECT_METHODS[message[:1]]:
            case "mutate":
                return await self.mutate(message[1:])
            case "read":
                return await self.read(message[1:])
            case "attach":
                return await self.attach(message[1:])
            case method:
                raise ValueError(f"{method} is not a frame's")


def line_folder() -> Path:
    """Where processes of this Ray have their direct lines: beside Ray's own sockets, which go when Ray goes."""
    context = ray.get_runtime_context()
    return Path(context.get_temp_dir(), context.get_session_name(), "sockets")


MemCubeActor = ray.remote(MemCube)
"""Made by ``actors.directory.ray_fleet``; state comes from the vault, so a restarted one is an empty one."""
