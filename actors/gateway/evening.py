"""How long a refusal takes is not to tell what is hidden from what is missing: refusals leave at whole steps of time.

To be found missing, a thing is looked for where it would be; to be found denied, it is there. The two take much the
same (fractions of a millisecond apart), which a patient caller can tell. Both leave at the next step after the call
began, a random part of a millisecond later: an event loop wakes at whole milliseconds after it was asked to.
"""

from __future__ import annotations

import asyncio
import random
from time import monotonic

__all__ = ["even"]

STEP_S = 0.005
PARTIAL_STEP_S = 0.1
"""For callers that may see single memories of cubes that are closed to them otherwise: that none is there is known only
when the cube has been read."""
TICK_S = 0.001


async def even(began_s: float, in_parts: bool) -> None:
    """Wait for the next step after ``began_s`` (monotonic seconds); a longer one for who may see cubes ``in_parts``."""
    step_s = PARTIAL_STEP_S if in_parts else STEP_S
    left_s = step_s - (monotonic() - began_s) % step_s
    await asyncio.sleep(left_s + random.random() * TICK_S)
