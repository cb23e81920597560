"""What is to be loaded, as members that are read one at a time: a file, a folder, a zip or tar archive.

An archive is looked at before anything of it is unpacked, and nothing is unpacked to disk. Refused, by the member's
name: paths that lead out, links and devices, names that stand twice, more than is allowed, and zip bombs.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from memcube.interchange.formats.skim import Skim, skim
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, TooLargeError

__all__ = ["Limits", "Member", "is_bundle", "members_of", "safe_name"]


_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError
)  # fmt: skip
"""What the archives' libraries raise for what is none."""


def _broken(name: str, error: Exception) -> MemCubeError:
    """Our own errors pass; the libraries' say that the archive can't be read."""
    if isinstance(error, MemCubeError):
        return error
    return InvalidArgumentError(name, f"can't be unpacked: {type(error).__name__} {error}"[:200])


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one load. ``ratio`` is how many times larger than its packed size a member over 16 MiB may be."""

    members: int = 100_000
    member_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
    ratio: int = 200


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its name inside of what was given, its size, how to open it at its start, and what it looks like."""

    name: str
    size: int
    open: Callable[[], BinaryIO]
    seen: Skim


def is_bundle(path: Path) -> bool:
    """Whether a folder or tar file is laid out as a bundle; says nothing of what it is worth."""
    if path.is_dir():
        return (path / "oci-layout").is_file() and (path / "index.json").is_file()
    try:
        with path.open("rb") as file:
            return file.read(100).rstrip(b"\0") == b"oci-layout"
    except OSError:
        return False


def safe_name(field: str, name: str) -> str:
    """``name`` as a relative path that stays inside; raises InvalidArgumentError(field)."""
    path = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or path.is_absolute() or ".." in path.parts or len(name) > 1024:
        raise InvalidArgumentError(field, f"the name {name[:100]!r} leads out of the archive")
    if ":" in path.parts[0] or not all(part.isprintable() for part in path.parts):
        raise InvalidArgumentError(field, f"the name {name[:100]!r} is no plain relative path")
    return str(path)


def members_of(path: Path, limits: Limits | None = None) -> Iterator[Member]:
    """The members of a file, a folder or an archive, in the order of their names.

    Raises NotFoundError, InvalidArgumentError, TooLargeError. Archives in archives are members, and not opened.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield from _in_folder(path, limits)
        return
    if not path.is_file():
        raise NotFoundError("file or folder", str(path))
    if path.stat().st_size > limits.total_bytes:
        raise TooLargeError(str(path), path.stat().st_size, limits.total_bytes)
    with path.open("rb") as file:
        seen = skim(file)
    if seen.kind == "zip":
        yield from _in_zip(path, limits)
    elif seen.kind == "tar" or (seen.kind == "gzip" and _is_tar(path)):
        yield from _in_tar(path, limits)
    else:
        yield Member(path.name, path.stat().st_size, lambda: path.open("rb"), seen)


def _in_folder(top: Path, limits: Limits) -> Iterator[Member]:
    total = count = 0
    for folder, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            told = path.relative_to(top).as_posix()
            if name.startswith("."):
                continue
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise InvalidArgumentError(told, "is a link or a device: only files are read")
            count += 1
            total += found.st_size
            _bound(told, count, found.st_size, total, limits)
            with path.open("rb") as file:
                seen = skim(file)
            yield Member(safe_name(told, told), found.st_size, _opener(path), seen)


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _in_zip(path: Path, limits: Limits) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = _checked(archive, limits)
            for info in infos:
                opener = _zip_opener(path, info.filename, info.file_size)
                with opener() as file:
                    seen = _skimmed(file, opener)
                yield Member(safe_name(info.filename, info.filename), info.file_size, opener, seen)
    except _BROKEN as error:
        raise _broken(str(path), error) from error


def _checked(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """A zip's files, after a look at its whole directory."""
    total = 0
    names: set[str] = set()
    for count, info in enumerate(archive.infolist(), 1):
        name = safe_name(info.filename, info.filename.rstrip("/"))
        total += info.file_size
        _bound(name, count, info.file_size, total, limits)
        if name in names:
            raise InvalidArgumentError(name, "stands twice in the archive")
        names.add(name)
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InvalidArgumentError(name, "is a link or a device: only files are read")
        if info.flag_bits & 1:
            raise InvalidArgumentError(name, "is encrypted")
        if info.file_size > 16 << 20 and info.file_size > limits.ratio * max(1, info.compress_size):
            raise TooLargeError(
                name, info.file_size, limits.ratio * max(1, info.compress_size), "bytes for its packing"
            )
    return sorted((one for one in archive.infolist() if not one.is_dir()), key=lambda one: one.filename)


def _zip_opener(path: Path, name: str, size: int) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        archive = zipfile.ZipFile(path)
        try:
            return cast(BinaryIO, _Bounded(archive.open(name), name, size, archive))
        except _BROKEN as error:
            archive.close()
            raise _broken(name, error) from error

    return opened


class _Bounded(io.RawIOBase):
    """A member's bytes, and not one more than its directory promised."""

    def __init__(self, file: object, name: str, size: int, archive: zipfile.ZipFile | tarfile.TarFile) -> None:
        self._file = cast(BinaryIO, file)
        self._name, self._left, self._archive = name, size, archive

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        try:
            piece = self._file.read(size if size >= 0 else self._left + 1)
        except _BROKEN as error:
            raise _broken(self._name, error) from error
        self._left -= len(piece)
        if self._left < 0:
            raise InvalidArgumentError(self._name, "is larger than the archive says")
        return piece

    def readline(self, size: int | None = -1) -> bytes:
        """Up to a line's end."""
        line = self._file.readline(-1 if size is None else size)
        self._left -= len(line)
        return line

    def close(self) -> None:
        """Close the member, and its archive."""
        self._file.close()
        self._archive.close()
        super().close()


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:gz") as archive:
            return archive.next() is not None
    except (tarfile.TarError, zlib.error, EOFError, OSError):
        return False


def _in_tar(path: Path, limits: Limits) -> Iterator[Member]:
    """A tar's files; one that is packed is read anew for each, so that nothing is unpacked to disk."""
    try:
        with tarfile.open(path) as archive:
            names: dict[str, int] = {}
            total = 0
            for count, info in enumerate(archive, 1):
                name = safe_name(info.name, info.name)
                total += info.size
                _bound(name, count, info.size, total, limits)
                if not info.isdir() and not info.isreg():
                    raise InvalidArgumentError(name, "is a link or a device: only files are read")
                if name in names:
                    raise InvalidArgumentError(name, "stands twice in the archive")
                if info.isreg():
                    names[name] = info.size
        if total > 16 << 20 and total > limits.ratio * max(1, path.stat().st_size):
            raise TooLargeError(str(path), total, limits.ratio * path.stat().st_size, "bytes for its packing")
        for name in sorted(names):
            opener = _tar_opener(path, name)
            with opener() as file:
                seen = _skimmed(file, opener)
            yield Member(name, names[name], opener, seen)
    except _BROKEN as error:
        raise _broken(str(path), error) from error


def _tar_opener(path: Path, name: str) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        archive = tarfile.open(path)  # noqa: SIM115 - it is open as long as its member
        info = next(one for one in archive if str(PurePosixPath(one.name)) == name)
        file = archive.extractfile(info)
        assert file is not None  # it is a file, as was looked at before
        return cast(BinaryIO, _Bounded(file, name, info.size, archive))

    return opened


def _skimmed(file: BinaryIO, opener: Callable[[], BinaryIO]) -> Skim:
    """A look at a file that can't be wound back: at its start, and where that is JSON, at all of it."""
    return skim(cast(BinaryIO, _Rewound(file, opener)))


class _Rewound:
    """Enough of a file for ``skim``: going back to the start opens it anew."""

    def __init__(self, file: BinaryIO, opener: Callable[[], BinaryIO]) -> None:
        self._file, self._opener, self._mine = file, opener, False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes."""
        return self._file.read(size)

    def seek(self, place: int) -> None:
        """Back to the start."""
        if self._mine:
            self._file.close()
        self._file, self._mine = self._opener(), True

    def __del__(self) -> None:
        if self._mine:
            self._file.close()


def _bound(name: str, count: int, size: int, total: int, limits: Limits) -> None:
    if count > limits.members:
        raise TooLargeError(name, count, limits.members, "files")
    if size > limits.member_bytes:
        raise TooLargeError(name, size, limits.member_bytes)
    if total > limits.total_bytes:
        raise TooLargeError(name, total, limits.total_bytes, "bytes in all")
