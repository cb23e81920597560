"""Tasks in a cube: made by adds, taken, finished once, and what hangs on a memory that goes or changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.cube.task import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, WAITING
from memcube.actors.cube.tasks import MOST_ENDED
from memcube.model.errors import InvalidArgumentError, NotFoundError, TaskStateError
from memcube.model.ids import Principal
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import event_pb2, item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import MODEL, Bench

SCOPE = pb.Scope(user_id="alice")
WORKER = Principal("t", "memcube", ("admin",))


class TaskBench(Bench):
    """A cube whose adds are read finely."""

    config = FrameConfig(fine_reading=True, read_window=4, read_window_chars=200)

    def open(self, *, create: bool = False, model: str = MODEL) -> Cube:
        """As the frame does where a model is configured."""
        super().open(create=create, model=model)
        self.cube._config = self.config
        return self.cube

    def crash(self) -> None:
        """Let go without a word, as a killed frame does, and attach anew."""
        self.cube.view.store.close(checkpoint=False)
        self.open()

    def say(self, *texts: str, key: str = "", **fields: Any) -> pb.AddResponse:
        """Add messages; the whole answer."""
        fields.setdefault("scope", SCOPE)
        request = pb.AddRequest(messages=[pb.Message(content=text) for text in texts], **fields)
        return self.do(self.call("add", request, key), pb.AddResponse)

    def tasks(self, **fields: Any) -> list[task_pb2.Task]:
        """All tasks, newest first."""
        return list(self.read("list_tasks", pb.ListTasksRequest(scope=SCOPE, **fields), pb.ListTasksResponse).tasks)

    def task(self, task_id: str) -> task_pb2.Task:
        """One task."""
        return self.read("get_task", pb.GetTaskRequest(id=task_id), pb.GetTaskResponse).task

    def read(self, verb: str, request: Any, kind: Any) -> Any:
        """A read's answer, or its error raised."""
        answer = self.cube.read(self.call(verb, request))
        return kind.FromString(self.answered(answer))

    def take(self, task_id: str, key: str = "", lease_s: float = 60.0) -> work_pb2.TakeTaskResponse:
        """A worker takes a task."""
        request = work_pb2.TakeTaskRequest(id=task_id, worker="reader-0", lease_s=lease_s)
        return self.do(self.call("take_task", request, key, WORKER), work_pb2.TakeTaskResponse)

    def finish(self, task_id: str, attempt: int = 1, key: str = "", **fields: Any) -> work_pb2.FinishTaskResponse:
        """A worker finishes a task."""
        request = work_pb2.FinishTaskRequest(id=task_id, attempt=attempt, **fields)
        return self.do(self.call("finish_task", request, key, WORKER), work_pb2.FinishTaskResponse)

    def read_finely(self, answer: pb.AddResponse, *drafts: tuple[str, list[str]]) -> list[str]:
        """Take and finish a task with drafts of (text, sources); the ids of what was made."""
        attempt = self.take(answer.task_id).task.attempts
        made = [work_pb2.Draft(memory=text, derived_from=sources) for text, sources in drafts]
        return [item.id for item in self.finish(answer.task_id, attempt, drafts=made).items]

    def get(self, item_id: str) -> item_pb2.Item:
        """A live item."""
        return self.do(self.call("get", pb.GetRequest(id=item_id)), pb.GetResponse).item

    def causes(self, item_id: str) -> list[str]:
        """Why each version of a memory came to be."""
        events = self.do(self.call("history", pb.HistoryRequest(id=item_id)), pb.HistoryResponse).events
        return [event.cause for event in events]


@pytest.fixture
def bench(tmp_path: Path) -> TaskBench:
    """A new cube."""
    return TaskBench(tmp_path)


def ids(answer: pb.AddResponse) -> list[str]:
    """The ids that an add gave."""
    return [item.id for item in answer.items]


# --- made by adds -----------------------------------------------------------------------------------------------------


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


# --- kept ------------------------------------------------------------------------------------------------------------


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


# --- taken and finished -----------------------------------------------------------------------------------------------


def test_a_worker_gets_items_context_and_what_is_known(bench: TaskBench) -> None:
    """Its messages in order, those before them in the session, and what was made of the same people's already."""
    first = bench.say("I have a dog", "His name is Rex", session_id="s")
    made = bench.read_finely(first, ("Alice has a dog named Rex", ids(first)))
    bench.say("elsewhere", session_id="other")
    second = bench.say("Rex is ill", "The vet comes on Friday", session_id="s")
    work = bench.take(second.task_id)
    assert [item.id for item in work.items] == ids(second)
    assert [item.memory for item in work.context] == ["I have a dog", "His name is Rex"]
    assert [item.id for item in work.known] == made
    assert work.task.state == IN_PROGRESS
    assert work.task.kind == "mem_read"
    bob = bench.say("I have a dog too", session_id="s", scope=pb.Scope(cube_id="user:alice", user_id="bob"))
    work = bench.take(bob.task_id)
    assert work.context[-1].memory == "The vet comes on Friday"
    assert not work.known


def test_a_repeated_take_is_the_same_take(bench: TaskBench) -> None:
    """The router repeats a call whose answer was lost: one lease, one attempt; but not once another worker has it."""
    name = bench.say("one").task_id
    first = bench.take(name, key="k")
    assert bench.take(name, key="k") == first
    with pytest.raises(TaskStateError, match="in_progress"):
        bench.take(name)
    bench.crash()
    assert bench.take(name, key="k") == first
    bench.later(61)
    assert bench.take(name, key="other").task.attempts == 2
    with pytest.raises(TaskStateError, match="attempt 2"):
        bench.take(name, key="k")


def test_a_task_is_finished_once(bench: TaskBench) -> None:
    """By the attempt that has it; a repeated finish gets the first answer, a late one is refused and makes nothing."""
    answer = bench.say("I moved to Lisbon")
    bench.take(answer.task_id)
    draft = work_pb2.Draft(memory="Alice lives in Lisbon", derived_from=ids(answer))
    bench.later(61)
    bench.take(answer.task_id)
    with pytest.raises(TaskStateError, match="attempt 2, not 1"):
        bench.finish(answer.task_id, 1, drafts=[draft])
    first = bench.finish(answer.task_id, 2, key="k", drafts=[draft])
    assert bench.finish(answer.task_id, 2, key="k", drafts=[draft]) == first
    bench.crash()
    assert bench.finish(answer.task_id, 2, key="k", drafts=[draft]) == first
    with pytest.raises(TaskStateError, match="completed"):
        bench.finish(answer.task_id, 2, drafts=[draft])
    assert bench.texts() == ["Alice lives in Lisbon", "I moved to Lisbon"]
    assert list(bench.task(answer.task_id).result_ids) == [item.id for item in first.items]


def test_a_finish_after_the_lease_counts_if_nobody_else_has_it(bench: TaskBench) -> None:
    """Slow is not wrong: work that was done is not thrown away for its being late."""
    answer = bench.say("I moved to Lisbon")
    bench.take(answer.task_id)
    bench.later(3600)
    assert bench.finish(answer.task_id).task.state == COMPLETED


def test_what_was_made_inherits_from_its_sources(bench: TaskBench) -> None:
    """Whom it is about, where it comes from, how secret it is, until when; who caused it stands in its event."""
    ends = bench.now + timedelta(days=1)
    info = pb.AddRequest().info
    info.update({"project": "x", "page": 1})
    one = bench.say("a", session_id="s", expires_at=to_timestamp(ends + timedelta(days=1)), info=info)
    info.update({"page": 2})
    two = bench.say("b", session_id="s", expires_at=to_timestamp(ends), info=info)
    (made,) = bench.read_finely(two, ("a and b", ids(one) + ids(two)))
    item = bench.get(made)
    assert item.status == item_pb2.STATUS_ACTIVATED
    assert (item.user_id, item.session_id) == ("alice", "s")
    assert item.expires_at == to_timestamp(ends)
    assert dict(item.info) == {"project": "x"}
    assert list(item.derived_from) == ids(one) + ids(two)
    assert [source.position for source in item.sources] == [0, 1]
    events = bench.do(bench.call("history", pb.HistoryRequest(id=made)), pb.HistoryResponse).events
    assert [(event.cause, event.principal_id) for event in events] == [("mem_read", "alice")]
    assert events[0].kind == event_pb2.EVENT_KIND_ITEM_ADDED
    assert bench.search("a and b").hits[0].item.id == made


def test_drafts_that_cannot_be_taken_are_left_out_and_named(bench: TaskBench) -> None:
    """Ids that are not there, another task's, none; an empty text: the others are kept, and the task says why."""
    other = bench.say("other", session_id="t")
    answer = bench.say("one", "two", session_id="s")
    one, two = ids(answer)
    bench.take(answer.task_id)
    bench.do(bench.call("delete", pb.DeleteRequest(id=two)), pb.DeleteResponse)
    drafts = [
        work_pb2.Draft(memory="good", derived_from=[one]),
        work_pb2.Draft(memory="of what is gone", derived_from=[one, two]),
        work_pb2.Draft(memory="of another task", derived_from=ids(other)),
        work_pb2.Draft(memory="of an id that was made up", derived_from=["nothing"]),
        work_pb2.Draft(memory="of nothing"),
        work_pb2.Draft(memory=" ", derived_from=[one]),
        work_pb2.Draft(memory="too sure", derived_from=[one], confidence=2.0),
    ]
    done = bench.finish(answer.task_id, drafts=drafts)
    assert [item.memory for item in done.items] == ["good"]
    assert done.task.state == COMPLETED
    assert [note.split()[1] for note in done.task.notes] == ["1", "2", "3", "4", "5", "6"]


def test_failures_wait_and_then_are_dead_letters_that_can_be_retried(bench: TaskBench) -> None:
    """Every failure is visible; nothing of a failed attempt's drafts is taken; a retry starts anew."""
    answer = bench.say("one")
    draft = work_pb2.Draft(memory="half done", derived_from=ids(answer))
    for attempt in range(1, 6):
        assert bench.take(answer.task_id).task.attempts == attempt
        done = bench.finish(answer.task_id, attempt, error="nonsense", retryable=True, drafts=[draft])
        bench.later(600)
    assert done.task.state == FAILED
    assert bench.texts() == ["one"]
    status = bench.read("cube_status", pb.StatusRequest(scope=SCOPE), pb.CubeStatus)
    (reading,) = [one for one in status.tasks if one.kind == "mem_read"]
    assert (reading.waiting, reading.failed, reading.last_error) == (0, 1, "nonsense")
    call = bench.call("retry_task", pb.RetryTaskRequest(id=answer.task_id), "again")
    (first,) = bench.answers(call)
    assert pb.RetryTaskResponse.FromString(first.body).task.state == WAITING
    bench.take(answer.task_id)
    assert bench.answers(call) == [first]
    bench.finish(answer.task_id, 6, drafts=[draft])
    assert bench.texts() == ["half done", "one"]


def test_a_cancelled_task_is_not_finished(bench: TaskBench) -> None:
    """Whoever has it is refused, makes nothing, and the messages stay as they are."""
    answer = bench.say("one")
    bench.take(answer.task_id)
    cancelled = bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=answer.task_id)), pb.CancelTaskResponse)
    assert cancelled.task.state == CANCELLED
    with pytest.raises(TaskStateError, match="cancelled"):
        bench.finish(answer.task_id, drafts=[work_pb2.Draft(memory="x", derived_from=ids(answer))])
    assert bench.texts() == ["one"]


def test_merged_memories_resolve_and_are_found_no_more(bench: TaskBench) -> None:
    """By id, with what stands for it; neither searched nor listed; what can't be merged is named."""
    first = bench.say("I live in Lisbon", session_id="s")
    second = bench.say("Lisbon is where I live", session_id="s")
    bob = bench.say("Lisbon is where I live", scope=pb.Scope(cube_id="user:alice", user_id="bob"))
    (one,), (two,), (three,) = ids(first), ids(second), ids(bob)
    bench.take(second.task_id)
    merges = [
        work_pb2.Merge(id=one, into=two),
        work_pb2.Merge(id=two, into=one),
        work_pb2.Merge(id=three, into=two),
        work_pb2.Merge(id=two, into=two),
        work_pb2.Merge(id="nothing", into=two),
    ]
    done = bench.finish(second.task_id, merges=merges)
    assert len(done.task.notes) == 4
    assert (bench.get(one).status, bench.get(one).merged_into) == (item_pb2.STATUS_MERGED, two)
    assert bench.texts() == ["Lisbon is where I live", "Lisbon is where I live"]
    assert one not in [hit.item.id for hit in bench.search("Lisbon").hits]
    bench.crash()
    assert one not in [hit.item.id for hit in bench.search("Lisbon").hits]


# --- what hangs on a memory ---------------------------------------------------------------------------------------------


def test_what_was_made_from_a_memory_goes_with_it(bench: TaskBench) -> None:
    """In the same commit, the cause says so; made from several, it goes too, and the others are read again."""
    answer = bench.say("I live in Lisbon", "My dog is Rex", session_id="s")
    one, two = ids(answer)
    alone, both = bench.read_finely(answer, ("Alice lives in Lisbon", [one]), ("Rex lives in Lisbon", [one, two]))
    head = bench.cube.view.head
    bench.do(bench.call("delete", pb.DeleteRequest(id=one)), pb.DeleteResponse)
    assert bench.texts() == ["My dog is Rex"]
    assert bench.cube.view.head == head + 3
    assert bench.causes(alone) == bench.causes(both) == ["mem_read", "source_deleted"]
    assert bench.causes(one) == ["add", "delete"]
    (again,) = bench.tasks(states=[WAITING])
    assert list(again.item_ids) == [two]


def test_a_memory_takes_those_merged_into_it_along(bench: TaskBench) -> None:
    """Who deletes what stands for a fact wants the fact gone, not its older wording back."""
    answer = bench.say("I live in Lisbon", "Lisbon is where I live", session_id="s")
    one, two = ids(answer)
    bench.take(answer.task_id)
    bench.finish(answer.task_id, merges=[work_pb2.Merge(id=one, into=two)])
    bench.do(bench.call("delete", pb.DeleteRequest(id=two)), pb.DeleteResponse)
    assert bench.texts(filter=None) == []
    with pytest.raises(NotFoundError):
        bench.get(one)


@pytest.mark.parametrize("change", ["delete", "update"])
def test_what_was_merged_stands_again_when_the_other_goes_with_its_source(bench: TaskBench, change: str) -> None:
    """Two conversations said it: when one of them is deleted or corrected, what the other said is found again."""
    first, second = bench.say("I live in Lisbon", session_id="a"), bench.say("Lisbon is my home", session_id="b")
    (one,) = bench.read_finely(first, ("Alice lives in Lisbon", ids(first)))
    bench.take(second.task_id)
    draft = work_pb2.Draft(memory="Alice's home is Lisbon", derived_from=ids(second))
    (two,) = [item.id for item in bench.finish(second.task_id, drafts=[draft]).items]
    third = bench.say("x", session_id="c")
    bench.take(third.task_id)
    bench.finish(third.task_id, merges=[work_pb2.Merge(id=one, into=two)])
    assert "Alice lives in Lisbon" not in bench.texts()
    source = ids(second)[0]
    if change == "delete":
        bench.do(bench.call("delete", pb.DeleteRequest(id=source)), pb.DeleteResponse)
    else:
        bench.do(bench.call("update", pb.UpdateRequest(id=source, memory="Porto is my home")), pb.UpdateResponse)
    assert "Alice lives in Lisbon" in bench.texts()
    assert "Alice's home is Lisbon" not in bench.texts()
    assert (bench.get(one).status, bench.get(one).merged_into) == (item_pb2.STATUS_ACTIVATED, "")
    assert bench.causes(one) == ["mem_read", "mem_read", f"source_{change}d"]
    assert one in [hit.item.id for hit in bench.search("Lisbon").hits]


def test_a_corrected_memory_is_read_again_and_what_it_said_is_gone(bench: TaskBench) -> None:
    """A derived memory never contradicts its source; the correction's own answer, and its retry's, is the item."""
    answer = bench.say("I live in Lisbon", session_id="s")
    (source,) = ids(answer)
    (made,) = bench.read_finely(answer, ("Alice lives in Lisbon", [source]))
    bench.crash()
    call = bench.call("update", pb.UpdateRequest(id=source, memory="I live in Porto"), "u")
    (first,) = bench.answers(call)
    assert pb.UpdateResponse.FromString(first.body).item.memory == "I live in Porto"
    assert bench.answers(call) == [first]
    assert bench.texts() == ["I live in Porto"]
    assert bench.causes(made) == ["mem_read", "source_updated"]
    (again,) = bench.tasks(states=[WAITING])
    assert list(again.item_ids) == [source]
    bench.do(bench.call("update", pb.UpdateRequest(id=source, tags=["home"])), pb.UpdateResponse)
    assert len(bench.tasks(states=[WAITING])) == 1


def test_what_a_worker_read_before_a_correction_is_not_taken(bench: TaskBench) -> None:
    """It read the old text: its draft is left out with a note, and the new text is read by another task."""
    answer = bench.say("I live in Lisbon", "My dog is Rex", session_id="s")
    one, two = ids(answer)
    bench.take(answer.task_id)
    bench.do(bench.call("update", pb.UpdateRequest(id=one, memory="I live in Porto")), pb.UpdateResponse)
    drafts = [
        work_pb2.Draft(memory="Alice lives in Lisbon", derived_from=[one]),
        work_pb2.Draft(memory="Alice's dog is Rex", derived_from=[two]),
    ]
    done = bench.finish(answer.task_id, drafts=drafts)
    assert [item.memory for item in done.items] == ["Alice's dog is Rex"]
    assert "changed" in done.task.notes[0]
    (again,) = bench.tasks(states=[WAITING])
    assert list(again.item_ids) == [one]


def test_what_was_made_is_compared_with_what_is_there(bench: TaskBench) -> None:
    """What several windows made, in one task that needs no model; by the name of who caused it; not its own merges."""
    bench.cube._config = replace(bench.config, organizing=True)
    made = []
    for number in range(2):
        answer = bench.say(f"I live in Lisbon, {number}", session_id=f"s{number}")
        made += bench.read_finely(answer, ("Alice lives in Lisbon", ids(answer)))
    (task,) = bench.tasks(kinds=["mem_organize"])
    assert list(task.item_ids) == made
    assert (task.principal_id, task.session_id) == ("alice", "")
    assert bench.take(task.id).items[0].derived_from
    bench.finish(task.id, merges=[work_pb2.Merge(id=made[0], into=made[1])])
    assert bench.tasks(states=[WAITING]) == []
    assert bench.causes(made[0]) == ["mem_read", "mem_organize"]


def test_a_task_whose_memories_are_gone_is_done(bench: TaskBench) -> None:
    """Deleted before a worker came: nothing is asked of a model, and the task says why."""
    answer = bench.say("one")
    bench.do(bench.call("delete_all", pb.DeleteAllRequest(scope=SCOPE)), pb.DeleteAllResponse)
    work = bench.take(answer.task_id)
    assert work.task.state == COMPLETED
    assert not work.items
    assert "deleted" in work.task.notes[0]


# --- looked at -----------------------------------------------------------------------------------------------------------


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
