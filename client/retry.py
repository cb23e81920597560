"""When to try a call again, and how long to wait before: the arithmetic, without any waiting."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from memcube.model.errors import MemCubeError

__all__ = ["Attempts", "Retry"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter, never shorter than the server's hint, never past the deadline."""

    first_s: float = 0.05
    factor: float = 2.0
    most_s: float = 2.0
    random: random.Random = field(default_factory=random.Random)

    def wait_s(self, error: MemCubeError, attempt: int, remaining_s: float) -> float | None:
        """Seconds to wait before attempt ``attempt + 1`` (the first attempt is 1); None: give up and raise ``error``.

        Only errors that say that the same call may succeed later are tried again. Callers send the same idempotency
        key each time, so a retry has one effect even where the first attempt took effect and its answer was lost.
        """
        if not error.RETRYABLE:
            return None
        ceiling = min(self.most_s, self.first_s * self.factor ** min(attempt - 1, 16))
        hint = float(error.facts.get("retry_after_s", 0.0))
        # The hint is a floor; jitter goes on top so that all who were refused together do not return together.
        wait = hint + self.random.uniform(0.0, max(ceiling, hint / 2))
        return wait if wait < remaining_s else None


class Attempts:
    """One call within its time, over as many attempts as it takes; times are of the monotonic clock."""

    def __init__(self, retry: Retry, timeout_s: float) -> None:
        self._retry = retry
        self._deadline = time.monotonic() + timeout_s
        self._failed = 0

    @property
    def left_s(self) -> float:
        """What an attempt may take; a little above 0 when there is nothing left, so that it ends as it should."""
        return max(self._deadline - time.monotonic(), 0.001)

    def succeeded(self) -> None:
        """Something came of it: the next failure is a first one again."""
        self._failed = 0

    def pause_s(self, failure: MemCubeError) -> float:
        """How long to wait before the next attempt; raises ``failure`` where there is to be none."""
        self._failed += 1
        wait = self._retry.wait_s(failure, self._failed, self._deadline - time.monotonic())
        if wait is None:
            raise failure
        return wait
