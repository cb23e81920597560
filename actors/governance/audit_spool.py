"""Where a gateway writes what it will tell of its calls, before they take effect: a file of its own, appended to.

What was written is safe from the death of the process at once, and from a loss of power after ``sync``. A call that
changes something is written twice: what is about to be done, and how it ended. So a gateway that is killed in between
leaves an entry whose end is unknown, never no entry. ``audit_keeper`` moves entries from the spools into the logs.

A record: 4 bytes of length, 4 of CRC-32, then msgpack of (stage, call, tenant, body).
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgpack  # type: ignore[import-untyped]

from memcube.actors.vault.paths import sync_folder

__all__ = ["BEGUN", "ENDED", "WHOLE", "Spool", "SpoolRecord", "is_over", "records", "writer_of"]

BEGUN, ENDED, WHOLE = 0, 1, 2
"""Stages: a call that is about to be done (its AuditEntry), how it ended (AuditEntry with outcome and note only), and
one that is told once, when it is over."""
SUFFIX = ".spool"
ROTATE_BYTES = 8 << 20
MOST_RECORD_BYTES = 1 << 20
_HEAD = struct.Struct("<II")


class SpoolRecord(NamedTuple):
    """``at`` is the record's offset, ``end`` that of the next one."""

    at: int
    end: int
    stage: int
    call: int
    tenant: str
    body: bytes


class Spool:
    """The spool of this process. Safe to use from several threads; raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._descriptor = -1
        self._written = 0
        self._waiting: list[bytes] = []
        self._writer = f"{os.getpid()}-{os.urandom(6).hex()}"
        self._open()

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{self._writer}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._folder / name, flags, 0o600)
        # Held as long as the writer lives: whoever gets the lock knows that nothing more will come. The file has its
        # name only once it is locked.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(self._folder / name, self._folder / (name + SUFFIX))
        sync_folder(self._folder)
        self._descriptor, self._written = descriptor, 0

    def put(self, stage: int, call: int, tenant: str, body: bytes, *, now: bool = True) -> None:
        """Append a record; ``now`` writes it (and what waits) before this returns, else ``flush`` does."""
        packed = msgpack.packb((stage, call, tenant, body), use_bin_type=True)
        record = _HEAD.pack(len(packed), zlib.crc32(packed)) + packed
        with self._lock:
            self._waiting.append(record)
            if now:
                self._write()

    def flush(self, *, sync: bool = False) -> None:
        """Write what waits; with ``sync`` it is on the disk when this returns."""
        with self._lock:
            self._write()
            descriptor = os.dup(self._descriptor) if sync else -1
        if sync:
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def rotate(self) -> bool:
        """Begin another file if this one is long: only those that are over are ever removed."""
        with self._lock:
            if self._written < ROTATE_BYTES:
                return False
            os.fdatasync(self._descriptor)
            old = self._descriptor
            self._open()  # first: where it fails, the old file goes on
            os.close(old)
            return True

    def close(self) -> None:
        """Write what waits, durably, and let go: the keeper takes the file away once it has read it."""
        with self._lock:
            if self._descriptor >= 0:
                self._write()
                os.fdatasync(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

    def _write(self) -> None:
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            # Half a record would hide all that is written behind it.
            os.ftruncate(self._descriptor, self._written)
            raise
        self._written += len(data)


def writer_of(name: str) -> str:
    """Whose spool that is: calls that began in one may end in the next one of the same writer."""
    return name.partition("-")[2]


def is_over(path: Path) -> bool:
    """Whether a spool's writer is gone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def records(data: bytes, base: int = 0) -> Iterator[SpoolRecord | int]:
    """The records in what was read of a spool from offset ``base`` on; an int last: the offset of bytes that are no
    whole record, if there are any. Only a spool whose writer is alive may end so without being damaged."""
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            yield base + at
            return
        size, crc = _HEAD.unpack_from(data, at)
        packed = data[at + _HEAD.size : at + _HEAD.size + size]
        if size > MOST_RECORD_BYTES or len(packed) < size or zlib.crc32(packed) != crc:
            yield base + at
            return
        end = at + _HEAD.size + size
        stage, call, tenant, body = msgpack.unpackb(packed, use_list=False, raw=False)
        yield SpoolRecord(base + at, base + end, stage, call, tenant, body)
        at = end
