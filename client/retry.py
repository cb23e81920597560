"""When to try a call again, and how long to wait before: the arithmetic, without any waiting."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from memcube.model.errors import MemCubeError

__all__ = ["Retry"]


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
