"""Governance as plain objects: what the SDK and the command line show of policies, shares, grants and quotas."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from memcube.model.filters import All, Any_, Condition, Filter, Not, filter_from_proto
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["KINDS", "QUOTA_FOR", "QUOTA_OF", "filter_to_plain", "plain"]

Plain = dict[str, Any]
KINDS = {"user": gov.MEMBER_KIND_USER, "agent": gov.MEMBER_KIND_AGENT}
QUOTA_OF = {"operations": gov.QUOTA_OF_OPERATIONS, "bytes": gov.QUOTA_OF_BYTES, "memories": gov.QUOTA_OF_MEMORIES}
QUOTA_FOR = {"tenant": gov.QUOTA_FOR_TENANT, "principal": gov.QUOTA_FOR_PRINCIPAL, "grant": gov.QUOTA_FOR_GRANT}
_WORDS: dict[str, dict[int, str]] = {
    kind: {number: word for word, number in table.items()}
    for kind, table in (("MemberKind", KINDS), ("QuotaOf", QUOTA_OF), ("QuotaFor", QUOTA_FOR))
}


def plain(message: Message) -> Plain:
    """A message of ``governance.proto`` by its fields' names; times are RFC 3339, what is not set is None."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is None:
        if field.enum_type is not None:
            return _WORDS[field.enum_type.name].get(value, "")
        return list(value) if field.is_repeated else value
    if field.is_repeated:
        return [plain(one) for one in value]
    if not message.HasField(field.name):
        return None
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return rfc3339(from_timestamp(field.name, value))
    if isinstance(value, filter_pb2.Filter):
        return filter_to_plain(filter_from_proto(value))
    return plain(value)


def filter_to_plain(filter_: Filter) -> Any:
    """A filter as JSON states it; ``parse_filter`` reads it back."""
    match filter_:
        case Condition(field, op, value):
            return {field: {op.name.lower(): value if not hasattr(value, "isoformat") else rfc3339(value)}}  # type: ignore[arg-type]
        case All(filters):
            return {"AND": [filter_to_plain(one) for one in filters]}
        case Any_(filters):
            return {"OR": [filter_to_plain(one) for one in filters]}
        case Not(inner):
            return {"NOT": filter_to_plain(inner)}
