"""Choice: which of several answers the recalled memories speak for, without a language model."""

from __future__ import annotations

from memcube.actors.choice.choose import WEIGHTS, Choice, Weights, choose
from memcube.actors.choice.evidence import Evidence, Option

__all__ = ["WEIGHTS", "Choice", "Evidence", "Option", "Weights", "choose"]
