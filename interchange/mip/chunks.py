"""Lines in chunks: how items, deletions, gaps and redactions lie in layers; sections 3 and 5 of MIP.md.

A layer of items is cut after an item whose id says so (a hash of it, weighed with the item's size), not after so many:
what is added, changed or taken away in one place leaves the chunks elsewhere, and their digests, as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from memcube.interchange.mip.fields import RawItem
from memcube.interchange.mip.limits import (
    CHUNK_BYTES,
    LEAST_CHUNK_BYTES,
    LINE_BYTES,
    MOST_CHUNK_BYTES,
    MOST_FIELDS,
    MOST_ID_CHARS,
)
from memcube.interchange.mip.strict import loads_object
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["chunks_of_items", "chunks_of_lines", "read_items", "read_lines"]

_CUT_BYTES = 4 * CHUNK_BYTES


def chunks_of_items(items: Iterable[RawItem]) -> Iterator[bytes]:
    """The chunks of these items, in their order."""
    chunk = bytearray()
    for raw in items:
        if chunk and len(chunk) + raw.size > MOST_CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
        chunk += raw.lines()
        if len(chunk) >= _CUT_BYTES or (len(chunk) >= LEAST_CHUNK_BYTES and _cuts(raw)):
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def _cuts(raw: RawItem) -> bool:
    number = int.from_bytes(blake2b(raw.id.encode(), digest_size=8).digest())
    return number % (CHUNK_BYTES - LEAST_CHUNK_BYTES) < raw.size


def chunks_of_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of lines that are not items."""
    chunk = bytearray()
    for line in lines:
        chunk += line + b"\n"
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def read_lines(chunk: bytes, what: str) -> list[bytes]:
    """The lines of a chunk; each is ended, and none is over its limit or empty."""
    if not chunk.endswith(b"\n"):
        raise InvalidArgumentError(what, "does not end with its last line")
    lines = chunk.split(b"\n")
    lines.pop()
    for line in lines:
        if not line:
            raise InvalidArgumentError(what, "has an empty line")
        if len(line) > LINE_BYTES:
            raise TooLargeError(what, len(line), LINE_BYTES)
    return lines


def read_items(chunk: bytes) -> Iterator[tuple[RawItem, dict[str, Any]]]:
    """The items of a chunk, with their parsed headers; raises InvalidArgumentError("bundle.item…")."""
    what = "bundle.item"
    header: bytes = b""
    parsed: dict[str, Any] = {}
    disclosures: list[bytes] = []
    for line in read_lines(chunk, "bundle.items"):
        if line.startswith(b"{"):
            if header:
                yield RawItem(parsed["id"], header, tuple(disclosures)), parsed
            header, parsed, disclosures = line, _header(line), []
        elif line.startswith(b"[") and header:
            if len(disclosures) == MOST_FIELDS:
                raise TooLargeError(what, len(disclosures) + 1, MOST_FIELDS, "disclosures")
            disclosures.append(line)
        else:
            raise InvalidArgumentError(what, "has a line that is neither a header nor a disclosure behind one")
    if header:
        yield RawItem(parsed["id"], header, tuple(disclosures)), parsed


def _header(line: bytes) -> dict[str, Any]:
    what = "bundle.item"
    header = loads_object(line, what, LINE_BYTES)
    identity, version, kind, digests = (header.get(name) for name in ("id", "version", "type", "_sd"))
    if not isinstance(identity, str) or not 0 < len(identity) <= MOST_ID_CHARS:
        raise InvalidArgumentError(f"{what}.id", f"is not 1 to {MOST_ID_CHARS} characters")
    if type(version) is not int or not 1 <= version < 2**32:
        raise InvalidArgumentError(f"{what}.version", "is not a whole number from 1 up")
    if not isinstance(kind, str) or not 0 < len(kind) <= MOST_ID_CHARS:
        raise InvalidArgumentError(f"{what}.type", "is no memory type")
    if not isinstance(digests, list) or not all(isinstance(digest, str) and len(digest) == 43 for digest in digests):
        raise InvalidArgumentError(f"{what}._sd", "is no list of digests")
    if len(digests) > MOST_FIELDS:
        raise TooLargeError(f"{what}._sd", len(digests), MOST_FIELDS, "digests")
    if len(set(digests)) != len(digests):
        raise InvalidArgumentError(f"{what}._sd", "has a digest twice")
    return header
