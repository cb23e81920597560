"""The Ray shell of the scheduler: the detached actor ``scheduler`` of the namespace ``memcube``.

Imports neither torch nor ray.serve. Killed, it is started again by Ray, takes over the readers that run, and learns
anew from the vault which cubes have tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from memcube.actors.cube.offering import Row
from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.llm import LLMConfig, Prompt
from memcube.actors.reader.actor import RayCrew, ReaderRecipe
from memcube.actors.reader.reader import Asked
from memcube.actors.scheduler.client import SCHEDULER
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.desk import Desk
from memcube.actors.scheduler.job import Offer
from memcube.actors.scheduler.ledger import Ledger
from memcube.actors.vault.base import Vault
from memcube.model.ids import CubeRef

__all__ = ["MemScheduler", "MemSchedulerActor", "SchedulerRecipe", "start_scheduler"]

CALLS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class SchedulerRecipe:
    """What the scheduler is made of, inside its process; ``llm`` without an endpoint: it only has documents read."""

    open_vault: Callable[[], Vault]
    readers: ReaderRecipe
    kinds_with_model: frozenset[str]
    """Kinds of tasks that wait while there is no language model."""
    llm: LLMConfig = field(default_factory=LLMConfig)
    config: SchedulerConfig = field(default_factory=SchedulerConfig)
    ledger: Path | None = None
    """Where the tokens of the day are kept, so that a restart gives nobody a second day's; None = nowhere."""


class MemScheduler:
    """The scheduler, with a constructor that Ray can run again."""

    def __init__(self, recipe: SchedulerRecipe) -> None:
        readers = recipe.readers
        vault = recipe.open_vault()
        self._desk = Desk(
            recipe.config,
            recipe.llm,
            recipe.kinds_with_model,
            readers.open_cubes(),
            RayCrew(readers),
            lambda: vault.pending(),
            Ledger(recipe.ledger) if recipe.ledger is not None else None,
        )
        # Ray runs the constructor of an actor with async methods in its event loop.
        self._starting = asyncio.ensure_future(self._desk.start())

    async def ready(self) -> None:
        """Wait until it takes calls."""
        await asyncio.shield(self._starting)

    async def offer(self, tenant: str, cube_id: str, rows: list[Row]) -> None:
        """See ``Desk.offer``."""
        self._desk.offer(CubeRef(tenant, cube_id), [Offer(*row) for row in rows])

    async def ask(self, tenant: str, prompt: Prompt, within_s: float) -> Asked:
        """See ``Desk.asked``: an error comes as a value, as what it cost comes with it."""
        return await self._desk.asked(tenant, prompt, within_s)

    async def convert(self, tenant: str, name: str, media_type: str, data: Any, within_s: float) -> Any:
        """See ``Desk.convert``."""
        return await self._desk.convert(tenant, name, media_type, data, within_s)

    async def status(self, tenant: str) -> bytes:
        """See ``Desk.status``; a serialized SchedulerStatus."""
        return self._desk.status(tenant).SerializeToString()

    async def drain(self) -> None:
        """Let readers give their tasks back, and end them. The actor is to be killed after that."""
        await self._desk.stop()


MemSchedulerActor = ray.remote(MemScheduler)


def start_scheduler(recipe: SchedulerRecipe, **options: Any) -> Any:
    """Start the scheduler in the present Ray cluster, or find the one that runs; returns its actor handle.

    Called by the start code with Ray initialised; ``options`` are further ones of Ray's. Detached, with unlimited
    restarts. It begins at once, whether or not anybody waits for ``ready``.
    """
    return MemSchedulerActor.options(
        **{
            "name": SCHEDULER,
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
