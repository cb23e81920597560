"""Who makes a call, and until when its answer is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from memcube.model.errors import DeadlineError
from memcube.model.ids import Principal

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and until when (monotonic seconds) the answer is wanted."""

    principal: Principal
    ends_s: float

    @property
    def left_s(self) -> float:
        """Seconds left; raises DeadlineError when there are none."""
        left = self.ends_s - monotonic()
        if left <= 0:
            raise DeadlineError("the call", 0.0)
        return left
