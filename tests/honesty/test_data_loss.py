"""MemOS loses what it acknowledged: its fine stage deletes the fast memories, whatever became of the new ones."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

SAID = ("I moved to Lisbon in May", "My dog is called Rex")
FAILURES: list[list[dict[str, Any]]] = [
    [{"kind": "status", "status": 500}] * 3,
    [{"kind": "text", "text": "I'd rather talk about the weather."}] * 2,
    [{"kind": "wrong_shape"}] * 2,
    [{"kind": "truncated"}] * 2,
    [{"kind": "declined"}],
    [{"kind": "drop"}] * 3,
    [{"kind": "busy", "seconds": 60}],
]


@pytest.mark.parametrize("behaviours", FAILURES, ids=lambda given: given[0]["kind"])
def test_1417_fast_memories_stay_when_fine_reading_fails(mind: Any, behaviours: list[dict[str, Any]]) -> None:
    """MemOS deletes the fast nodes also when the model failed; here they stay, are found, and the task says why."""
    added = mind.say(*SAID, session_id="s")
    task = mind.work(added.task_id, *behaviours)
    assert task.state in (task_pb2.TASK_STATE_WAITING, task_pb2.TASK_STATE_FAILED)
    assert task.error
    assert sorted(mind.texts()) == sorted(SAID)
    assert mind.found("Lisbon")[0] == SAID[0]
    for item in added.items:
        assert mind.get(item.id).memory == item.memory


@pytest.mark.parametrize("kind", ["bad_ids", "nothing"])
def test_1417_fast_memories_stay_when_fine_reading_yields_nothing(mind: Any, answered: Any, kind: str) -> None:
    """Nor does an answer without a usable memory take anything away."""
    added = mind.say(*SAID, session_id="s")
    mind.work(added.task_id, *([answered()] if kind == "nothing" else [{"kind": "bad_ids"}] * 2))
    assert sorted(mind.texts()) == sorted(SAID)


def test_1950_what_was_found_is_still_found_later(mind: Any) -> None:
    """MemOS finds a memory after the add and not 9 s later; here fine reading adds and takes nothing away."""
    added = mind.say(*SAID, session_id="s")
    before = [hit.item.id for hit in mind.search("Where is Lisbon?").hits]
    assert mind.work(added.task_id).state == task_pb2.TASK_STATE_COMPLETED
    mind.later(9)
    mind.embed()
    # By itself, or by the fact made from it alone, which stands in its place where it says it better.
    after = {said for hit in mind.search("Where is Lisbon?").hits for said in (hit.item.id, *hit.item.derived_from)}
    assert set(before) <= after
    assert len(after) > len(before)


def test_1355_what_was_acknowledged_is_there_after_a_crash(mind: Any) -> None:
    """MemOS answers 200 before anything is stored; here the answer comes after the commit, task and all."""
    added = mind.say(*SAID, session_id="s")
    mind.crash()
    assert sorted(mind.texts()) == sorted(SAID)
    assert mind.task(added.task_id).state == task_pb2.TASK_STATE_WAITING
    assert list(mind.task(added.task_id).item_ids) == [item.id for item in added.items]


def test_1493_an_add_that_stores_less_says_so(mind: Any) -> None:
    """MemOS answers 200 OK and stores nothing; here what is left out is named with its reason, or the add refused."""
    added = mind.say(pb.Message(role="system", content="You are helpful."), "NO_REPLY", "I like tea")
    assert [item.memory for item in added.items] == ["I like tea"]
    assert [(one.message, one.reason) for one in added.skipped] == [(0, "system_prompt"), (1, "noise")]
    assert all(one.detail for one in added.skipped)
    with pytest.raises(InvalidArgumentError, match="messages"):
        mind.say("")
    assert mind.texts() == ["I like tea"]


def test_2329_the_ids_that_add_returned_resolve_after_fine_reading(mind: Any) -> None:
    """MemOS' fine items get new ids and the returned ones end in 404; here they name the same memories for good."""
    added = mind.say(*SAID, session_id="s")
    task = mind.work(added.task_id)
    assert task.result_ids
    mind.crash()
    for item in added.items:
        assert mind.get(item.id).memory == item.memory
    for item_id in task.result_ids:
        assert set(mind.get(item_id).derived_from) <= {item.id for item in added.items}


def test_2330_an_id_resolves_after_its_memory_was_merged_or_corrected(mind: Any) -> None:
    """Nor does an id break when memories are merged or get another text: it says what stands for it now."""
    first = mind.say("I live in Lisbon", session_id="a")
    (one,) = mind.work(first.task_id).result_ids
    second = mind.say("I live in Lisbon, as I told you before.", session_id="b")
    mind.take(second.task_id)
    merge = work_pb2.Merge(id=one, into=second.items[0].id)
    done = mind.finish(work_pb2.FinishTaskRequest(id=second.task_id, attempt=1, merges=[merge]))
    assert not done.notes
    assert (mind.get(one).status, mind.get(one).merged_into) == (item_pb2.STATUS_MERGED, second.items[0].id)
    other = mind.say("Lisbon is home", session_id="c").items[0].id
    mind.correct(other, "Porto is home")
    assert (mind.get(other).memory, mind.get(other).version) == ("Porto is home", 2)


def test_section_6_what_the_model_garbled_is_no_memory(mind: Any) -> None:
    """MemOS stores the model's raw text as a fact where it can't be parsed; here nothing of it becomes a memory."""
    added = mind.say(*SAID, session_id="s")
    garbled = {"kind": "text", "text": "memory list: Alice moved to Mars }"}
    mind.work(added.task_id, garbled, garbled)
    assert sorted(mind.texts()) == sorted(SAID)


def test_section_5_a_failed_task_is_not_shown_as_completed(mind: Any) -> None:
    """MemOS acknowledges a task in 'finally' and shows it completed; here it fails by name, and can be tried again."""
    added = mind.say(*SAID, session_id="s")
    nonsense = [{"kind": "text", "text": "no"}] * 2
    assert mind.work(added.task_id, *nonsense).state == task_pb2.TASK_STATE_FAILED
    listed = mind.read(
        "list_tasks",
        pb.ListTasksRequest(scope=pb.Scope(user_id="alice"), states=[task_pb2.TASK_STATE_FAILED]),
        pb.ListTasksResponse,
    )
    assert [task.id for task in listed.tasks] == [added.task_id]
    mind.do(mind.call("retry_task", pb.RetryTaskRequest(id=added.task_id)), pb.RetryTaskResponse)
    assert mind.work(added.task_id).state == task_pb2.TASK_STATE_COMPLETED
    assert len(mind.texts()) > len(SAID)


def test_section_1a_no_memory_goes_because_there_are_many(mind: Any) -> None:
    """MemOS hard-deletes the oldest nodes beyond 20 to 1,500 of a kind; here a cube keeps what was put into it."""
    for start in range(0, 1_600, 200):
        mind.say(*(f"Number {start + n} is on the list" for n in range(200)), verbatim=True)
    mind.later(400 * 24 * 3600)
    mind.crash()
    assert mind.found("number 0 on the list", top_k=3)
    listing = pb.ListRequest(scope=pb.Scope(user_id="alice"), page_size=1)
    assert mind.do(mind.call("list", listing), pb.ListResponse).total == 1_600
