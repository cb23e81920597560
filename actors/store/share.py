"""A subscriber of a group: takes what the store deals out, sends it, and passes on what the subscriber says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from memcube.actors.store.client import Store
from memcube.actors.store.cube_feed import CubeFeed
from memcube.actors.store.opening import BATCH_BYTES, Feed, Wanted
from memcube.actors.store.stream import Stream
from memcube.actors.store.wire import Entry, batch_frame, with_attempt
from memcube.model.errors import InvalidArgumentError, UnavailableError
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Share", "Taker", "delay_of"]

TAKE_S = 5.0
"""So long the store is asked to wait for something to deal out; it answers at once when there is."""
LOOK_S = 0.4
"""So often a cube's group is asked for what comes again: its events are not the store's."""
MAX_DELAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What the store dealt out: events with their deliveries, dead letters, gaps."""

    entries: list[Entry]
    dead: list[tuple[int, int]]
    gaps: list[tuple[int, int]]


class Taker:
    """One group's side of the store for one subscriber; of streams and of single calls alike."""

    def __init__(self, store: Store, wanted: Wanted, feed: Feed) -> None:
        self._store = store
        self._wanted = wanted
        self._feed = feed
        self._name = (wanted.source.tenant, wanted.source.text, wanted.group, feed.incarnation)

    async def join(self, next_seq: int) -> None:
        """Make the group where there is none, or give it the settings that are asked for."""
        await self._store.ask("join", *self._name, self._wanted.settings, next_seq)

    async def take(self, limit: int, wait_s: float) -> Taken:
        """Up to ``limit`` deliveries; events that are not wanted are settled on the way."""
        feed = self._feed
        low, head = 1, -1
        if isinstance(feed, CubeFeed):
            if feed.stale:
                await self._look(feed)
            head, wait_s = feed.head, 0.0
        taken, dead, gaps = await self._store.ask("take", *self._name, limit, low, head, wait_s, within_s=wait_s + 10.0)
        entries = await self._events([(seq, attempt) for seq, attempt in taken])
        return Taken(entries, [(one[0], one[1]) for one in dead], [(one[0], one[1]) for one in gaps])

    async def _look(self, feed: CubeFeed) -> None:
        """Learn how far the cube goes."""
        while feed.stale:
            await feed.read(feed.head + 1, BATCH_BYTES)

    async def _events(self, taken: Sequence[tuple[int, int]]) -> list[Entry]:
        attempts = dict(taken)
        found: list[Entry] = []
        passed: list[tuple[int, int]] = []
        for first, last in _runs(sorted(attempts)):
            at = first
            while at <= last:
                page = await self._feed.find(at, BATCH_BYTES)
                read = [entry for unit in page.units for entry in unit.entries if at <= entry.seq <= last]
                # What the source has, and did not give: a place that a repair could not save, or, of a cube, a memory
                # that this subscriber may not see. A topic gives all that is above its low.
                upto = min(last, page.units[-1].last_seq) if page.units else self._end_of_nothing(at, last, page.low)
                given = {entry.seq: entry for entry in read}
                for seq in range(at, upto + 1):
                    entry = given.get(seq)
                    if entry is not None and (self._wanted.selected.all or self._wanted.selected.wants(entry.event)):
                        found.append(with_attempt(entry, attempts[seq]))
                    else:
                        passed.append((seq, attempts[seq]))
                at = upto + 1
        if passed:
            await self._store.ask("settle", *self._name, "ack", passed, None, "")
        return found

    def _end_of_nothing(self, at: int, last: int, low: int) -> int:
        """How far nothing goes, where a read gave no events."""
        if isinstance(self._feed, CubeFeed):
            return last
        if at < low:
            return min(last, low - 1)
        # Dealt out by the store, which does not have it: not to be taken for settled. It is delivered again.
        raise UnavailableError(f"event {at} of the {self._wanted.source.kind} {self._wanted.source.name}", 0.2)

    async def settle(self, kind: str, deliveries: Iterable[pb.Delivery], seconds: float | None, reason: str) -> Any:
        """Pass on answers: [how many counted, those that did not]."""
        pairs = [(one.seq, one.attempt) for one in deliveries]
        return await self._store.ask("settle", *self._name, kind, pairs, seconds, reason)


def delay_of(field: str, seconds: float) -> float:
    """A pause that a subscriber asks for; raises InvalidArgumentError(field)."""
    if not isfinite(seconds) or not 0 <= seconds <= MAX_DELAY_S:
        raise InvalidArgumentError(field, f"{seconds:g} is not within 0 to {MAX_DELAY_S:g}")
    return seconds


class Share:
    """One subscriber's stream of a group."""

    def __init__(self, stream: Stream, wanted: Wanted, feed: Feed, taker: Taker, right: Callable[[], object]) -> None:
        self._stream = stream
        self._wanted = wanted
        self._feed = feed
        self._taker = taker
        self._right = right

    async def frames(self) -> AsyncIterator[bytes]:
        """What is sent, until the stream ends; raises MemCubeError for why it does."""
        stream = self._stream
        taking: asyncio.Task[Taken] | None = None
        try:
            while True:
                while stream.out:
                    yield stream.said()
                if stream.ended is not None:
                    raise stream.ended
                if taking is None and stream.has_credit:
                    limit = min(self._wanted.max_events, stream.events)
                    taking = asyncio.create_task(self._taker.take(limit, TAKE_S))
                    taking.add_done_callback(lambda _: stream.signal.set())
                if taking is not None and taking.done():
                    taken, taking = taking.result(), None
                    for frame in self._frames_of(taken):
                        self._right()
                        yield frame
                    if not taken.entries and isinstance(self._feed, CubeFeed) and not self._feed.stale:
                        await stream.signal.wait(LOOK_S)
                    continue
                await stream.signal.wait(TAKE_S)
        finally:
            if taking is not None:
                taking.cancel()

    def _frames_of(self, taken: Taken) -> Iterable[bytes]:
        for first, last in taken.gaps:
            gap = pb.Gap(from_seq=first, to_seq=last, reason=pb.GAP_REASON_RETENTION)
            yield pb.SubscribeResponse(missing=pb.SubscribeResponse.Missing(gap=gap)).SerializeToString()
        if taken.dead:
            deliveries = [pb.Delivery(seq=seq, attempt=attempts) for seq, attempts in taken.dead]
            yield pb.SubscribeResponse(dead=pb.SubscribeResponse.Dead(deliveries=deliveries)).SerializeToString()
        batch: list[Entry] = []
        size = 0
        for entry in taken.entries:
            if batch and size + len(entry.field) > BATCH_BYTES:
                yield self._batch(batch, size)
                batch, size = [], 0
            batch.append(entry)
            size += len(entry.field)
        if batch:
            yield self._batch(batch, size)

    def _batch(self, batch: Sequence[Entry], size: int) -> bytes:
        self._stream.spend(len(batch), size)
        return batch_frame(batch, "", batch[-1].seq)

    async def answer(self, request: pb.SubscribeRequest) -> pb.SubscribeResponse:
        """What came of an Ack, Nack or Extend; raises MemCubeError."""
        kind = str(request.WhichOneof("kind"))
        said = getattr(request, kind)
        self._right()
        seconds: float | None = None
        if kind == "nack" and said.HasField("delay_s"):
            seconds = delay_of("nack.delay_s", said.delay_s)
        elif kind == "extend":
            seconds = delay_of("extend.for_s", said.for_s)
        reason = said.reason if kind == "nack" else ""
        count, stale = await self._taker.settle(kind, said.deliveries, seconds, reason)
        settled = pb.SubscribeResponse.Settled(
            number=said.number, settled=count, stale=[pb.Delivery(seq=seq, attempt=attempt) for seq, attempt in stale]
        )
        return pb.SubscribeResponse(settled=settled)


def _runs(seqs: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Consecutive numbers as (first, last)."""
    first = last = -1
    for seq in seqs:
        if seq == last + 1:
            last = seq
            continue
        if first >= 0:
            yield first, last
        first = last = seq
    if first >= 0:
        yield first, last
