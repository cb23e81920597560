"""Which of several given answers the recalled memories speak for, without a language model: what ``personas.py`` measures by."""

from __future__ import annotations

from choice.choose import WEIGHTS, Choice, Weights, choose
from choice.evidence import Evidence, Option

__all__ = ["WEIGHTS", "Choice", "Evidence", "Option", "Weights", "choose"]
