"""One file of a topic's log: a head, then records. Plain; every byte that is read is checked first."""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from memcube.actors.store.record import EVENTS, BadRecord, Head, check_body, events_of, read_head
from memcube.actors.vault.paths import sync_folder, write_all
from memcube.model.errors import DamagedError

__all__ = ["HEAD_BYTES", "Segment", "Unit", "segment_path"]

_HEAD = struct.Struct("<8s8sQQ")
HEAD_BYTES = _HEAD.size + 4
_MAGIC = b"MCTOPIC1"
INDEX_EVERY_BYTES = 16 << 10
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Unit:
    """What was published together: its events, numbered from ``first_seq`` on."""

    first_seq: int
    time_us: int
    events: list[bytes]

    @property
    def last_seq(self) -> int:
        """The number of the last one."""
        return self.first_seq + len(self.events) - 1


def segment_path(folder: Path, first_seq: int) -> Path:
    """The file of the segment that begins with this number."""
    return folder / f"{first_seq:020d}.log"


class Segment:
    """An open segment. ``end`` is where the next record goes: what lies behind it was never acknowledged.

    Its index knows the place of a record every 16 KiB; from there on records are walked.
    """

    def __init__(self, path: Path, descriptor: int, incarnation: bytes, first_seq: int, created_us: int) -> None:
        self.path = path
        self.incarnation = incarnation
        self.first_seq = first_seq
        self.created_us = created_us
        self.end = HEAD_BYTES
        self.next_seq = first_seq
        self.last_us = created_us
        self._descriptor = descriptor
        self._seqs = array("Q")
        self._places = array("Q")

    @classmethod
    def create(cls, folder: Path, incarnation: bytes, first_seq: int, created_us: int) -> Segment:
        """A new, empty one; durable when this returns. Raises OSError."""
        path = segment_path(folder, first_seq)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            head = _HEAD.pack(_MAGIC, incarnation, first_seq, created_us)
            write_all(descriptor, head + zlib.crc32(head).to_bytes(4, "little"))
            os.fsync(descriptor)
            sync_folder(folder)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, incarnation, first_seq, created_us)

    @classmethod
    def open(cls, path: Path, incarnation: bytes) -> Segment:
        """The segment in a file; its records are not looked at yet (``scan``). Raises OSError, DamagedError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        head = os.pread(descriptor, HEAD_BYTES, 0)
        problem = ""
        magic, of, first_seq, created_us = b"", b"", 0, 0
        if len(head) < HEAD_BYTES or zlib.crc32(head[:-4]) != int.from_bytes(head[-4:], "little"):
            problem = "the checksum of its head is wrong"
        else:
            magic, of, first_seq, created_us = _HEAD.unpack(head[:-4])
            if magic != _MAGIC:
                problem = "it is of no format that is known here"
            elif of != incarnation or path.name != segment_path(path.parent, first_seq).name:
                problem = "it belongs elsewhere"
        if problem:
            os.close(descriptor)
            raise DamagedError(str(path), problem)
        return cls(path, descriptor, incarnation, first_seq, created_us)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return os.fstat(self._descriptor).st_size

    def scan(self, upto: int | None = None) -> Iterator[tuple[int, Head, bytes]]:
        """Walk all records, checked, and index them: (place, head, the record's bytes).

        Raises BadRecord at the first thing that is none; ``end`` is where it lies then.
        """
        size = self.size_bytes if upto is None else upto
        while self.end < size:
            data = os.pread(self._descriptor, _CHUNK_BYTES, self.end)
            at = 0
            while at < len(data):
                try:
                    head = read_head(data, at)
                except BadRecord as bad:
                    if bad.short and self.end + len(data) - at < size:
                        if at:
                            break  # on with the next chunk, from this record on
                        data = os.pread(self._descriptor, size - self.end, self.end)
                        head = read_head(data, at)
                    else:
                        raise
                if head.first_seq != self.next_seq:
                    raise BadRecord(f"event {head.first_seq} stands where {self.next_seq} belongs")
                check_body(data, at, head)
                place = self.end
                yield place, head, data[at : at + head.size]
                self.added(head.size, head.first_seq, head.count if head.kind == EVENTS else 0, head.time_us)
                at += head.size

    def added(self, size: int, first_seq: int, count: int, time_us: int) -> None:
        """Note a record of so many bytes that now stands at ``end``."""
        if not self._places or self.end - self._places[-1] >= INDEX_EVERY_BYTES:
            self._seqs.append(first_seq)
            self._places.append(self.end)
        self.end += size
        self.next_seq = first_seq + count
        self.last_us = time_us

    def write(self, data: bytes) -> None:
        """Put records behind ``end`` and make them durable; ``added`` shows them. Raises OSError."""
        view = memoryview(data)
        at = self.end
        while view:
            written = os.pwrite(self._descriptor, view, at)
            at += written
            view = view[written:]
        os.fdatasync(self._descriptor)

    def cut(self) -> None:
        """Take away what lies behind ``end``. Raises OSError."""
        os.ftruncate(self._descriptor, self.end)
        os.fsync(self._descriptor)

    def read(self, from_seq: int, max_bytes: int) -> list[Unit]:
        """Units from the one that holds ``from_seq`` on: at least one, as far as it goes, and about ``max_bytes``.

        Raises DamagedError: what was acknowledged is there, or it is damaged.
        """
        units: list[Unit] = []
        if not self._places or from_seq >= self.next_seq:
            return units
        place = self._places[max(0, bisect_right(self._seqs, from_seq) - 1)]
        want = min(max_bytes + INDEX_EVERY_BYTES, self.end - place)
        taken = 0
        try:
            while place < self.end and taken < max_bytes:
                data = os.pread(self._descriptor, min(want, self.end - place), place)
                at = 0
                while at < len(data) and taken < max_bytes:
                    try:
                        head = read_head(data, at)
                    except BadRecord as bad:
                        if not bad.short or place + len(data) >= self.end:
                            raise
                        if not at:
                            want *= 4
                        break
                    if head.kind == EVENTS and head.last_seq >= from_seq:
                        units.append(Unit(head.first_seq, head.time_us, events_of(data, at, head)))
                        taken += head.size
                    at += head.size
                place += at
        except BadRecord as bad:
            raise DamagedError(str(self.path), bad.problem) from bad
        if (
            not units
            or units[0].first_seq > from_seq
            or any(one.last_seq + 1 != after.first_seq for one, after in pairwise(units))
        ):
            raise DamagedError(str(self.path), f"event {from_seq} or one behind it is not there")
        return units

    def seq_at(self, time_us: int) -> int:
        """The first event that was recorded at this time or later; ``next_seq`` where none was."""
        seq = self.first_seq
        while seq < self.next_seq:
            for unit in self.read(seq, _CHUNK_BYTES):
                if unit.time_us >= time_us:
                    return unit.first_seq
                seq = unit.last_seq + 1
        return self.next_seq

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Delete the file. Raises OSError."""
        self.close()
        self.path.unlink(missing_ok=True)
