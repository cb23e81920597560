"""Erasing a user from a cube: their memories, what was made from them, all versions, tasks and receipts; and holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Value

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.governance.hold import hold_file
from memcube.actors.vault.base import ERASED, Commit, EventRecord
from memcube.model.codec import event_to_proto
from memcube.model.errors import HeldError, MemCubeError, NotFoundError
from memcube.model.item import Event, EventKind, Status
from memcube.protos.memcube.v1 import audit_pb2, filter_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

BOB = Value(string_value="bob")
WORDS = (b"zanzibar", b"yodelling", b"quokka")


def traces(root: Path) -> int:
    """How often words of the user's memories are in any file."""
    data = [path.read_bytes().lower() for path in root.rglob("*") if path.is_file()]
    return sum(one.count(word) for one in data for word in WORDS)


def erase(bench: Any, user_id: str = "bob", key: str = "") -> audit_pb2.ErasedCube:
    """As the frame does it."""
    calls = [bench.call("erase", audit_pb2.EraseCubeRequest(user_id=user_id), key)]
    plan = bench.cube.plan(calls)
    if not plan.empty:
        bench.cube.view.store.commit(plan.commit)
    (answer,) = bench.cube.purge(calls, plan.answers)
    if bench.cube.purged:
        bench.open()
    else:
        bench.cube.apply(plan)
    return audit_pb2.EraseCubeResponse.FromString(bench.answered(answer)).erased


def shared(bench: Any) -> list[str]:
    """A cube of two people, one of whom loves quokkas, with a vector for each."""
    bob = pb.Scope(cube_id="user:alice", user_id="bob")
    ids = bench.add("I went to Zanzibar", "A quokka is my pet", scope=bob)
    ids += bench.add("Lisbon is sunny", scope=pb.Scope(cube_id="user:alice", user_id="carol"))
    bench.do(bench.call("update", pb.UpdateRequest(id=ids[0], memory="I went yodelling")), pb.UpdateResponse)
    bench.embed()
    gone = bench.add("Quokka food is expensive", scope=bob)
    bench.do(bench.call("delete", pb.DeleteRequest(id=gone[0])), pb.DeleteResponse)
    return [*ids]


def test_nothing_of_a_user_is_left(bench: Any, tmp_path: Path) -> None:
    """Neither live memories nor versions, deleted ones, vectors or answers; of others all is as it was."""
    ids = shared(bench)
    before = {item.id: item.memory for item in listed(bench)}
    assert traces(tmp_path) > 5
    told = erase(bench)
    assert (told.events, told.items, told.vectors, told.receipts) == (5, 2, 2, 3)
    bench.cube.view.store.checkpoint()
    assert traces(tmp_path) == 0
    assert {item.id: item.memory for item in listed(bench)} == {ids[2]: before[ids[2]]}
    assert bench.search("quokka").hits[0].item.id == ids[2]
    for gone in ids[:2]:
        with pytest.raises(NotFoundError):
            bench.do(bench.call("get", pb.GetRequest(id=gone)), pb.GetResponse)
        events = bench.do(bench.call("history", pb.HistoryRequest(id=gone)), pb.HistoryResponse).events
        assert [event.cause for event in events] == ["erase"]
    events = bench.do(bench.call("read_events", pb.ReadEventsRequest(cube_id="user:alice")), pb.HistoryResponse).events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.cause == "erased" for event in events) == 5
    assert bench.vault.check(bench.ref).sound


def listed(bench: Any) -> list[Any]:
    """All live memories."""
    request = pb.ListRequest(scope=pb.Scope(cube_id="user:alice"))
    return list(bench.do(bench.call("list", request), pb.ListResponse).items)


def test_erasing_again_finds_nothing_and_purges_what_a_crash_left(bench: Any, tmp_path: Path) -> None:
    """A kill between the commit and the purge leaves versions behind: the same call, with its key, purges them."""
    shared(bench)
    call = bench.call("erase", audit_pb2.EraseCubeRequest(user_id="bob"), "the-erasure")
    plan = bench.cube.plan([call])
    bench.cube.view.store.commit(plan.commit)
    bench.open()
    assert traces(tmp_path) > 0
    told = erase(bench, key="the-erasure")
    assert (told.items, told.events) == (2, 5)
    bench.cube.view.store.checkpoint()
    assert traces(tmp_path) == 0
    assert erase(bench).events == 0


def test_what_was_made_from_a_user_goes_too(bench: Any, tmp_path: Path) -> None:
    """Also from two people's messages together, though it is nobody's alone; tasks about it go with it."""
    config = FrameConfig(fine_reading=True, read_settle_s=0.0)
    bench.cube = Cube(bench.cube.view, lambda: bench.now, config)
    scope = pb.Scope(cube_id="user:alice")
    carol = pb.Scope(cube_id="user:alice", user_id="carol")
    (task_id,) = {task.id for task in tasks_of(bench, scope, "One thing in Lisbon")}
    (source,) = [item.id for item in listed(bench)]
    taken = bench.do(bench.call("take_task", work_pb2.TakeTaskRequest(id=task_id)), work_pb2.TakeTaskResponse)
    draft = work_pb2.Draft(memory="All love a quokka", derived_from=[source])
    finish = work_pb2.FinishTaskRequest(id=task_id, attempt=taken.task.attempts, drafts=[draft])
    bench.do(bench.call("finish_task", finish), work_pb2.FinishTaskResponse)
    bench.add("Porto is rainy", scope=carol)
    made = next(item for item in listed(bench) if item.derived_from)
    # The source turns out to be bob's: as if he had said it.
    held = bench.cube.view.items[source]
    assert held.item.user_id == ""
    view = bench.cube.view
    view.store.commit(Commit(events=[_as_bobs(bench, held)]))
    bench.open()
    told = erase(bench)
    assert told.derived == 1
    bench.cube.view.store.checkpoint()
    assert traces(tmp_path) == 0
    left = [item.memory for item in listed(bench)]
    assert left == ["Porto is rainy"]
    assert made.id not in {item.id for item in listed(bench)}
    for task in bench.cube.view.tasks:
        assert source not in task.wire.item_ids


def _as_bobs(bench: Any, held: Any) -> EventRecord:
    item = replace(held.item, version=held.item.version + 1, user_id="bob")
    seq = bench.cube.view.store.head + 1
    event = Event(seq, 1, bench.now, EventKind.ITEM_UPDATED, "k", "alice", "update", item)
    return EventRecord(seq, int(EventKind.ITEM_UPDATED), item.id, event_to_proto(event).SerializeToString())


def tasks_of(bench: Any, scope: pb.Scope, text: str) -> list[Any]:
    """Add a text that is to be read finely; the tasks that there are then."""
    bench.add(text, scope=scope)
    return [held.wire for held in bench.cube.view.tasks if held.wire.kind == "mem_read"]


def hold(bench: Any, tmp_path: Path, **fields: Any) -> None:
    """Put one hold in place, as the gateway does."""
    folder = tmp_path / "governance" / "holds"
    hold_file(folder, "t").save([audit_pb2.Hold(name="case-7", reason="a court", **fields)])
    bench.cube = Cube(bench.cube.view, lambda: bench.now, FrameConfig(holds_path=str(folder)))


def release(tmp_path: Path) -> None:
    """Release every hold."""
    hold_file(tmp_path / "governance" / "holds", "t").save([])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user_id": "bob"},
        {"cubes": "user:*"},
        {"filter": filter_pb2.Filter(condition=filter_pb2.Condition(field="user_id", op=1, value=BOB))},
    ],
)
def test_what_is_held_is_not_deleted_by_any_verb(bench: Any, tmp_path: Path, fields: dict[str, Any]) -> None:
    """Delete, delete_all, erase and retention: a typed error, and nothing is changed; released, they go on."""
    ids = shared(bench)
    hold(bench, tmp_path, **fields)
    before = [item.memory for item in listed(bench)]
    rule = audit_pb2.RetentionRule(name="r", keep_s=0, action="delete")
    bench.later(10)
    for verb, request in (
        ("delete", pb.DeleteRequest(id=ids[0])),
        ("delete_all", pb.DeleteAllRequest(scope=pb.Scope(cube_id="user:alice"))),
        ("erase", audit_pb2.EraseCubeRequest(user_id="bob")),
    ):
        with pytest.raises(HeldError) as caught:
            bench.do(bench.call(verb, request), pb.DeleteResponse)
        assert caught.value.hold == "case-7"
    with pytest.raises(HeldError):
        request = audit_pb2.EraseCubeRequest(user_id="bob")
        bench.answered(bench.cube.slow_read(bench.call("erasable", request)))
    kept = bench.do(bench.call("retain", audit_pb2.RetainRequest(rule=rule)), audit_pb2.RetainResponse)
    assert kept.held >= 2
    assert [text for text in before if "Lisbon" not in text] == [
        item.memory for item in listed(bench) if "Lisbon" not in item.memory
    ]
    release(tmp_path)
    bench.do(bench.call("delete", pb.DeleteRequest(id=ids[0])), pb.DeleteResponse)


def test_holds_that_cannot_be_read_keep_everything(bench: Any, tmp_path: Path) -> None:
    """A damaged file is an error, not the absence of holds."""
    ids = shared(bench)
    hold(bench, tmp_path)
    path = hold_file(tmp_path / "governance" / "holds", "t").path
    path.write_text(path.read_text()[:-5])
    with pytest.raises(MemCubeError, match="legal holds"):
        bench.do(bench.call("delete", pb.DeleteRequest(id=ids[0])), pb.DeleteResponse)


@pytest.mark.parametrize("action", ["delete", "archive"])
def test_retention_takes_the_old_in_steps(bench: Any, action: str) -> None:
    """By age, type and tag; the oldest first, so many a step."""
    old = bench.add("one", "two", "three", tags=["log"])
    bench.add("untagged")
    bench.later(3600)
    bench.add("four", tags=["log"])
    rule = audit_pb2.RetentionRule(name="r", keep_s=1800, action=action, tag="log")
    first = bench.do(bench.call("retain", audit_pb2.RetainRequest(rule=rule, limit=2)), audit_pb2.RetainResponse)
    assert (first.done, first.more) == (2, True)
    second = bench.do(bench.call("retain", audit_pb2.RetainRequest(rule=rule, limit=2)), audit_pb2.RetainResponse)
    assert (second.done, second.more) == (1, False)
    texts = set(bench.texts())
    assert texts == {"untagged", "four"}
    if action == "archive":
        assert bench.do(bench.call("get", pb.GetRequest(id=old[0])), pb.GetResponse).item.status == int(Status.ARCHIVED)


def test_an_erased_event_says_so_to_readers(bench: Any) -> None:
    """Its number and that it was erased; its body is none that could be taken for an event."""
    shared(bench)
    erase(bench)
    kinds = [record.kind for record in bench.cube.view.store.events()]
    assert kinds.count(ERASED) == 5
