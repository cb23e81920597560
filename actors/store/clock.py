"""The store's clock: the system's, but a jump of it changes nothing that is stored or deleted.

Leases and retention are reckoned with it: a clock that is set a year ahead must not make every event a year old.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Clock"]

DRIFT_S = 5.0
"""What is further off than this at a look is a jump; less is followed, as the clock is disciplined."""
BELIEVED_AFTER_S = 600.0
"""A jump that lasts so long was a correction."""


class Clock:
    """Seconds since 1970 by the monotonic clock, following the system's."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset_s = wall() - monotonic()
        self._jumped_s: float | None = None

    def now_s(self) -> float:
        """The time."""
        monotonic_s = self._monotonic()
        offset_s = self._wall() - monotonic_s
        if abs(offset_s - self._offset_s) <= DRIFT_S:
            self._offset_s, self._jumped_s = offset_s, None
        elif self._jumped_s is None:
            self._jumped_s = monotonic_s
        elif monotonic_s - self._jumped_s > BELIEVED_AFTER_S:
            self._offset_s, self._jumped_s = offset_s, None
        return monotonic_s + self._offset_s

    def monotonic_s(self) -> float:
        """Seconds that only ever grow, of this process."""
        return self._monotonic()
