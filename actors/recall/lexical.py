"""BM25 of each memory and of its window, over the cube's postings; shares of the question's word weight, 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from memcube.actors.recall.fusion import PRIOR
from memcube.actors.recall.layout import Layout
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.rows import Rows

__all__ = ["HALF", "Norms", "word_scores"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
HALF = np.float32(0.5)
SATURATION = 0.9
LENGTH_SHARE = 0.4
"""BM25's k1 and b: lower than usual, since memories are short and repeat little."""


@dataclass(frozen=True, slots=True)
class Norms:
    """What BM25 adds below the line for the lengths of memories and of their windows, by slot."""

    own: Scores
    window: Scores

    @classmethod
    def of(cls, rows: Rows, layout: Layout) -> Norms:
        """Of all memories; changes only with the cube."""
        lengths = layout.spread(rows.column("length"))
        around = layout.windowed(lengths * HALF, np.empty_like(lengths))
        around[layout.empty] = 0
        return cls(_norm(lengths, len(rows.row_of)), _norm(around, len(rows.row_of)))


def _norm(lengths: Scores, count: int) -> Scores:
    mean = max(float(lengths.sum(dtype=np.float64)) / max(count, 1), 1e-6)
    norm: Scores = np.float32(SATURATION * LENGTH_SHARE / mean) * lengths
    norm += np.float32(SATURATION * (1 - LENGTH_SHARE))
    return norm


def word_scores(
    terms: Sequence[int], postings: Postings, rows: Rows, layout: Layout, norms: Norms
) -> tuple[Scores, Scores]:
    """(BM25 of each slot, BM25 of each slot's window), divided by the weight of all ``terms``, known or not.

    Rarity is counted as if the cube held PRIOR more memories.
    """
    count = len(rows.row_of)
    own, around = np.zeros(layout.size, np.float32), np.zeros(layout.size, np.float32)
    here, many, below = np.empty_like(own), np.empty_like(own), np.empty_like(own)
    weight_of_all = 0.0
    for found, counts in postings.find(terms):
        slots = layout.slot_of.take(found)
        if count < rows.used:
            living = slots > 0
            slots, counts = slots[living], counts[living]
        rarity = log(1 + (count + PRIOR - len(slots) + 0.5) / (len(slots) + 0.5))
        weight_of_all += rarity
        if not len(slots):
            continue
        weight = np.float32(rarity)
        own[slots] += weight * counts / (counts + norms.own.take(slots))
        here.fill(0)
        here[slots] = counts * HALF
        layout.windowed(here, many)
        np.add(many, norms.window, out=below)
        many /= below
        many *= weight
        around += many
    if weight_of_all:
        own *= np.float32(1 / weight_of_all)
        around *= np.float32(1 / weight_of_all)
    around[layout.empty] = 0
    return own, around
