"""Waiting for tasks by the SDK: one wait is several calls, each within the time of a call."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.client import prepare_tasks
from memcube.client.prepare_tasks import Waiting
from memcube.model.errors import InvalidArgumentError, NotFoundError

ALICE: dict[str, Any] = {"user_id": "alice", "agent_id": None, "run_id": None, "cube_id": None}


def task(name: str, state: str = "waiting") -> dict[str, Any]:
    """A task as answers have it."""
    return {"id": name, "state": state}


def test_a_long_wait_is_made_of_calls_that_end_in_time() -> None:
    """Each asks for what has not ended yet, and none for longer than a call may take."""
    waiting = Waiting(10.0, **ALICE, task_ids=None, timeout_s=60.0)
    first = waiting.next_wait()
    assert first is not None
    assert (first.method, list(first.request.task_ids), first.request.timeout_s) == ("WaitTasks", [], 8.0)
    assert waiting.take([task("a"), task("b")]) == [task("a"), task("b")]
    second = waiting.next_wait()
    assert second is not None
    assert list(second.request.task_ids) == ["a", "b"]
    assert waiting.take([task("a", "completed"), task("b")]) == [task("a", "completed")]
    third = waiting.next_watch()
    assert third is not None
    assert (third.method, list(third.request.task_ids)) == ("WatchTasks", ["b"])
    assert waiting.result["timed_out"]
    waiting.take([task("b", "failed")])
    assert waiting.next_wait() is None
    assert waiting.result == {"results": [task("a", "completed"), task("b", "failed")], "timed_out": False}


def test_a_wait_ends_with_its_time_and_asks_at_least_once() -> None:
    """Also when there is no time at all, or nothing to wait for."""
    waiting = Waiting(10.0, **ALICE, task_ids=["a"], timeout_s=0)
    call = waiting.next_wait()
    assert call is not None
    assert list(call.request.task_ids) == ["a"]
    waiting.take([task("a")])
    assert waiting.next_wait() is None
    assert waiting.result["timed_out"]
    nothing = Waiting(10.0, **ALICE, task_ids=None, timeout_s=5)
    assert nothing.next_watch() is not None
    assert nothing.next_watch() is None


def test_more_tasks_than_an_answer_holds_are_waited_for() -> None:
    """When those have ended the next ones are asked for, until fewer come."""
    waiting = Waiting(10.0, **ALICE, task_ids=None, timeout_s=60.0)
    for names, again in ((range(1000), True), (range(1000, 1003), False)):
        call = waiting.next_wait()
        assert call is not None
        assert not call.request.task_ids
        waiting.take([task(str(n)) for n in names])
        call = waiting.next_wait()
        assert call is not None
        assert list(call.request.task_ids) == [str(n) for n in names]
        waiting.take([task(str(n), "completed") for n in names])
        assert not waiting.result["timed_out"]
        assert again or waiting.next_wait() is None
    assert len(waiting.result["results"]) == 1003


def test_a_user_of_whom_nothing_is_known_has_no_tasks() -> None:
    """As in every other look; a cube that is named and is not there is an error."""
    listing: dict[str, Any] = {"states": ["failed"], "kinds": None, "limit": 5, "page_token": None}
    missing = NotFoundError("cube", "user:alice")
    call = prepare_tasks.tasks(**ALICE, **listing)
    assert call.forgives(missing)
    assert call.result(call.absent) == {"results": [], "total": 0, "next": None}
    named = prepare_tasks.tasks(**{**ALICE, "user_id": None, "cube_id": "c"}, **listing)
    assert not named.forgives(missing)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Waiting(10.0, **ALICE, task_ids=None, timeout_s=601), "timeout_s"),
        (lambda: Waiting(10.0, **ALICE, task_ids=None, timeout_s=True), "timeout_s"),
        (lambda: Waiting(10.0, **ALICE, task_ids="a", timeout_s=1), "task_ids"),
        (lambda: prepare_tasks.task(""), "task_id"),
        (lambda: prepare_tasks.tasks(**ALICE, states=["done"], kinds=None, limit=5, page_token=None), "states[0]"),
        (lambda: prepare_tasks.tasks(**ALICE, states=None, kinds=None, limit=0, page_token=None), "limit"),
    ],
)
def test_wrong_arguments_are_named(make: Any, field: str) -> None:
    """Before anything is asked."""
    with pytest.raises(InvalidArgumentError) as wrong:
        make()
    assert wrong.value.field == field
