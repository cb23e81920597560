"""The open descriptors of one cube, held from attach to close.

The database's descriptor must live as long as the SQLite connection: closing any descriptor of a file drops the
process's POSIX locks on it, SQLite's included. What remains then is our shared lock, so nothing relies on SQLite's.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from memcube.actors.vault import locks, seal, wal
from memcube.actors.vault.paths import CubePaths
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

_CHUNK_BYTES = 1 << 18


class CubeFiles:
    """One opening of a cube's files. Raises FileNotFoundError if there is no database, DamagedError if it is no file
    (a link's target is not taken for it: nobody knows whose that is)."""

    def __init__(self, paths: CubePaths) -> None:
        self.paths = paths
        self.db = _open(paths.db)
        self.wal = -1
        self.seal = -1

    def lock(self, wait_s: float) -> bool:
        """Take the cube's lock, within ``wait_s``; False if the path names another file by now: open that one."""
        locks.lock_file(self.db, f"cube file {self.paths.db}", wait_s)
        return self.current()

    def unlock(self) -> None:
        """Give the cube's lock back."""
        locks.unlock_file(self.db)

    def current(self) -> bool:
        """Whether the path still names the open database."""
        try:
            return os.path.samestat(os.lstat(self.paths.db), os.fstat(self.db))
        except FileNotFoundError:
            return False

    def open_seal(self) -> bytes:
        """Open the seal that the path names now, and read it. Raises DamagedError if there is none, or no file."""
        try:
            fresh = _open(self.paths.seal)
        except FileNotFoundError:
            raise DamagedError(str(self.paths.seal), "it is missing") from None
        self.take_seal(fresh)
        return os.pread(fresh, os.fstat(fresh).st_size, 0)

    def take_seal(self, descriptor: int) -> None:
        """Make this the open seal."""
        if self.seal >= 0:
            os.close(self.seal)
        self.seal = descriptor

    def read_wal(self) -> bytes:
        """The log's bytes; none if there is no log. Raises DamagedError if it is no file."""
        if self.wal < 0:
            try:
                self.wal = _open(self.paths.wal)
            except FileNotFoundError:
                return b""
        return os.pread(self.wal, os.fstat(self.wal).st_size, 0)

    def read_db(self) -> bytes:
        """The database's bytes."""
        size = os.fstat(self.db).st_size
        parts, offset = [], 0
        while offset < size and (part := os.pread(self.db, size - offset, offset)):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def db_digests(self, page_bytes: int) -> tuple[int, ...]:
        """The CRC-32 of each page of the database, read in pieces that stay in the processor's cache."""
        digests: list[int] = []
        offset = 0
        while piece := os.pread(self.db, _CHUNK_BYTES, offset):
            digests += seal.page_digests(piece, page_bytes)
            offset += len(piece)
        return tuple(digests)

    def scan_wal(self, page_bytes: int) -> tuple[bytes, wal.WalScan]:
        """The log's bytes and what they hold."""
        data = self.read_wal()
        return data, wal.scan(data, page_bytes)

    def close(self) -> None:
        """Close all; the locks go with them."""
        for descriptor in (self.seal, self.wal, self.db):
            if descriptor >= 0:
                os.close(descriptor)
        self.seal = self.wal = self.db = -1


def is_file(path: Path) -> bool:
    """Whether a file has this very name, rather than a folder, a link or nothing."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise vault_error(error, path) from error
