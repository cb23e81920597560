"""The second hop: memories that are near to what the first hits and their neighbours mean, not only to the question.

A question names one end of what it asks for; its first hits name the rest ('the clinic' of 'where does Ann's sister
work?'). Nothing is searched again: the first hits, weighted by how far each is behind the best, make one vector, and
the candidates below them are compared with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from memcube.actors.recall import fusion
from memcube.actors.recall.dense import Dense, Matrix
from memcube.actors.recall.layout import REACH, Layout

__all__ = ["CANDIDATES", "second_hop"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
CANDIDATES = 100
"""The first so many memories by all other signals take part in the second hop; more where more hits are wanted."""
LEADS = 8
"""First hits whose meaning counts."""
BEHIND = 1.0
"""A first hit counts 1/e for this much that its score is behind that of the first."""
LEVEL = 10
"""The first so many hits have 0 on average: every cube has first hits that are near to themselves, also where none has to
do with the question, and its scores are to compare with those of other cubes."""
WINDOW = np.array([0.5, 1.0, 1.0, 1.0, 0.5], np.float32)
"""A first hit's window, as in ``layout.windowed``."""


def second_hop(
    sums: np.ndarray[Any, np.dtype[Any]],
    slots: np.ndarray[Any, np.dtype[Any]],
    layout: Layout,
    live: Scores,
    dense: Dense,
) -> Scores:
    """How near each of ``slots`` is to the first of them, in deviations of unrelated memories, less what the first LEVEL
    have on average.

    ``slots`` come best first, and ``sums`` are their scores by all other signals.
    """
    first = slots[:LEADS]
    weights = np.exp((sums[: len(first)] - sums[0]) / BEHIND).astype(np.float32)
    alone = first >= layout.joined
    around = np.minimum(first[:, None] + np.arange(-REACH, REACH + 1), layout.size - 1)
    shares = weights[:, None] * WINDOW
    shares[alone, :REACH] = shares[alone, REACH + 1 :] = 0
    shares *= live.take(around)
    lead: Matrix = dense.lead(layout.row_of.take(around).ravel(), shares.ravel())
    length = float(np.linalg.norm(lead))
    if not length:
        return np.zeros(len(slots), np.float32)
    near: Scores = dense.near(lead, layout.row_of.take(slots))
    near *= np.float32(1 / (length * fusion.DENSE.deviation))
    near -= near[:LEVEL].mean()
    return near
