"""Adding, changing, deleting: versions, retries, batches; a failed call leaves nothing."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value

from memcube.actors.cube.call import Answer
from memcube.actors.cube.view import SESSIONS_KEPT
from memcube.model.codec import struct_from_info
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import (
    AlreadyExistsError,
    IdempotencyConflictError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    StaleEpochError,
    TooLargeError,
    VersionConflictError,
)
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.ids import Principal
from memcube.model.item import EventKind
from memcube.protos.memcube.v1 import error_pb2, filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import Bench

ALICE = pb.Scope(user_id="alice")


def info(**fields: object) -> Struct:
    """Caller's fields on the wire."""
    return struct_from_info("info", fields)


def test_a_retry_has_one_effect_and_the_first_answer(bench: Bench) -> None:
    """The same key and request: one memory, the same bytes, also after other changes and a new attach."""
    call = bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="one")]), "k")
    first = bench.answers(call)
    again = bench.answers(call)
    bench.add("two")
    bench.cube.close()
    bench.open()
    later = bench.answers(call)
    assert first == again == later
    assert bench.texts() == ["two", "one"]


def test_a_retry_in_the_same_batch_has_one_effect(bench: Bench) -> None:
    """Ray may deliver a call twice at once."""
    call = bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="one")]), "k")
    first, second = bench.answers(call, call)
    assert first == second
    assert bench.texts() == ["one"]


def test_retries_of_every_verb_give_the_first_answer(bench: Bench) -> None:
    """Update, delete and delete_all answer from the events that they caused."""
    one, two, _ = bench.add("one", "two", "three")
    calls = [
        bench.call("update", pb.UpdateRequest(id=one, memory="uno")),
        bench.call("delete", pb.DeleteRequest(id=two)),
        bench.call("delete_all", pb.DeleteAllRequest(scope=ALICE)),
        bench.call("delete_all", pb.DeleteAllRequest(scope=ALICE)),
    ]
    first = [bench.answers(call)[0] for call in calls]
    bench.add("four")
    assert [bench.answers(call)[0] for call in calls] == first
    assert pb.DeleteAllResponse.FromString(first[2].body).deleted == 2
    assert pb.DeleteAllResponse.FromString(first[3].body).deleted == 0
    assert bench.texts() == ["four"]


def test_a_key_with_another_request_is_refused(bench: Bench) -> None:
    """A reused key would otherwise lose the second request silently."""
    bench.add("one", key="k")
    with pytest.raises(IdempotencyConflictError):
        bench.add("two", key="k")
    assert bench.texts() == ["one"]


def test_keys_are_the_principals_own(bench: Bench) -> None:
    """Another caller's choice of a key neither collides nor reveals."""
    bench.add("one", key="k")
    request = pb.AddRequest(scope=ALICE, messages=[pb.Message(content="two")])
    bench.do(bench.call("add", request, "k", Principal("t", "bob", ("writer",))), pb.AddResponse)
    assert bench.texts() == ["two", "one"]


def test_a_batch_equals_its_calls_one_after_another(bench: Bench) -> None:
    """Later calls of a batch see the earlier ones; a failed one leaves the rest as they are."""
    (seen,) = bench.add("old")
    answers: list[Answer] = bench.answers(
        bench.call("update", pb.UpdateRequest(id=seen, memory="new", expected_version=1)),
        bench.call("update", pb.UpdateRequest(id=seen, memory="lost", expected_version=1)),
        bench.call("update", pb.UpdateRequest(id=seen, memory="newest", expected_version=2)),
        bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content=" ")])),
        bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="last")])),
        bench.call("delete", pb.DeleteRequest(id=seen)),
        bench.call("delete", pb.DeleteRequest(id=seen)),
    )
    assert [answer.ok for answer in answers] == [True, False, True, False, True, True, False]
    assert bench.texts() == ["last"]
    records = bench.cube.view.store.events()
    assert [record.seq for record in records] == list(range(1, len(records) + 1))


def test_history_tells_every_version_and_outlives_the_item(bench: Bench) -> None:
    """The id that add returned always resolves: deleted, its history remains."""
    (one,) = bench.add("old")
    bench.do(bench.call("update", pb.UpdateRequest(id=one, memory="new")), pb.UpdateResponse)
    bench.do(bench.call("delete", pb.DeleteRequest(id=one)), pb.DeleteResponse)
    events = bench.do(bench.call("history", pb.HistoryRequest(id=one)), pb.HistoryResponse).events
    assert [int(event.kind) for event in events] == [
        EventKind.ITEM_ADDED,
        EventKind.ITEM_UPDATED,
        EventKind.ITEM_DELETED,
    ]
    assert [event.item.version for event in events] == [1, 2, 3]
    assert [event.item.memory for event in events] == ["old", "new", ""]
    assert {event.principal_id for event in events} == {"alice"}
    with pytest.raises(NotFoundError):
        bench.do(bench.call("get", pb.GetRequest(id=one)), pb.GetResponse)


def test_update_changes_what_it_names_and_nothing_else(bench: Bench) -> None:
    """Absent fields stay; the id stays; the version rises."""
    (one,) = bench.add("text", info=info(a=1), tags=["x"])
    updated = bench.do(bench.call("update", pb.UpdateRequest(id=one, info=info(b=2))), pb.UpdateResponse).item
    assert (updated.id, updated.version, updated.memory, list(updated.tags)) == (one, 2, "text", ["x"])
    assert dict(updated.info) == {"b": 2.0}
    cleared = bench.do(bench.call("update", pb.UpdateRequest(id=one, replace_tags=True)), pb.UpdateResponse).item
    assert list(cleared.tags) == []
    with pytest.raises(VersionConflictError) as conflict:
        bench.do(bench.call("update", pb.UpdateRequest(id=one, memory="x", expected_version=1)), pb.UpdateResponse)
    assert conflict.value.actual == 3


def test_delete_all_takes_a_filter(bench: Bench) -> None:
    """The one grammar works in every verb."""
    bench.add("keep", tags=["a"])
    bench.add("go", "go too", tags=["b"])
    wanted = parse_filter({"tags": "b"})
    assert wanted is not None
    request = pb.DeleteAllRequest(scope=ALICE, filter=filter_to_proto(wanted))
    assert bench.do(bench.call("delete_all", request), pb.DeleteAllResponse).deleted == 2
    assert bench.texts() == ["keep"]


def test_ids_rise_although_the_clock_falls_back(bench: Bench) -> None:
    """Newest first stays true when a machine's clock is set back."""
    bench.add("one")
    bench.later(-3600)
    bench.add("two")
    bench.cube.close()
    bench.open()
    bench.later(-3600)
    bench.add("three")
    assert bench.texts() == ["three", "two", "one"]


@pytest.mark.parametrize(
    ("request_", "error", "field"),
    [
        (pb.AddRequest(scope=ALICE), InvalidArgumentError, "messages"),
        (pb.AddRequest(scope=ALICE, messages=[pb.Message(content=" \n")]), InvalidArgumentError, "messages[0].content"),
        (
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x" * 10_000_000)]),
            TooLargeError,
            "messages[0].content",
        ),
        (pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], tags=[""]), InvalidArgumentError, "tags[0]"),
        (
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], info=info(a="x" * 70_000)),
            TooLargeError,
            "info",
        ),
        (
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], memory_type=88),  # type: ignore[arg-type]
            InvalidArgumentError,
            "memory_type",
        ),
        (
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], time={"seconds": 10**15}),
            InvalidArgumentError,
            "time",
        ),
    ],
    ids=["none", "blank", "huge", "tag", "info", "type", "time"],
)
def test_bad_input_is_named_and_changes_nothing(
    bench: Bench, request_: pb.AddRequest, error: type[MemCubeError], field: str
) -> None:
    """A typed error with the field; no event, no receipt."""
    bench.add("before")
    head = bench.cube.view.head
    with pytest.raises(error) as refused:
        bench.do(bench.call("add", request_, "k"), pb.AddResponse)
    assert refused.value.facts["field"] == field
    assert bench.cube.view.head == bench.cube.view.store.head == head
    assert bench.add("after", key="k")


def test_bytes_that_are_no_request_are_refused(bench: Bench) -> None:
    """Invalid UTF-8 in a text does not parse."""
    body = pb.AddRequest(scope=ALICE, messages=[pb.Message(content="abcd")]).SerializeToString()
    call = bench.call("add", pb.AddRequest())
    broken = type(call)("add", body.replace(b"abcd", b"\xff\xfe\xfd\xfc"), call.principal, "k")
    (answer,) = bench.answers(broken)
    assert not answer.ok
    assert b"InvalidArgumentError" in answer.body


def test_create_cube_once(bench: Bench) -> None:
    """A cube is created by its first call; a second creation is refused, a retry is not."""
    request = pb.CreateCubeRequest(cube_id="user:alice", description="hers")
    cube = bench.do(bench.call("create_cube", request, "k"), pb.CreateCubeResponse).cube
    assert (cube.id, cube.description, cube.owner, cube.head) == ("user:alice", "hers", "alice", 1)
    assert bench.do(bench.call("create_cube", request, "k"), pb.CreateCubeResponse).cube == cube
    with pytest.raises(AlreadyExistsError):
        bench.do(bench.call("create_cube", request), pb.CreateCubeResponse)
    bench.cube.close()
    bench.open()
    status = bench.do(bench.call("cube_status", pb.StatusRequest()), pb.CubeStatus)
    assert (status.cube.description, status.cube.epoch) == ("hers", 2)


def test_long_messages_are_split_with_offsets(bench: Bench) -> None:
    """Every part says which code points of the source it is, and fits the embedder's window."""
    text = "\n\n".join(f"Paragraph {i}. " + "words and more words, " * 20 for i in range(8))
    response = bench.do(
        bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content=text, id="m")])), pb.AddResponse
    )
    assert len(response.items) > 2
    for i, item in enumerate(response.items):
        (source,) = item.sources
        assert text[source.start : source.end] == item.memory
        assert len(item.memory) <= 1200
        assert (source.id, source.position) == ("m", i)
    assert "".join("".join(item.memory.split()) for item in response.items) == "".join(text.split())


@pytest.mark.parametrize("verb", ["add", "update", "delete"])
def test_a_replaced_writer_does_not_answer_for_the_newer_one(bench: Bench, verb: str) -> None:
    """A retry that reaches a writer which was replaced before the first answer is refused, not answered from nothing."""
    (memory_id,) = bench.add("one")
    replaced = bench.cube
    bench.open()
    requests = {
        "add": pb.AddRequest(scope=ALICE, messages=[pb.Message(content="two")]),
        "update": pb.UpdateRequest(id=memory_id, memory="uno"),
        "delete": pb.DeleteRequest(id=memory_id),
    }
    call = bench.call(verb, requests[verb], "k")
    (first,) = bench.answers(call)
    assert first.ok
    with pytest.raises(StaleEpochError):
        replaced.plan([call])
    assert bench.answers(call) == [first]


def broken(**numbers: float) -> Struct:
    """A struct that no JSON is, as a client of another kind may send it."""
    struct = Struct()
    for name, number in numbers.items():
        struct.fields["deep"].struct_value.fields[name].number_value = number
    return struct


@pytest.mark.parametrize(
    ("verb", "request_", "field"),
    [
        ("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], info=broken(n=nan)), "info.deep.n"),
        ("update", pb.UpdateRequest(id="?", info=broken(n=inf)), "info.deep.n"),
        (
            "add",
            pb.AddRequest(scope=pb.Scope(user_id="alice", agent_id="a" * 257), messages=[pb.Message(content="x")]),
            "agent_id",
        ),
        (
            "delete_all",
            pb.DeleteAllRequest(
                scope=ALICE,
                filter=filter_pb2.Filter(
                    condition=filter_pb2.Condition(
                        field="created_at",
                        op=filter_pb2.OPERATOR_ICONTAINS,
                        value=Value(string_value="2026-03-01T12:00:00Z"),
                    )
                ),
            ),
            "filter.created_at.icontains",
        ),
    ],
    ids=["add-nan", "update-infinity", "long-agent", "delete-by-part-of-a-time"],
)
def test_what_no_cube_takes_spares_the_rest_of_its_batch(bench: Bench, verb: str, request_: Any, field: str) -> None:
    """The one call is refused by its field; those that travel with it take effect."""
    (memory_id,) = bench.add("one")
    if verb == "update":
        request_.id = memory_id
    two = bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="two")]))
    refused, added = bench.answers(bench.call(verb, request_), two)
    error = detail_to_error(error_pb2.ErrorDetail.FromString(refused.body))
    assert isinstance(error, InvalidArgumentError)
    assert error.field == field
    assert added.ok
    assert bench.texts() == ["two", "one"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.CreateCubeRequest(cube_id="user:alice", description="x" * 70_000), "description"),
        (pb.CreateCubeRequest(cube_id="user:alice", config=broken(n=nan)), "config.deep.n"),
    ],
    ids=["long", "nan"],
)
def test_a_cube_is_described_within_bounds(bench: Bench, request_: pb.CreateCubeRequest, field: str) -> None:
    """Else it could never be shown again."""
    with pytest.raises(InvalidArgumentError) as refused:
        bench.do(bench.call("create_cube", request_), pb.CreateCubeResponse)
    assert refused.value.field == field


def test_only_adding_and_creating_make_a_cube(bench: Bench) -> None:
    """A cube that was attached for a first write which never came is missing to the other verbs, and stays so."""
    with pytest.raises(NotFoundError):
        bench.do(bench.call("delete_all", pb.DeleteAllRequest(scope=ALICE)), pb.DeleteAllResponse)
    assert bench.cube.view.head == 0


def test_an_id_is_never_given_out_again(bench: Bench) -> None:
    """Not even when the last memory was deleted and the clock was set back: its history would be another's."""
    bench.add("one")
    bench.later(-10)
    (second,) = bench.add("two")
    bench.do(bench.call("delete", pb.DeleteRequest(id=second)), pb.DeleteResponse)
    (third,) = bench.add("three")
    assert third != second


def test_a_cube_is_its_first_writers(bench: Bench) -> None:
    """Whoever's first write was refused does not own the cube; it is owned, and dated, by the write that made it."""
    refused = bench.call("add", pb.AddRequest(scope=ALICE), "k")
    (answer,) = bench.answers(refused)
    assert not answer.ok and bench.cube.view.head == 0
    made = bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")]), who=Principal("t", "bob"))
    assert bench.answers(made)[0].ok
    bench.open()
    about = bench.do(bench.call("get_cube", pb.GetCubeRequest()), pb.GetCubeResponse).cube
    assert (about.owner, about.created_at.ToDatetime(bench.now.tzinfo)) == ("bob", bench.now)


def test_positions_of_many_sessions_are_right_and_few_are_kept(bench: Bench) -> None:
    """A cube remembers where its last sessions ended; of one that it forgot, its items tell."""
    bench.add("hello", session_id="s-first")
    for start in range(0, SESSIONS_KEPT + 10, 100):
        calls = [
            bench.call("add", pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], session_id=f"s-{n}"))
            for n in range(start, start + 100)
        ]
        assert all(answer.ok for answer in bench.answers(*calls))
    assert len(bench.cube.view.positions) == SESSIONS_KEPT
    bench.add("again", session_id="s-first")
    (item,) = [held.item for held in bench.cube.view.items if held.item.memory == "again"]
    assert item.sources[0].position == 1
