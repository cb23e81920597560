"""Reading SQLite's pages without SQLite: for databases of which some pages are gone.

SQLite reaches rows through a table's root page and gives up where a page on the way is damaged. Rows in intact pages
are still there. Format: sqlite.org/fileformat2.html, sections 1.6 and 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from memcube.actors.vault.inspect import PAGE_BYTES

Row = tuple[Any, ...]

_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_KINDS = (_INDEX_INTERIOR, _TABLE_INTERIOR, _INDEX_LEAF, _TABLE_LEAF)
_TABLE_LOCAL = PAGE_BYTES - 35
_INDEX_LOCAL = (PAGE_BYTES - 12) * 64 // 255 - 23
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MALFORMED = (IndexError, ValueError, struct.error)  # UnicodeDecodeError is a ValueError


class Cell(NamedTuple):
    """A row as stored. ``rowid`` is None in trees without; then the values begin with the key."""

    rowid: int | None
    values: Row


class Pages:
    """The pages of a database image, numbered from 1."""

    def __init__(self, image: bytes) -> None:
        self._image = image
        self.count = len(image) // PAGE_BYTES

    def tree(self, root: int) -> tuple[set[int], bool]:
        """The pages reachable from a root page, and whether all of them look like pages of a tree."""
        seen: set[int] = set()
        sound = True
        waiting = [root]
        while waiting:
            page = waiting.pop()
            if page in seen or not 1 <= page <= self.count:
                sound = False
                continue
            seen.add(page)
            try:
                children, overflow = self._references(page)
            except _MALFORMED:
                sound = False
                continue
            waiting += children
            seen.update(overflow)
        return seen, sound

    def cells(self) -> Iterator[Cell]:
        """Every row that can be decoded, of every page that looks like one with rows, whatever table it is of."""
        for page in range(1, self.count + 1):
            kind, start = self._kind(page)
            if kind not in (_INDEX_INTERIOR, _INDEX_LEAF, _TABLE_LEAF):
                continue
            for offset in self._offsets(page, kind, start):
                try:
                    yield self._cell(offset, kind)
                except _MALFORMED:
                    continue

    def _kind(self, page: int) -> tuple[int, int]:
        start = (page - 1) * PAGE_BYTES + (100 if page == 1 else 0)
        return self._image[start], start

    def _offsets(self, page: int, kind: int, start: int) -> list[int]:
        count = int.from_bytes(self._image[start + 3 : start + 5], "big")
        first = start + (8 if kind in (_INDEX_LEAF, _TABLE_LEAF) else 12)
        count = min(count, (PAGE_BYTES - 12) // 2)
        base = (page - 1) * PAGE_BYTES
        return [base + value for value in struct.unpack_from(f">{count}H", self._image, first) if value < PAGE_BYTES]

    def _references(self, page: int) -> tuple[list[int], list[int]]:
        """The pages below a page of a tree, and those that its rows go on in."""
        kind, start = self._kind(page)
        if kind not in _KINDS:
            raise ValueError(kind)
        children: list[int] = []
        overflow: list[int] = []
        offsets = self._offsets(page, kind, start)
        if kind in (_INDEX_INTERIOR, _TABLE_INTERIOR):
            children = [int.from_bytes(self._image[offset : offset + 4], "big") for offset in offsets]
            children.append(int.from_bytes(self._image[start + 8 : start + 12], "big"))
        if kind != _TABLE_INTERIOR:
            for offset in offsets:
                overflow += self._overflow(self._payload(offset, kind))
        return children, overflow

    def _cell(self, offset: int, kind: int) -> Cell:
        payload = self._payload(offset, kind)
        parts = [self._image[payload.at : payload.at + payload.local]]
        left = payload.size - payload.local
        for page in self._overflow(payload):
            start = (page - 1) * PAGE_BYTES + 4
            parts.append(self._image[start : start + min(left, PAGE_BYTES - 4)])
            left -= PAGE_BYTES - 4
        return Cell(payload.rowid, _record(b"".join(parts)))

    def _payload(self, offset: int, kind: int) -> _Payload:
        at = offset + (4 if kind == _INDEX_INTERIOR else 0)
        size, at = _varint(self._image, at)
        rowid: int | None = None
        most = _INDEX_LOCAL
        if kind == _TABLE_LEAF:
            rowid, at = _varint(self._image, at)
            most = _TABLE_LOCAL
        local = size
        if size > most:
            local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE_BYTES - 4)
            local = local if local <= most else _LEAST_LOCAL
        return _Payload(rowid, size, at, local)

    def _overflow(self, payload: _Payload) -> list[int]:
        """The pages that a row goes on in."""
        if payload.size == payload.local:
            return []
        pages: list[int] = []
        left, at = payload.size - payload.local, payload.at + payload.local
        while left > 0:
            page = int.from_bytes(self._image[at : at + 4], "big")
            if not 1 <= page <= self.count or len(pages) > self.count:
                raise ValueError(page)
            pages.append(page)
            left, at = left - (PAGE_BYTES - 4), (page - 1) * PAGE_BYTES
        return pages


class _Payload(NamedTuple):
    rowid: int | None
    size: int
    at: int
    local: int


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return value << 8 | data[at + 8], at + 9


def _record(payload: bytes) -> Row:
    header_bytes, at = _varint(payload, 0)
    types = []
    while at < header_bytes:
        kind, at = _varint(payload, at)
        types.append(kind)
    values: list[Any] = []
    for kind in types:
        value, at = _value(payload, at, kind)
        values.append(value)
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (8, 9):
        return kind - 8, at
    if kind == 0:
        return None, at
    size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else (kind - 12) // 2)
    if size < 0 or at + size > len(payload):
        raise ValueError(kind)
    part = payload[at : at + size]
    if kind in _INTEGER_BYTES:
        return int.from_bytes(part, "big", signed=True), at + size
    if kind == 7:
        return struct.unpack(">d", part)[0], at + size
    return (part.decode() if kind % 2 else part), at + size
