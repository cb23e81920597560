"""Blobs on their way into the system: durable up to what was acknowledged, seen by nobody but their sender. Blocking.

``<root>/spool/<tenant>/<sender>/<digits>`` is a blob that is whole, ``<digits>.part`` one that is not yet. Bytes are
fsynced every ``DURABLE_BYTES``, before what follows them is written: whatever a part has up to the last multiple of
that is durable, whether its sender heard of it or not.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.vault.paths import tenant_folder
from memcube.interchange.mip.blobs import FileSource
from memcube.interchange.mip.manifest import LAYOUT, Blob
from memcube.model.errors import (
    ExhaustedError,
    InvalidArgumentError,
    NotFoundError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
)
from memcube.model.ids import Principal

__all__ = ["DURABLE_BYTES", "Part", "Spool", "State", "check_digest", "sender_folder"]

DURABLE_BYTES = 1 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)


def check_digest(field: str, digest: str) -> str:
    """The digits of a digest: nothing else may become part of a path. Raises InvalidArgumentError(field)."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise InvalidArgumentError(field, "is not sha256: and 64 digits")
    return match.group(1)


def sender_folder(principal: Principal) -> str:
    """A folder name for a principal within its tenant."""
    return base64.b32encode(hashlib.sha256(principal.id.encode()).digest())[:32].decode().lower()


@dataclass(frozen=True, slots=True)
class State:
    """How much of a blob is there, durably; ``complete`` once it is what its digest names."""

    digest: str
    offset: int
    complete: bool


class Spool:
    """The blobs of one sender."""

    def __init__(self, config: InterchangeConfig, principal: Principal) -> None:
        self._config = config
        self._tenant = Path(config.root) / "spool" / tenant_folder(principal.tenant)
        self.folder = self._tenant / sender_folder(principal)

    def state(self, digest: str) -> State:
        """What is there of a blob."""
        name = check_digest("digest", digest)
        with contextlib.suppress(FileNotFoundError):
            return State(digest, (self.folder / name).stat().st_size, True)
        with contextlib.suppress(FileNotFoundError):
            size = (self.folder / f"{name}.part").stat().st_size
            return State(digest, size // DURABLE_BYTES * DURABLE_BYTES, False)
        return State(digest, 0, False)

    def path(self, digest: str) -> Path:
        """The file of a blob that is whole; raises NotFoundError."""
        path = self.folder / check_digest("digest", digest)
        if not path.is_file():
            raise NotFoundError("blob", digest)
        return path

    def start(self, digest: str, size: int, offset: int) -> Part:
        """Take in a blob from ``offset`` on, which must be what ``state`` says.

        Raises TooLargeError, ExhaustedError (the tenant has too much on its way), UnavailableError (somebody is at this
        blob), InvalidArgumentError("offset_bytes").
        """
        name = check_digest("digest", digest)
        if size > self._config.bundle_bytes:
            raise TooLargeError("size_bytes", size, self._config.bundle_bytes)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is there already counts once.
        if self.used_bytes() + max(0, size - offset) > self._config.tenant_bytes:
            raise ExhaustedError("the space for bundles on their way", self._config.tenant_bytes, 60.0)
        fd = os.open(self.folder / f"{name}.part", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        file = os.fdopen(fd, "r+b")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise UnavailableError("this blob, which another call is sending,", 0.5) from error
        durable = os.fstat(fd).st_size // DURABLE_BYTES * DURABLE_BYTES
        if offset != min(durable, size):
            file.close()
            raise InvalidArgumentError("offset_bytes", f"is {offset}, {durable} bytes of this blob are here")
        return Part(self.folder, digest, size, file, offset)

    def used_bytes(self) -> int:
        """Bytes of all the tenant's blobs that wait here."""
        total = 0
        with contextlib.suppress(FileNotFoundError):
            for sender in os.scandir(self._tenant):
                for entry in os.scandir(sender.path):
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat().st_size
        return total

    def stage(self, index: bytes, digests: Iterable[str], folder: Path) -> None:
        """Put these blobs together as a bundle in a folder, without copying them; raises NotFoundError("blob")."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True, mode=0o700)
        for digest in digests:
            path = self.path(digest)
            with contextlib.suppress(FileExistsError):
                os.link(path, blobs / path.name)
        (folder / "oci-layout").write_bytes(LAYOUT)
        (folder / "index.json").write_bytes(index)

    def source(self, index: bytes) -> SpoolSource:
        """The blobs here as those of a bundle with this index."""
        return SpoolSource(self, index)

    def drop(self, digests: Iterable[str]) -> None:
        """Forget blobs that were committed."""
        for digest in digests:
            (self.folder / check_digest("digest", digest)).unlink(missing_ok=True)


class SpoolSource:
    """See ``interchange.mip.blobs.BlobSource``: what is not here is NotFoundError."""

    def __init__(self, spool: Spool, index: bytes) -> None:
        self._spool, self._index = spool, index

    def small(self, name: str) -> bytes:
        """The index is given with the commit, the other file is always the same."""
        return LAYOUT if name == "oci-layout" else self._index

    def steps(self, blob: Blob) -> Iterator[bytes]:
        """A blob's bytes."""
        return FileSource(self._spool.path(blob.digest)).steps(blob)

    def close(self) -> None:
        """Nothing is held open."""


class Part:
    """One blob that is being sent. ``close`` it, whatever happens."""

    def __init__(self, folder: Path, digest: str, size: int, file: BinaryIO, offset: int) -> None:
        self._folder = folder
        self._file = file
        self._size = size
        self.digest = digest
        self.offset = offset
        file.truncate(offset)
        file.seek(0)
        self._hash = hashlib.sha256()
        while offset and (step := file.read(min(DURABLE_BYTES, offset))):
            self._hash.update(step)
            offset -= len(step)

    def write(self, offset: int, data: bytes) -> State | None:
        """Append bytes; the new state when something became durable by it. Raises InvalidArgumentError, TooLargeError,
        StorageFullError."""
        if offset != self.offset:
            raise InvalidArgumentError("chunk.offset_bytes", f"is {offset}, not {self.offset}")
        if offset + len(data) > self._size:
            raise TooLargeError("chunk", offset + len(data), self._size)
        view = memoryview(data)
        durable = None
        while view:
            # Up to the next multiple, which is made durable before anything is written behind it.
            room = DURABLE_BYTES - self.offset % DURABLE_BYTES
            step, view = view[:room], view[room:]
            self._put(step)
            if self.offset % DURABLE_BYTES == 0:
                self._sync()
                durable = State(self.digest, self.offset, False)
        return durable

    def _put(self, step: memoryview) -> None:
        try:
            self._file.write(step)
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error
        self._hash.update(step)
        self.offset += len(step)

    def _sync(self) -> None:
        try:
            os.fdatasync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Exception:
        if error.errno in _OUT_OF_SPACE:
            return StorageFullError("the disk of the vault", 0)
        # What a failed fsync left is nobody's guess: nothing of it counts as durable.
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        return UnavailableError(f"the disk of the vault ({error.strerror})", 5.0)

    def finish(self) -> State:
        """The blob is whole: check it and keep it. Raises InvalidArgumentError, and then nothing of it is kept."""
        if self.offset != self._size:
            raise InvalidArgumentError("end", f"after {self.offset} of {self._size} bytes")
        name = check_digest("digest", self.digest)
        part = self._folder / f"{name}.part"
        if self._hash.hexdigest() != name:
            part.unlink(missing_ok=True)
            raise InvalidArgumentError("digest", f"{self.digest[:19]}… is not that of the bytes that came")
        self._sync()
        part.rename(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return State(self.digest, self._size, True)

    def close(self) -> None:
        """Let go of it; what is durable stays."""
        self._file.close()
