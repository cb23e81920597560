"""Bounds on what callers may ask for at once: rate per principal, calls in flight. Plain, with the clock passed in."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from memcube.model.errors import ExhaustedError, InvalidArgumentError
from memcube.model.ids import Principal

__all__ = ["Bounds", "Limits"]

MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The figures. A rate of 0 is no bound.

    ``rate_per_s`` calls a second and principal, ``burst`` of them at once after a pause; a stream counts each of its
    messages, a batch each of its requests. ``in_flight`` calls at once in this gateway, ``in_flight_each`` of one
    principal.
    """

    rate_per_s: float = 2000.0
    burst: int = 4000
    in_flight: int = 1024
    in_flight_each: int = 512

    def __post_init__(self) -> None:
        for name in ("rate_per_s", "burst", "in_flight", "in_flight_each"):
            if not getattr(self, name) >= (0 if name == "rate_per_s" else 1):
                raise InvalidArgumentError(f"gateway.bounds.{name}", f"{getattr(self, name)} is too small")


class Limits:
    """Token buckets and counters; called by the event loop only. ``now_s`` is monotonic seconds."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.in_flight = 0
        self._each: dict[tuple[str, str], int] = {}
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def spend(self, principal: Principal, now_s: float, calls: int = 1) -> None:
        """Take ``calls`` from the principal's rate, or raise ExhaustedError saying when they will be there.

        Calls beyond the burst pass when the bucket is full, and leave it in debt: they can never fit otherwise.
        """
        rate, burst = self.bounds.rate_per_s, float(self.bounds.burst)
        if not rate:
            return
        who = (principal.tenant, principal.id)
        tokens, since_s = self._buckets.pop(who, (burst, now_s))
        tokens = min(burst, tokens + (now_s - since_s) * rate)
        needed = min(float(calls), burst)
        refused = tokens < needed - 1e-6
        self._buckets[who] = (tokens if refused else tokens - calls, now_s)
        if len(self._buckets) > MAX_BUCKETS:
            # The one that called longest ago goes; that many principals are each within their rate anyway.
            self._buckets.popitem(last=False)
        if refused:
            wait_ms = math.ceil((needed - tokens) / rate * 1000)
            raise ExhaustedError("the rate of your calls a second", rate, wait_ms / 1000)

    @contextmanager
    def slot(self, principal: Principal) -> Iterator[None]:
        """Count a call while it runs; raise ExhaustedError when the gateway, or this principal, has too many."""
        who = (principal.tenant, principal.id)
        own = self._each.get(who, 0)
        if own >= self.bounds.in_flight_each:
            raise ExhaustedError("the number of your calls in flight", self.bounds.in_flight_each, 0.1)
        if self.in_flight >= self.bounds.in_flight:
            raise ExhaustedError("the number of calls in flight", self.bounds.in_flight, 0.1)
        self.in_flight += 1
        self._each[who] = own + 1
        try:
            yield
        finally:
            self.in_flight -= 1
            left = self._each[who] - 1
            if left:
                self._each[who] = left
            else:
                del self._each[who]
