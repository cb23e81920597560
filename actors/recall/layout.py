"""Memories in the order of conversation: so that a memory's neighbours are the array elements next to it.

Signals are computed over *slots*. The memories of one session lie next to each other by position (ties in the order
of arrival), two empty slots on each side of a session keep sessions apart, and memories that have no neighbour
follow behind. A sum over every memory's window is then a few passes over an array, without any gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from memcube.actors.recall.rows import Rows

__all__ = ["Conversations", "Layout"]

Ints = np.ndarray[Any, np.dtype[np.int32]]
Scores = np.ndarray[Any, np.dtype[np.float32]]
REACH = 2
"""Neighbours on each side that belong to a memory's window, and empty slots between sessions."""
LEAST_SORT = 64
"""Fewer new memories than this are put into the order one by one; beyond, when they are a 16th of all, all are sorted."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each memory lies. Valid until the next change of the cube; arrays are not to be written to."""

    row_of: Ints
    """Row of each slot; 0 in empty ones."""
    slot_of: Ints
    """Slot of each row; 0, which is empty, for dropped rows."""
    empty: Ints
    """The empty slots."""
    joined: int
    """Slots below this one have neighbours; the rest are memories without any."""

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self.row_of)

    def spread(self, by_row: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Values by row, put into slots; empty slots hold zero."""
        values = by_row.take(self.row_of)
        values[self.empty] = 0
        return values

    def windowed(self, halves: Scores, out: Scores) -> Scores:
        """``out``, set to the sums of twice ``halves`` over each slot's window; empty slots are not to be looked at.

        A window holds a memory and the ones next to it, and half of the ones next but one: half of the sum of two
        sums of four, which are sums of pairs. Hence halves are given: it saves a pass.
        """
        end = self.joined
        np.add(halves[end:], halves[end:], out=out[end:])
        pairs = halves[: end - 1] + halves[1:end]
        fours = pairs[:-1] + pairs[1:]
        np.add(fours[:-REACH], fours[REACH:], out=out[REACH : end - REACH])
        out[:REACH] = out[end - REACH : end] = 0
        return out


class Conversations:
    """Keeps the rows of a cube in the order of conversation while they come and go, and lays them out on demand."""

    def __init__(self) -> None:
        self._order: Ints = np.zeros(0, np.int32)
        self._fresh: list[int] | None = None
        self._dropped = False
        self._layout: Layout | None = None

    def reload(self) -> None:
        """All rows are new: they are sorted when next asked for."""
        self._fresh, self._layout = None, None

    def insert(self, row: int) -> None:
        """A row was appended."""
        self._layout = None
        if self._fresh is not None:
            self._fresh.append(row)

    def remove(self) -> None:
        """Rows were dropped."""
        self._layout, self._dropped = None, True

    def layout(self, rows: Rows) -> Layout:
        """The layout of all rows that are alive."""
        if self._layout is None:
            self._update(rows)
            self._layout = _lay_out(self._order, rows)
        return self._layout

    def _update(self, rows: Rows) -> None:
        alive, session, position = rows.column("alive"), rows.column("session"), rows.column("position")
        if self._fresh is None or len(self._fresh) > max(LEAST_SORT, rows.used // 16):
            order = np.lexsort((position, session)).astype(np.int32)
            self._order = order if len(rows.row_of) == rows.used else order[alive[order]]
        else:
            if self._dropped:
                self._order = self._order[alive[self._order]]
            fresh = np.array([row for row in self._fresh if alive[row]], np.int32)
            if len(fresh):
                fresh = fresh[np.lexsort((fresh, position[fresh], session[fresh]))]
                sessions = session[self._order]
                firsts = np.searchsorted(sessions, session[fresh], "left").tolist()
                lasts = np.searchsorted(sessions, session[fresh], "right").tolist()
                places = [
                    first + int(np.searchsorted(position[self._order[first:last]], position[row], "right"))
                    for first, last, row in zip(firsts, lasts, fresh.tolist(), strict=True)
                ]
                self._order = np.insert(self._order, places, fresh)
        self._fresh, self._dropped = [], False


def _lay_out(order: Ints, rows: Rows) -> Layout:
    session = rows.column("session")[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (session[1:] != session[:-1]) | (session[1:] == 0)
    ends = np.append(begins[1:], True)[: len(order)]
    alone = begins & ends
    mates = order[~alone]
    group = np.cumsum(begins[~alone], dtype=np.int32)
    joined = len(mates) + REACH * (1 + (int(group[-1]) if len(group) else 0))
    places = np.arange(len(mates), dtype=np.int32) + REACH * group
    size = joined + len(order) - len(mates)
    row_of, slot_of, empty = np.zeros(size, np.int32), np.zeros(rows.used, np.int32), np.ones(size, bool)
    row_of[places], row_of[joined:] = mates, order[alone]
    empty[places], empty[joined:] = False, False
    slot_of[mates] = places
    slot_of[order[alone]] = np.arange(joined, size, dtype=np.int32)
    return Layout(row_of, slot_of, np.flatnonzero(empty).astype(np.int32), joined)
