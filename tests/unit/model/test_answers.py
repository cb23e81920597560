"""Answers as plain objects: the shapes that the SDK returns and REST answers."""

from __future__ import annotations

from datetime import UTC, datetime

from memcube.model import answers
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import cube_pb2, event_pb2, item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

TEXT = "2026-03-01T12:30:00.250000Z"
NOW = to_timestamp(datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=UTC))
ITEM = item_pb2.Item(
    id="i", version=2, cube_id="user:alice", memory="Umzug nach Lissabon 里斯本", recorded_at=NOW, created_at=NOW
)
CUBE = cube_pb2.Cube(id="user:alice", owner="p", description="d", created_at=NOW, head=3, epoch=2, items=1)


def test_hits_carry_what_explains_them() -> None:
    """Score, parts and tokens beside the memory; figures rounded; parts left out where nobody wants them."""
    hit = pb.Hit(item=ITEM, score=0.123456, parts=[pb.ScorePart(name="lexical", value=0.98766)], tokens=5)
    found = pb.SearchResponse(
        hits=[hit], tokens=5, degraded=["x"], seq=3, vector_coverage=0.33333, index_ms=1.23456, embed_ms=0.5
    )
    plain = answers.found(found)
    (first,) = plain.pop("results")
    assert first["memory"] == ITEM.memory
    assert (first["score"], first["tokens"], first["score_parts"]) == (0.1235, 5, {"lexical": 0.9877})
    assert plain == {
        "tokens": 5,
        "degraded": ["x"],
        "seq": 3,
        "vector_coverage": 0.3333,
        "timing_ms": {"index": 1.235, "embed": 0.5, "rerank": 0.0},
        "answer": "",
        "cited": [],
        "sub_questions": [],
        "spent": None,
        "preferences": [],
        "preference_block": "",
    }
    assert "score_parts" not in answers.found(found, explain=False)["results"][0]


def test_a_fine_answer_and_preferences_come_with_the_hits() -> None:
    """What a model wrote and took, and what the user prefers, each as plain objects."""
    one = pb.Preference(item=ITEM, statement="vegetarian", explicit=True, score=0.5, supersedes=["old"])
    found = pb.SearchResponse(answer="Lisbon", cited=["i"], sub_questions=["q"], preferences=[one])
    found.spent.calls, found.preference_block = 2, "block"
    plain = answers.found(found)
    assert (plain["answer"], plain["cited"], plain["sub_questions"]) == ("Lisbon", ["i"], ["q"])
    assert plain["spent"] == {"calls": 2, "tokens_in": 0, "tokens_out": 0}
    assert plain["preference_block"] == "block"
    (stated,) = plain["preferences"]
    assert (stated["memory"], stated["preference"], stated["explicit"]) == (ITEM.memory, "vegetarian", True)
    assert stated["supersedes"] == ["old"]


def test_a_request_in_words_is_plain() -> None:
    """Kinds by name, also those that are new; times as RFC 3339."""
    span = pb.TimeSpan(start=NOW, end=NOW)
    read = pb.UnderstandResponse(intent="when", times=[span], by="rules", confidence=0.70001)
    read.memory_types.extend([9, 99])  # type: ignore[list-item]
    plain = answers.understood(read)
    assert plain["memory_types"] == ["PreferenceMemory", "99"]
    assert plain["times"] == [{"start": TEXT, "end": TEXT}]
    assert (plain["confidence"], plain["spent"]) == (0.7, None)


def test_what_was_merged_says_into_what() -> None:
    """An id that an add returned resolves for ever: to the memory, or to where its words are now."""
    merged = item_pb2.Item()
    merged.CopyFrom(ITEM)
    merged.status, merged.merged_into = item_pb2.STATUS_MERGED, "j"
    plain = answers.memory(merged)
    assert (plain["status"], plain["merged_into"]) == ("merged", "j")


def test_changes_say_what_mem0_says() -> None:
    """The events and messages that mem0's users look for."""
    added = answers.added(pb.AddResponse(items=[ITEM, ITEM], seq=4))
    assert added["seq"] == 4
    assert [one["event"] for one in added["results"]] == ["ADD", "ADD"]
    assert answers.updated(pb.UpdateResponse(item=ITEM))["message"] == "Memory updated successfully!"
    assert answers.deleted(pb.DeleteResponse(seq=4)) == {"message": "Memory deleted successfully!", "seq": 4}
    assert answers.deleted_all(pb.DeleteAllResponse(deleted=3, seq=4))["deleted"] == 3
    assert answers.was_reset(pb.ResetResponse(cubes_deleted=2))["cubes_deleted"] == 2


def test_a_page_ends_with_no_token() -> None:
    """None, not an empty text."""
    assert answers.listed(pb.ListResponse(items=[ITEM], total=9, next_page_token="t"))["next"] == "t"
    assert answers.listed(pb.ListResponse()) == {"results": [], "total": 0, "next": None}
    assert answers.cubes(pb.ListCubesResponse(cubes=[CUBE])) == {
        "results": [{"id": "user:alice", "owner": "p", "description": "d", "created_at": TEXT}],
        "next": None,
    }


def test_a_history_has_the_text_before_and_after() -> None:
    """Of an add and a delete."""
    events = [
        event_pb2.Event(seq=1, epoch=1, time=NOW, kind=event_pb2.EVENT_KIND_ITEM_ADDED, cause="add", item=ITEM),
        event_pb2.Event(seq=2, epoch=1, time=NOW, kind=event_pb2.EVENT_KIND_ITEM_DELETED, cause="delete", item=ITEM),
    ]
    rows = answers.history(pb.HistoryResponse(events=events))
    assert [(row["old_memory"], row["new_memory"]) for row in rows] == [(None, ITEM.memory), (ITEM.memory, None)]
    assert answers.event(events[1])["kind"] == "item_deleted"


def test_a_status_has_its_cube_only_where_one_was_named() -> None:
    """With the cube's own figures and tasks."""
    status = pb.StatusResponse(
        version="1", started_at=NOW, components=[pb.Component(name="gateway", state="ready")], frames=2
    )
    assert answers.status(status)["components"] == [{"name": "gateway", "state": "ready", "detail": ""}]
    assert "cube" not in answers.status(status)
    status.cube.CopyFrom(pb.CubeStatus(cube=CUBE, tasks=[pb.TaskStatus(kind="embed", waiting=2)], file_bytes=9))
    own = answers.status(status)["cube"]
    assert "resident" not in own, "asking makes it so"
    assert (own["items"], own["head"], own["epoch"], own["file_bytes"]) == (1, 3, 2, 9)
    assert own["tasks"] == [{"kind": "embed", "waiting": 2, "in_progress": 0, "failed": 0, "last_error": ""}]
