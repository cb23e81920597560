"""The filter grammar: what it selects, what it refuses, and that JSON and wire say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memcube.model.codec import value_from_info
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_from_proto, filter_to_proto, matches, parse_filter
from memcube.model.item import Item, MemoryType, Source
from memcube.protos.memcube.v1 import filter_pb2

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ITEM = Item(
    id="x",
    version=2,
    cube_id="user:alice",
    memory="Moved to Lisbon",
    recorded_at=NOW,
    created_at=NOW,
    memory_type=MemoryType.USER,
    tags=("home", "Travel"),
    info={"n": 3.0, "flag": True, "deep": {"er": "yes"}, "list": ["a", "b"], "a.b": "dotted", "none": None},
    sources=(Source(speaker="Alice", role="user", id="m1"),),
    user_id="alice",
)

SELECTS: list[tuple[dict[str, Any], bool]] = [
    ({"user_id": "alice"}, True),
    ({"user_id": "alice", "n": {"gte": 3}}, True),
    ({"user_id": "alice", "n": {"gt": 3}}, False),
    ({"n": {"gt": 2, "lt": 4}}, True),
    ({"n": {"lte": 2.9}}, False),
    ({"n": {"lt": "4"}}, False),
    ({"n": "3"}, False),
    ({"flag": True}, True),
    ({"flag": 1}, False),
    ({"n": {"ne": 4}}, True),
    ({"missing": {"ne": 4}}, True),
    ({"missing": {"exists": False}}, True),
    ({"none": {"exists": True}}, False),
    ({"n": "*"}, True),
    ({"missing": "*"}, False),
    ({"missing": {"ne": "*"}}, True),
    ({"memory": {"contains": "Lisbon"}}, True),
    ({"memory": {"contains": "lisbon"}}, False),
    ({"memory": {"icontains": "LISBON"}}, True),
    ({"tags": "home"}, True),
    ({"tags": {"contains": "travel"}}, False),
    ({"tags": {"icontains": "travel"}}, True),
    ({"tags": ["nope", "home"]}, True),
    ({"tags": {"nin": ["nope"]}}, True),
    ({"user_id": {"in": ["bob", "alice"]}}, True),
    ({"user_id": {"in": []}}, False),
    ({"user_id": {"nin": []}}, True),
    ({"flag": [1, 0]}, False),
    ({"n": [True, 3]}, True),
    ({"tags": {"nin": ["home", ["Travel"]]}}, False),
    ({"list": [["a", "b"]]}, True),
    ({"list": [["b", "a"], {"a": ["b"]}]}, False),
    ({"deep": [{"er": "yes"}]}, True),
    ({"info.deep.er": "yes"}, True),
    ({"metadata.deep.er": "yes"}, True),
    ({"deep.er": {"ne": "yes"}}, False),
    ({"a.b": "dotted"}, True),
    ({"list": {"contains": "b"}}, True),
    ({"speaker": "Alice", "role": "user", "source": "m1"}, True),
    ({"memory_type": "UserMemory"}, True),
    ({"status": "activated"}, True),
    ({"version": {"gte": 2}}, True),
    ({"created_at": {"gte": "2026-03-01T13:00:00+01:00"}}, True),
    ({"created_at": {"lt": "2026-03-01T12:00:00Z"}}, False),
    ({"valid_to": {"exists": False}}, True),
    ({"AND": []}, True),
    ({"OR": []}, False),
    ({"NOT": {"user_id": "bob"}}, True),
    ({"NOT": [{"user_id": "bob"}, {"n": 3}]}, False),
    ({"OR": [{"n": 4}, {"AND": [{"flag": True}, {"NOT": {"n": 5}}]}]}, True),
    ({"$or": [{"n": {"$eq": 3}}]}, True),
]

REFUSES: list[tuple[Any, str]] = [
    ({"a": {"foo": 1}}, "filters.a.foo"),
    ({"created_at": {"gt": "2026-03-01T12:00:00"}}, "filters.created_at.gt"),
    ({"created_at": {"gt": "yesterday"}}, "filters.created_at.gt"),
    ({"AND": {}}, "filters.AND"),
    ({"OR": [3]}, "filters.OR[0]"),
    ([], "filters"),
    ({"a": {"in": 3}}, "filters.a.in"),
    ({"a": {"gt": True}}, "filters.a.gt"),
    ({"a": {"exists": "yes"}}, "filters.a.exists"),
    ({"a": {}}, "filters.a"),
    ({"": 1}, "filters."),
    ({"a": {"icontains": 3}}, "filters.a.icontains"),
    ({"created_at": {"icontains": "2026-03-01T12:00:00Z"}}, "filters.created_at.icontains"),
    ({"created_at": {"contains": "2026"}}, "filters.created_at.contains"),
    ({"created_at": {"gt": None}}, "filters.created_at.gt"),
    ({"a": "\ud800"}, "filters.a"),
    ({"a": 10**400}, "filters.a"),
    ({"a": float("nan")}, "filters.a"),
    ({"a": 2**60}, "filters.a"),
    ({"AND": [{"a": 1}] * 300}, "filters"),
]


@pytest.mark.parametrize(("plain", "wanted"), SELECTS, ids=[str(plain) for plain, _ in SELECTS])
def test_selects_the_same_from_json_and_from_the_wire(plain: dict[str, Any], wanted: bool) -> None:
    """One grammar: what JSON states, the wire carries, and both select alike."""
    parsed = parse_filter(plain)
    assert parsed is not None
    assert matches(parsed, ITEM) is wanted
    assert filter_from_proto(filter_to_proto(parsed)) == parsed


@pytest.mark.parametrize(("plain", "field"), REFUSES, ids=[ascii(plain)[:60] for plain, _ in REFUSES])
def test_refuses_and_names_the_field(plain: Any, field: str) -> None:
    """A filter that means nothing is refused with the place that is wrong."""
    with pytest.raises(InvalidArgumentError) as refused:
        parse_filter(plain)
    assert refused.value.field == field


def test_nesting_has_a_limit() -> None:
    """A filter deep enough to exhaust a stack is refused, from JSON and from the wire."""
    plain: dict[str, Any] = {"a": 1}
    wire = filter_pb2.Filter(condition=filter_pb2.Condition(field="a", op=filter_pb2.OPERATOR_EXISTS))
    wire.condition.value.bool_value = True
    for _ in range(40):
        plain = {"NOT": plain}
        outer = filter_pb2.Filter()
        getattr(outer, "not").CopyFrom(wire)
        wire = outer
    for parse in (lambda: parse_filter(plain), lambda: filter_from_proto(wire)):
        with pytest.raises(InvalidArgumentError, match="nested deeper"):
            parse()


def test_the_wire_is_checked_too() -> None:
    """Clients in other languages get the same refusals."""
    unknown = filter_pb2.Filter(condition=filter_pb2.Condition(field="a"))
    unknown.condition.op = 77  # type: ignore[assignment]
    for wire, problem in (
        (filter_pb2.Filter(), "is empty"),
        (filter_pb2.Filter(condition=filter_pb2.Condition(field="a")), "no operator"),
        (unknown, "no known Op"),
    ):
        with pytest.raises(InvalidArgumentError, match=problem):
            filter_from_proto(wire)


def on_the_wire(field: str, value: Any, op: int = filter_pb2.OPERATOR_IN) -> filter_pb2.Filter:
    """A condition as a client in another language may send it."""
    wire = filter_pb2.Filter(condition=filter_pb2.Condition(field=field, op=op))  # type: ignore[arg-type]
    wire.condition.value.CopyFrom(value_from_info("value", value))
    return wire


def any_of(wires: list[filter_pb2.Filter]) -> filter_pb2.Filter:
    """An OR of the wire."""
    return filter_pb2.Filter(any=filter_pb2.FilterList(filters=wires))


TEXT = "x" * 1000
EMPTY = filter_pb2.Filter(all=filter_pb2.FilterList())
NOTHING: dict[str, Any] = {"AND": []}
OVER: list[tuple[str, dict[str, Any], filter_pb2.Filter, tuple[str, str], str]] = [
    ("nodes", {"OR": [NOTHING] * 256}, any_of([EMPTY] * 256), ("filters", "filter"), "more than 256"),
    ("empty", {"OR": [{}] * 256}, any_of([EMPTY] * 256), ("filters", "filter"), "more than 256"),
    ("nots", {"OR": [{"NOT": []}] * 128}, any_of([EMPTY] * 256), ("filters", "filter"), "more than 256"),
    ("list", {"n": [1] * 1001}, on_the_wire("n", [1] * 1001), ("filters.n", "filter.n.in"), "1001 values"),
    ("bytes", {"n": [TEXT] * 66}, on_the_wire("n", [TEXT] * 66), ("filters", "filter"), "bytes of values"),
    (
        "sum",
        {"OR": [{"n": [TEXT] * 6}] * 11},
        any_of([on_the_wire("n", [TEXT] * 6)] * 11),
        ("filters", "filter"),
        "bytes of values",
    ),
    (
        "name",
        {"é" * 129: [1]},
        on_the_wire("é" * 129, [1]),
        ("filters", "filter.condition.field"),
        "258 bytes in a name",
    ),
]


@pytest.mark.parametrize(
    ("plain", "wire", "fields", "problem"), [row[1:] for row in OVER], ids=[row[0] for row in OVER]
)
def test_a_filter_is_bounded(
    plain: dict[str, Any], wire: filter_pb2.Filter, fields: tuple[str, str], problem: str
) -> None:
    """It is tested on every item of a cube: what is too much for that is refused, from JSON and from the wire."""
    for parse, field in zip((lambda: parse_filter(plain), lambda: filter_from_proto(wire)), fields, strict=True):
        with pytest.raises(InvalidArgumentError, match=problem) as refused:
            parse()
        assert refused.value.field == field
        assert isinstance(refused.value, TooLargeError) is ("more than" not in problem)


def test_at_its_bounds_a_filter_is_taken() -> None:
    """The bounds are what the README says."""
    taken: list[dict[str, Any]] = [
        {"OR": [{"a": 1}] * 255},
        {"OR": [{"NOT": []}] * 127},
        {"a": list(range(1000))},
        {"a": [TEXT] * 65},
        {"é" * 128: 1},
    ]
    for plain in taken:
        parsed = parse_filter(plain)
        assert parsed is not None
        assert filter_from_proto(filter_to_proto(parsed)) == parsed


class Counted(list[Any]):
    """A list that knows how much of it was looked at."""

    seen = 0

    def __iter__(self) -> Any:
        for one in super().__iter__():
            self.seen += 1
            yield one


def test_what_is_over_a_bound_is_not_read_to_its_end() -> None:
    """A refusal costs as much as the bound, not as the filter: a frame that reads it serves others too."""
    nodes, values = Counted([NOTHING] * 10_000), Counted(range(40_000))
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for plain in ({"OR": nodes}, {"n": {"in": values}}, {"n": {"eq": [values]}}, {"n": {"eq": deep}}, {"n": {TEXT: 1}}):
        with pytest.raises(InvalidArgumentError) as refused:
            parse_filter(plain)
        assert len(refused.value.message) < 1000
    assert nodes.seen <= 257
    assert values.seen <= 1001


def test_a_condition_of_the_wire_has_a_value() -> None:
    """An absent one was forgotten: it is not null, which can be said."""
    absent = filter_pb2.Condition(field="missing", op=filter_pb2.OPERATOR_EQ)
    for forgotten in (absent, filter_pb2.Condition(field="missing", op=filter_pb2.OPERATOR_EQ, value={})):
        wire = filter_pb2.Filter(condition=forgotten)
        with pytest.raises(InvalidArgumentError, match="no value") as refused:
            filter_from_proto(wire)
        assert refused.value.field == "filter.missing.eq"
    assert matches(filter_from_proto(on_the_wire("missing", None, filter_pb2.OPERATOR_EQ)), ITEM)


def test_no_filter() -> None:
    """Nothing asked for selects everything."""
    assert parse_filter(None) is None
    assert parse_filter({}) is None
    assert matches(None, ITEM)
