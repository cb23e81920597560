"""The Ray shell of the store: the detached actor ``store`` of the namespace ``memcube``, which owns the topics' files.

Killed, it is started again by Ray, takes the folder's lock, which the kernel freed, and reads what is there.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from memcube.actors.cube.actor import line_folder
from memcube.actors.cube.incident import incident
from memcube.actors.line import serve_line
from memcube.actors.store.client import NAMESPACE, STORE
from memcube.actors.store.codec import pack_answer, pack_error, unpack_asked
from memcube.actors.store.config import StoreConfig
from memcube.actors.store.desk import StoreDesk
from memcube.model.errors import MemCubeError

__all__ = ["MemStore", "MemStoreActor", "StoreRecipe", "start_store"]

logger = logging.getLogger("memcube.store")
CALLS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class StoreRecipe:
    """What the store is made of, inside its process."""

    root: Path
    config: StoreConfig = field(default_factory=StoreConfig)


class MemStore:
    """The store, with a constructor that Ray can run again."""

    def __init__(self, recipe: StoreRecipe) -> None:
        self._desk = StoreDesk(recipe.root, recipe.config)
        self._line: asyncio.Server | None = None
        # Ray runs the constructor of an actor with async methods in its event loop.
        self._starting = asyncio.ensure_future(self._start())
        if ray.get_runtime_context().was_current_actor_reconstructed:
            # Nobody waits for ``ready`` any more: a restart that can't take the folder ends, and Ray tries again.
            self._starting.add_done_callback(_end_unless_started)

    async def _start(self) -> None:
        await self._desk.start()
        try:
            self._line = await serve_line(line_folder() / STORE, self.answer_bytes)
        except OSError as error:
            logger.warning("no direct line to the store, Ray carries the calls: %s", error)

    async def ready(self) -> None:
        """Wait until it takes calls; raises what kept it from that."""
        await asyncio.shield(self._starting)

    async def answer_bytes(self, message: bytes) -> bytes:
        """One operation (``codec.pack_asked``); errors travel as bytes, an exception through Ray costs more."""
        await asyncio.shield(self._starting)
        operation, arguments = unpack_asked(message)
        try:
            return pack_answer(await self._desk.answer(operation, arguments))
        except MemCubeError as error:
            return pack_error(error)
        except Exception as error:  # noqa: BLE001 - a defect of one call ends no other
            return pack_error(incident(logger, error, f"in the store's {operation}"))

    async def drain(self) -> None:
        """Let go of the files. The actor is to be killed after that."""
        await asyncio.shield(self._starting)
        if self._line is not None:
            self._line.close()
        await self._desk.stop()


MemStoreActor = ray.remote(MemStore)


def _end_unless_started(starting: asyncio.Future[None]) -> None:
    if starting.cancelled() or starting.exception() is not None:
        logger.error("the store could not start again", exc_info=starting.exception())
        os._exit(1)


def start_store(recipe: StoreRecipe, **options: Any) -> Any:
    """Start the store in the present Ray cluster, or find the one that runs; returns its actor handle.

    Called by the start code with Ray initialised; ``options`` are further ones of Ray's. Detached, unlimited restarts.
    """
    return MemStoreActor.options(
        **{
            "name": STORE,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "max_task_retries": 0,
            "max_concurrency": CALLS_AT_ONCE,
            "num_cpus": 0,
            **options,
        }
    ).remote(recipe)
