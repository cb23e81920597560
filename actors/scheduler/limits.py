"""What holds model calls back: the endpoint's rates, a tenant's daily quota, and the endpoint being down.

Plain; times are monotonic seconds, given by the caller.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from memcube.actors.llm import LLMConfig

__all__ = ["Breaker", "Entry", "Pace", "Span"]

MINUTE_S = 60.0
FAILURES_UNTIL_DOWN = 3
FIRST_PROBE_S, LAST_PROBE_S = 2.0, 60.0
"""Pause before the endpoint is tried again; doubled each time that it still fails."""


@dataclass(slots=True)
class Entry:
    """An amount counted in a ``Span``."""

    at_s: float
    amount: float


class Span:
    """How much there was within the last ``span_s``, exactly: at most ``limit``; 0 = no limit."""

    def __init__(self, limit: float, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._entries: deque[Entry] = deque()
        self._sum = 0.0

    def add(self, now_s: float, amount: float) -> Entry:
        """Count an amount now."""
        entry = Entry(now_s, amount)
        if self._limit and amount:
            self._entries.append(entry)
            self._sum += amount
        return entry

    def settle(self, entry: Entry, now_s: float, amount: float) -> None:
        """What was counted in advance came to ``amount``, now."""
        self._forget(now_s)
        if self._limit:
            self._sum -= entry.amount
            entry.amount = 0.0
            self.add(now_s, amount)

    def wait_s(self, now_s: float, amount: float) -> float:
        """How long until there is room for ``amount``; what is larger than the limit itself waits for all the room."""
        self._forget(now_s)
        room = self._limit - min(amount, self._limit)
        if not self._limit or self._sum <= room:
            return 0.0
        left = self._sum
        for entry in self._entries:
            left -= entry.amount
            if left <= room:
                return max(0.0, entry.at_s + self._span_s - now_s)
        return self._span_s

    def within(self, now_s: float) -> list[tuple[float, float]]:
        """What was counted within the last ``span_s``: (when, how much), oldest first."""
        self._forget(now_s)
        return [(entry.at_s, entry.amount) for entry in self._entries if entry.amount]

    def _forget(self, now_s: float) -> None:
        while self._entries and self._entries[0].at_s <= now_s - self._span_s:
            entry = self._entries.popleft()
            self._sum -= entry.amount
            entry.amount = 0.0
        if not self._entries:
            self._sum = 0.0


class Pace:
    """The rates of one endpoint: requests and tokens in a minute, calls at once, and pauses that it asked for."""

    def __init__(self, config: LLMConfig) -> None:
        self._requests = Span(config.requests_per_minute, MINUTE_S)
        self._tokens = Span(config.tokens_per_minute, MINUTE_S)
        self._at_once = config.calls_at_once
        self._running = 0
        self._paused_until_s = 0.0

    def wait_s(self, now_s: float, tokens: int) -> float | None:
        """How long until a call of so many tokens may start; None = until one that runs has ended."""
        if self._running >= self._at_once:
            return None
        wait_s = max(self._requests.wait_s(now_s, 1), self._tokens.wait_s(now_s, tokens))
        return max(wait_s, self._paused_until_s - now_s, 0.0)

    def start(self, now_s: float, tokens: int) -> tuple[Entry, Entry]:
        """A job with a call, expected to take so many tokens, begins; ``end`` wants what this returns."""
        self._running += 1
        return self._requests.add(now_s, 1), self._tokens.add(now_s, tokens)

    def end(self, now_s: float, counted: tuple[Entry, Entry], calls: int, tokens: int) -> None:
        """It ended: what it really took is counted in the place of what was expected."""
        self._running -= 1
        self._requests.settle(counted[0], now_s, calls)
        self._tokens.settle(counted[1], now_s, tokens)

    def pause(self, now_s: float, pause_s: float) -> None:
        """The endpoint asks to be left alone."""
        self._paused_until_s = max(self._paused_until_s, now_s + pause_s)

    def paused_s(self, now_s: float) -> float:
        """How long it asked to be left alone from now on."""
        return max(0.0, self._paused_until_s - now_s)


class Breaker:
    """Whether the endpoint is there. After a few failures in a row nothing is sent but a probe now and then: jobs
    wait, and do not wear themselves out on it."""

    def __init__(self) -> None:
        self._failures = 0
        self._probe_at_s = 0.0
        self._probing = False
        self.problem = ""

    @property
    def down(self) -> bool:
        """Whether it is taken for down."""
        return self._failures >= FAILURES_UNTIL_DOWN

    def wait_s(self, now_s: float) -> float | None:
        """How long until a job may be sent; None = until the probe that is on its way has come back."""
        if not self.down:
            return 0.0
        return None if self._probing else max(0.0, self._probe_at_s - now_s)

    def start(self) -> bool:
        """A job is sent; while the endpoint is down it is the probe, and this is true."""
        self._probing = self.down
        return self._probing

    def ended(self, *, probe: bool = True) -> None:
        """A job ended that says nothing of the endpoint."""
        if probe:
            self._probing = False

    def succeeded(self) -> None:
        """The endpoint answered, whatever it said."""
        self._failures, self._probing, self.problem = 0, False, ""

    def failed(self, now_s: float, problem: str, *, probe: bool = True) -> bool:
        """It did not; whether that counts. One that is no ``probe`` says nothing new of an endpoint that is down already:
        it was on its way when that was found, and a dozen of those would put off the next probe by a minute."""
        if self.down and not probe:
            return False
        self._failures += 1
        self._probing = False
        self.problem = problem
        over = min(max(0, self._failures - FAILURES_UNTIL_DOWN), 10)
        self._probe_at_s = now_s + min(FIRST_PROBE_S * 2**over, LAST_PROBE_S)
        return True
