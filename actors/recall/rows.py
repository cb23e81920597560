"""Columns of the index that grow by doubling, one row a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Rows"]

Ints = np.ndarray[Any, np.dtype[np.int32]]


class Rows:
    """Ids and the columns decoded from entry headers. ``used`` rows were given out; those dropped are not ``alive``."""

    COLUMNS = (
        ("alive", np.dtype(bool)), ("flags", np.dtype(np.uint8)), ("length", np.dtype(np.float32)),
        ("said_at", np.dtype(np.int64)), ("session", np.dtype(np.uint64)), ("position", np.dtype(np.int64)),
        ("speaker", np.dtype(np.int32)),
    )  # fmt: skip

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.columns: dict[str, np.ndarray[Any, np.dtype[Any]]] = {n: np.zeros(0, kind) for n, kind in self.COLUMNS}
        self.total_length = 0
        self.codes: dict[tuple[int, int], int] = {}
        self.spoken: list[int] = []

    @property
    def used(self) -> int:
        """Rows given out, the dropped ones included."""
        return len(self.ids)

    def column(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        """One column, as long as ``used``; a view, valid until the next ``append``."""
        return self.columns[name][: len(self.ids)]

    def append(self, ids: Sequence[str], heads: np.ndarray[Any, np.dtype[Any]]) -> None:
        """Give a row to each id; ``heads`` are HEADER records. No id may be present."""
        first, last = len(self.ids), len(self.ids) + len(ids)
        if last > len(self.columns["alive"]):
            size = max(64, 2 * len(self.columns["alive"]), last)
            for name, kind in self.COLUMNS:
                grown = np.zeros(size, kind)
                grown[:first] = self.columns[name][:first]
                self.columns[name] = grown
        for name in ("flags", "length", "said_at", "session", "position"):
            self.columns[name][first:last] = heads[name]
        self.columns["alive"][first:last] = True
        self.columns["speaker"][first:last] = self._speaker_codes(heads)
        self.total_length += int(heads["length"].sum())
        self.ids.extend(ids)
        self.row_of.update(zip(ids, range(first, last), strict=True))

    def _speaker_codes(self, heads: np.ndarray[Any, np.dtype[Any]]) -> Ints:
        _, where, inverse, counts = np.unique(
            heads["speaker"], return_index=True, return_inverse=True, return_counts=True
        )
        codes = []
        for head, count in zip(heads[where], counts.tolist(), strict=True):
            name = (int(head["speaker"]), int(head["speaker_first"]))
            code = self.codes.setdefault(name, len(self.codes))
            if code == len(self.spoken):
                self.spoken.append(0)
            self.spoken[code] += count
            codes.append(code)
        return np.array(codes, np.int32)[inverse]

    def drop(self, id: str) -> int:
        """Take ``id`` out and return its row; the row stays used. Raises KeyError if it is absent."""
        row = self.row_of.pop(id)
        self.columns["alive"][row] = False
        self.total_length -= int(self.columns["length"][row])
        self.columns["length"][row] = 0
        self.spoken[int(self.columns["speaker"][row])] -= 1
        return row

    def speakers(self) -> frozenset[int]:
        """Digests of the names, whole and first, of all who said something that is still there."""
        return frozenset(d for name, code in self.codes.items() if self.spoken[code] for d in name) - {0}

    def compact(self) -> Ints:
        """Close the gaps of dropped rows, keeping the order; returns the new row of each old one, -1 for dropped."""
        kept = np.flatnonzero(self.column("alive"))
        new_row = np.full(len(self.ids), -1, np.int32)
        new_row[kept] = np.arange(len(kept), dtype=np.int32)
        for name in self.columns:
            self.columns[name] = self.columns[name][kept]
        self.ids = [self.ids[row] for row in kept.tolist()]
        self.row_of = {id: row for row, id in enumerate(self.ids)}
        return new_row
