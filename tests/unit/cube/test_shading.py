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
