"""Subscribers' messages as bytes, put together without parsing what is only passed on.

A protobuf message may be written field by field: events are stored as their publishers' bytes, and what the server
knows of them is set by adding fields at their end.
"""

from __future__ import annotations

from collections.abc import Sequence

from memcube.model.error_codec import error_to_detail
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Entry", "Unit", "batch_frame", "closed_frame", "stamped", "with_attempt"]

_SEQ, _RECORDED, _ATTEMPT = b"\xa0\x01", b"\xaa\x01", b"\xb8\x01"
_EVENT, _CURSOR, _UPTO, _CONTINUES, _BATCH = b"\x0a", b"\x12", b"\x18", b"\x20\x01", b"\x12"


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class Entry:
    """One event as it is sent: parsed only where something has to be known of it."""

    __slots__ = ("_event", "field", "raw", "seq")

    def __init__(self, seq: int, raw: bytes) -> None:
        self.seq = seq
        self.raw = raw
        self.field = _EVENT + varint(len(raw)) + raw
        """As a field of a batch."""
        self._event: pb.TopicEvent | None = None

    @property
    def event(self) -> pb.TopicEvent:
        """The event."""
        if self._event is None:
            self._event = pb.TopicEvent.FromString(self.raw)
        return self._event


class Unit:
    """Events that belong together; ``damaged``: a place in the source that a repair could not save."""

    __slots__ = ("damaged", "entries", "first_seq", "last_seq", "size")

    def __init__(self, first_seq: int, last_seq: int, entries: Sequence[Entry], *, damaged: bool = False) -> None:
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.entries = entries
        self.damaged = damaged
        self.size = sum(len(one.field) for one in entries)


def stamped(first_seq: int, time_us: int, events: Sequence[bytes]) -> Unit:
    """A topic's unit, its events with number and time."""
    seconds, micros = divmod(time_us, 1_000_000)
    stamp = b"\x08" + varint(seconds) + (b"\x10" + varint(micros * 1000) if micros else b"")
    recorded = _RECORDED + varint(len(stamp)) + stamp
    entries = [Entry(seq, b"".join((raw, _SEQ, varint(seq), recorded))) for seq, raw in enumerate(events, first_seq)]
    return Unit(first_seq, first_seq + len(events) - 1, entries)


def with_attempt(entry: Entry, attempt: int) -> Entry:
    """The same event as a group's delivery."""
    return Entry(entry.seq, entry.raw + _ATTEMPT + varint(attempt))


def batch_frame(entries: Sequence[Entry], cursor: str, upto_seq: int, *, continues: bool = False) -> bytes:
    """A SubscribeResponse with a batch."""
    parts = [one.field for one in entries]
    if cursor:
        parts.append(_CURSOR + varint(len(cursor)) + cursor.encode())
    parts.append(_UPTO + varint(upto_seq))
    if continues:
        parts.append(_CONTINUES)
    body = b"".join(parts)
    return _BATCH + varint(len(body)) + body


def closed_frame(error: MemCubeError) -> bytes:
    """A SubscribeResponse that ends a stream."""
    after_s = float(error.facts.get("retry_after_s", 0.0)) if error.RETRYABLE else 0.0
    closed = pb.SubscribeResponse.Closed(error=error_to_detail(error), retry_after_s=after_s)
    return pb.SubscribeResponse(closed=closed).SerializeToString()
