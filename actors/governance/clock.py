"""A clock for expiries that a jump of the machine's clock can't turn back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["SteadyClock"]


class SteadyClock:
    """Seconds since 1970: the machine's clock, or what it said at the start plus the time that has passed since,
    whichever is later. So a clock that is set back keeps nothing alive, and one that is set forward ends things early."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead_s = wall() - monotonic()

    def now_s(self) -> float:
        """The time now."""
        return max(self._wall(), self._monotonic() + self._ahead_s)

    def now(self) -> datetime:
        """The time now, as an instant in UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC)
