"""How far a topic's log is known to be durable: what is broken before the mark is damage, behind it a torn tail.

Written after each sync of the log and not synced itself, so it costs microseconds: after a loss of power it may be an
older one, never one that is ahead of the log. Its name comes before the segments': a backup that copies files by name
takes it first, and so has no mark that is ahead either.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from memcube.actors.vault.paths import sync_folder
from memcube.model.errors import DamagedError

__all__ = ["Mark"]

_MARK = struct.Struct("<8sQQ")
_MAGIC = b"MCMARK01"


class Mark:
    """The mark of one log. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "000-durable.mark"
        self.first_seq = 0
        self.end = 0
        new = not self.path.exists()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if new:
            sync_folder(folder)
        else:
            self._load()

    def _load(self) -> None:
        data = os.pread(self._descriptor, _MARK.size + 5, 0)
        if not data:
            return  # made, and not written before the end came: the log is empty then
        if len(data) != _MARK.size + 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            self.close()
            raise DamagedError(str(self.path), "its checksum is wrong")
        magic, self.first_seq, self.end = _MARK.unpack(data[:-4])
        if magic != _MAGIC:
            self.close()
            raise DamagedError(str(self.path), "it is of no format that is known here")

    def put(self, first_seq: int, end: int) -> None:
        """The segment that begins with ``first_seq`` is durable up to ``end``."""
        self.first_seq, self.end = first_seq, end
        data = _MARK.pack(_MAGIC, first_seq, end)
        os.pwrite(self._descriptor, data + zlib.crc32(data).to_bytes(4, "little"), 0)

    def sync(self) -> None:
        """Make it durable too."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
