"""What a reader may not see of a memory's text."""

from __future__ import annotations

import pytest

from memcube.actors.cube.config import FrameConfig
from memcube.actors.redaction import RedactionConfig
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import mip_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import ALICE, Bench

READER = Principal("t", "bob", ("reader",))
SAID = "I never eat nuts, mail ann@example.org"


@pytest.fixture
def shaded(bench: Bench) -> Bench:
    """A cube whose readers see no e-mail address, and whose exports have no secret."""
    redaction = RedactionConfig(read={"email": "mask"}, export={"secret": "mask"})
    bench.open(config=FrameConfig(redaction=redaction))
    return bench


def test_no_verb_shows_it(shaded: Bench) -> None:
    """Whatever a reader asks; a writer sees the text as it is stored."""
    (id,) = shaded.add(SAID)
    requests = {
        "get": pb.GetRequest(id=id),
        "list": pb.ListRequest(),
        "search": pb.SearchRequest(query="what do I eat?"),
        "batch_search": pb.BatchSearchRequest(requests=[pb.SearchRequest(query="nuts")]),
        "preferences": pb.PreferencesRequest(query="a snack?"),
        "history": pb.HistoryRequest(id=id),
        "read_events": pb.ReadEventsRequest(from_seq=1),
        "export_items": mip_pb2.ExportItems(),
    }
    for verb, request in requests.items():
        seen = {}
        for who in (ALICE, READER):
            call = shaded.call(verb, request, who=who)
            slow = verb in ("history", "read_events")
            answer = shaded.cube.slow_read(call) if slow else shaded.cube.read(call)
            assert answer.ok, verb
            seen[who.id] = answer.body
        assert b"ann@example.org" in seen[ALICE.id], verb
        assert b"ann@" not in seen[READER.id] and b"[EMAIL]" in seen[READER.id], verb


def test_exports_have_less(shaded: Bench) -> None:
    """What is taken out of exports alone stays in what is read."""
    (id,) = shaded.add("my password is hunter22")
    read = shaded.cube.read(shaded.call("get", pb.GetRequest(id=id), who=READER)).body
    assert b"hunter22" in read
    exported = shaded.cube.read(shaded.call("export_items", mip_pb2.ExportItems(), who=READER)).body
    assert b"hunter22" not in exported


def test_nor_what_was_given_with_it(shaded: Bench) -> None:
    """An address within a memory's info, however deep, and in what a waiting task was told, is the writer's alone."""
    (id,) = shaded.add("hello", info={"from": "ann@example.org", "cc": ["x", {"also": "ann@example.org"}], "n": 1.0})
    told = pb.FeedbackRequest(
        scope=pb.Scope(user_id="alice"), feedback="hello is for ann@example.org, not for me", memory_ids=[id]
    )
    task = shaded.do(shaded.call("feedback", told), pb.FeedbackResponse).task
    requests = {
        "get": pb.GetRequest(id=id),
        "export_items": mip_pb2.ExportItems(),
        "get_task": pb.GetTaskRequest(id=task.id),
        "list_tasks": pb.ListTasksRequest(),
    }
    for verb, request in requests.items():
        whole = shaded.cube.read(shaded.call(verb, request)).body
        read = shaded.cube.read(shaded.call(verb, request, who=READER)).body
        assert b"ann@" in whole, verb
        assert b"ann@" not in read and read, verb
    assert (
        pb.GetResponse.FromString(shaded.cube.read(shaded.call("get", requests["get"], who=READER)).body).item.info[
            "cc"
        ][1]["also"]
        == "[EMAIL]"
    )
