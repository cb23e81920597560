"""The seal: the digests of a cube's database file, kept beside it.

A seal is written before each fold of the log into the database (a checkpoint) and describes the database *after*
it; the digests of the folded pages come from the log, whose checksums were verified, never from reading the
database back. Between two seals the database file does not change at all. The seal names the log it folds (``salts``
and ``end``), so a crash in the middle of a fold is told apart from damage: until that log is gone, its pages may
differ in the database, and no others.

The seal's second sector is the *mark*: after each commit the writer notes there, in place and without a sync, how
far the log is acknowledged. It can only lag behind the log, and it lags only after a power loss (``boot`` tells). It
is what tells a cut-off write from a damaged commit. A writer that was replaced by one that sealed anew marks a file
that no longer has a name.

Layout: header sector, mark sector, then names and page digests. Every byte is under one of three CRC-32 sums.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.model.ids import CubeRef

SECTOR_BYTES = 512
MARK_OFFSET = SECTOR_BYTES
NO_SALTS = bytes(8)
_BODY = 2 * SECTOR_BYTES
_MAGIC = b"MCSEAL01"
_HEADER = struct.Struct("<8sIIIQQQ8sQHHHI")
_MARK = struct.Struct("<8sQQQ16s")
_CRC = struct.Struct("<I")


class State(IntEnum):
    """What the seal says about the files beside it."""

    LIVE = 1
    DELETED = 2
    """The cube is being removed: whoever finds this finishes it."""
    REPLACED = 3
    """A repaired database lies ready under the name ``incoming``: whoever finds this puts it in place."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the log is acknowledged: which log, the offset, and the epoch and head of that commit."""

    salts: bytes = NO_SALTS
    end: int = 0
    epoch: int = 0
    head: int = 0
    boot: bytes = bytes(16)

    def encode(self) -> bytes:
        """The mark's sector."""
        return _sector(_MARK.pack(self.salts, self.end, self.epoch, self.head, self.boot))


@dataclass(frozen=True, slots=True)
class Seal:
    """A decoded seal. ``digests`` has the CRC-32 of each page of the database; ``end`` is 0 if no log is folded."""

    ref: CubeRef
    page_bytes: int
    digests: tuple[int, ...]
    generation: int = 1
    epoch: int = 0
    head: int = 0
    salts: bytes = NO_SALTS
    end: int = 0
    state: State = State.LIVE
    incoming: str = ""
    mark: Mark = Mark()

    def encode(self) -> bytes:
        """The whole file."""
        names = [text.encode() for text in (self.ref.tenant, self.ref.cube_id, self.incoming)]
        body = b"".join(names) + np.array(self.digests, "<u4").tobytes()
        header = _HEADER.pack(
            _MAGIC, self.state, self.page_bytes, len(self.digests), self.generation, self.epoch, self.head,
            self.salts, self.end, len(names[0]), len(names[1]), len(names[2]), zlib.crc32(body),
        )  # fmt: skip
        return _sector(header) + self.mark.encode() + body

    def turn(self, state: State, incoming: str = "") -> Seal:
        """The same seal with another state."""
        return replace(self, state=state, incoming=incoming, generation=self.generation + 1)


def decode(data: bytes, path: Path) -> Seal:
    """Read a seal. Raises DamagedError(path) if any bit of it is not what was written."""
    if len(data) < _BODY or data[:8] != _MAGIC:
        raise DamagedError(str(path), "it is not a seal")
    fields = _open(data[:SECTOR_BYTES], _HEADER, path, "header")
    _, state, page_bytes, pages, generation, epoch, head, salts, end, tenant, cube, incoming, crc = fields
    mark = Mark(*_open(data[SECTOR_BYTES:_BODY], _MARK, path, "mark"))
    body = data[_BODY:]
    if len(body) != tenant + cube + incoming + 4 * pages or zlib.crc32(body) != crc:
        raise DamagedError(str(path), "its page digests have a wrong checksum")
    ref = CubeRef(body[:tenant].decode(), body[tenant : tenant + cube].decode())
    names = tenant + cube + incoming
    digests = tuple(np.frombuffer(body, "<u4", pages, names).tolist())
    name = body[tenant + cube : names].decode()
    return Seal(ref, page_bytes, digests, generation, epoch, head, salts, end, State(state), name, mark)


def load(path: Path) -> Seal:
    """Read a seal's file. Raises FileNotFoundError, DamagedError (``decode``'s, and if it is no file)."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise vault_error(error, path) from error
    return decode(data, path)


def identity(data: bytes, key: str) -> CubeRef | None:
    """Whose seal it is, even if it is damaged: the names prove themselves, as the key is a digest of them."""
    if len(data) < _BODY:
        return None
    fields = _HEADER.unpack_from(data)
    tenant, cube = fields[9], fields[10]
    try:
        ref = CubeRef(data[_BODY : _BODY + tenant].decode(), data[_BODY + tenant : _BODY + tenant + cube].decode())
    except (UnicodeDecodeError, InvalidArgumentError):
        return None
    return ref if ref.key == key else None


def page_digests(data: bytes, page_bytes: int) -> tuple[int, ...]:
    """The CRC-32 of each page; a last, incomplete page counts as one."""
    view = memoryview(data)
    return tuple([zlib.crc32(view[start : start + page_bytes]) for start in range(0, len(data), page_bytes)])


def folded(seal: Seal, data: bytes, newest: dict[int, int], db_pages: int) -> tuple[int, ...]:
    """The digests after the log ``data`` is folded: ``newest`` is page number → offset of its content."""
    digests: list[int] = list(seal.digests[:db_pages]) + [0] * (db_pages - len(seal.digests))
    view = memoryview(data)
    for page, offset in newest.items():
        if page <= db_pages:
            digests[page - 1] = zlib.crc32(view[offset : offset + seal.page_bytes])
    return tuple(digests)


@cache
def boot() -> bytes:
    """What this start of the machine is called: page caches outlive processes, and end with it."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except OSError:
        return bytes(16)  # unknown: then every start is treated as one after a power loss


def _sector(content: bytes) -> bytes:
    padded = content.ljust(SECTOR_BYTES - _CRC.size, b"\0")
    return padded + _CRC.pack(zlib.crc32(padded))


def _open(sector: bytes, layout: struct.Struct, path: Path, what: str) -> tuple[Any, ...]:
    content = sector[: -_CRC.size]
    if _CRC.unpack(sector[-_CRC.size :])[0] != zlib.crc32(content):
        raise DamagedError(str(path), f"its {what} has a wrong checksum")
    return layout.unpack_from(content)
