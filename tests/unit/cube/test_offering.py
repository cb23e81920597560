"""What a cube has to be done is told to the scheduler until it is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memcube.actors.cube import offering
from memcube.actors.cube.offering import Offering, Row
from memcube.actors.cube.task import HeldTask
from memcube.model.errors import UnavailableError
from memcube.model.ids import CubeRef

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALICE = CubeRef("acme", "user:alice")


class Scheduler:
    """Hears what it is told, after the troubles that are left."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = [*troubles]
        self.heard: list[list[str]] = []

    async def offer(self, ref: CubeRef, rows: Sequence[Row]) -> None:
        """See ``TakesOffers``."""
        assert ref == ALICE
        if self.troubles:
            raise self.troubles.pop(0)
        self.heard.append([name for name, _, _ in rows])


def task(name: str) -> HeldTask:
    """A task that waits."""
    return HeldTask.new(name, ALICE.cube_id, "mem_read", ["m"], NOW)


def test_it_is_told_until_it_is_heard_and_later_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails on the way, a defect too; what changes meanwhile is told as it is then, what ended not at all."""
    monkeypatch.setattr(offering, "GATHER_S", 0.0)
    monkeypatch.setattr(offering, "FIRST_BACKOFF_S", 0.001)
    scheduler = Scheduler(UnavailableError("the scheduler"), RuntimeError("a defect"))

    async def body() -> None:
        offers = Offering(ALICE, scheduler)
        offers.add([task("a"), task("b"), task("c")])
        offers.add([replace(task("b"), wire=task("b").completed(NOW).wire)])
        async with asyncio.timeout(5):
            while not scheduler.heard:
                await asyncio.sleep(0.001)
            offers.add([task("d")])
            while len(scheduler.heard) < 2:
                await asyncio.sleep(0.001)

    asyncio.run(body())
    assert scheduler.heard == [["a", "c"], ["d"]]


def test_what_was_not_told_is_told_when_the_cube_is_let_go_of() -> None:
    """Once: its next frame, or the vault's list of pending cubes, tells it otherwise."""
    scheduler = Scheduler()

    async def body() -> None:
        offers = Offering(ALICE, scheduler)
        offers.add([task("a")])
        offers.close()
        await asyncio.sleep(0.01)

    asyncio.run(body())
    assert scheduler.heard == [["a"]]
