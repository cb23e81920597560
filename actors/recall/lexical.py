"""BM25 of each memory and of its window, over the cube's postings; shares of the question's word weight, 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import Any

import numpy as np

from memcube.actors.recall.fusion import CONTEXT, PRIOR
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.rows import Links, Rows

__all__ = ["window_lengths", "word_scores"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
SATURATION = 0.9
LENGTH_SHARE = 0.4
"""BM25's k1 and b: lower than usual, since memories are short and repeat little."""


def window_lengths(rows: Rows, links: Links) -> Scores:
    """Counted words in each row's window, neighbours weighted as CONTEXT says; changes only with the cube."""
    lengths = np.append(rows.column("length"), np.float32(0))
    before, after, before2, after2 = links.around(rows.used)
    itself, near, far = (np.float32(share) for share in CONTEXT)
    windowed: Scores = itself * lengths
    windowed += near * (lengths[before] + lengths[after]) + far * (lengths[before2] + lengths[after2])
    return windowed


def word_scores(
    terms: Iterable[int], postings: Postings, rows: Rows, links: Links, lengths: Scores
) -> tuple[Scores, Scores]:
    """(BM25 of each row, BM25 of each row's window), divided by the weight of all ``terms``, known or not.

    ``lengths`` is what ``window_lengths`` gave. Rarity is counted as if the cube held PRIOR more memories.
    """
    used, count = rows.used, len(rows.row_of)
    own, windowed = np.zeros(used, np.float32), np.zeros(used + 1, np.float32)
    alive = rows.column("alive") if count < used else None
    own_norm = _norm(rows.column("length"), rows.total_length, count)
    window_norm = _norm(lengths, float(lengths[:used].sum(dtype=np.float64)), count)
    around = links.around(used)
    gathered, saturated = np.zeros(used + 1, np.float32), np.zeros(used + 1, np.float32)
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
        own[found] += weight * counts / (counts + own_norm[found])
        gathered[found] += np.float32(CONTEXT[0]) * counts
        touched = [found]
        for neighbours, share in zip(around, (CONTEXT[1], CONTEXT[1], CONTEXT[2], CONTEXT[2]), strict=True):
            reached = neighbours[found]
            gathered[reached] += np.float32(share) * counts  # distinct rows but for the spare one, which is dropped
            touched.append(reached)
        reached = np.concatenate(touched)
        many = gathered[reached]
        saturated[reached] = weight * many / (many + window_norm[reached])
        windowed += saturated
        gathered[reached] = 0
        saturated[reached] = 0
    if weight_of_all:
        own /= np.float32(weight_of_all)
        windowed /= np.float32(weight_of_all)
    return own, windowed[:used]


def _norm(lengths: Scores, total: float, count: int) -> Scores:
    mean = max(total / max(count, 1), 1e-6)
    norm: Scores = np.float32(SATURATION * LENGTH_SHARE / mean) * lengths
    norm += np.float32(SATURATION * (1 - LENGTH_SHARE))
    return norm
