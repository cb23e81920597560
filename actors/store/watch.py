"""A watch: every event of a source in order, once, with a cursor to go on from. The server keeps nothing of it.

Nothing is read for a subscriber without credit, so one that is stalled costs its place in a table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from memcube.actors.store.cursor import Cursors
from memcube.actors.store.feed import Page
from memcube.actors.store.opening import BATCH_BYTES, MAX_EVENTS, Feed, Wanted
from memcube.actors.store.selecting import Selected
from memcube.actors.store.stream import Stream
from memcube.actors.store.wire import Entry, Unit, batch_frame
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Batch", "Watch", "batches_of"]

READ_BYTES = 512 << 10
BOOKMARK_S = 1.0
"""A cursor that moved over events that were not wanted is told so often at most."""


@dataclass(slots=True)
class Batch:
    """What one frame says: events up to ``upto``, or a gap before ``gap_to + 1``."""

    upto: int
    entries: list[Entry] = field(default_factory=list)
    size: int = 0
    continues: bool = False
    gap_from: int = 0
    gap_reason: int = 0


def batches_of(page: Page, seq: int, wanted: Wanted, room: Callable[[], tuple[int, int]]) -> Iterator[Batch]:
    """A page from ``seq`` on as frames: gaps, and batches of whole units within the bounds of a batch and ``room``.

    ``room`` says, before each batch, how many events and bytes there is credit for: none ends it. A unit is not cut to
    fit into it, so the last one may pass it. A batch without events says that what it passes over was not wanted.
    """
    if seq < page.low:
        yield Batch(page.low - 1, gap_from=seq, gap_reason=pb.GAP_REASON_RETENTION)
        return
    at = 0
    while at < len(page.units):
        events, size = room()
        if events <= 0 or size <= 0:
            return
        batch, at = _next_batch(page.units, at, seq, wanted.selected, min(events, wanted.max_events), size)
        seq = batch.upto + 1
        yield batch


def _next_batch(
    units: Sequence[Unit], at: int, seq: int, selected: Selected, most: int, most_bytes: int
) -> tuple[Batch, int]:
    batch = Batch(seq - 1)
    most_bytes = min(most_bytes, BATCH_BYTES)
    while at < len(units):
        unit = units[at]
        if unit.damaged:
            if batch.entries:
                break
            return Batch(unit.last_seq, gap_from=unit.first_seq, gap_reason=pb.GAP_REASON_DAMAGED), at + 1
        chosen = [one for one in unit.entries if one.seq >= seq and (selected.all or selected.wants(one.event))]
        size = sum(len(one.field) for one in chosen)
        if batch.entries and chosen and (len(batch.entries) + len(chosen) > most or batch.size + size > most_bytes):
            break
        if len(chosen) > MAX_EVENTS or size > BATCH_BYTES:
            part = _part(chosen)
            if len(part) < len(chosen):
                size = sum(len(one.field) for one in part)
                return Batch(part[-1].seq, part, size, continues=True), at
        batch.entries += chosen
        batch.size += size
        batch.upto = unit.last_seq
        at += 1
    return batch, at


def _part(entries: Sequence[Entry]) -> list[Entry]:
    """The first events of a unit that is larger than a batch: as many as fit into one, and one at least."""
    size = 0
    for count, one in enumerate(entries[:MAX_EVENTS]):
        size += len(one.field)
        if count and size > BATCH_BYTES:
            return list(entries[:count])
    return list(entries[:MAX_EVENTS])


class Watch:
    """One watch on its way. ``right`` raises when its holder may not read any more."""

    def __init__(
        self, stream: Stream, wanted: Wanted, feed: Feed, cursors: Cursors, next_seq: int, right: Callable[[], object]
    ) -> None:
        self._stream = stream
        self._wanted = wanted
        self._feed = feed
        self._cursors = cursors
        self._next = next_seq
        self._told = next_seq - 1
        """The place that the client's cursor names."""
        self._told_s = monotonic()
        self._right = right

    async def frames(self) -> AsyncIterator[bytes]:
        """What is sent, until the stream ends; raises MemCubeError for why it does."""
        stream, feed = self._stream, self._feed
        while True:
            while stream.out:
                yield stream.said()
            if stream.ended is not None:
                raise stream.ended
            feed.check()
            if stream.has_credit and (feed.has(self._next) or self._next < feed.low):
                page = await feed.read(self._next, READ_BYTES)
                # Asked for after the reading: what comes behind the loss of the right is never sent.
                self._right()
                moved = False
                for batch in batches_of(page, self._next, self._wanted, self._room):
                    moved = True
                    self._next = batch.upto + 1
                    if batch.gap_from:
                        yield self._missing(batch)
                    elif batch.entries:
                        yield self._batch(batch)
                        if stream.ended is not None:
                            break
                        self._right()
                if moved:
                    continue
            quiet_s = monotonic() - self._told_s
            wait_s = self._wanted.progress_s
            if self._told < self._next - 1:
                wait_s = min(wait_s, BOOKMARK_S)
            if quiet_s >= wait_s:
                self._right()
                yield self._progress()
                continue
            await stream.signal.wait(wait_s - quiet_s)

    def _room(self) -> tuple[int, int]:
        return self._stream.events, self._stream.bytes

    def _batch(self, batch: Batch) -> bytes:
        self._stream.spend(len(batch.entries), batch.size)
        cursor = self._cursor(batch.upto)
        return batch_frame(batch.entries, cursor, batch.upto, continues=batch.continues)

    def _missing(self, batch: Batch) -> bytes:
        gap = pb.Gap(from_seq=batch.gap_from, to_seq=batch.upto, reason=batch.gap_reason)  # type: ignore[arg-type]
        missing = pb.SubscribeResponse.Missing(gap=gap, cursor=self._cursor(batch.upto))
        return pb.SubscribeResponse(missing=missing).SerializeToString()

    def _progress(self) -> bytes:
        upto = self._next - 1
        progress = pb.SubscribeResponse.Progress(cursor=self._cursor(upto), upto_seq=upto)
        return pb.SubscribeResponse(progress=progress).SerializeToString()

    def _cursor(self, seq: int) -> str:
        self._told, self._told_s = seq, monotonic()
        return self._cursors.make(seq)
