"""Events of topics, and what is known of topics, groups and mounts, as plain objects; shared by SDK and CLI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from memcube.model import answers
from memcube.model.errors import InvalidArgumentError
from memcube.model.times import parse_time, rfc3339, to_timestamp
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = [
    "event_of",
    "event_to_plain",
    "events_of",
    "gap_to_plain",
    "group_to_plain",
    "letter_to_plain",
    "mount_to_plain",
    "topic_to_plain",
]

Plain = dict[str, Any]
JSON, TEXT = "application/json", "text/plain"
_TEXTS = ("id", "source", "type", "subject", "data_content_type", "data_schema")
_FIELDS = {*_TEXTS, "data", "time", "attributes"}


def events_of(given: object) -> list[pb.TopicEvent]:
    """What is to be published as events: one or a list; each a text, bytes, or a mapping with the fields of an event
    (``data`` may be whatever JSON can say). Raises InvalidArgumentError naming the field."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray) else [given]
    return [event_of(f"events[{place}]", one) for place, one in enumerate(several)]


def event_of(field: str, given: object) -> pb.TopicEvent:
    """One of them."""
    if not isinstance(given, Mapping):
        given = {"data": given}
    unknown = set(given) - _FIELDS
    if unknown:
        raise InvalidArgumentError(f"{field}.{min(map(str, unknown))}", "is no field of an event")
    event = pb.TopicEvent()
    for name in _TEXTS:
        value = given.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise InvalidArgumentError(f"{field}.{name}", f"a {type(value).__name__} is not a text")
            setattr(event, name, value)
    if given.get("time") is not None:
        event.time.CopyFrom(to_timestamp(parse_time(f"{field}.time", given["time"])))  # type: ignore[arg-type]
    for name, value in _attributes(field, given.get("attributes")).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidArgumentError(f"{field}.attributes", "takes texts by name")
        event.attributes[name] = value
    data = given.get("data")
    if isinstance(data, bytes | bytearray | memoryview):
        event.data = bytes(data)
    elif isinstance(data, str):
        event.data = data.encode()
        event.data_content_type = event.data_content_type or TEXT
    elif data is not None:
        try:
            event.data = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgumentError(f"{field}.data", f"is neither bytes, text nor JSON: {error}") from error
        event.data_content_type = event.data_content_type or JSON
    return event


def _attributes(field: str, given: object) -> Mapping[Any, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{field}.attributes", "takes texts by name")
    return given or {}


def event_to_plain(event: pb.TopicEvent) -> Plain:
    """An event as its subscriber gets it; ``data`` is decoded where its type says how, ``memory`` is a cube's event."""
    plain: Plain = {
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "data": _data(event.data, event.data_content_type),
        "principal": event.principal_id,
    }
    for name in ("time", "recorded_at"):
        if event.HasField(name):
            plain[name] = rfc3339(getattr(event, name).ToDatetime(UTC))
    if event.data_content_type:
        plain["data_content_type"] = event.data_content_type
    if event.data_schema:
        plain["data_schema"] = event.data_schema
    if event.attributes:
        plain["attributes"] = dict(event.attributes)
    if event.attempt:
        plain["attempt"] = event.attempt
    if event.HasField("memory"):
        plain["memory"] = answers.event(event.memory)
    return plain


def _data(data: bytes, kind: str) -> Any:
    try:
        if kind.partition(";")[0] == JSON:
            return json.loads(data)
        if kind.startswith("text/"):
            return data.decode()
    except (ValueError, RecursionError):
        pass  # not what its type says: the bytes are handed on
    return data


def gap_to_plain(gap: pb.Gap) -> Plain:
    """Events that are not there any more."""
    reasons = {pb.GAP_REASON_RETENTION: "retention", pb.GAP_REASON_DAMAGED: "damaged"}
    reason = reasons.get(gap.reason, str(gap.reason))
    return {"gap": {"from_seq": gap.from_seq, "to_seq": gap.to_seq, "reason": reason}}


def topic_to_plain(topic: pb.Topic) -> Plain:
    """A topic."""
    kept = topic.retention
    return {
        "name": topic.name,
        "description": topic.description,
        "owner": topic.owner,
        "created_at": rfc3339(topic.created_at.ToDatetime(UTC)),
        "retention": {"max_age_s": kept.max_age_s, "max_bytes": kept.max_bytes, "max_events": kept.max_events},
        "low_seq": topic.low_seq,
        "head_seq": topic.head_seq,
        "size_bytes": topic.size_bytes,
    }


def group_to_plain(group: pb.Group) -> Plain:
    """A group."""
    settings = group.settings
    return {
        "name": group.name,
        "next_seq": group.next_seq,
        "open": group.open,
        "dead": group.dead,
        "ack_wait_s": settings.ack_wait_s,
        "max_deliver": settings.max_deliver,
        "backoff_s": list(settings.backoff_s),
    }


def mount_to_plain(mount: pb.MountInfo) -> Plain:
    """A mount."""
    return {
        "id": mount.id,
        "cube_id": mount.cube_id,
        "source_cube_id": mount.source_cube_id,
        "owner": mount.owner,
        "created_at": rfc3339(mount.created_at.ToDatetime(UTC)),
        "expires_at": rfc3339(mount.expires_at.ToDatetime(UTC)) if mount.HasField("expires_at") else None,
    }


def letter_to_plain(letter: pb.DeadLetter) -> Plain:
    """A dead letter; ``event`` is None where the topic does not keep it any more."""
    return {
        "seq": letter.seq,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "died_at": rfc3339(letter.died_at.ToDatetime(UTC)),
        "event": event_to_plain(letter.event) if letter.HasField("event") else None,
    }
