"""How signals become one score: standardised, weighted, summed, and squashed to 0..1.

Each of the four text signals is standardised over the whole cube (how unusual is this memory for this question?), so
that they add up whatever their scales; sums of standard scores beat rank fusion by far on LoCoMo. Small cubes have
no statistics of their own, so every cube is taken to hold ``PRIOR`` more memories of the ordinary, unrelated kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np

__all__ = ["WEIGHTS", "Background", "Signal", "Weights", "squashed", "standard"]

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
LARGEST_EXPONENT = 1_000
"""Of ``squashed``; a sum below minus this scores nothing."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One part of the score, by slot, as ``scale * values + offset``: worked out in full only for what is found."""

    values: Scores
    scale: float = 1.0
    offset: float = 0.0
    still: bool = False
    """Only a change of the cube changes it: ``signals.Still.total`` has it already."""

    def weighted(self, weight: float) -> Signal:
        """The same, ``weight`` times."""
        return Signal(self.values, self.scale * weight, self.offset * weight)

    def all(self) -> Scores:
        """The part of every slot, empty ones too."""
        whole = self.values * np.float32(self.scale)
        whole += np.float32(self.offset)
        return whole


def standard(values: Scores, count: int, background: Background) -> Signal:
    """Standard scores of ``values`` among the ``count`` of them that are real (the rest must be zero)."""
    total = count + PRIOR
    mean = (float(values.sum()) + PRIOR * background.mean) / total
    squares = float(np.dot(values, values)) + PRIOR * (background.deviation**2 + background.mean**2)
    scale = max(squares / total - mean * mean, 1e-12) ** -0.5
    return Signal(values, scale, -mean * scale)


def squashed(total: float) -> float:
    """A summed score between 0 and 1, in the same order; not a probability.

    For scale: among the first 50 hits in LoCoMo and BEAM, those that score 0.5, 0.8, 0.95 and 0.99 are marked as
    evidence in 1, 6, 18 and 35 % of cases; what has nothing to do with a question is mostly below 0.15.
    """
    return 1 / (1 + exp(-SLOPE * (total - MIDPOINT))) if total > -LARGEST_EXPONENT else 0.0
