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

__all__ = ["Background", "Signal", "squashed", "standard"]

Scores = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a signal over memories that have nothing to do with a question."""

    mean: float
    deviation: float


PRIOR = 20
SUBSTANCE_WORDS = 25
ORDINARY_WORDS, SUBSTANCE_LEVEL = 8, 1.65
"""Counted words of an everyday turn, and what they add to its score."""
SPEAKER_LEVEL = 2.0
"""What it adds to a memory's score to be said by the one whom the question names; all others have less by the weight."""
MIDPOINT, SLOPE = 6.6, 0.3
"""Of ``squashed``: the sum that scores 0.5, and how fast the score rises there; ``ranking/scale.py`` fits them."""
LEXICAL = Background(0.035, 0.055)
"""Of the share of a question's word weight that a memory covers."""
DENSE = Background(0.0, 0.11)
CONTEXT_DENSE = Background(0.0, 2.3)
STAND_IN = 0.6
"""A memory without a vector is given this share of its lexical standard score as its dense one. With vectors taken
from 30 % of LoCoMo's and BEAM's memories, these then make up 30 % of the first ten hits: neither favoured nor lost."""
LARGEST_EXPONENT = 700.0
"""Beyond it, ``exp`` has no number and a score is 0."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One part of the score, by slot: ``weight * (scale * values + offset) + level``, in full only for what is found."""

    values: Scores
    scale: float = 1.0
    offset: float = 0.0
    level: float = 0.0
    """The same for every memory of a search: it keeps scores comparable between searches, and changes no order."""
    still: bool = False
    """Only a change of the cube changes it: ``signals.Still.total`` has it already."""

    def all(self) -> Scores:
        """What is weighted, of every slot, empty ones too."""
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

    0.5 is as frequent among hits that are evidence as among the first ten of a question about something else, over
    ``ranking/data`` in cubes of 5 to 500 memories. In a larger cube the best of many stand out more and all hits score
    higher: below 0.2 are 70, 25 and 1 % of what was not asked for in cubes of 20, 100 and 500, and 7, 7 and 0.3 % of
    the evidence, but in no case the first hit. Of the first 50 hits in LoCoMo and BEAM, those that score 0.5, 0.8, 0.95,
    0.99 and 0.999 are marked as evidence in 1, 3, 14, 33 and 70 % of cases.
    """
    exponent = SLOPE * (MIDPOINT - total)
    return 1 / (1 + exp(exponent)) if exponent < LARGEST_EXPONENT else 0.0
