"""Columns of the index that grow by doubling, one row a memory, and the links between neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["NOBODY", "Links", "Rows"]

NOBODY = -1
"""No neighbour. Arrays that are gathered with it have one spare element at their end, which it then reads."""

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


class Links:
    """Who is next to whom: rows of one session in the order of position, ties in the order of arrival."""

    def __init__(self) -> None:
        self._before = np.full(64, NOBODY, np.int32)
        self._after = np.full(64, NOBODY, np.int32)
        self._tails: dict[int, int] = {}
        self._windows: Ints | None = None

    def load(self, rows: Rows) -> None:
        """Link all rows anew; all must be alive."""
        size = max(64, len(rows.columns["alive"])) + 1
        self._before, self._after = np.full(size, NOBODY, np.int32), np.full(size, NOBODY, np.int32)
        session = rows.column("session")
        order = np.lexsort((rows.column("position"), session)).astype(np.int32)
        ordered = session[order]
        same = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
        self._before[order[1:][same]] = order[:-1][same]
        self._after[order[:-1][same]] = order[1:][same]
        last = np.append(~same, True)[: len(order)] & (ordered != 0)
        self._tails = dict(zip(ordered[last].tolist(), order[last].tolist(), strict=True))
        self._windows = None

    def insert(self, row: int, rows: Rows) -> None:
        """Link a row just appended: at once where it continues its session, else by a scan of the session column."""
        self._windows = None
        if row + 1 >= len(self._before):
            spare = np.full(max(64, len(self._before)), NOBODY, np.int32)
            self._before, self._after = np.concatenate((self._before, spare)), np.concatenate((self._after, spare))
        session, position = int(rows.columns["session"][row]), int(rows.columns["position"][row])
        if not session:
            return
        tail = self._tails.get(session)
        if tail is None or rows.columns["position"][tail] <= position:
            before, after = NOBODY if tail is None else tail, NOBODY
        else:
            mates = np.flatnonzero((rows.column("session") == session) & rows.column("alive"))
            mates = mates[mates != row]
            places = rows.columns["position"][mates]
            earlier = places <= position
            before, after = NOBODY, int(mates[np.argmin(places)])
            if earlier.any():
                mates, places = mates[earlier], places[earlier]
                before = int(mates[len(mates) - 1 - int(np.argmax(places[::-1]))])
                after = int(self._after[before])
        self._join(before, row)
        self._join(row, after)
        if after == NOBODY:
            self._tails[session] = row

    def remove(self, row: int, rows: Rows) -> None:
        """Unlink a dropped row and join its neighbours."""
        self._windows = None
        before, after = int(self._before[row]), int(self._after[row])
        self._before[row] = self._after[row] = NOBODY
        self._join(before, after)
        session = int(rows.columns["session"][row])
        if session and after == NOBODY:
            if before == NOBODY:
                del self._tails[session]
            else:
                self._tails[session] = before

    def _join(self, before: int, after: int) -> None:
        if before != NOBODY:
            self._after[before] = after
        if after != NOBODY:
            self._before[after] = before

    def windows(self, used: int) -> Ints:
        """Each row itself, the one before it, after it, two before and two after it: (used + 1, 5).

        The spare row ``used`` at the end stands for NOBODY, in the columns and as a row.
        """
        if self._windows is None:
            before, after = self._before[: used + 1], self._after[: used + 1]
            itself = np.arange(used + 1, dtype=np.int32)
            windows = np.stack((itself, before, after, before[before], after[after]), axis=1)
            windows[windows == NOBODY] = used
            self._windows = windows
        return self._windows
