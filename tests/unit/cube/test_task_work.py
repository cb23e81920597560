"""Tasks in a cube: taken, and finished once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from memcube.actors.cube.task import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, WAITING
from memcube.model.errors import TaskStateError
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import event_pb2, item_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .task_bench import SCOPE, TaskBench, ids


@pytest.fixture
def bench(tmp_path: Path) -> TaskBench:
    """A new cube."""
    return TaskBench(tmp_path)


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
