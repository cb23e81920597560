"""Rates, quotas and the breaker, without any clock."""

from __future__ import annotations

from random import Random

from memcube.actors.llm import LLMConfig
from memcube.actors.scheduler.limits import FAILURES_UNTIL_DOWN, Breaker, Pace, Span


def test_no_minute_holds_more_than_the_limit() -> None:
    """In any window whatever: amounts that were counted in advance and put right later included."""
    random = Random(3)
    span = Span(1000, 60.0)
    taken: list[tuple[float, float]] = []
    open_entries = []
    now_s = 0.0
    for _ in range(3000):
        now_s += random.uniform(0, 2)
        if open_entries and random.random() < 0.4:
            entry, amount = open_entries.pop(0)
            span.settle(entry, now_s, amount)
            taken.append((now_s, amount))
        expected = random.randint(1, 300)
        if span.wait_s(now_s, expected) == 0.0:
            open_entries.append((span.add(now_s, expected), random.randint(0, expected)))
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + 60.0) <= 1000


def test_the_wait_is_as_long_as_it_takes() -> None:
    """Neither too short, which would be over the limit, nor longer; larger than the limit waits for all of it."""
    span = Span(100, 60.0)
    span.add(0.0, 60)
    span.add(10.0, 40)
    assert span.wait_s(20.0, 50) == 40.0
    assert span.wait_s(20.0, 70) == 50.0
    assert span.wait_s(20.0, 5000) == 50.0
    assert span.wait_s(70.0, 5000) == 0.0
    assert Span(0, 60.0).wait_s(0.0, 1e9) == 0.0


def test_a_pace_bounds_calls_tokens_and_those_on_their_way() -> None:
    """By the settings; and a pause that the endpoint asked for."""
    pace = Pace(LLMConfig("http://x/v1", "m", requests_per_minute=3, tokens_per_minute=1000, calls_at_once=2))
    first, second = pace.start(0.0, 300), pace.start(0.0, 300)
    assert pace.wait_s(1.0, 10) is None
    pace.end(1.0, first, 1, 100)
    assert pace.wait_s(1.0, 600) == 0.0
    assert pace.wait_s(1.0, 601) == 59.0
    pace.end(2.0, second, 2, 100)
    assert pace.wait_s(2.0, 1) == 59.0
    pace.pause(2.0, 100.0)
    assert pace.wait_s(2.0, 1) == 100.0
    assert pace.paused_s(62.0) == 40.0


def test_a_breaker_opens_probes_and_closes() -> None:
    """A few failures in a row; then one probe at a time, with growing pauses; one answer is enough to go on."""
    breaker = Breaker()
    for _ in range(FAILURES_UNTIL_DOWN - 1):
        breaker.failed(0.0, "refused")
    breaker.succeeded()
    for _ in range(FAILURES_UNTIL_DOWN):
        assert not breaker.down
        assert breaker.wait_s(0.0) == 0.0
        breaker.failed(0.0, "refused")
    assert breaker.down
    assert breaker.problem == "refused"
    pauses = []
    now_s = 0.0
    for _ in range(8):
        wait_s = breaker.wait_s(now_s)
        assert wait_s
        pauses.append(wait_s)
        now_s += wait_s
        assert breaker.wait_s(now_s) == 0.0
        breaker.start()
        assert breaker.wait_s(now_s) is None
        breaker.failed(now_s, "refused")
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0
    assert pauses[-1] == 60.0
    breaker.start()
    breaker.ended()
    assert breaker.wait_s(now_s) is not None
    breaker.succeeded()
    assert not breaker.down
    assert breaker.wait_s(now_s) == 0.0
