"""When a call is tried again, and how long it waits."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from memcube.client.retry import Retry
from memcube.model.errors import ExhaustedError, NotFoundError, UnavailableError, VersionConflictError


def test_only_retryable_errors_are_tried_again() -> None:
    """What will fail again is raised at once."""
    retry = Retry(random=random.Random(1))
    assert retry.wait_s(NotFoundError("cube", "a"), 1, 60) is None
    assert retry.wait_s(VersionConflictError("a", 1, 2), 1, 60) is None
    assert retry.wait_s(UnavailableError("frame", 0.1), 1, 60) is not None


@given(attempt=st.integers(1, 60), hint=st.floats(0, 30), seed=st.integers(0, 1000))
def test_the_servers_hint_is_kept(attempt: int, hint: float, seed: int) -> None:
    """Never sooner than the server asks, and never much later than the longest backoff beyond that."""
    wait = Retry(random=random.Random(seed)).wait_s(ExhaustedError("rate", 5, hint), attempt, 1e9)
    assert wait is not None
    assert hint <= wait <= hint + max(2.0, hint / 2)


def test_the_wait_ends_before_the_deadline() -> None:
    """A wait that would pass the deadline is not begun: the caller gets the error it has."""
    assert Retry().wait_s(ExhaustedError("rate", 5, 3.0), 1, 2.9) is None


def test_waits_grow_and_differ() -> None:
    """Backoff doubles up to its bound, and jitter spreads clients that failed together."""
    longest = [
        max(Retry(random=random.Random(s)).wait_s(UnavailableError("x", 0.0), n, 99) or 0 for s in range(200))
        for n in (1, 2, 3, 4, 20)
    ]
    assert longest == sorted(longest)
    assert 1.8 < longest[-1] <= 2.0
    assert len({Retry(random=random.Random(s)).wait_s(UnavailableError("x", 0.0), 4, 99) for s in range(20)}) == 20
