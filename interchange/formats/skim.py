"""A first look at a document, to tell its format by what it says and not by what its file is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from memcube.interchange.cutter import Cutter
from memcube.model.errors import InvalidArgumentError

__all__ = ["Skim", "skim"]

_HEAD_BYTES = 1 << 16
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
)


@dataclass(frozen=True, slots=True)
class Skim:
    """What a document looks like. ``kind`` is "object", "array", "lines" (a JSON value a line), "text", "binary",
    "pickle", "zip", "tar", "gzip" or "empty".

    ``keys`` are an object's keys with their values where these are plain, else ``...``; ``first`` is an array's first
    element, or that of an object's first array of objects; of lines it is the first one.
    """

    kind: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    first: Any = None
    problem: InvalidArgumentError | None = None
    """Of what begins like JSON: why it is none."""


def skim(file: BinaryIO) -> Skim:
    """Look at a file, which has to be at its start, and go back there."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return Skim(kind)
    if head[257:262] == b"ustar":
        return Skim("tar")
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not opening:
        return Skim("empty")
    problem: InvalidArgumentError | None = None
    if opening in (b"{", b"[", b'"'):
        try:
            return _json(file)
        except InvalidArgumentError as error:
            problem = error
        finally:
            file.seek(0)
    if b"\0" in head:
        return Skim("pickle" if head[:1] in (b"(", b"]", b"}", b"c") and head.rstrip()[-1:] == b"." else "binary")
    try:
        head[: len(head) - 4 if len(head) == _HEAD_BYTES else None].decode("utf-8")
    except UnicodeDecodeError as error:
        return Skim("binary" if error.start < len(head) - 8 else "text")
    return Skim("text", problem=problem)


def _json(file: BinaryIO) -> Skim:
    cutter = Cutter(file, [], "document")
    opening = cutter.opening()
    if opening == "[":
        return Skim("array", first=cutter.first())
    keys, first = cutter.keys()
    if cutter.opening() == "{":
        return Skim("lines", keys, keys)
    return Skim("object", keys, first)
