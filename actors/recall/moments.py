"""When memories were said and which times they mention, against the times that a question mentions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from memcube.actors.recall.entry import NEVER

__all__ = ["Moments"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
LEAST_MERGE = 1_024
FADE_DAYS = 3.0
"""People tell of a day in the days after it: a memory said this long after a span counts 1/e."""
MINUTES_A_DAY = 1_440
SECONDS_A_MINUTE = 60


class Moments:
    """The time spans that memories mention, in minutes since 1970, each with its memory's row."""

    def __init__(self) -> None:
        self.load(np.empty(0, np.int32), np.empty((0, 2), np.int32))

    def load(self, rows: np.ndarray[Any, np.dtype[np.int32]], spans: np.ndarray[Any, np.dtype[np.int32]]) -> None:
        """Replace everything."""
        self._rows, self._spans = rows, spans
        self._recent: list[tuple[int, int, int]] = []

    def put(self, row: int, spans: Sequence[Sequence[int]]) -> None:
        """Add the spans of one memory."""
        self._recent.extend((row, start, end) for start, end in spans)
        if len(self._recent) > max(LEAST_MERGE, len(self._rows) // 4):
            self._merge()

    def remap(self, new_row: np.ndarray[Any, np.dtype[np.int32]]) -> None:
        """Renumber as ``Rows.compact`` says."""
        self._merge()
        rows = new_row[self._rows]
        self.load(rows[rows >= 0], self._spans[rows >= 0])

    def scores(self, asked: Sequence[tuple[int, int]], said_at: np.ndarray[Any, np.dtype[np.int64]]) -> Scores:
        """How well each row fits the best of the ``asked`` spans (minutes), 0 to 1.

        1 for a memory that mentions a time within the span, or was said in it; less for one that mentions a wider
        time (the share of it that the span is), or was said some days later.
        """
        best = np.zeros(len(said_at), np.float32)
        self._merge()
        minutes = said_at / SECONDS_A_MINUTE
        for start, end in asked:
            late = np.maximum(minutes - end, 0) / (FADE_DAYS * MINUTES_A_DAY)
            said = np.where((minutes >= start) & (said_at != NEVER), np.exp(-np.minimum(late, 50.0)), 0)
            np.maximum(best, said.astype(np.float32), out=best)
            if len(self._rows):
                first, last = self._spans[:, 0], self._spans[:, 1]
                common = np.minimum(last, end) - np.maximum(first, start)
                share = np.clip(common / np.maximum(last - first, 1), 0, 1)
                np.maximum.at(best, self._rows, share.astype(np.float32))
        return best

    def _merge(self) -> None:
        if self._recent:
            recent = np.array(self._recent, np.int32)
            self.load(np.concatenate((self._rows, recent[:, 0])), np.concatenate((self._spans, recent[:, 1:])))
