"""The one place where protobuf becomes our values and back: items, events, filters.

Called by the cube core (requests and journal), by the gateway's REST side and by the SDK. Unknown enum values of
newer writers are refused here with the field's name, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value

from memcube.model.errors import InvalidArgumentError
from memcube.model.item import Event, EventKind, Form, InfoValue, Item, MemoryType, Source, Status, Usage
from memcube.model.times import from_timestamp, to_timestamp
from memcube.protos.memcube.v1 import event_pb2, item_pb2

__all__ = [
    "event_from_proto",
    "event_to_proto",
    "item_from_proto",
    "item_to_proto",
    "struct_from_info",
    "struct_to_info",
    "value_from_info",
    "value_to_info",
]

Enum = TypeVar("Enum", bound=IntEnum)

MAX_EXACT_INTEGER = 2**53
"""Wire numbers are doubles."""
MAX_INFO_DEPTH = 16
"""Levels of lists and objects in a value; protobuf's parsers give up at 100 messages, and a level takes up to three."""


def enum_of(kind: type[Enum], field: str, number: int, default: Enum) -> Enum:
    """The enum member with this wire number; 0 (unspecified) is ``default``; others are InvalidArgumentError."""
    if number == 0:
        return default
    try:
        return kind(number)
    except ValueError as error:
        raise InvalidArgumentError(field, f"{number} is no known {kind.__name__}") from error


def struct_to_info(struct: Struct) -> dict[str, InfoValue]:
    """A wire struct as plain JSON values."""
    return {name: value_to_info(value) for name, value in struct.fields.items()} if struct.fields else {}


def value_to_info(value: Value) -> InfoValue:
    """A wire value as a plain JSON value; an unset one is None."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "number_value":
        return float(value.number_value)
    if kind == "bool_value":
        return bool(value.bool_value)
    if kind == "struct_value":
        return struct_to_info(value.struct_value)
    if kind == "list_value":
        return [value_to_info(part) for part in value.list_value.values]
    return None


def value_from_info(field: str, plain: Any, depth: int = 0) -> Value:
    """A plain JSON value for the wire; raises InvalidArgumentError(field) for what is no finite JSON value."""
    if depth > MAX_INFO_DEPTH:
        raise InvalidArgumentError(field, f"is nested deeper than {MAX_INFO_DEPTH}")
    value = Value()
    if plain is None:
        value.null_value = NULL_VALUE
    elif isinstance(plain, bool):
        value.bool_value = plain
    elif isinstance(plain, int | float):
        if isinstance(plain, int) and abs(plain) > MAX_EXACT_INTEGER:
            raise InvalidArgumentError(field, "is beyond 2^53 and would be rounded; send it as a text")
        if not math.isfinite(plain):
            raise InvalidArgumentError(field, f"{plain!r} is not a finite number")
        value.number_value = plain
    elif isinstance(plain, str):
        value.string_value = _unicode(field, plain)
    elif isinstance(plain, Mapping):
        value.struct_value.CopyFrom(struct_from_info(field, plain, depth + 1))
    elif isinstance(plain, list | tuple):
        parts = [value_from_info(f"{field}[{i}]", part, depth + 1) for i, part in enumerate(plain)]
        value.list_value.values.extend(parts)
    else:
        raise InvalidArgumentError(field, f"a {type(plain).__name__} is no JSON value")
    return value


def _unicode(field: str, text: str) -> str:
    """``text`` if it has a UTF-8 form; lone surrogates have none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(field, f"is not valid Unicode at character {error.start}") from error
    return text


def struct_from_info(field: str, info: Mapping[str, Any], depth: int = 0) -> Struct:
    """Plain JSON fields for the wire; raises as ``value_from_info`` does."""
    struct = Struct()
    for name, plain in info.items():
        if not isinstance(name, str):
            raise InvalidArgumentError(field, f"the name {name!r} is not a text")
        struct.fields[_unicode(field, name)].CopyFrom(value_from_info(f"{field}.{name}", plain, depth))
    return struct


def _time(message: Any, field: str) -> datetime | None:
    return from_timestamp(field, getattr(message, field)) if message.HasField(field) else None


def source_from_proto(source: item_pb2.Source) -> Source:
    """A source from the wire."""
    return Source(
        source.kind,
        source.id,
        source.speaker,
        source.role,
        _time(source, "time"),
        source.start,
        source.end,
        source.position,
    )


def item_from_proto(item: item_pb2.Item) -> Item:
    """An item from the wire or the journal; raises InvalidArgumentError for values that no item has."""
    return Item(
        id=item.id,
        version=item.version,
        cube_id=item.cube_id,
        memory=item.memory,
        recorded_at=from_timestamp("recorded_at", item.recorded_at),
        created_at=from_timestamp("created_at", item.created_at),
        form=enum_of(Form, "form", item.form, Form.PLAINTEXT),
        memory_type=enum_of(MemoryType, "memory_type", item.memory_type, MemoryType.LONG_TERM),
        key=item.key,
        tags=tuple(item.tags),
        info=struct_to_info(item.info),
        confidence=item.confidence if item.HasField("confidence") else None,
        status=enum_of(Status, "status", item.status, Status.ACTIVATED),
        visibility=item.visibility,
        sensitivity=item.sensitivity,
        valid_from=_time(item, "valid_from"),
        valid_to=_time(item, "valid_to"),
        expires_at=_time(item, "expires_at"),
        sources=tuple(source_from_proto(source) for source in item.sources),
        derived_from=tuple(item.derived_from),
        usage=Usage(item.usage.count, _time(item.usage, "last")) if item.HasField("usage") else Usage(),
        user_id=item.user_id,
        agent_id=item.agent_id,
        run_id=item.run_id,
        session_id=item.session_id,
        reasoning=item.reasoning,
        merged_into=item.merged_into,
        superseded_by=item.superseded_by,
    )


def _sources(sources: Iterable[Source]) -> list[item_pb2.Source]:
    return [
        item_pb2.Source(
            kind=source.kind,
            id=source.id,
            speaker=source.speaker,
            role=source.role,
            time=to_timestamp(source.time),
            start=source.start,
            end=source.end,
            position=source.position,
        )
        for source in sources
    ]


def item_to_proto(item: Item) -> item_pb2.Item:
    """An item for the wire and the journal."""
    return item_pb2.Item(
        id=item.id,
        version=item.version,
        cube_id=item.cube_id,
        form=int(item.form),  # type: ignore[arg-type]
        memory_type=int(item.memory_type),  # type: ignore[arg-type]
        memory=item.memory,
        key=item.key,
        tags=item.tags,
        info=struct_from_info("info", item.info) if item.info else None,
        confidence=item.confidence,
        status=int(item.status),  # type: ignore[arg-type]
        visibility=item.visibility,
        sensitivity=item.sensitivity,
        valid_from=to_timestamp(item.valid_from),
        valid_to=to_timestamp(item.valid_to),
        recorded_at=to_timestamp(item.recorded_at),
        created_at=to_timestamp(item.created_at),
        expires_at=to_timestamp(item.expires_at),
        sources=_sources(item.sources),
        derived_from=item.derived_from,
        usage=item_pb2.Usage(count=item.usage.count, last=to_timestamp(item.usage.last)) if item.usage.count else None,
        user_id=item.user_id,
        agent_id=item.agent_id,
        run_id=item.run_id,
        session_id=item.session_id,
        reasoning=item.reasoning,
        merged_into=item.merged_into,
        superseded_by=item.superseded_by,
    )


def event_to_proto(event: Event) -> event_pb2.Event:
    """An event for the journal and the wire."""
    return event_pb2.Event(
        seq=event.seq,
        epoch=event.epoch,
        time=to_timestamp(event.time),
        kind=int(event.kind),  # type: ignore[arg-type]
        idempotency_key=event.idempotency_key,
        principal_id=event.principal_id,
        cause=event.cause,
        item=None if event.item is None else item_to_proto(event.item),
    )


def event_from_proto(event: event_pb2.Event) -> Event:
    """An event from the journal or the wire."""
    return Event(
        seq=event.seq,
        epoch=event.epoch,
        time=from_timestamp("time", event.time),
        kind=enum_of(EventKind, "kind", event.kind, EventKind.CUBE_UPDATED),
        idempotency_key=event.idempotency_key,
        principal_id=event.principal_id,
        cause=event.cause,
        item=item_from_proto(event.item) if event.HasField("item") else None,
    )
