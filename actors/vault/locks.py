"""The locks on a cube's files. Linux only: both kinds end with their holder, whatever ends it.

``flock`` on the database file orders attaches, checkpoints, checks and repairs. An open-file-description lock on
the byte range that SQLite locks for readers says that somebody is attached: while one is held, SQLite can't get its
exclusive lock, so it never folds the log on its own when a connection closes; and whoever can take it exclusively
knows that the cube is attached nowhere.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcube.model.errors import UnavailableError

_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510  # SQLite's file format: PENDING_BYTE + 2, and the range after it
_FLOCK = struct.Struct("hhqqi4x")


def lock_file(descriptor: int, what: str, wait_s: float, operation: int = fcntl.LOCK_EX) -> None:
    """Take the ``flock`` of an open file, within ``wait_s`` seconds; else raise UnavailableError."""
    deadline = time.monotonic() + wait_s
    pause_s = 0.0005
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise UnavailableError(f"{what} (locked by another process)") from None
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)


def unlock_file(descriptor: int) -> None:
    """Give the ``flock`` back."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def folder_lock(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold a folder while files in it are created, replaced or removed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock_file(descriptor, str(folder), wait_s)
        yield
    finally:
        os.close(descriptor)


def share(descriptor: int, wait_s: float = 1.0) -> None:
    """Say that the database is attached, until the descriptor is closed or ``alone`` takes its place."""
    deadline = time.monotonic() + wait_s
    while not _range_lock(descriptor, fcntl.F_RDLCK):
        if time.monotonic() >= deadline:
            raise UnavailableError("a cube's file (held exclusively by another process)")
        time.sleep(0.001)


def alone(descriptor: int) -> bool:
    """Whether nobody else has the database attached; then nobody can attach it until the descriptor is closed."""
    return _range_lock(descriptor, fcntl.F_WRLCK)


def _range_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0))
    except BlockingIOError:
        return False
    return True
