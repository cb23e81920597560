"""What hangs on a memory that goes or changes: what was made from it, what was merged into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memcube.actors.cube.task import COMPLETED, WAITING
from memcube.model.errors import NotFoundError
from memcube.protos.memcube.v1 import item_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .task_bench import SCOPE, TaskBench, ids


@pytest.fixture
def bench(tmp_path: Path) -> TaskBench:
    """A new cube."""
    return TaskBench(tmp_path)


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


def test_a_message_and_the_fact_made_from_it_take_one_place_of_the_hits(bench: TaskBench) -> None:
    """A search shows the better one, and by ``derived_from`` which message says it; the rest of the hits move up."""
    answer = bench.say("Guess what, I live in Lisbon now", "My dog Rex loves Lisbon", session_id="s")
    one, two = ids(answer)
    fact, both = bench.read_finely(answer, ("Alice lives in Lisbon", [one]), ("Rex and Alice: Lisbon", [one, two]))
    hits = bench.search("Alice Lisbon", vector=False, top_k=3).hits
    assert {hit.item.id for hit in hits} == {fact, both, two}
    assert next(list(hit.item.derived_from) for hit in hits if hit.item.id == fact) == [one]
