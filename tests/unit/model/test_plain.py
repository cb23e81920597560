"""Values in their one plain JSON form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from memcube.model.errors import ERRORS, ExhaustedError, InternalError, TooLargeError
from memcube.model.item import Event, EventKind, Item, Source
from memcube.model.plain import error_from_plain, error_to_plain, hash_of, history_to_plain, item_to_plain

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def item(**changes: object) -> Item:
    """A small item."""
    fields: dict[str, object] = {
        "id": "k-1",
        "version": 1,
        "cube_id": "user:a",
        "memory": "tea",
        "recorded_at": NOON,
        "created_at": NOON,
    }
    return Item(**{**fields, **changes})  # type: ignore[arg-type]


def test_an_item_has_mem0s_fields_and_no_empty_ones() -> None:
    """What mem0's users read is there under its name; what is not set is not there at all."""
    plain = item_to_plain(item(info={"n": 3.0, "deep": {"x": [1.0, 1.5, True, None]}}, user_id="a"))
    assert {"id", "memory", "hash", "metadata", "created_at", "updated_at", "user_id"} <= set(plain)
    assert plain["hash"] == hash_of("tea") != hash_of("teas")
    assert json.dumps(plain["metadata"]) == '{"n": 3, "deep": {"x": [1, 1.5, true, null]}}'
    assert (plain["created_at"], plain["memory_type"], plain["status"]) == (
        "2026-03-01T12:00:00Z",
        "LongTermMemory",
        "activated",
    )
    assert not {"agent_id", "run_id", "expires_at", "confidence", "derived_from"} & set(plain)
    assert item_to_plain(item(confidence=0.800000011920929))["confidence"] == 0.8, "as it was before the wire"


def test_a_source_says_where_it_was() -> None:
    """Speaker, time and offsets; a whole text has no offsets."""
    cut = Source(speaker="Ann", time=NOON, start=4, end=9, position=2)
    plain = item_to_plain(item(sources=(cut, Source(id="f"))))["sources"]
    assert plain[0] == {
        "kind": "message",
        "position": 2,
        "speaker": "Ann",
        "time": "2026-03-01T12:00:00Z",
        "start": 4,
        "end": 9,
    }
    assert "start" not in plain[1]


def test_history_tells_before_and_after() -> None:
    """Each row has the text before and after it; the cube's own events are not a memory's."""

    def event(seq: int, kind: EventKind, changed: Item | None) -> Event:
        return Event(seq, 1, NOON + timedelta(hours=seq), kind, "key", "ann", "verb", changed)

    rows = history_to_plain(
        [
            event(1, EventKind.CUBE_CREATED, None),
            event(2, EventKind.ITEM_ADDED, item()),
            event(3, EventKind.ITEM_UPDATED, item(version=2, memory="coffee")),
            event(4, EventKind.ITEM_DELETED, item(version=3, memory="")),
        ]
    )
    assert [(row["event"], row["old_memory"], row["new_memory"]) for row in rows] == [
        ("ADD", None, "tea"),
        ("UPDATE", "tea", "coffee"),
        ("DELETE", "coffee", None),
    ]
    assert [row["is_deleted"] for row in rows] == [False, False, True]
    assert {row["created_at"] for row in rows} == {"2026-03-01T14:00:00Z"}


@pytest.mark.parametrize("error", [TooLargeError("text", 5, 4, "bytes"), ExhaustedError("rate", 2.5, 1.0)])
def test_an_error_comes_back_as_it_was(error: TooLargeError | ExhaustedError) -> None:
    """Through JSON and back: same type, same facts."""
    back = error_from_plain(json.loads(json.dumps(error_to_plain(error))))
    assert type(back) is type(error)
    assert back.facts == error.facts


def test_an_error_of_a_newer_kind_is_kept_in_words() -> None:
    """An unknown type, or one whose facts differ, is not guessed at."""
    for plain in ({"type": "NewError", "message": "so new", "facts": {}}, {"type": "NotFoundError", "facts": {"a": 1}}):
        assert isinstance(error_from_plain(plain), InternalError)
    assert "NewError" not in ERRORS
