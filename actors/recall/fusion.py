"""How signals become one score: standardised, weighted, summed, and squashed to 0..1.

Each of the four text signals is standardised over the whole cube (how unusual is this memory for this question?), so
that they add up whatever their scales; sums of standard scores beat rank fusion by far on LoCoMo. Small cubes have
no statistics of their own, so every cube is taken to hold ``PRIOR`` more memories of the ordinary, unrelated kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CONTEXT", "WEIGHTS", "Background", "Weights", "from_lexical", "squashed", "standardised"]

Scores = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Weights:
    """Set by hand, in standard deviations; one setting for chats between people and for chats with an assistant.

    A turn's own words count half of its window's: a question's words are spread over a few turns. ``speaker`` is for
    what the person named in the question said (or the user, where it says 'I'); it outweighs one unusual word, not
    two. ``substance`` is per e-fold of counted words, up to ``SUBSTANCE_WORDS``: short turns are small talk.
    """

    lexical: float = 0.5
    dense: float = 1.0
    context_lexical: float = 1.0
    context_dense: float = 1.0
    speaker: float = 2.0
    substance: float = 0.75
    question: float = -0.6
    tells_time: float = 1.0
    time: float = 2.5


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a signal over memories that have nothing to do with a question."""

    mean: float
    deviation: float


WEIGHTS = Weights()
CONTEXT: Scores = np.array([1.0, 1.0, 1.0, 0.5, 0.5], np.float32)
"""Share of a memory itself, of the one before, after, two before and two after it, in its window."""
PRIOR = 20
SUBSTANCE_WORDS = 25
LEXICAL = Background(0.035, 0.055)
"""Of the share of a question's word weight that a memory covers."""
DENSE = Background(0.0, 0.11)
CONTEXT_DENSE = Background(0.0, 2.3)
STAND_IN = 0.6
"""A memory without a vector is given this share of its lexical standard score as its dense one. With vectors taken
from 30 % of LoCoMo's and BEAM's memories, these then make up 30 % of the first ten hits: neither favoured nor lost."""
MIDPOINT, SLOPE = 8.0, 0.35
"""Of ``squashed``."""


def standardised(values: Scores, count: int, background: Background) -> Scores:
    """Standard scores of ``values`` among the ``count`` of them that are real (the rest must be zero)."""
    total = count + PRIOR
    mean = (float(values.sum(dtype=np.float64)) + PRIOR * background.mean) / total
    squares = float(np.dot(values, values)) + PRIOR * (background.deviation**2 + background.mean**2)
    deviation = max(squares / total - mean * mean, 1e-12) ** 0.5
    return (values - np.float32(mean)) * np.float32(1 / deviation)


def from_lexical(lexical: Scores) -> Scores:
    """The dense standard score to expect of memories with these lexical ones."""
    return lexical * np.float32(STAND_IN)


def squashed(total: float) -> float:
    """A summed score between 0 and 1, in the same order; not a probability.

    For scale: among the first 50 hits in LoCoMo and BEAM, those that score 0.5, 0.8, 0.95 and 0.99 are marked as
    evidence in 1, 6, 18 and 35 % of cases; what has nothing to do with a question is mostly below 0.15.
    """
    return float(1 / (1 + np.exp(-SLOPE * (total - MIDPOINT))))
