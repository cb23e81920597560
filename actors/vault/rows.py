"""Reading a cube's rows from a database that may be damaged: each row that is provably what was written, no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memcube.actors.vault import schema
from memcube.actors.vault.base import EventRecord, ItemRecord, Receipt, TaskRecord

Row = tuple[Any, ...]

_FAR = 1 << 17
"""How many row numbers past the last readable one are tried where a table's end can't be read."""


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


def read_rows(image: bytes, head: int) -> Rows:
    """Every sound row of the database in ``image``; ``head`` is the last event known to have been there.

    ``structure`` has SQLite's own findings. Raises nothing, whatever the bytes are.
    """
    rows = Rows()
    connection = schema.in_memory(image) if image else schema.in_memory()
    try:
        reader = _Reader(connection, rows)
        for row in reader.sound("cube", "one", lambda row: schema.cube_row(*row[1:4])):
            rows.cube = row[1:4]
        for row in reader.all("state", "one", 1):
            if [type(value) for value in row] == [int, int, int, bytes]:
                rows.state = row[1:4]
        for row in reader.sound("events", "seq", _event_row, head):
            rows.events[row[0]] = EventRecord(row[0], row[2], row[3], row[4])
        for row in reader.sound("items", "num", lambda row: schema.item_row(row[0], ItemRecord(*row[1:6]))):
            rows.items[row[1]] = ItemRecord(*row[1:6])
        for row in reader.sound("receipts", "", lambda row: schema.receipt_row(Receipt(*row[:4]))):
            rows.receipts.append(Receipt(*row[:4]))
        for row in reader.sound("tasks", "", lambda row: schema.task_row(TaskRecord(*row[:6]))):
            rows.tasks.append(TaskRecord(*row[:6]))
        models = {row[0]: (row[1], row[2]) for row in reader.all("models", "num", 0)}
        for row in reader.sound("vectors", "num", lambda row: schema.vector_row(*row[1:4])):
            name, size = models.get(row[2], ("", 0))
            if isinstance(name, str) and name and len(row[3]) == 2 * size:
                rows.vectors.append((row[1], name, np.frombuffer(row[3], "<f2").astype("<f4").tobytes()))
            else:
                rows.torn.add("vectors")
        rows.structure = reader.integrity()
    finally:
        connection.close()
    return rows


def _event_row(row: Row) -> Row:
    return schema.event_row(EventRecord(row[0], row[2], row[3], row[4]))


class _Reader:
    def __init__(self, connection: sqlite3.Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows

    def sound(self, table: str, key: str, rebuild: Callable[[Row], Row], far: int = 0) -> Iterator[Row]:
        """Rows whose last column is the checksum that ``rebuild`` computes."""
        for row in self.all(table, key, far):
            try:
                right = rebuild(row)[-1] == row[-1]
            except (TypeError, ValueError, AttributeError, OverflowError):
                right = False  # a value of another type than any we write
            if right:
                yield row
            else:
                self._rows.torn.add(table)

    def all(self, table: str, key: str, far: int) -> Iterable[Row]:
        """Every readable row; around damage from both ends, then between them by row number ``key``."""
        query = f"SELECT * FROM {table} NOT INDEXED"
        try:
            return list(self._connection.execute(query))
        except sqlite3.Error:
            self._rows.torn.add(table)
        if not key:
            return {row[0]: row for row in self._until_damage(query)}.values()
        found = {row[0]: row for row in self._until_damage(f"{query} ORDER BY {key}")}
        low = max(found, default=0) + 1
        back = {row[0]: row for row in self._until_damage(f"{query} ORDER BY {key} DESC")}
        high = min(back, default=max(far, low + _FAR))
        found.update(back)
        self._between(f"{query} WHERE {key} BETWEEN ? AND ?", low, high, found)
        return [found[number] for number in sorted(found)]

    def integrity(self) -> list[str]:
        """What SQLite itself finds wrong with the database's structure."""
        try:
            found = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check(20)")]
        except sqlite3.Error as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def _until_damage(self, query: str) -> list[Row]:
        found: list[Row] = []
        try:
            found.extend(self._connection.execute(query))
        except sqlite3.Error:
            return found
        return found

    def _between(self, query: str, low: int, high: int, found: dict[int, Row]) -> None:
        ranges = [(low, high)]
        while ranges:
            low, high = ranges.pop()
            if low > high:
                continue
            try:
                found.update({row[0]: row for row in self._connection.execute(query, (low, high)).fetchall()})
            except sqlite3.Error:
                if low < high:
                    middle = (low + high) // 2
                    ranges += [(low, middle), (middle + 1, high)]
