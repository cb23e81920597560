"""Where a bundle's blobs are: a folder or a tar file to read from, a folder to write to; section 3 of MIP.md.

Names of files are made of digests that were checked to be digits, never taken from a document. A folder is read
without following links; of a tar file only plain entries of the one layout are taken, where they lie.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from memcube.interchange.mip.limits import JSON_BYTES, MOST_LAYERS
from memcube.interchange.mip.manifest import LAYOUT, Blob, blob_of
from memcube.model.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, TooLargeError

__all__ = ["BlobSource", "FileSource", "FolderSource", "FolderTarget", "TarSource", "open_source", "write_tar"]

STEP_BYTES = 1 << 20
_BLOCK = 512
_NAME = re.compile(r"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")
_FOLDERS = ("blobs/", "blobs/sha256/")


class BlobSource(Protocol):
    """A place to read blobs from. What is missing, not a plain file, or of another size is InvalidArgumentError."""

    def small(self, name: str) -> bytes:
        """The file ``oci-layout`` or ``index.json``."""

    def steps(self, blob: Blob) -> Iterator[bytes]:
        """A blob's bytes in steps; after the last one their digest was checked: InvalidArgumentError if not its own."""

    def close(self) -> None:
        """Let go of it."""


def read_all(source: BlobSource, blob: Blob, most_bytes: int = JSON_BYTES) -> bytes:
    """A blob whole, refused where it is more than that."""
    if blob.size > most_bytes:
        raise TooLargeError(f"bundle.blobs.{blob.hex[:12]}", blob.size, most_bytes)
    return b"".join(source.steps(blob))


def _stepped(file: BinaryIO, blob: Blob) -> Iterator[bytes]:
    digest, left = sha256(), blob.size
    while left:
        step = file.read(min(STEP_BYTES, left))
        if not step:
            raise InvalidArgumentError(f"bundle.blobs.{blob.hex[:12]}", f"ends {left} bytes early")
        left -= len(step)
        digest.update(step)
        if not left:
            _check_digest(digest.hexdigest(), blob)
        yield step
    if not blob.size:
        _check_digest(digest.hexdigest(), blob)


def _check_digest(found: str, blob: Blob) -> None:
    if found != blob.hex:
        raise InvalidArgumentError(f"bundle.blobs.{blob.hex[:12]}", "does not have the bytes that its digest names")


class FolderSource:
    """A folder. Held open by its descriptor, so that what is put in its place meanwhile is not read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._folders: list[int] = []
        try:
            self._root = self._enter(os.fspath(folder), None)
            self._blobs = self._enter("sha256", self._enter("blobs", self._root))
        except OSError as error:
            self.close()
            raise InvalidArgumentError("bundle", f"{folder} is no OCI image layout: {error.strerror}") from error

    def _enter(self, name: str, inside: int | None) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if inside is None else os.O_NOFOLLOW)
        self._folders.append(os.open(name, flags, dir_fd=inside))
        return self._folders[-1]

    def small(self, name: str) -> bytes:
        """See ``BlobSource``."""
        with self._file(name, self._root, name) as file:
            data = file.read(JSON_BYTES + 1)
        if len(data) > JSON_BYTES:
            raise TooLargeError(f"bundle.{name}", len(data), JSON_BYTES)
        return data

    def steps(self, blob: Blob) -> Iterator[bytes]:
        """See ``BlobSource``."""
        what = f"blobs.{blob.hex[:12]}"
        with self._file(blob.hex, self._blobs, what) as file:
            size = os.fstat(file.fileno()).st_size
            if size != blob.size:
                raise InvalidArgumentError(f"bundle.{what}", f"has {size} bytes, not {blob.size}")
            yield from _stepped(file, blob)

    def _file(self, name: str, folder: int, what: str) -> BinaryIO:
        try:
            # Without O_NONBLOCK a named pipe would be waited for.
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            raise InvalidArgumentError(f"bundle.{what}", f"cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise InvalidArgumentError(f"bundle.{what}", "is no plain file")
        return os.fdopen(fd, "rb")

    def close(self) -> None:
        """See ``BlobSource``."""
        while self._folders:
            os.close(self._folders.pop())


class FileSource:
    """One blob in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def small(self, name: str) -> bytes:
        """See ``BlobSource``: there is no such file."""
        raise InvalidArgumentError(f"bundle.{name}", "is missing")

    def steps(self, blob: Blob) -> Iterator[bytes]:
        """See ``BlobSource``."""
        try:
            file = open(self._path, "rb")  # noqa: SIM115 - closed below, once all was read
        except OSError as error:
            raise InvalidArgumentError(f"bundle.blobs.{blob.hex[:12]}", f"cannot be read: {error.strerror}") from error
        with file:
            yield from _stepped(file, blob)

    def close(self) -> None:
        """See ``BlobSource``."""


class TarSource:
    """A tar file (POSIX ustar), read where it lies. Its entries are looked at once, when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidArgumentError("bundle", f"{path} cannot be read: {error.strerror}") from error
        self._file = os.fdopen(fd, "rb")
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise InvalidArgumentError("bundle", f"{path} is no plain file")
            self._entries = self._look(os.fstat(fd).st_size)
        except BaseException:
            self._file.close()
            raise

    def _look(self, size: int) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        at = 0
        while at + _BLOCK <= size:
            self._file.seek(at)
            block = self._file.read(_BLOCK)
            if not block.strip(b"\0"):
                break
            name, length = _entry(block)
            at += _BLOCK
            if name in found or (name in _FOLDERS and length):
                raise InvalidArgumentError("bundle.tar", f"has {name} twice, or a folder with content")
            padded = -(-length // _BLOCK) * _BLOCK
            if at + padded > size:
                raise InvalidArgumentError("bundle.tar", f"ends within {name}")
            self._file.seek(at + length)
            if self._file.read(padded - length).strip(b"\0"):
                raise InvalidArgumentError("bundle.tar", f"has something behind {name}")
            found[name] = (at, length)
            if len(found) > MOST_LAYERS + 64:
                raise TooLargeError("bundle.tar", len(found), MOST_LAYERS + 64, "entries")
            at += padded
        self._check_end(at, size)
        return found

    def _check_end(self, at: int, size: int) -> None:
        """Nothing but zeros comes after the last entry: two blocks at least, and no more than tar's own padding."""
        if not 2 * _BLOCK <= size - at <= 64 * _BLOCK or size % _BLOCK:
            raise InvalidArgumentError("bundle.tar", "does not end as a tar file does")
        self._file.seek(at)
        if self._file.read(size - at).strip(b"\0"):
            raise InvalidArgumentError("bundle.tar", "has something behind its end")

    def small(self, name: str) -> bytes:
        """See ``BlobSource``."""
        at, length = self._at(name, name)
        if length > JSON_BYTES:
            raise TooLargeError(f"bundle.{name}", length, JSON_BYTES)
        self._file.seek(at)
        return self._file.read(length)

    def _at(self, name: str, what: str) -> tuple[int, int]:
        if name not in self._entries:
            raise InvalidArgumentError(f"bundle.{what}", "is missing")
        return self._entries[name]

    def steps(self, blob: Blob) -> Iterator[bytes]:
        """See ``BlobSource``."""
        what = f"blobs.{blob.hex[:12]}"
        at, length = self._at(f"blobs/sha256/{blob.hex}", what)
        if length != blob.size:
            raise InvalidArgumentError(f"bundle.{what}", f"has {length} bytes, not {blob.size}")
        # Of its own, so that two blobs can be read by turns.
        with open(os.dup(self._file.fileno()), "rb", buffering=0) as raw:
            yield from _stepped(_At(raw.fileno(), at), blob)  # type: ignore[arg-type]

    def close(self) -> None:
        """See ``BlobSource``."""
        self._file.close()


class _At:
    """Reads from a place of a file, whatever others read of it."""

    def __init__(self, fd: int, at: int) -> None:
        self._fd, self._at = fd, at

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, size, self._at)
        self._at += len(data)
        return data


def _entry(block: bytes) -> tuple[str, int]:
    """Name and size in a header, which has to be exactly what ``_header`` writes, but for owner, mode and time."""
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    kind = block[156:157]
    if (
        kind not in (b"0", b"5")
        or block[157:257].strip(b"\0")
        or block[345:500].strip(b"\0")
        or block[500:].strip(b"\0")
    ):
        raise InvalidArgumentError("bundle.tar", f"has an entry that is no plain file: {name[:80]!r}")
    if (name not in _FOLDERS) if kind == b"5" else (not _NAME.fullmatch(name)):
        raise InvalidArgumentError("bundle.tar", f"has an entry that no bundle has: {name[:80]!r}")
    if block[257:265] != b"ustar\x0000":
        raise InvalidArgumentError("bundle.tar", "is no ustar file")
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    if block[148:156] != b"%06o\0 " % total:
        raise InvalidArgumentError("bundle.tar", f"has a damaged header: {name[:80]!r}")
    size = re.fullmatch(rb"([0-7]{11})\0", block[124:136])
    if size is None:
        raise InvalidArgumentError("bundle.tar", f"has an entry of no size: {name[:80]!r}")
    return name, int(size.group(1), 8)


def _header(name: str, size: int) -> bytes:
    """A ustar header that says nothing of who wrote it when, so that equal bundles are equal files."""
    if size >= 8**11:
        raise TooLargeError("bundle.tar", size, 8**11 - 1)
    block = bytearray(_BLOCK)
    block[: len(name)] = name.encode()
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def open_source(path: Path) -> BlobSource:
    """The blobs of a bundle, which is a folder or a tar file. Raises NotFoundError, InvalidArgumentError."""
    if not os.path.lexists(path):
        raise NotFoundError("bundle", str(path))
    return FolderSource(path) if path.is_dir() else TarSource(path)


class FolderTarget:
    """A folder that becomes a bundle. ``index.json`` is written last: without it there is none."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise AlreadyExistsError("folder with files", str(folder))
        self.path = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        (folder / "oci-layout").write_bytes(LAYOUT)
        self.written_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def put(self, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Blob:
        """Write a blob, unless it is there."""
        blob = blob_of(data, media_type)
        path = self._blobs / blob.hex
        if not path.exists():
            self._write(path, [data])
        return Blob(blob.digest, blob.size, media_type, annotations or {})

    def copy(self, source: BlobSource, blob: Blob) -> Blob:
        """Write a blob of another bundle, in steps; it is checked on the way."""
        path = self._blobs / blob.hex
        if not path.exists():
            self._write(path, source.steps(blob))
        return blob

    def put_steps(self, steps: Iterator[bytes], media_type: str) -> Blob:
        """Write a blob whose digest is not known before."""
        digest, size = sha256(), 0
        made = self._blobs / "unfinished"

        def counted() -> Iterator[bytes]:
            nonlocal size
            for step in steps:
                digest.update(step)
                size += len(step)
                yield step

        self._write(made, counted())
        made.rename(self._blobs / digest.hexdigest())
        return Blob(f"sha256:{digest.hexdigest()}", size, media_type)

    def _write(self, path: Path, steps: Iterator[bytes] | list[bytes]) -> None:
        made = path.with_name(path.name + ".new")
        with open(made, "wb") as file:
            for step in steps:
                self.written_bytes += file.write(step)
            file.flush()
            os.fsync(file.fileno())
        made.rename(path)

    def finish(self, index: bytes) -> None:
        """Make it a bundle: the index, durably."""
        self._write(self.path / "index.json", [index])
        for folder in (self._blobs, self.path):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(fd)
            os.close(fd)


def write_tar(source: BlobSource, index: bytes, blobs: list[Blob], target: Path) -> None:
    """Write a bundle as one tar file; equal bundles become equal files. Raises AlreadyExistsError."""
    made = target.with_name(target.name + ".new")
    with open(made, "wb") as file:

        def put(name: str, size: int, steps: Iterator[bytes]) -> None:
            file.write(_header(name, size))
            file.writelines(steps)
            file.write(bytes(-size % _BLOCK))

        put("oci-layout", len(LAYOUT), iter([LAYOUT]))
        put("index.json", len(index), iter([index]))
        for blob in {blob.digest: blob for blob in blobs}.values():
            put(f"blobs/sha256/{blob.hex}", blob.size, source.steps(blob))
        file.write(bytes(2 * _BLOCK))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, target)
    except FileExistsError as error:
        raise AlreadyExistsError("file", str(target)) from error
    finally:
        made.unlink()
