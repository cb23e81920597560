"""Rates and calls in flight, on a clock of our own."""

from __future__ import annotations

import pytest

from memcube.actors.gateway.limits import MAX_BUCKETS, Bounds, Limits
from memcube.model.errors import ExhaustedError, InvalidArgumentError
from memcube.model.ids import Principal

A, B = Principal("t", "a"), Principal("t", "b")


def test_over_time_no_more_calls_pass_than_the_rate_allows() -> None:
    """Ten seconds of hammering: burst + rate x time, one principal not at another's cost."""
    limits = Limits(Bounds(rate_per_s=50, burst=20))
    passed = {A: 0, B: 0}
    for step in range(10_000):
        for who in (A, B):
            try:
                limits.spend(who, step / 1000)
                passed[who] += 1
            except ExhaustedError:
                pass
    assert all(515 <= count <= 520 for count in passed.values())


def test_the_hint_is_true() -> None:
    """A refused call passes after the hinted time, and not well before it."""
    limits = Limits(Bounds(rate_per_s=10, burst=3))
    for _ in range(3):
        limits.spend(A, 100.0)
    with pytest.raises(ExhaustedError) as caught:
        limits.spend(A, 100.0)
    assert caught.value.limit == 10
    hint = caught.value.retry_after_s
    assert hint == pytest.approx(0.1)
    with pytest.raises(ExhaustedError):
        limits.spend(A, 100.0 + hint * 0.5)
    limits.spend(A, 100.0 + hint)


def test_a_refusal_costs_nothing() -> None:
    """Hammering while refused does not push the moment away."""
    limits = Limits(Bounds(rate_per_s=1, burst=1))
    limits.spend(A, 0.0)
    for step in range(1, 99):
        with pytest.raises(ExhaustedError):
            limits.spend(A, step / 100)
    limits.spend(A, 1.0)


def test_a_batch_beyond_the_burst_passes_once_and_is_paid_for() -> None:
    """It could never fit otherwise; the debt is worked off at the rate."""
    limits = Limits(Bounds(rate_per_s=10, burst=5))
    limits.spend(A, 0.0, calls=25)
    with pytest.raises(ExhaustedError):
        limits.spend(A, 2.0)
    limits.spend(A, 2.2)


def test_no_rate_is_no_bound() -> None:
    """0 switches it off."""
    limits = Limits(Bounds(rate_per_s=0, burst=1))
    for _ in range(1000):
        limits.spend(A, 0.0)


def test_buckets_of_the_gone_are_forgotten() -> None:
    """Memory is bounded whoever calls."""
    limits = Limits(Bounds())
    for number in range(MAX_BUCKETS + 100):
        limits.spend(Principal("t", f"p{number}"), number / 1000)
    assert len(limits._buckets) == MAX_BUCKETS


def test_slots_are_counted_and_given_back() -> None:
    """Each principal's own bound, then everybody's; a failed call gives its slot back."""
    limits = Limits(Bounds(in_flight=3, in_flight_each=2))
    with limits.slot(A), limits.slot(A):
        with pytest.raises(ExhaustedError, match="your calls in flight"), limits.slot(A):
            pass
        with limits.slot(B), pytest.raises(ExhaustedError, match="number of calls in flight"), limits.slot(B):
            pass
        with pytest.raises(RuntimeError), limits.slot(B):
            raise RuntimeError
        assert limits.in_flight == 2
    assert limits.in_flight == 0
    assert not limits._each


@pytest.mark.parametrize("field", ["rate_per_s", "burst", "in_flight", "in_flight_each"])
def test_bounds_that_make_no_sense_are_refused(field: str) -> None:
    """At start, with the field's name."""
    with pytest.raises(InvalidArgumentError) as caught:
        Bounds(**{field: -1})  # type: ignore[arg-type]
    assert caught.value.field == f"gateway.bounds.{field}"
