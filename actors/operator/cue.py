"""What speaks for a preference in a sentence: a weight, which way it points, and of what kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Cue", "Kind", "listed"]


def listed(words: str) -> frozenset[str]:
    """The words of a list written as a text, for tables of words."""
    return frozenset(words.split())


class Kind(StrEnum):
    """What a statement is, in the order in which an answer has to respect it."""

    CONSTRAINT = "constraint"
    """What the speaker cannot or will not do, or is: an allergy, a faith, a diet, a budget, a fear."""
    INSTRUCTION = "instruction"
    """A standing one to the assistant: 'never suggest …', 'from now on …'."""
    PREFERENCE = "preference"
    """What is liked or disliked."""
    HABIT = "habit"
    """What is usually done: a preference follows from it, but was not stated."""


@dataclass(frozen=True, slots=True)
class Cue:
    """``weight`` is compared with ``stating.THRESHOLD``; ``polarity`` is 1 for, -1 against, 0 neither."""

    weight: float
    polarity: int
    kind: Kind
