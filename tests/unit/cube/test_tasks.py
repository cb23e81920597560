"""Tasks in a cube: made by adds, kept, listed and waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.task import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, WAITING, HeldTask
from memcube.actors.cube.tasks import MOST_ENDED
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.ids import Principal
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

from .task_bench import SCOPE, TaskBench, ids


@pytest.fixture
def bench(tmp_path: Path) -> TaskBench:
    """A new cube."""
    return TaskBench(tmp_path)


def test_without_a_model_there_are_no_tasks(bench: TaskBench) -> None:
    """Nothing is queued, no mark is made, and the answer names no task."""
    bench.cube._config = FrameConfig()
    assert bench.say("I moved to Lisbon", session_id="s").task_id == ""
    assert bench.tasks() == []
    assert list(bench.vault.pending()) == []


def test_verbatim_is_not_read_finely(bench: TaskBench) -> None:
    """Kept as it was said and no more, also when it is corrected."""
    answer = bench.say("I moved to Lisbon", verbatim=True)
    bench.do(bench.call("update", pb.UpdateRequest(id=ids(answer)[0], memory="I moved to Porto")), pb.UpdateResponse)
    assert answer.task_id == ""
    assert bench.tasks() == []


def test_messages_that_come_soon_after_each_other_are_read_together(bench: TaskBench) -> None:
    """One task for a window of a session: due when it has settled, at once when it is full."""
    answers = []
    for text in ("one", "two", "three"):
        answers.append(bench.say(text, session_id="s"))
        bench.later(1)
    assert len({answer.task_id for answer in answers}) == 1
    (task,) = bench.tasks()
    assert list(task.item_ids) == [item_id for answer in answers for item_id in ids(answer)]
    assert task.not_before == to_timestamp(bench.now + timedelta(seconds=4))
    full = bench.say("four", session_id="s")
    assert full.task_id == task.id
    assert not bench.task(task.id).HasField("not_before")
    assert bench.say("five", session_id="s").task_id != task.id


def test_a_window_waits_no_longer_than_its_bound(bench: TaskBench) -> None:
    """Who keeps talking, with pauses just short enough, is read all the same."""
    bench.cube._config = FrameConfig(fine_reading=True, read_window=100)
    start = bench.now
    for number in range(12):
        bench.say(f"message {number}", session_id="s")
        bench.later(3)
    (task,) = bench.tasks()
    assert task.not_before == to_timestamp(start + timedelta(seconds=30))


@pytest.mark.parametrize(
    "other",
    [
        {"session_id": "t"},
        {"session_id": "s", "scope": pb.Scope(user_id="alice", agent_id="bot")},
        {"session_id": "s", "who": Principal("t", "bob", ("admin",))},
    ],
)
def test_what_does_not_belong_together_is_read_apart(bench: TaskBench, other: dict[str, Any]) -> None:
    """Another session, other people, or another principal: a task each."""
    first = bench.say("one", session_id="s")
    who = other.pop("who", None)
    request = pb.AddRequest(messages=[pb.Message(content="two")], **{"scope": SCOPE, **other})
    call = bench.call("add", request, **({"who": who} if who else {}))
    second = bench.do(call, pb.AddResponse)
    assert first.task_id != second.task_id


def test_long_texts_fill_a_window_by_their_characters(bench: TaskBench) -> None:
    """What would make a prompt too long starts another one; a conversation at once makes as many as it needs."""
    bench.say("a " * 60, session_id="s")
    bench.say("b " * 60, session_id="s")
    assert [len(task.item_ids) for task in bench.tasks()] == [1, 1]
    assert not bench.tasks()[1].HasField("not_before")
    answer = bench.say(*(f"message {number}" for number in range(10)))
    made = [task for task in bench.tasks() if task.session_id.startswith("add:")]
    assert [len(task.item_ids) for task in made] == [2, 4, 4]
    assert answer.task_id == made[0].id
    assert [item_id for task in reversed(made) for item_id in task.item_ids] == ids(answer)


def test_a_window_that_a_worker_has_takes_in_nothing(bench: TaskBench) -> None:
    """The next message is another task's: the worker has its messages already."""
    first = bench.say("one", session_id="s")
    bench.take(first.task_id)
    second = bench.say("two", session_id="s")
    assert second.task_id not in ("", first.task_id)
    bench.finish(first.task_id, error="no", retryable=True)
    third = bench.say("three", session_id="s")
    assert third.task_id == second.task_id


def test_a_retried_add_names_the_same_task(bench: TaskBench) -> None:
    """By its idempotency key, also after the task has ended and the cube was attached anew."""
    call = bench.call("add", pb.AddRequest(scope=SCOPE, messages=[pb.Message(content="one")], session_id="s"), "k")
    (first,) = bench.answers(call)
    task_id = pb.AddResponse.FromString(first.body).task_id
    bench.take(task_id)
    bench.finish(task_id)
    bench.crash()
    assert bench.answers(call) == [first]
    assert [task.id for task in bench.tasks()] == [task_id]


def test_a_failed_call_of_a_batch_leaves_no_task(bench: TaskBench) -> None:
    """What travels with it is kept; its own task, and its place in a window, are not."""
    good = pb.AddRequest(scope=SCOPE, messages=[pb.Message(content="good")], session_id="s")
    bad = pb.DeleteRequest(id="nothing")
    first, failed, second = bench.answers(bench.call("add", good), bench.call("delete", bad), bench.call("add", good))
    assert (first.ok, failed.ok, second.ok) == (True, False, True)
    (task,) = bench.tasks()
    assert len(task.item_ids) == 2


def test_tasks_survive_a_crash_in_every_state(bench: TaskBench) -> None:
    """Nothing of the outbox is in memory only: what was acknowledged is there after a kill, states and all."""
    answers = [bench.say(str(number), session_id=f"s{number}") for number in range(5)]
    names = [answer.task_id for answer in answers]
    for name in names[1:4]:
        bench.take(name)
    bench.finish(names[2])
    bench.finish(names[3], error="nonsense", retryable=False, spent=task_pb2.Spending(calls=2, tokens_in=7))
    bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=names[4])), pb.CancelTaskResponse)
    before = bench.tasks()
    assert [task.state for task in reversed(before)] == [WAITING, IN_PROGRESS, COMPLETED, FAILED, CANCELLED]
    bench.crash()
    assert bench.tasks() == before
    assert list(bench.vault.pending()) == [bench.ref]
    assert bench.task(names[3]).spent.calls == 2


def test_the_cube_is_pending_until_its_last_task_has_ended(bench: TaskBench) -> None:
    """By the vault's list, that tells what is to be done without opening a cube; letting go of it tidies the list."""
    answer = bench.say("one")
    assert list(bench.vault.pending()) == [bench.ref]
    bench.take(answer.task_id)
    bench.finish(answer.task_id)
    bench.cube.close()
    assert list(bench.vault.pending()) == []
    bench.open()
    bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=bench.say("two").task_id)), pb.CancelTaskResponse)
    bench.cube.settle_pending()
    assert list(bench.vault.pending()) == []


def test_a_lost_mark_is_made_again(bench: TaskBench) -> None:
    """Files that were brought back without the list of pending cubes: attaching is enough."""
    bench.say("one")
    (bench.vault._layout.root / "pending" / "t" / bench.ref.key).unlink()
    assert list(bench.vault.pending()) == []
    bench.crash()
    assert list(bench.vault.pending()) == [bench.ref]


def test_ended_tasks_are_kept_a_week_and_within_a_number(bench: TaskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Completed ones can be told for 7 days, failed ones until someone looks; all of them are bounded."""
    completed, failed = bench.say("one", session_id="a").task_id, bench.say("two", session_id="b").task_id
    for name, error in ((completed, ""), (failed, "no")):
        bench.take(name)
        bench.finish(name, error=error)
    bench.later(7 * 24 * 3600 - 1)
    bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=bench.say("three").task_id)), pb.CancelTaskResponse)
    assert len(bench.tasks()) == 3
    bench.later(2)
    bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=bench.say("four").task_id)), pb.CancelTaskResponse)
    assert {task.id for task in bench.tasks()} >= {failed}
    assert completed not in {task.id for task in bench.tasks()}
    monkeypatch.setattr("memcube.actors.cube.tasks.MOST_ENDED", 3)
    for number in range(5):
        name = bench.say(f"more {number}").task_id
        bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=name)), pb.CancelTaskResponse)
    assert len(bench.tasks()) == 3
    assert failed in {task.id for task in bench.tasks()}
    bench.crash()
    assert len(bench.tasks()) == 3
    assert MOST_ENDED == 1000


def test_tasks_are_listed_in_pages_by_state_and_kind(bench: TaskBench) -> None:
    """Newest first; the total is of all that match; a strange token or state is refused."""
    names = [bench.say(str(number), session_id=f"s{number}").task_id for number in range(5)]
    bench.take(names[0])
    found: list[str] = []
    token = ""
    while True:
        request = pb.ListTasksRequest(scope=SCOPE, states=[WAITING], page_size=3, page_token=token)
        page = bench.read("list_tasks", request, pb.ListTasksResponse)
        assert page.total == 4
        found += [task.id for task in page.tasks]
        token = page.next_page_token
        if not token:
            break
    assert found == names[:0:-1]
    assert bench.tasks(kinds=["mem_organize"]) == []
    bench.later(61)
    assert len(bench.tasks(states=[WAITING])) == 5
    for bad in ({"states": [17]}, {"page_token": "x"}, {"page_size": 2000}):
        with pytest.raises(InvalidArgumentError):
            bench.tasks(**bad)


def test_a_page_of_many_tasks_looks_at_a_page(bench: TaskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing and status of 3,000 tasks look at a few of them each, not at all in the frame's loop."""
    bench.say("one", verbatim=True)
    tasks = bench.cube.view.tasks
    made = [
        HeldTask.new(f"{bench.ref.key}-{n:026d}", "user:alice", "mem_read", (f"i{n}",), bench.now) for n in range(3000)
    ]
    for held in made:
        tasks.put(held.taken(bench.now, 60.0) if held is made[7] else held)
    looked: list[str] = []
    get = dict.__getitem__

    class Counted(dict[str, HeldTask]):
        """What is held, and which of it is looked at."""

        def __getitem__(self, task_id: str) -> HeldTask:
            looked.append(task_id)
            return get(self, task_id)

    monkeypatch.setattr(tasks, "_held", Counted(tasks._held))
    page = bench.read(
        "list_tasks", pb.ListTasksRequest(scope=SCOPE, states=[WAITING], page_size=10), pb.ListTasksResponse
    )
    assert page.total == 2999 and [task.id for task in page.tasks] == [held.id for held in made[:-11:-1]]
    assert len(looked) < 50
    counts = bench.read("cube_status", pb.StatusRequest(scope=SCOPE), pb.CubeStatus).tasks
    assert [(one.waiting, one.in_progress) for one in counts if one.kind == "mem_read"] == [(2999, 1)]
    assert len(looked) < 1000


def test_who_waits_is_told_how_it_stands(bench: TaskBench) -> None:
    """Those named, or all that have not ended; whether some have not; a name that is none is not found."""
    names = [bench.say(str(number), session_id=f"s{number}").task_id for number in range(2)]

    def wait(*task_ids: str) -> pb.WaitTasksResponse:
        request = pb.WaitTasksRequest(scope=SCOPE, task_ids=task_ids)
        answer: pb.WaitTasksResponse = bench.read("wait_tasks", request, pb.WaitTasksResponse)
        return answer

    assert [task.id for task in wait().tasks] == names
    bench.take(names[0])
    bench.finish(names[0])
    assert [task.id for task in wait().tasks] == names[1:]
    assert not wait(names[0]).timed_out
    assert wait(*names).timed_out
    with pytest.raises(NotFoundError):
        wait("nothing")


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.take("nothing"),
        lambda b: b.finish("nothing"),
        lambda b: b.task("nothing"),
        lambda b: b.do(b.call("cancel_task", pb.CancelTaskRequest(id="nothing")), pb.CancelTaskResponse),
        lambda b: b.do(b.call("retry_task", pb.RetryTaskRequest(id="nothing")), pb.RetryTaskResponse),
    ],
)
def test_a_task_that_is_not_there_is_not_found(bench: TaskBench, call: Callable[[TaskBench], object]) -> None:
    """And nothing is written for it."""
    bench.say("one")
    with pytest.raises(NotFoundError, match="task"):
        call(bench)
