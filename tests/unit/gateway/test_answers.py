"""REST and the SDK answer in the same shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memcube.actors.gateway import answers as rest
from memcube.client import answers as sdk
from memcube.model.errors import ExhaustedError, NotFoundError
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import cube_pb2, event_pb2, item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

NOW = to_timestamp(datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=UTC))
ITEM = item_pb2.Item(
    id="i", version=2, cube_id="user:alice", memory="Umzug nach Lissabon 里斯本", recorded_at=NOW, created_at=NOW,
    tags=["a"], confidence=0.5, valid_from=NOW, user_id="alice",
)  # fmt: skip
ITEM.info.update({"n": 3, "deep": {"x": [1.5, None, True]}})
CUBE = cube_pb2.Cube(id="user:alice", owner="p", description="d", created_at=NOW, head=3, epoch=2, items=1)
EVENTS = [
    event_pb2.Event(seq=1, epoch=1, time=NOW, kind=event_pb2.EVENT_KIND_ITEM_ADDED, cause="add", item=ITEM),
    event_pb2.Event(seq=2, epoch=1, time=NOW, kind=event_pb2.EVENT_KIND_ITEM_DELETED, cause="delete", item=ITEM),
]
HIT = pb.Hit(item=ITEM, score=0.123456, parts=[pb.ScorePart(name="lexical", value=0.98765)], tokens=5)
FOUND = pb.SearchResponse(
    hits=[HIT], tokens=5, degraded=["x"], seq=3, vector_coverage=0.33333, index_ms=1.23456, embed_ms=0.5
)
STATUS = pb.StatusResponse(
    version="1", started_at=NOW, components=[pb.Component(name="gateway", state="ready")], frames=2, resident_cubes=1,
    cube=pb.CubeStatus(cube=CUBE, resident=True, tasks=[pb.TaskStatus(kind="embed", waiting=2)], file_bytes=9),
)  # fmt: skip


@pytest.mark.parametrize(
    ("response", "name"),
    [
        (pb.AddResponse(items=[ITEM, ITEM], seq=4), "added"),
        (pb.ListResponse(items=[ITEM], total=9, next_page_token="t"), "listed"),
        (pb.ListResponse(), "listed"),
        (pb.UpdateResponse(item=ITEM), "updated"),
        (pb.DeleteResponse(seq=4), "deleted"),
        (pb.DeleteAllResponse(deleted=3, seq=4), "deleted_all"),
        (pb.ResetResponse(cubes_deleted=2), "was_reset"),
        (pb.HistoryResponse(events=EVENTS), "history"),
        (pb.ListCubesResponse(cubes=[CUBE], next_page_token="t"), "cubes"),
        (STATUS, "status"),
    ],
)
def test_a_response_looks_the_same_from_both(response: Any, name: str) -> None:
    """The same message through both: the same plain value."""
    plain = getattr(rest, name)(response.SerializeToString())
    assert plain
    assert plain == getattr(sdk, name)(response)


def test_hits_events_and_cubes_look_the_same_from_both() -> None:
    """Those that REST takes as messages."""
    assert rest.found(FOUND) == sdk.found(FOUND)
    assert rest.cube(CUBE) == sdk.cube(CUBE)
    assert rest.event_line(EVENTS[0].SerializeToString()) == sdk.event(EVENTS[0])


def test_a_batch_has_answers_and_errors_in_order() -> None:
    """Each request's own."""
    from memcube.actors.gateway.failure import detail_of

    failed = pb.BatchSearchResult(error=detail_of(NotFoundError("cube", "x")))
    body = pb.BatchSearchResponse(results=[pb.BatchSearchResult(found=FOUND), failed]).SerializeToString()
    first, second = rest.batch(body)["results"]
    assert first == sdk.found(FOUND)
    assert second["error"]["facts"] == {"kind": "cube", "name": "x"}


def test_errors_have_one_shape() -> None:
    """Type, facts, message, retryable, retry_after_s; texts within bounds."""
    error = ExhaustedError("calls", 3, 0.25)
    assert rest.error_body(error) == {
        "error": {
            "type": "ExhaustedError",
            "facts": {"what": "calls", "limit": 3, "retry_after_s": 0.25},
            "message": "calls is at its limit of 3; retry after 0.25 s",
            "retryable": True,
            "retry_after_s": 0.25,
        }
    }
    assert len(str(rest.error_body(NotFoundError("memory", "x" * 9999)))) < 2000
