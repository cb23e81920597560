"""What SQLite and the operating system report, as errors of the vault."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from memcube.model.errors import DamagedError, MemCubeError, StorageFullError, UnavailableError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT}
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ELOOP}
_SHM_SIZE = sqlite3.SQLITE_IOERR_SHMSIZE  # the log's index, a new file, could not get its few pages


def storage_full(path: Path) -> StorageFullError:
    """No room beside ``path``; the limit is the file system's size in bytes, 0 if even that can't be asked."""
    try:
        stat = os.statvfs(path.parent)
    except OSError:
        return StorageFullError("the vault's file system (bytes)", 0.0)
    return StorageFullError("the vault's file system (bytes)", float(stat.f_blocks * stat.f_frsize))


def vault_error(error: sqlite3.Error | OSError, path: Path) -> MemCubeError:
    """The error to raise for one from below.

    A full disk is StorageFullError; a lock held too long, a refused or unreachable file UnavailableError; anything
    else that concerns the file (input/output, malformed, not a database, no file at all: a folder or a symbolic link
    has its name, which no retry changes) DamagedError.
    """
    if isinstance(error, OSError):
        if error.errno in _NO_ROOM:
            return storage_full(path)
        if error.errno == errno.EIO:
            return DamagedError(str(path), "the disk failed: input/output error")
        if error.errno in _NO_FILE:
            return DamagedError(str(path), f"it is no file: {os.strerror(error.errno).lower()}")
        return UnavailableError(f"{path} ({error.strerror or type(error).__name__})")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_FULL or code == _SHM_SIZE:
        return storage_full(path)
    if primary in _BUSY:
        return UnavailableError(f"{path} (locked by another process)")
    if primary in _REFUSED:
        return UnavailableError(f"{path} ({error})")
    if primary == sqlite3.SQLITE_IOERR:
        return DamagedError(str(path), f"the disk failed: {getattr(error, 'sqlite_errorname', error)}")
    return DamagedError(str(path), str(error))
