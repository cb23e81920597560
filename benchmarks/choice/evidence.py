"""What a choice is made of: the options, and the memories recalled for the question and for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Evidence", "Option", "Vector"]

Vector: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """A possible answer to the user; ``vector`` is its embedding (normalised), or None: then words decide."""

    text: str
    vector: Vector | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A recalled memory: ``source`` is its id, ``role`` who said it, ``score`` how well it answers the question.

    ``score`` is of any scale on which more is better; one found for an option only has what it got for the question,
    or 0. ``vector`` is by the same model as the options'.
    """

    source: str
    text: str
    role: str = "user"
    score: float = 0.0
    vector: Vector | None = None
