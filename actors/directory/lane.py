"""One cube's mutations on their way: a bounded queue from which batches are taken. Plain Python.

Order by construction: a cube has one lane, a lane has one batch in flight, and a batch is repeated until it is
answered before the next one is taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from memcube.actors.cube.call import Call
from memcube.model.ids import CubeRef

__all__ = ["Lane", "Queues", "Waiting"]


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits in a router at one moment; the gateway's metrics show each number."""

    mutations_waiting: int
    """Mutations in lanes, those on their way to a frame not counted."""
    longest_lane: int
    """Mutations that wait for one cube, the most of all cubes."""
    lanes: int
    """Cubes with mutations waiting or on their way."""
    bytes_waiting: int = 0
    """Of the requests of all mutations that are not answered yet."""
    reads_waiting: int = 0
    """Reads held back because as many as may are on their way."""


@dataclass(slots=True, eq=False)
class Waiting:
    """One mutation, its caller's future and its deadline (``loop.time()`` seconds)."""

    call: Call
    create: bool
    answer: asyncio.Future[bytes]
    timeout_s: float
    deadline_s: float

    @property
    def size_bytes(self) -> int:
        """What it counts against byte bounds."""
        return len(self.call.request)


class Lane:
    """The queue of one cube."""

    def __init__(self, ref: CubeRef) -> None:
        self.ref = ref
        self.running = False
        """Whether someone drives the lane; set by the router."""
        self._queue: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, waiting: Waiting) -> None:
        """Append a call."""
        self._queue.append(waiting)

    def take_all(self) -> list[Waiting]:
        """Everything that waits; the lane is empty then."""
        everything = list(self._queue)
        self._queue.clear()
        return everything

    def take(self, max_calls: int, max_bytes: int) -> list[Waiting]:
        """The next batch, in order; at least one call if any waits. Calls whose caller is gone are left out."""
        batch: list[Waiting] = []
        size_bytes = 0
        while self._queue and len(batch) < max_calls:
            size_bytes += self._queue[0].size_bytes
            if batch and size_bytes > max_bytes:
                break
            waiting = self._queue.popleft()
            if waiting.answer.done():
                size_bytes -= waiting.size_bytes
            else:
                batch.append(waiting)
        return batch
