"""Items brought into the order of their ids, however many there are: sorted runs on disk, merged at the end."""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from memcube.interchange.mip.fields import RawItem
from memcube.model.errors import InvalidArgumentError

__all__ = ["Runs"]

_SIZES = struct.Struct("<IIH")
RUN_BYTES = 16 << 20
MOST_RUNS = 64


class Runs:
    """Takes items in any order, gives them back by the bytes of their ids; ``close`` removes what is on disk."""

    def __init__(self, folder: str | None = None, *, replacing: bool = False, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._replacing = replacing
        self._run_bytes = run_bytes
        self._waiting: list[tuple[bytes, RawItem]] = []
        self._bytes = 0
        self._ascending = True
        self._runs: list[BinaryIO] = []
        self._last = b""
        self.count = 0

    def add(self, raw: RawItem) -> None:
        """Take one in."""
        key = raw.id.encode()
        self._ascending = self._ascending and key > self._last
        self._last = key
        self._waiting.append((key, raw))
        self._bytes += raw.size + 200
        self.count += 1
        if self._bytes >= self._run_bytes:
            self._spill()

    def _spill(self) -> None:
        # What comes in order goes to the end of one run: then there is nothing to merge.
        if not self._ascending or not self._runs:
            self._waiting.sort(key=lambda pair: pair[0])
            if len(self._runs) == MOST_RUNS:
                self._fold()
            self._runs.append(self._file())
        for _, raw in self._waiting:
            _write(self._runs[-1], raw)
        self._waiting.clear()
        self._bytes = 0

    def _file(self) -> BinaryIO:
        """A file without a name, which is gone when it is closed."""
        return tempfile.TemporaryFile(dir=self._folder)

    def _fold(self) -> None:
        """Make one run of all, so that the number of open files is bounded."""
        merged = self._file()
        for _, raw in heapq.merge(*map(_read, self._runs), key=lambda pair: pair[0]):
            _write(merged, raw)
        for run in self._runs:
            run.close()
        self._runs = [merged]

    def __iter__(self) -> Iterator[RawItem]:
        """All, by the bytes of their ids. Of two with the same id the one that was added later where they replace each
        other, else InvalidArgumentError."""
        if not self._ascending:
            self._waiting.sort(key=lambda pair: pair[0])
        before: tuple[bytes, RawItem] | None = None
        # Of equal keys the merge gives that of the earlier part first, and sorting leaves them in order.
        for pair in heapq.merge(*map(_read, self._runs), iter(self._waiting), key=lambda pair: pair[0]):
            if before is not None:
                if pair[0] != before[0]:
                    yield before[1]
                elif not self._replacing:
                    raise InvalidArgumentError("id", f"{pair[1].id!r} was added twice")
            before = pair
        if before is not None:
            yield before[1]

    def close(self) -> None:
        """Remove what is on disk."""
        while self._runs:
            self._runs.pop().close()
        self._waiting.clear()


def _write(file: BinaryIO, raw: RawItem) -> None:
    identity = raw.id.encode()
    lines = raw.lines()
    file.write(_SIZES.pack(len(lines), len(raw.header), len(identity)) + identity + lines)


def _read(file: BinaryIO) -> Iterator[tuple[bytes, RawItem]]:
    file.seek(0)
    while head := file.read(_SIZES.size):
        size, header, length = _SIZES.unpack(head)
        key = file.read(length)
        lines = file.read(size)
        rest = lines[header + 1 : -1]
        yield key, RawItem(key.decode(), lines[:header], tuple(rest.split(b"\n")) if rest else ())
