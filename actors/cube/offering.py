"""Telling the scheduler what a cube has to be done: in the background, a moment after the commit, until it is heard.

Nothing depends on it: the scheduler finds pending cubes by the vault's list too, only later.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Protocol

from memcube.actors.cube.task import HeldTask
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef

__all__ = ["Offering", "Row", "TakesOffers"]

logger = logging.getLogger(__name__)

Row = tuple[str, str, float]
"""Id, kind, and Unix time from which on the task may be taken."""
GATHER_S = 0.2
"""What changes within so short a time is told together: a task that takes in message after message is due ever later."""
FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.5, 30.0
ROWS_AT_ONCE = 1000

_last_words: set[asyncio.Task[None]] = set()


class TakesOffers(Protocol):
    """The scheduler, as a frame sees it: ``actors.scheduler.client.SchedulerClient``."""

    async def offer(self, ref: CubeRef, rows: Sequence[Row]) -> None:
        """These tasks of a cube may be done. Raises UnavailableError or DeadlineError while it is away."""


class Offering:
    """Of one cube while it is in a frame; used in the frame's event loop."""

    def __init__(self, ref: CubeRef, scheduler: TakesOffers) -> None:
        self._ref = ref
        self._scheduler = scheduler
        self._rows: dict[str, Row] = {}
        self._telling: asyncio.Task[None] | None = None

    def add(self, tasks: Iterable[HeldTask]) -> None:
        """Tell of these tasks, as far as there is something to be done."""
        for held in tasks:
            if held.ended:
                self._rows.pop(held.id, None)
            else:
                self._rows[held.id] = (held.id, held.wire.kind, held.due_s)
        if self._rows and self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    def close(self) -> None:
        """The cube is let go of: what was not told yet is told once more, whatever comes of it."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._rows:
            last = asyncio.get_running_loop().create_task(self._tell_once(self._take()))
            _last_words.add(last)
            last.add_done_callback(_last_words.discard)

    async def _tell(self) -> None:
        failures = 0
        await asyncio.sleep(GATHER_S)
        while self._rows:
            rows = self._take()
            try:
                await self._scheduler.offer(self._ref, rows)
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is: who stops telling is never heard again
                failures += 1
                level = logging.INFO if isinstance(error, MemCubeError) else logging.ERROR
                logger.log(level, "the scheduler does not hear of cube %s, and is told again: %s", self._ref.key, error)
                for row in rows:
                    self._rows.setdefault(row[0], row)
                pause_s = min(FIRST_BACKOFF_S * 2 ** min(failures - 1, 10), LAST_BACKOFF_S)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
        self._telling = None

    async def _tell_once(self, rows: Sequence[Row]) -> None:
        try:
            await self._scheduler.offer(self._ref, rows)
        except MemCubeError as error:
            logger.info("the scheduler was not told of cube %s, and will find it: %s", self._ref.key, error)

    def _take(self) -> list[Row]:
        names = [*self._rows][:ROWS_AT_ONCE]
        return [self._rows.pop(name) for name in names]
