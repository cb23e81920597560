"""Office documents as the zip archives that they are: what unpacking one would come to, before it is unpacked."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

from memcube.actors.reader.kinds import OFFICE_KINDS
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["MOST_UNPACKED_BYTES", "check_office"]

MOST_UNPACKED_BYTES = 256 * 1024 * 1024
MOST_MEMBERS = 20_000
MOST_RATIO = 200
"""Of unpacked to packed bytes, from ``RATIO_FROM_BYTES`` on: text packs 5 to 50 times, zeros a thousand."""
RATIO_FROM_BYTES = 16 * 1024 * 1024
MOST_NESTED_BYTES = 32 * 1024 * 1024
"""Of an archive within the archive: a chart's workbook has some kilobytes."""
PROLOG_BYTES = 2048
MOST_BOX, MOST_EMPTY = 2_000_000, 50
"""Cells of the rectangle that a sheet's cells span, and how many of them there may be for each that is there: reading
a sheet fills all of it, and one cell in the last corner spans 17 thousand million."""
CHUNK_BYTES, OVERLAP_BYTES = 1 << 20, 64
CELL = re.compile(rb"\sr=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")
_ARCHIVES = frozenset({".zip", ".docx", ".pptx", ".xlsx", ".jar", ".gz", ".bz2", ".xz", ".7z"})


def check_office(kind: str, data: bytes) -> None:
    """Refuse an Office document that is none, is encrypted, would unpack beyond all bounds, or has XML that defines
    entities (none of these formats does): InvalidArgumentError and TooLargeError of "file"."""
    with _opened(data, kind) as archive:
        names = {info.filename for info in archive.infolist()}
        if OFFICE_KINDS[kind] not in names:
            other = next((one for one, member in OFFICE_KINDS.items() if member in names), "zip")
            raise InvalidArgumentError("file", f"is no {kind} file: it is a {other} file")
        _check_sizes(archive, len(data))
        for info in archive.infolist():
            suffix = PurePosixPath(info.filename).suffix.lower()
            if suffix in (".xml", ".rels"):
                _check_prolog(archive, info)
            elif suffix in _ARCHIVES and info.file_size:
                _check_nested(archive, info)
            if kind == "xlsx" and info.filename.startswith("xl/worksheets/") and suffix == ".xml":
                _check_extent(archive, info)


def _opened(data: bytes, kind: str) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidArgumentError("file", f"is no whole {kind} file: {error}"[:300]) from error
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise InvalidArgumentError("file", "is encrypted")
    return archive


def _check_sizes(archive: zipfile.ZipFile, packed_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise TooLargeError("file", len(members), MOST_MEMBERS, "members")
    unpacked = sum(info.file_size for info in members)
    if unpacked > MOST_UNPACKED_BYTES:
        raise TooLargeError("file", unpacked, MOST_UNPACKED_BYTES, "bytes when unpacked")
    if unpacked > RATIO_FROM_BYTES and unpacked > MOST_RATIO * packed_bytes:
        raise InvalidArgumentError("file", f"is a zip bomb: {packed_bytes} bytes unpack to {unpacked}")
    # Members that overlap in the file are packed bytes counted twice.
    if sum(info.compress_size for info in members) > packed_bytes:
        raise InvalidArgumentError("file", "is a zip bomb: its members overlap")


def _check_prolog(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    try:
        with archive.open(info) as member:
            head = member.read(PROLOG_BYTES).replace(b"\0", b"")
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError) as error:
        raise InvalidArgumentError("file", f"is damaged at {info.filename[:100]!r}") from error
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise InvalidArgumentError("file", f"has XML that defines entities ({info.filename[:100]!r})")


def _check_extent(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Refuse a sheet whose few cells lie so far apart that reading it would take for ever."""
    rows = columns = cells = 0
    tail = b""
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK_BYTES):
                found = CELL.findall(tail + chunk)
                # What the last chunk ended with is counted twice at most; a cell more is no matter.
                cells += len(found)
                columns = max([columns, *(_column(letters) for letters in {letters for letters, _ in found})])
                rows = max([rows, *(int(number) for _, number in found)])
                tail = chunk[-OVERLAP_BYTES:]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError) as error:
        raise InvalidArgumentError("file", f"is damaged at {info.filename[:100]!r}") from error
    if rows * columns > max(MOST_BOX, MOST_EMPTY * cells):
        raise InvalidArgumentError(
            "file", f"has {cells} cells over {rows} rows and {columns} columns ({info.filename[:100]!r}): too far apart"
        )


def _column(letters: bytes) -> int:
    """The number of a column: A is 1, AA 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _check_nested(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Archives within: they are not unpacked for their text, and yet none is let in that could not be."""
    if info.file_size > MOST_NESTED_BYTES:
        raise TooLargeError("file", info.file_size, MOST_NESTED_BYTES, f"bytes at {info.filename[:100]!r}")
    try:
        inside = archive.read(info)
        with zipfile.ZipFile(io.BytesIO(inside)) as nested:
            _check_sizes(nested, len(inside))
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError):
        return  # no zip archive, so nothing that would unpack
