"""The records of a topic's log: what was published together, in one piece, with a checksum over every byte.

    head     checksum of the head and the producer's name · size of what follows · checksum of the rest · first seq ·
             count · time in µs · producer's epoch and pseq, digest of its request, length of its name · kind
    rest     producer's name · length of each event (4 bytes) · the events

A record is whole or it is not there: what is published together is read together, or was never acknowledged.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

__all__ = [
    "EVENTS",
    "HEAD_BYTES",
    "MAX_RECORD_BYTES",
    "PRODUCERS",
    "BadRecord",
    "Head",
    "encode",
    "events_of",
    "read_head",
]

_HEAD = struct.Struct("<IIIQIQQQIHH")
HEAD_BYTES = _HEAD.size
MAX_RECORD_BYTES = 64 << 20

EVENTS = 1
PRODUCERS = 2
"""What is known of producers when a segment begins, so that no earlier one has to be read to know it."""


class BadRecord(Exception):
    """What is there is no record that was ever written; ``short``: it ends before it is over."""

    def __init__(self, problem: str, *, short: bool = False) -> None:
        super().__init__(problem, short)
        self.problem = problem
        self.short = short


@dataclass(frozen=True, slots=True)
class Head:
    """A record's head. ``size`` is that of the whole record in bytes, ``body_at`` where the events' lengths begin."""

    size: int
    first_seq: int
    count: int
    time_us: int
    producer_epoch: int
    pseq: int
    producer: str
    digest: int
    kind: int
    body_crc: int
    body_at: int

    @property
    def last_seq(self) -> int:
        """The number of its last event; the one before the first where it has none."""
        return self.first_seq + self.count - 1


def encode(
    kind: int,
    first_seq: int,
    time_us: int,
    events: Sequence[bytes],
    producer: str = "",
    producer_epoch: int = 0,
    pseq: int = 0,
    digest: int = 0,
) -> bytes:
    """The bytes of a record. ``digest`` tells a retry of the producer's request from another request."""
    name = producer.encode()
    lengths = struct.pack(f"<{len(events)}I", *map(len, events))
    body = b"".join([lengths, *events])
    body_crc = zlib.crc32(body)
    size = len(name) + len(body)
    head = _HEAD.pack(0, size, body_crc, first_seq, len(events), time_us, producer_epoch, pseq, digest, len(name), kind)
    head_crc = zlib.crc32(name, zlib.crc32(head[4:]))
    return b"".join([head_crc.to_bytes(4, "little"), head[4:], name, body])


def read_head(data: bytes | memoryview, at: int) -> Head:
    """The head of the record at ``at``; raises BadRecord. Whether the rest is right says ``events_of``."""
    if len(data) - at < HEAD_BYTES:
        raise BadRecord("ends in the midst of a head", short=True)
    head_crc, size, body_crc, first_seq, count, time_us, epoch, pseq, digest, name_size, kind = _HEAD.unpack_from(
        data, at
    )
    name = bytes(data[at + HEAD_BYTES : at + HEAD_BYTES + name_size])
    if zlib.crc32(name, zlib.crc32(data[at + 4 : at + HEAD_BYTES])) != head_crc:
        raise BadRecord("the checksum of a head is wrong", short=len(name) < name_size)
    if size > MAX_RECORD_BYTES or name_size + 4 * count > size:
        raise BadRecord("a head names an impossible size")
    if at + HEAD_BYTES + size > len(data):
        raise BadRecord("ends in the midst of a record", short=True)
    try:
        producer = name.decode()
    except UnicodeDecodeError as error:
        raise BadRecord("a producer's name is no text") from error
    body_at = at + HEAD_BYTES + name_size
    return Head(HEAD_BYTES + size, first_seq, count, time_us, epoch, pseq, producer, digest, kind, body_crc, body_at)


def check_body(data: bytes | memoryview, at: int, head: Head) -> None:
    """Raise BadRecord unless every byte of the record's events is what was written."""
    if zlib.crc32(data[head.body_at : at + head.size]) != head.body_crc:
        raise BadRecord("the checksum of a record's events is wrong")


def events_of(data: bytes | memoryview, at: int, head: Head) -> list[bytes]:
    """The events of the record at ``at``, every byte checked; raises BadRecord."""
    check_body(data, at, head)
    lengths = struct.unpack_from(f"<{head.count}I", data, head.body_at)
    begin = head.body_at + 4 * head.count
    ends = list(accumulate(lengths, initial=begin))
    if ends[-1] != at + head.size:
        raise BadRecord("the lengths of a record's events do not add up")
    view = bytes(data[begin : ends[-1]])
    return [view[start - begin : end - begin] for start, end in pairwise(ends)]
