"""A cube as a subscriber reads it: its journal, by number, with the subscriber's own rights.

What a request changed is one unit. Whether there is something new is told by hints (``hub.Hub``); the numbers of the
journal, not the hints, make sure that nothing is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol

from memcube.actors.cube.call import Call
from memcube.actors.store.feed import Page
from memcube.actors.store.source import SourceRef
from memcube.actors.store.wire import Entry, Unit
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import event_pb2, service_pb2
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["CubeFeed", "ReadsCubes", "incarnation_of"]

PAGE_EVENTS, PAGE_BYTES = 500, 7 << 20
"""A page of the journal that is as large may end in the midst of a request's events."""
READ_S = 20.0


class ReadsCubes(Protocol):
    """The way to the cubes, as ``gateway.seam.Router`` has it."""

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """The serialized response of a read."""


async def incarnation_of(router: ReadsCubes, ref: CubeRef, principal: Principal) -> tuple[bytes, int]:
    """What tells a cube from a later one of its name, and its head; raises NotFoundError."""
    asked = service_pb2.GetCubeRequest(cube_id=ref.cube_id).SerializeToString()
    # No rule: nothing of any memory is told.
    body = await router.read(ref, Call("get_cube", asked, principal), timeout_s=READ_S)
    cube = service_pb2.GetCubeResponse.FromString(body).cube
    made = cube.created_at.seconds * 1_000_000 + cube.created_at.nanos // 1000
    return (made & (1 << 64) - 1).to_bytes(8, "little"), cube.head


class CubeFeed:
    """One cube for one subscriber. ``call`` makes a call of a ReadEventsRequest, with the rights that they have now."""

    low = 1

    def __init__(
        self, router: ReadsCubes, source: SourceRef, incarnation: bytes, head: int, call: Callable[[bytes], Call]
    ) -> None:
        self.source = source
        self.incarnation = incarnation
        self.head = head
        self.stale = True
        """Whether there may be something new: set by hints, and now and then; a read that finds nothing ends it."""
        self._router = router
        self._call = call

    def check(self) -> None:
        """Nothing keeps a cube from being read but what the read itself says."""

    def has(self, seq: int) -> bool:
        """Whether a read from there may give something."""
        return self.stale or seq <= self.head

    async def find(self, seq: int, max_bytes: int) -> Page:
        """As ``read``."""
        return await self.read(seq, max_bytes)

    async def read(self, seq: int, max_bytes: int) -> Page:
        """Units from ``seq`` on; none where the journal ends before it."""
        # Set before: a hint that comes while this read is on its way is for the next one.
        self.stale = False
        asked = service_pb2.ReadEventsRequest(cube_id=self.source.name, from_seq=seq).SerializeToString()
        body = await self._router.read(self.source.cube, self._call(asked), timeout_s=READ_S)
        events = service_pb2.HistoryResponse.FromString(body).events
        units = _units_of(self.source, events)
        if len(events) >= PAGE_EVENTS or len(body) >= PAGE_BYTES:
            self.stale = True
            if len(units) > 1:
                units.pop()
        if units:
            self.head = max(self.head, units[-1].last_seq)
        return Page(1, self.head, units)


def _units_of(source: SourceRef, events: Sequence[event_pb2.Event]) -> list[Unit]:
    units: list[Unit] = []

    def request(event: event_pb2.Event) -> Any:
        return (event.idempotency_key, event.cause) if event.idempotency_key else event.seq

    for _, together in groupby(events, request):
        some = list(together)
        if some[0].kind == event_pb2.EVENT_KIND_UNSPECIFIED and not some[0].HasField("time"):
            units += [Unit(one.seq, one.seq, [], damaged=True) for one in some]
        else:
            units.append(Unit(some[0].seq, some[-1].seq, [_entry_of(source, one) for one in some]))
    return units


def _entry_of(source: SourceRef, event: event_pb2.Event) -> Entry:
    kind = event_pb2.EventKind.Name(event.kind) if event.kind in event_pb2.EventKind.values() else str(event.kind)
    made = pb.TopicEvent(
        id=f"{source.name}/{event.seq}"[-256:],
        source=source.text,
        type=f"memcube.{kind.removeprefix('EVENT_KIND_').lower()}",
        subject=event.item.id,
        time=event.time,
        seq=event.seq,
        recorded_at=event.time,
        principal_id=event.principal_id,
        memory=event,
    )
    return Entry(event.seq, made.SerializeToString())
