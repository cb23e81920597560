"""The one filter grammar, the same in every verb: parsed from JSON, evaluated on items, carried in protobuf.

    {"user_id": "alice", "tags": {"contains": "work"}}                      sibling keys: AND
    {"OR": [{"score": {"gte": 0.5}}, {"NOT": {"key": {"exists": true}}}]}   AND, OR, NOT nest

``eq`` may be left out; the value ``"*"`` means "is set". Fields are those of ``Item``; any other name, or
``info.name`` / ``metadata.name``, is one of the caller's own fields. A comparison between different kinds of value
(a text and a number) is false, never an error, since info is free; an unknown operator is an error.

A filter is tested on every item of a cube and therefore bounded: ``memcube.model.filter_bounds``.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias, assert_never

from memcube.model.codec import enum_of, value_from_info, value_to_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.filter_bounds import Bounds, check_field_name
from memcube.model.item import FORMS, MEMORY_TYPES, STATUSES, InfoValue, Item
from memcube.model.times import parse_time, rfc3339
from memcube.protos.memcube.v1 import filter_pb2

__all__ = [
    "All",
    "Any_",
    "Condition",
    "Filter",
    "Not",
    "Op",
    "filter_from_proto",
    "filter_to_proto",
    "matches",
    "parse_filter",
]

MAX_DEPTH = 16


class Op(IntEnum):
    """What a condition does; numbers of ``memcube.v1.Operator``, names in lower case in JSON."""

    EQ = 1
    NE = 2
    GT = 3
    GTE = 4
    LT = 5
    LTE = 6
    IN = 7
    NIN = 8
    CONTAINS = 9
    ICONTAINS = 10
    EXISTS = 11


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one field. ``value`` is a datetime for time fields, else plain JSON."""

    field: str
    op: Op
    value: InfoValue | datetime
    holds: Callable[[Any], bool] = dataclasses.field(init=False, compare=False, repr=False)
    """Whether the field's value passes: made once, since it is asked of thousands of items."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", _test_of(self.op, self.value))


@dataclass(frozen=True, slots=True)
class All:
    """AND; true when empty."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    """OR; false when empty."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """NOT."""

    filter: Filter


Filter: TypeAlias = All | Any_ | Not | Condition

_TIMES: dict[str, Callable[[Item], datetime | None]] = {
    "created_at": lambda item: item.created_at,
    "recorded_at": lambda item: item.recorded_at,
    "updated_at": lambda item: item.recorded_at,
    "valid_from": lambda item: item.valid_from,
    "valid_to": lambda item: item.valid_to,
    "expires_at": lambda item: item.expires_at,
}
_FIELDS: dict[str, Callable[[Item], Any]] = {
    "id": lambda item: item.id,
    "version": lambda item: item.version,
    "cube_id": lambda item: item.cube_id,
    "memory": lambda item: item.memory,
    "form": lambda item: FORMS[item.form],
    "memory_type": lambda item: MEMORY_TYPES[item.memory_type],
    "key": lambda item: item.key or None,
    "tags": lambda item: list(item.tags) or None,
    "confidence": lambda item: item.confidence,
    "status": lambda item: STATUSES[item.status],
    "visibility": lambda item: item.visibility or None,
    "sensitivity": lambda item: item.sensitivity or None,
    "user_id": lambda item: item.user_id or None,
    "agent_id": lambda item: item.agent_id or None,
    "run_id": lambda item: item.run_id or None,
    "session_id": lambda item: item.session_id or None,
    "speaker": lambda item: item.sources[0].speaker or None if item.sources else None,
    "role": lambda item: item.sources[0].role or None if item.sources else None,
    "source": lambda item: item.sources[0].id or None if item.sources else None,
}


def parse_filter(plain: object, field: str = "filters") -> Filter | None:
    """The filter that a JSON value states; None for None or {}.

    Raises InvalidArgumentError naming the place, TooLargeError for what is over a bound.
    """
    if plain is None or plain == {}:
        return None
    return _parse(plain, field, 1, Bounds(field))


def _parse(plain: object, path: str, depth: int, bounds: Bounds) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidArgumentError(path, f"is nested deeper than {MAX_DEPTH}")
    if not isinstance(plain, Mapping):
        raise InvalidArgumentError(path, f"a {type(plain).__name__} is no filter, an object is")
    parts: list[Filter] = []
    for name, value in plain.items():
        if isinstance(name, str):
            check_field_name(path, name)
        here = f"{path}.{name}"
        word = name.lstrip("$").upper() if isinstance(name, str) else ""
        if word in ("AND", "OR"):
            if not isinstance(value, list | tuple):
                raise InvalidArgumentError(here, "takes a list of filters")
            bounds.node()
            inner = tuple(_parse(one, f"{here}[{i}]", depth + 1, bounds) for i, one in enumerate(value))
            parts.append(All(inner) if word == "AND" else Any_(inner))
        elif word == "NOT":
            inside = value if isinstance(value, list | tuple) else [value]
            bounds.node()
            bounds.node()
            # mem0's NOT takes a list and means "none of these".
            inner = tuple(_parse(one, f"{here}[{i}]", depth + 1, bounds) for i, one in enumerate(inside))
            parts.append(Not(Any_(inner)))
        else:
            parts.extend(_parse_conditions(name, value, here, bounds))
    if len(parts) == 1:
        return parts[0]
    bounds.node()
    return All(tuple(parts))


def _parse_conditions(name: object, value: object, path: str, bounds: Bounds) -> list[Filter]:
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(path, "a field's name is a text")
    if not isinstance(value, Mapping):
        bounds.node()
        bounds.plain(path, value)
        return [condition(name, Op.IN if isinstance(value, list | tuple) else Op.EQ, value, path)]
    if not value:
        raise InvalidArgumentError(path, "names no operator")
    found: list[Filter] = []
    for word, operand in value.items():
        bounds.node()
        check_field_name(path, str(word))
        bounds.plain(f"{path}.{word}", operand)
        try:
            op = Op[str(word).lstrip("$").upper()]
        except KeyError as error:
            known = ", ".join(op.name.lower() for op in Op)
            raise InvalidArgumentError(f"{path}.{word}", f"is no operator; these are: {known}") from error
        found.append(condition(name, op, operand, f"{path}.{word}"))
    return found


def condition(name: str, op: Op, value: object, path: str) -> Condition:
    """A checked condition: the operand's kind fits the operator, times have zones."""
    if value == "*" and op in (Op.EQ, Op.NE):
        return Condition(name, Op.EXISTS, op is Op.EQ)
    if op is Op.EXISTS:
        if not isinstance(value, bool):
            raise InvalidArgumentError(path, "takes true or false")
        return Condition(name, op, value)
    if op in (Op.IN, Op.NIN):
        if not isinstance(value, list | tuple):
            raise InvalidArgumentError(path, "takes a list")
        if name in _TIMES:
            raise InvalidArgumentError(path, "a time is compared with gt, gte, lt, lte, eq, ne")
        return Condition(name, op, [_plain(one, f"{path}[{i}]") for i, one in enumerate(value)])
    if name in _TIMES:
        if op in (Op.CONTAINS, Op.ICONTAINS):
            raise InvalidArgumentError(path, "a time is compared with gt, gte, lt, lte, eq, ne")
        return Condition(name, op, None if value is None and op in (Op.EQ, Op.NE) else parse_time(path, value))
    if op is Op.ICONTAINS and not isinstance(value, str):
        raise InvalidArgumentError(path, "takes a text")
    if op in (Op.GT, Op.GTE, Op.LT, Op.LTE) and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        raise InvalidArgumentError(path, "takes a number or a text")
    return Condition(name, op, _plain(value, path))


def _plain(value: object, path: str) -> InfoValue:
    return value_to_info(value_from_info(path, value))


def matches(filter_: Filter | None, item: Item) -> bool:
    """Whether ``item`` passes; None passes everything."""
    match filter_:
        case Condition(field):
            return filter_.holds(field_of(item, field))
        case None:
            return True
        case All(filters):
            return all(matches(one, item) for one in filters)
        case Any_(filters):
            return any(matches(one, item) for one in filters)
        case Not(inner):
            return not matches(inner, item)
        case _:
            assert_never(filter_)


def field_of(item: Item, name: str) -> Any:
    """The value of a field as conditions see it; None when it is not set."""
    if name in _TIMES:
        return _TIMES[name](item)
    if name in _FIELDS:
        return _FIELDS[name](item)
    inside: Any = item.info
    if name in inside:
        return inside[name]
    path = name.split(".")
    for part in path[1:] if path[0] in ("info", "metadata") else path:
        if not isinstance(inside, Mapping) or part not in inside:
            return None
        inside = inside[part]
    return inside


def _key(value: Any) -> tuple[bool, Any]:
    """For sets: equal for two values just when ``_same`` holds for them."""
    return isinstance(value, bool), _hashable(value)


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozenset((name, _hashable(part)) for name, part in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _among(actual: Any, keys: frozenset[tuple[bool, Any]]) -> bool:
    """Whether ``_equal`` holds for one of the values whose keys these are."""
    if _key(actual) in keys:
        return True
    return isinstance(actual, list) and any(_key(one) in keys for one in actual if not isinstance(one, list))


def _test_of(op: Op, value: Any) -> Callable[[Any], bool]:
    match op:
        case Op.EXISTS:
            return lambda actual: (actual is not None) is value
        case Op.EQ:
            return lambda actual: _equal(actual, value)
        case Op.NE:
            return lambda actual: not _equal(actual, value)
        case Op.IN:
            keys = frozenset(map(_key, value))
            return lambda actual: _among(actual, keys)
        case Op.NIN:
            keys = frozenset(map(_key, value))
            return lambda actual: not _among(actual, keys)
        case Op.CONTAINS:
            return lambda actual: _contains(actual, value)
        case Op.ICONTAINS:
            folded = value.casefold()
            return lambda actual: _icontains(actual, folded)
        case Op.GT | Op.GTE | Op.LT | Op.LTE:
            return lambda actual: _compare(_COMPARE[op], actual, value)
        case _:
            assert_never(op)


def _contains(actual: Any, value: Any) -> bool:
    if isinstance(actual, str):
        return isinstance(value, str) and value in actual
    return isinstance(actual, list) and any(_same(one, value) for one in actual)


def _icontains(actual: Any, folded: str) -> bool:
    if isinstance(actual, str):
        return folded in actual.casefold()
    return isinstance(actual, list) and any(isinstance(one, str) and one.casefold() == folded for one in actual)


def _same(actual: Any, value: Any) -> bool:
    return isinstance(actual, bool) is isinstance(value, bool) and bool(actual == value)


def _equal(actual: Any, value: Any) -> bool:
    if isinstance(actual, list) and not isinstance(value, list):
        return any(_same(one, value) for one in actual)
    return _same(actual, value)


_COMPARE: dict[Op, Callable[[Any, Any], bool]] = {
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}


def _compare(compare: Callable[[Any, Any], bool], actual: Any, value: Any) -> bool:
    if isinstance(actual, bool) or isinstance(value, bool):
        return False
    for kinds in (datetime, str, (int, float)):
        if isinstance(actual, kinds) and isinstance(value, kinds):
            return compare(actual, value)
    return False


def filter_to_proto(filter_: Filter) -> filter_pb2.Filter:
    """A filter for the wire."""
    match filter_:
        case All(filters):
            return filter_pb2.Filter(all=filter_pb2.FilterList(filters=map(filter_to_proto, filters)))
        case Any_(filters):
            return filter_pb2.Filter(any=filter_pb2.FilterList(filters=map(filter_to_proto, filters)))
        case Not(inner):
            wire = filter_pb2.Filter()
            getattr(wire, "not").CopyFrom(filter_to_proto(inner))
            return wire
        case Condition(field, op, value):
            plain = rfc3339(value) if isinstance(value, datetime) else value
            return filter_pb2.Filter(
                condition=filter_pb2.Condition(
                    field=field,
                    op=int(op),  # type: ignore[arg-type]
                    value=value_from_info(field, plain),
                )
            )
        case _:
            assert_never(filter_)


def filter_from_proto(wire: filter_pb2.Filter, field: str = "filter") -> Filter:
    """The filter that came over the wire, checked as strictly as ``parse_filter`` checks, with the same errors."""
    return _from_proto(wire, field, 1, Bounds(field))


def _from_proto(wire: filter_pb2.Filter, path: str, depth: int, bounds: Bounds) -> Filter:
    bounds.node()
    if depth > MAX_DEPTH:
        raise InvalidArgumentError(path, f"is nested deeper than {MAX_DEPTH}")
    kind = wire.WhichOneof("kind")
    if kind in ("all", "any"):
        inside = getattr(wire, kind).filters
        inner = tuple(_from_proto(one, f"{path}.{kind}[{i}]", depth + 1, bounds) for i, one in enumerate(inside))
        return All(inner) if kind == "all" else Any_(inner)
    if kind == "not":
        return Not(_from_proto(getattr(wire, "not"), f"{path}.not", depth + 1, bounds))
    if kind == "condition":
        return _condition_from_proto(wire.condition, path, bounds)
    raise InvalidArgumentError(path, "is empty; leave it out instead")


def _condition_from_proto(wire: filter_pb2.Condition, path: str, bounds: Bounds) -> Condition:
    name, value = wire.field, wire.value
    if not name:
        raise InvalidArgumentError(f"{path}.condition.field", "is empty")
    check_field_name(f"{path}.condition.field", name)
    if not wire.op:
        raise InvalidArgumentError(f"{path}.{name}", "names no operator")
    op = enum_of(Op, f"{path}.{name}.op", wire.op, Op.EQ)
    here = f"{path}.{name}.{op.name.lower()}"
    if value.WhichOneof("kind") is None:
        raise InvalidArgumentError(here, "has no value; to compare with null send null_value")
    bounds.operand(here, value.ByteSize(), len(value.list_value.values) if value.HasField("list_value") else None)
    return condition(name, op, value_to_info(value), here)
