"""What a subscriber asks for, checked; and the source that it means, ready to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.governance import Access
from memcube.actors.store.cube_feed import CubeFeed, ReadsCubes, incarnation_of
from memcube.actors.store.cursor import Cursors
from memcube.actors.store.feed import TopicFeed
from memcube.actors.store.hub import Hub
from memcube.actors.store.right import Right, may
from memcube.actors.store.selecting import Selected, selected_by
from memcube.actors.store.signal import Signal
from memcube.actors.store.source import SourceRef
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.ids import Principal, check_name
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["BATCH_BYTES", "MAX_EVENTS", "Feed", "Opener", "Wanted", "attached", "detached", "settings_of", "wanted_of"]

BATCH_BYTES = 256 << 10
DEFAULT_EVENTS, MAX_EVENTS = 64, 512
DEFAULT_PROGRESS_S = 10.0

Feed = TopicFeed | CubeFeed


@dataclass(frozen=True, slots=True)
class Wanted:
    """One subscription's wishes."""

    source: SourceRef
    group: str
    start: int
    cursor: str
    start_us: int
    selected: Selected
    max_events: int
    settings: list[Any] | None
    progress_s: float


def wanted_of(tenant: str, request: pb.SubscribeRequest.Open | pb.FetchRequest) -> Wanted:
    """What an Open or a Fetch says; raises InvalidArgumentError naming the field."""
    source = SourceRef.of(tenant, request.topic, request.cube_id)
    group = check_name("group", request.group) if request.group else ""
    if request.max_events > MAX_EVENTS:
        raise InvalidArgumentError("max_events", f"{request.max_events} is over {MAX_EVENTS}")
    if group and request.start == pb.START_CURSOR:
        raise InvalidArgumentError("start", "a group holds its place itself: there is no cursor")
    if bool(request.cursor) != (request.start == pb.START_CURSOR):
        raise InvalidArgumentError("cursor", "goes with the start START_CURSOR, and only with that")
    if request.HasField("start_time") != (request.start == pb.START_TIME):
        raise InvalidArgumentError("start_time", "goes with the start START_TIME, and only with that")
    if request.start not in pb.Start.values():
        raise InvalidArgumentError("start", f"{request.start} is none that is known here")
    if request.HasField("settings") and not group:
        raise InvalidArgumentError("settings", "are a group's; this is a watch")
    progress_s = request.progress_s if isinstance(request, pb.SubscribeRequest.Open) else 0.0
    if progress_s and not 0.1 <= progress_s <= 3600:
        raise InvalidArgumentError("progress_s", f"{progress_s:g} is not within 0.1 to 3600")
    start_us = 0
    if request.HasField("start_time"):
        start_us = int(from_timestamp("start_time", request.start_time).timestamp() * 1e6)
    return Wanted(
        source,
        group,
        request.start,
        request.cursor,
        start_us,
        selected_by(request.selection, is_cube=source.is_cube),
        request.max_events or DEFAULT_EVENTS,
        settings_of(request.settings) if request.HasField("settings") else None,
        progress_s or DEFAULT_PROGRESS_S,
    )


def settings_of(settings: pb.GroupSettings) -> list[Any]:
    """A group's settings for the store, which checks their bounds."""
    for name, values in (("ack_wait_s", [settings.ack_wait_s]), ("backoff_s", settings.backoff_s)):
        if not all(map(math.isfinite, values)):
            raise InvalidArgumentError(f"settings.{name}", "is no number")
    return [settings.ack_wait_s or 30.0, settings.max_deliver or 5, list(settings.backoff_s)]


class Opener:
    """Finds the sources that requests mean; of one gateway."""

    def __init__(self, hub: Hub, router: ReadsCubes, access: Access) -> None:
        self.hub = hub
        self.access = access
        self._router = router

    async def feed(self, source: SourceRef, right: Right) -> Feed:
        """The source, for a subscriber who may; raises NotFoundError alike where it may not and where it is not there."""
        principal = right.check()
        if not source.is_cube:
            return await self.hub.feeds.of(source)
        incarnation, head = await incarnation_of(self._router, source.cube, principal)

        def call(request: bytes) -> Call:
            principal = right.check()
            rule = self.access.rule(principal, "read_events", source.cube)
            return Call("read_events", request, principal, rule=rule)

        return CubeFeed(self._router, source, incarnation, head, call)

    async def identity(self, source: SourceRef, principal: Principal, verb: str) -> tuple[bytes, int, int]:
        """(incarnation, low, head) of a source for a unary call; raises NotFoundError as ``feed`` does."""
        if not may(self.access, principal, verb, source):
            raise NotFoundError(source.kind, source.name)
        if source.is_cube:
            incarnation, head = await incarnation_of(self._router, source.cube, principal)
            return incarnation, 1, head
        shown: Sequence[Any] = await self.hub.store.ask("topic", source.tenant, source.name)
        return bytes(shown[8]), shown[5], shown[6]

    async def cursors(self, wanted: Wanted, feed: Feed, principal: Principal) -> Cursors:
        """Makes and reads the cursors of a watch."""
        key = await self.hub.cursor_key()
        return Cursors(key, wanted.source, feed.incarnation, principal.id, wanted.selected.digest)

    async def first_seq(self, wanted: Wanted, feed: Feed, cursors: Cursors | None) -> int:
        """The first event that a subscription wants. Raises InvalidArgumentError for a cursor that is not its own."""
        if wanted.start == pb.START_CURSOR and cursors is not None:
            seq = cursors.read(wanted.cursor)
            if seq > feed.head:
                problem = f"is behind event {seq}, the {wanted.source.kind} ends at {feed.head}: it was set back since"
                raise InvalidArgumentError("cursor", problem)
            return seq + 1
        if wanted.start == pb.START_EARLIEST or (wanted.start == pb.START_UNSPECIFIED and wanted.group):
            return feed.low
        if wanted.start == pb.START_TIME:
            return await self._seq_at(wanted, feed)
        return feed.head + 1

    async def _seq_at(self, wanted: Wanted, feed: Feed) -> int:
        source = wanted.source
        if isinstance(feed, TopicFeed):
            seq: int = await self.hub.store.ask("seq_at", source.tenant, source.name, wanted.start_us, within_s=30.0)
            return seq
        # Times of a journal never fall back by more than clocks do: the first at or behind it, by halving.
        low, high = 1, feed.head + 1
        while low < high:
            middle = (low + high) // 2
            page = await feed.read(middle, BATCH_BYTES)
            time = page.units[0].entries[0].event.recorded_at if page.units and page.units[0].entries else None
            if time is None or time.seconds * 1_000_000 + time.nanos // 1000 >= wanted.start_us:
                high = middle
            else:
                low = middle + 1
        return low


def attached(hub: Hub, feed: Feed, signal: Signal) -> None:
    """Have a stream told of what comes."""
    if isinstance(feed, TopicFeed):
        feed.attach(signal)
    else:
        hub.watch(feed.source.cube, feed, signal)


def detached(hub: Hub, feed: Feed, signal: Signal) -> None:
    """Tell it no more."""
    if isinstance(feed, TopicFeed):
        feed.detach(signal)
    else:
        hub.unwatch(feed.source.cube, feed, signal)
