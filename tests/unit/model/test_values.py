"""Ids, times and the codec of items and events."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from memcube.model.codec import (
    event_from_proto,
    event_to_proto,
    item_from_proto,
    item_to_proto,
    struct_from_info,
    struct_to_info,
)
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.ids import CubeRef, Principal, cube_id_of_scope, key_of_memory, new_memory_id
from memcube.model.item import Event, EventKind, Form, Item, MemoryType, Source, Status, Usage
from memcube.model.times import parse_time, rfc3339
from memcube.protos.memcube.v1 import event_pb2, item_pb2

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FULL = Item(
    id="x",
    version=3,
    cube_id="c",
    memory="text 爱",
    recorded_at=NOW,
    created_at=NOW,
    form=Form.ACTIVATION,
    memory_type=MemoryType.SKILL,
    key="k",
    tags=("a", "b"),
    info={"n": 1.5, "s": "x", "b": False, "z": None, "l": [1.0, {"d": "e"}], "o": {}},
    confidence=0.0,
    status=Status.FROZEN,
    visibility="shared",
    sensitivity="personal",
    valid_from=NOW,
    valid_to=NOW + timedelta(days=1),
    expires_at=NOW + timedelta(days=2),
    sources=(Source("document", "f.txt", "Bo", "user", NOW, 3, 9, 4),),
    derived_from=("y",),
    usage=Usage(2, NOW),
    user_id="u",
    agent_id="a",
    run_id="r",
    session_id="s",
)


def test_an_item_survives_the_wire() -> None:
    """Every field comes back, zero confidence (known) included."""
    assert item_from_proto(item_pb2.Item.FromString(item_to_proto(FULL).SerializeToString())) == FULL


def test_an_event_survives_the_wire() -> None:
    """The journal can be read again, with and without an item."""
    for item in (FULL, None):
        event = Event(7, 2, NOW, EventKind.ITEM_UPDATED, "key", "alice", "update", item)
        assert event_from_proto(event_pb2.Event.FromString(event_to_proto(event).SerializeToString())) == event


def test_an_unknown_enum_value_is_refused() -> None:
    """A newer writer's value is named, not guessed."""
    wire = item_to_proto(FULL)
    wire.memory_type = 99  # type: ignore[assignment]
    with pytest.raises(InvalidArgumentError) as refused:
        item_from_proto(wire)
    assert refused.value.field == "memory_type"


def test_cube_keys_separate_tenants() -> None:
    """The tenant is part of every key, and the parts cannot be shifted into each other."""
    keys = {CubeRef(tenant, cube).key for tenant, cube in (("a", "b"), ("b", "a"), ("a", "bb"), ("ab", "b"))}
    assert len(keys) == 4
    assert all(len(key) == 20 for key in keys)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\0b", "x" * 257])
def test_bad_names_are_refused(name: str) -> None:
    """What would be ambiguous in a log or a file name names nothing."""
    with pytest.raises(InvalidArgumentError):
        CubeRef("t", name)
    with pytest.raises(InvalidArgumentError):
        Principal(name, "p")


def test_scope_order() -> None:
    """An explicit cube wins, then user, agent, run."""
    assert cube_id_of_scope("c", "u", "a", "r") == "c"
    assert cube_id_of_scope("", "u", "a", "r") == "user:u"
    assert cube_id_of_scope("", "", "a", "r") == "agent:a"
    assert cube_id_of_scope("", "", "", "r") == "run:r"
    with pytest.raises(InvalidArgumentError):
        cube_id_of_scope("", "", "", "")


def test_memory_ids_name_their_cube_and_sort_by_time() -> None:
    """An id routes by itself, and later ids are greater as texts."""
    key = CubeRef("t", "c").key
    now = time.time()
    ids = [new_memory_id(key, now + i) for i in range(50)]
    assert ids == sorted(ids)
    assert {key_of_memory(one) for one in ids} == {key}


def nested(levels: int) -> object:
    """A list in a list, so many levels deep."""
    return [nested(levels - 1)] if levels else 1


@pytest.mark.parametrize(
    ("info", "field"),
    [
        ({"a": {"b": float("nan")}}, "info.a.b"),
        ({"a": [1, float("inf")]}, "info.a[1]"),
        ({"a": 10**400}, "info.a"),
        ({"a": {"b": "\ud800"}}, "info.a.b"),
        ({"\ud800": 1}, "info"),
        ({"a": nested(40)}, "info.a" + "[0]" * 17),
        ({"a": object()}, "info.a"),
        ({3: 1}, "info"),
    ],
    ids=["nan", "infinity", "huge", "surrogate", "surrogate-name", "deep", "object", "number-name"],
)
def test_what_is_no_json_is_refused_by_name(info: dict[Any, Any], field: str) -> None:
    """The wire would change it, refuse it without a name, or hold it and never be read again."""
    with pytest.raises(InvalidArgumentError) as refused:
        struct_from_info("info", info)
    assert refused.value.field == field


def test_json_comes_back_from_the_wire() -> None:
    """At any depth that is taken."""
    info = {"n": 1.5, "s": "爱", "b": False, "z": None, "l": [1.0, {"d": "e"}, []], "o": {}, "deep": nested(16)}
    assert struct_to_info(struct_from_info("info", info)) == info


def test_ids_rise_and_never_come_twice_although_the_clock_stands() -> None:
    """Behind another id there are many: the same one may be asked for behind it twice."""
    key = CubeRef("t", "c").key
    last = new_memory_id(key, 2_000_000_000.0)
    behind = {new_memory_id(key, 1_000_000_000.0, after=last) for _ in range(100)}
    assert len(behind) == 100
    assert min(behind) > last
    assert {key_of_memory(one) for one in behind} == {key}


@pytest.mark.parametrize("bad", ["", "x", "a" * 47, "../../etc/passwd", "a" * 20 + "-" + "0" * 26])
def test_malformed_ids_are_simply_missing(bad: str) -> None:
    """A guess at an id tells nothing."""
    with pytest.raises(NotFoundError):
        key_of_memory(bad)


@pytest.mark.parametrize(
    "value",
    ["2026-03-01T12:00:00.123456Z", "2026-03-01T13:00:00.123456+01:00", NOW.astimezone(timezone(timedelta(hours=5)))],
)
def test_times_are_one_instant(value: Any) -> None:
    """Zones are honoured and forgotten: inside there is UTC only."""
    parsed = parse_time("t", value)
    assert parsed == NOW
    assert parsed.tzinfo is UTC
    assert parse_time("t", rfc3339(parsed)) == NOW


@pytest.mark.parametrize(
    "value", ["2026-03-01T12:00:00", NOW.replace(tzinfo=None), date(2026, 3, 1), "x", None, True, 1e30, []]
)
def test_times_without_a_zone_are_refused(value: Any) -> None:
    """A time without a zone would be guessed wrong for most of the world."""
    with pytest.raises(InvalidArgumentError) as refused:
        parse_time("timestamp", value)
    assert refused.value.field == "timestamp"


def test_an_id_ends_where_it_ends() -> None:
    """A line's end behind an id is no part of it."""
    one = new_memory_id(CubeRef("t", "c").key, 2_000_000_000.0)
    with pytest.raises(NotFoundError):
        key_of_memory(one + "\n")
