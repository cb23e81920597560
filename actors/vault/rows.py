"""Reading a cube's rows from a database that may be damaged: each row that is provably what was written, no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memcube.actors.vault import schema
from memcube.actors.vault.base import EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.btree import Cell, Pages

Row = tuple[Any, ...]


@dataclass(slots=True)
class Rows:
    """What could be read. ``torn`` names the tables of which something could not, or had a wrong checksum."""

    cube: tuple[str, str, bytes] | None = None
    state: tuple[int, int, bytes] | None = None
    events: dict[int, EventRecord] = field(default_factory=dict)
    items: dict[str, ItemRecord] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    tasks: list[TaskRecord] = field(default_factory=list)
    vectors: list[tuple[bytes, str, bytes]] = field(default_factory=list)
    torn: set[str] = field(default_factory=set)
    structure: list[str] = field(default_factory=list)


_KEYED = {"cube": 5, "state": 4, "events": 6, "items": 7, "models": 3, "vectors": 5}
"""Columns of the tables whose first column is the row's number."""
_UNKEYED = {"receipts": 5, "tasks": 7}
_REAL = {"receipts": 3, "tasks": 4}
"""Columns that SQLite may store as integers, and gives back as floating-point numbers."""


def read_rows(image: bytes, damaged: frozenset[int]) -> Rows:
    """Every sound row of the database in ``image``, whose pages ``damaged`` are known not to be what was written.

    ``structure`` has SQLite's own findings. Raises nothing, whatever the bytes are.
    """
    rows = Rows()
    connection = schema.in_memory(image) if image else schema.in_memory()
    try:
        reader = _Reader(connection, Pages(image), damaged, rows.torn)
        for row in reader.sound("cube", lambda row: schema.cube_row(*row[1:4])):
            rows.cube = row[1:4]
        for row in reader.all("state"):
            if [type(value) for value in row] == [int, int, int, bytes]:
                rows.state = row[1:4]
        for row in reader.sound("events", lambda row: schema.event_row(EventRecord(row[0], *row[2:5]))):
            rows.events[row[0]] = EventRecord(row[0], *row[2:5])
        for row in reader.sound("items", lambda row: schema.item_row(row[0], ItemRecord(*row[1:6]))):
            known = rows.items.get(row[1])
            if known is None or known.version <= row[2]:
                rows.items[row[1]] = ItemRecord(*row[1:6])
        kept = reader.sound("receipts", lambda row: schema.receipt_row(Receipt(*row[:4])))
        rows.receipts = [*{row[0]: Receipt(*row[:4]) for row in kept}.values()]
        kept = reader.sound("tasks", lambda row: schema.task_row(TaskRecord(*row[:6])))
        rows.tasks = [*{row[0]: TaskRecord(*row[:6]) for row in kept}.values()]
        rows.vectors = _vectors(reader)
        rows.structure = _structure(connection)
    finally:
        connection.close()
    return rows


def _vectors(reader: _Reader) -> list[tuple[bytes, str, bytes]]:
    models = {row[0]: (row[1], row[2]) for row in reader.all("models")}
    vectors = []
    for row in reader.sound("vectors", lambda row: schema.vector_row(*row[1:4])):
        name, size = models.get(row[2], ("", 0))
        if isinstance(name, str) and name and len(row[3]) == 2 * size:
            vectors.append((row[1], name, np.frombuffer(row[3], "<f2").astype("<f4").tobytes()))
        else:
            reader.torn.add("vectors")
    return vectors


def _structure(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.Error as error:
        return [str(error)]
    return [] if found == ["ok"] else found


class _Reader:
    """Tables through SQLite; those with a damaged page, from every page that is left."""

    def __init__(self, connection: sqlite3.Connection, pages: Pages, damaged: frozenset[int], torn: set[str]) -> None:
        self.torn = torn
        self._connection = connection
        self._pages = pages
        self._damaged = damaged
        self._cells: list[Cell] | None = None

    def sound(self, table: str, rebuild: Callable[[Row], Row]) -> Iterable[Row]:
        """Rows whose last column is the checksum that ``rebuild`` computes."""
        rows = self._through_sqlite(table)
        if rows is not None:
            good = [row for row in rows if _right(row, rebuild)]
            if len(good) == len(rows):
                return good
        self.torn.add(table)
        return [row for row in self._from_pages(table) if _right(row, rebuild)]

    def all(self, table: str) -> Iterable[Row]:
        """Rows of a table without checksums."""
        rows = self._through_sqlite(table)
        if rows is None:
            self.torn.add(table)
            return self._from_pages(table)
        return rows

    def _through_sqlite(self, table: str) -> list[Row] | None:
        pages, sound = self._pages.tree(schema.roots()[table])
        if not sound or pages & self._damaged:
            return None
        try:
            return self._connection.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall()
        except sqlite3.Error:
            return None

    def _from_pages(self, table: str) -> list[Row]:
        """Rows that look like the table's; only a checksum can tell them from another's of the same shape."""
        if self._cells is None:
            self._cells = list(self._pages.cells())
        if table in _KEYED:
            columns = _KEYED[table]
            return [
                (cell.rowid, *cell.values[1:])
                for cell in self._cells
                if cell.rowid is not None and len(cell.values) == columns and cell.values[0] is None
            ]
        columns, real = _UNKEYED[table], _REAL[table]
        return [
            (*cell.values[:real], float(cell.values[real]), *cell.values[real + 1 :])
            for cell in self._cells
            if cell.rowid is None and len(cell.values) == columns and isinstance(cell.values[real], int | float)
        ]


def _right(row: Row, rebuild: Callable[[Row], Row]) -> bool:
    try:
        return bool(rebuild(row)[-1] == row[-1])
    except (TypeError, ValueError, AttributeError, OverflowError):
        return False  # a value of another type than any we write
