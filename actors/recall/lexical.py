"""BM25 of each memory and of its window, over the cube's postings; shares of the question's word weight, 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

import numpy as np

from memcube.actors.recall.fusion import CONTEXT, PRIOR
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.rows import Links, Rows

__all__ = ["window_lengths", "windowed", "word_scores"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
SATURATION = 0.9
LENGTH_SHARE = 0.4
"""BM25's k1 and b: lower than usual, since memories are short and repeat little."""


def window_lengths(rows: Rows, links: Links) -> Scores:
    """Counted words in each row's window, the spare one last; changes only with the cube."""
    return np.append(windowed(rows.column("length"), links), np.float32(0))


def windowed(values: Scores, links: Links) -> Scores:
    """Sum of ``values`` (one a row) over each row's window, weighted as CONTEXT says."""
    sums: Scores = np.append(values, np.float32(0)).take(links.windows(len(values))[:-1]) @ CONTEXT
    return sums


def word_scores(
    terms: Iterable[int], postings: Postings, rows: Rows, links: Links, lengths: Scores
) -> tuple[Scores, Scores]:
    """(BM25 of each row, BM25 of each row's window), divided by the weight of all ``terms``, known or not.

    ``lengths`` is what ``window_lengths`` gave. Rarity is counted as if the cube held PRIOR more memories.
    """
    used, count = rows.used, len(rows.row_of)
    own, around = np.zeros(used, np.float32), np.zeros(used + 1, np.float32)
    alive = rows.column("alive") if count < used else None
    own_norm = _norm(rows.column("length"), rows.total_length, count)
    window_norm = _norm(lengths, float(lengths[:used].sum(dtype=np.float64)), count)
    windows = links.windows(used)
    weight_of_all = 0.0
    for term in terms:
        found, counts = postings.find(term)
        if alive is not None:
            living = alive[found]
            found, counts = found[living], counts[living]
        rarity = log(1 + (count + PRIOR - len(found) + 0.5) / (len(found) + 0.5))
        weight_of_all += rarity
        if not len(found):
            continue
        weight = np.float32(rarity)
        own[found] += weight * counts / (counts + own_norm.take(found))
        # Each occurrence counts in five windows; summed over all rows, as that is one pass without any search.
        shares = np.multiply.outer(counts, CONTEXT)
        many = np.bincount(windows.take(found, axis=0).ravel(), shares.ravel(), used + 1).astype(np.float32)
        around += weight * many / (many + window_norm)
    if weight_of_all:
        own /= np.float32(weight_of_all)
        around /= np.float32(weight_of_all)
    return own, around[:used]


def _norm(lengths: Scores, total: float, count: int) -> Scores:
    mean = max(total / max(count, 1), 1e-6)
    norm: Scores = np.float32(SATURATION * LENGTH_SHARE / mean) * lengths
    norm += np.float32(SATURATION * (1 - LENGTH_SHARE))
    return norm
