"""One task's states, without a cube: leases, pauses, dead letters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from memcube.actors.cube.task import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, MOST_NOTES, WAITING, HeldTask
from memcube.model.errors import TaskStateError
from memcube.protos.memcube.v1 import task_pb2

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """So long after NOW."""
    return NOW + timedelta(seconds=seconds)


def task(task_id: str = "t") -> HeldTask:
    """A waiting task."""
    return HeldTask.new(task_id, "user:alice", "mem_read", ("i",), NOW)


def test_a_record_holds_all_of_a_task() -> None:
    """What the vault keeps is what comes back, strikes and all."""
    held = task().taken(NOW, 60).failed(later(1), "bad").told(task_pb2.Spending(calls=2), ["a note"])
    assert HeldTask.of_record(held.record()) == held
    assert held.record().error == "bad"
    assert held.record().not_before_s == held.due_s > later(1).timestamp()


def test_one_worker_at_a_time_has_a_task() -> None:
    """Taken twice is refused while the lease runs; after it, the next worker has it, and the first can't finish."""
    first = task().taken(NOW, 60)
    assert (first.wire.state, first.wire.attempts, first.due_s) == (IN_PROGRESS, 1, later(60).timestamp())
    with pytest.raises(TaskStateError, match="in_progress"):
        first.taken(later(59), 60)
    assert first.seen(later(59)).state == IN_PROGRESS
    assert first.seen(later(60)).state == WAITING
    second = first.taken(later(60), 60)
    assert second.wire.attempts == 2
    assert "not heard of" in first.failed(NOW, "not heard of").wire.error
    second.check_attempt(2)
    with pytest.raises(TaskStateError, match="attempt 2, not 1"):
        second.check_attempt(1)


def test_a_task_that_loses_its_workers_is_given_up() -> None:
    """What kills whoever takes it does not go round for ever."""
    held, at = task(), 0.0
    for _ in range(5):
        held = held.taken(later(at), 60)
        assert held.wire.state == IN_PROGRESS
        at += 60
    held = held.taken(later(at), 60)
    assert held.wire.state == FAILED
    assert "not heard of" in held.wire.error


def test_pauses_grow_and_five_failures_end_it() -> None:
    """Exponential pauses, spread; then the dead-letter list, with the reason."""
    held, at, pauses = task(), NOW, []
    while held.wire.state != FAILED:
        held = held.taken(at, 60).failed(at, f"failure {len(pauses) + 1}")
        if held.wire.state == WAITING:
            pauses.append(held.due_s - at.timestamp())
            at = datetime.fromtimestamp(held.due_s, UTC)
    assert len(pauses) == 4
    assert all(1.4 < later_one / one < 8 for one, later_one in pairwise(pauses))
    assert held.wire.error == "failure 5"
    assert held.wire.attempts == 5
    others = {task(str(i)).taken(NOW, 60).failed(NOW, "x").due_s for i in range(10)}
    assert len(others) > 5


def test_a_service_that_is_down_for_a_day_is_waited_for() -> None:
    """Failures of the service alone are not the task's: about a day of them ends it, not five."""
    held, at, failures = task(), NOW, 0
    while held.wire.state != FAILED:
        failures += 1
        held = held.taken(at, 60).failed(at, "the model is down", service_failure=True)
        at = datetime.fromtimestamp(held.due_s, UTC) if held.wire.state == WAITING else at
    assert failures == 100
    assert 18 * 3600 < (at - NOW).total_seconds() < 30 * 3600


def test_what_no_retry_helps_is_given_up_at_once_and_hints_are_followed() -> None:
    """Not retryable; and a service's own hint, within bounds."""
    assert task().taken(NOW, 60).failed(NOW, "no such model", retryable=False).wire.state == FAILED
    hinted = task().taken(NOW, 60).failed(NOW, "busy", service_failure=True, retry_after_s=120)
    assert hinted.due_s == later(120).timestamp()
    endless = task().taken(NOW, 60).failed(NOW, "busy", service_failure=True, retry_after_s=1e9)
    assert endless.due_s == later(3600).timestamp()


@pytest.mark.parametrize(
    ("make", "cancels", "retries"),
    [
        (lambda t: t, True, True),
        (lambda t: t.taken(NOW, 60), True, False),
        (lambda t: t.taken(NOW, 60).completed(NOW), False, False),
        (lambda t: t.taken(NOW, 60).failed(NOW, "no", retryable=False), True, True),
        (lambda t: t.cancelled(NOW), True, True),
    ],
)
def test_what_users_may_do_in_each_state(make: Callable[[HeldTask], HeldTask], cancels: bool, retries: bool) -> None:
    """A completed task is over; one in progress may be cancelled; a dead letter may be retried or cancelled."""
    held = make(task())
    if cancels:
        assert held.cancelled(NOW).wire.state == CANCELLED
    else:
        with pytest.raises(TaskStateError, match="completed"):
            held.cancelled(NOW)
    if retries:
        again = held.retried(NOW)
        assert (again.wire.state, again.strikes, again.wire.error) == (WAITING, 0, "")
        assert again.due_s <= NOW.timestamp()
    else:
        with pytest.raises(TaskStateError):
            held.retried(NOW)


def test_an_ended_task_is_never_taken_or_finished() -> None:
    """Neither completed, nor failed, nor cancelled."""
    taken = task().taken(NOW, 60)
    for ended in (taken.completed(NOW, ("r",)), taken.failed(NOW, "no", retryable=False), taken.cancelled(NOW)):
        assert ended.wire.state in (COMPLETED, FAILED, CANCELLED)
        for step in (lambda one: one.taken(NOW, 60), lambda one: one.check_attempt(1)):
            with pytest.raises(TaskStateError):
                step(ended)


def test_what_attempts_tell_adds_up_within_bounds() -> None:
    """Spending of all attempts together; the last notes, none of them endless."""
    held = task()
    for number in range(30):
        held = held.told(task_pb2.Spending(calls=1, tokens_in=10, tokens_out=2), [f"{number} " + "x" * 1000])
    assert (held.wire.spent.calls, held.wire.spent.tokens_in, held.wire.spent.tokens_out) == (30, 300, 60)
    assert len(held.wire.notes) == MOST_NOTES
    assert held.wire.notes[-1].startswith("29 ")
    assert max(map(len, held.wire.notes)) == 500


def test_what_failed_before_is_told_of_a_completed_task() -> None:
    """Its error is gone, its notes say each attempt that failed and why: a worker that was lost, an error, a retry."""
    held = task().taken(NOW, 60)
    held = held.taken(later(61), 60).failed(later(62), "nonsense", retryable=False)
    held = held.retried(later(63)).taken(later(64), 60).completed(later(65))
    assert (held.wire.error, held.wire.attempts) == ("", 3)
    assert list(held.wire.notes) == [
        "attempt 1 failed: its worker was not heard of again",
        "attempt 2 failed: nonsense",
    ]
