"""A small file of steps: the first entry is a whole state, those behind it what happened to it since. Plain.

Entries are msgpack behind a length and a checksum. What is torn at the end was never acknowledged and is cut off;
what is broken before is DamagedError. When it has grown, the whole is written anew into a new file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from memcube.actors.vault.paths import write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

__all__ = ["Journal"]

logger = logging.getLogger("memcube.store")
_HEAD = struct.Struct("<II")
_MAGIC = b"MCJOURN1"
REWRITE_BYTES = 4 << 20


class Journal:
    """One file. Used by one thread at a time; raises StorageFullError, DamagedError, UnavailableError."""

    def __init__(self, path: Path, descriptor: int, end: int, whole_bytes: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._end = end
        self._whole_bytes = whole_bytes

    @classmethod
    def create(cls, path: Path, whole: Any) -> Journal:
        """A journal that begins with this state, in place of any that is there."""
        data = _MAGIC + _entry(whole)
        try:
            return cls(path, write_durably(path, data), len(data), len(data))
        except OSError as error:
            raise vault_error(error, path) from error

    @classmethod
    def open(cls, path: Path) -> tuple[Journal, list[Any]]:
        """The journal in a file, and its entries, the whole state first. Raises FileNotFoundError if there is none."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise vault_error(error, path) from error
        try:
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            entries, end, problem, whole_bytes = [], len(_MAGIC), "", 0
            if data[:end] != _MAGIC:
                raise DamagedError(str(path), "it is of no format that is known here")
            for end, entry, problem in _entries(data):  # what came last is used below
                if not problem:
                    whole_bytes = whole_bytes or end
                    entries.append(entry)
            if problem:
                if not entries or _has_more(data, end):
                    raise DamagedError(str(path), f"at byte {end}: {problem}")
                logger.warning("%s: %d bytes behind its last entry were never acknowledged, cut", path, len(data) - end)
                os.ftruncate(descriptor, end)
                os.fsync(descriptor)
            return cls(path, descriptor, end, whole_bytes), entries
        except OSError as error:
            os.close(descriptor)
            raise vault_error(error, path) from error
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def first(cls, path: Path) -> Any:
        """The whole state that a journal begins with. Changes nothing, so others may be appending meanwhile, whose
        half-written entry ``open`` would cut off. Raises as ``open``."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise vault_error(error, path) from error
        if data[: len(_MAGIC)] != _MAGIC:
            raise DamagedError(str(path), "it is of no format that is known here")
        _, entry, problem = next(_entries(data), (0, None, "it is empty"))
        if problem:
            raise DamagedError(str(path), f"at byte {len(_MAGIC)}: {problem}")
        return entry

    def append(self, steps: Iterable[Any]) -> None:
        """Add steps, durably."""
        data = b"".join(map(_entry, steps))
        try:
            at = self._end
            while at < self._end + len(data):
                at += os.pwrite(self._descriptor, data[at - self._end :], at)
            os.fdatasync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise vault_error(error, self.path) from error
        self._end += len(data)

    @property
    def grown(self) -> bool:
        """Whether it is time to write it anew: a large state not before it has grown by as much again."""
        return self._end > max(REWRITE_BYTES, 2 * self._whole_bytes)

    def rewrite(self, whole: Any) -> None:
        """Begin anew with this state."""
        fresh = Journal.create(self.path, whole)
        os.close(self._descriptor)
        self._descriptor, self._end, self._whole_bytes = fresh._descriptor, fresh._end, fresh._whole_bytes

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _entry(value: Any) -> bytes:
    body: bytes = msgpack.packb(value)
    head = len(body).to_bytes(4, "little")
    return head + zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") + body


def _entries(data: bytes) -> Iterator[tuple[int, Any, str]]:
    """(where it ends, the entry, "") each; last, where the good ones end, and what is wrong there."""
    at = len(_MAGIC)
    while at < len(data):
        if len(data) - at < _HEAD.size:
            yield at, None, "ends in the midst of an entry"
            return
        size, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + size]
        if zlib.crc32(body, zlib.crc32(data[at : at + 4])) != checksum:
            yield at, None, "ends in the midst of an entry" if len(body) < size else "a checksum is wrong"
            return
        at += _HEAD.size + size
        yield at, msgpack.unpackb(body, use_list=True), ""


def _has_more(data: bytes, at: int) -> bool:
    """Whether a good entry lies behind what is broken: then it is no torn end."""
    for begin in range(at + 1, min(len(data) - _HEAD.size, at + (1 << 16))):
        size, checksum = _HEAD.unpack_from(data, begin)
        body_at = begin + _HEAD.size
        if 0 < size <= len(data) - body_at and (
            zlib.crc32(data[body_at : body_at + size], zlib.crc32(data[begin : begin + 4])) == checksum
        ):
            return True
    return False
