"""What REST callers send to add, checked strictly: messages as chat APIs have them, and the protobuf request they mean."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, FailFast, Field, WithJsonSchema, field_validator

from memcube.actors.gateway.bodies import Body, Key, Scoped, Tags, Time, at_most, kind_number, wire_time
from memcube.model.codec import struct_from_info
from memcube.model.content import fill_content, schemas_of
from memcube.model.times import offset_minutes
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["AddBody", "MessageBody"]

_CONTENT = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}],
    "description": "a text, or parts as chat APIs have them: text, image_url, file (bytes as data: addresses)",
}
_CALLS = {"description": "calls of tools as chat APIs have them: id, function: {name, arguments}"}


class MessageBody(Body):
    """One message of a conversation."""

    content: Annotated[Any, WithJsonSchema(_CONTENT)] = None
    role: str | None = None
    name: str | None = None
    id: str | None = None
    time: Time | None = None
    tool_calls: Annotated[list[dict[str, Any]] | None, Field(json_schema_extra=_CALLS)] = None
    tool_call_id: str | None = None

    def message(self, field: str, default: object) -> pb.Message:
        """The wire form; ``default`` is the request's time as it was sent: its zone is the speaker's."""
        made = pb.Message(
            role=self.role,
            name=self.name,
            id=self.id,
            time=wire_time(f"{field}.time", self.time),
            utc_offset_minutes=offset_minutes(default if self.time is None else self.time),
        )
        fill_content(
            made, field, {"content": self.content, "tool_calls": self.tool_calls, "tool_call_id": self.tool_call_id}
        )
        return made

    @property
    def large(self) -> bool:
        """Whether it has parts, so that bytes may have to be decoded."""
        return isinstance(self.content, list)


class AddBody(Scoped):
    """POST /v1/memories. ``messages`` may be a text, a message, or a list of messages."""

    messages: Annotated[list[MessageBody], FailFast()] = Field(
        default_factory=list, description="a text, a message, or a list of messages"
    )
    metadata: dict[str, Any] | None = None
    tags: Tags = Field(default_factory=list)
    session_id: str | None = None
    memory_type: str | None = Field(None, examples=["LongTermMemory"])
    time: Time | None = None
    expires_at: Time | None = None
    source_kind: str | None = None
    verbatim: bool = Field(False, description="kept as it was said: nothing is left out, no fine reading")
    tools: Annotated[list[dict[str, Any]], BeforeValidator(partial(at_most, "tools"))] = Field(
        [], description="schemas of tools, as chat APIs take them"
    )
    idempotency_key: Key | None = None

    @field_validator("messages", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if isinstance(value, str | dict):
            value = [value]
        if isinstance(at_most("messages", value), list):
            return [{"content": one} if isinstance(one, str) else one for one in value]
        return value

    def request(self, key: str) -> pb.AddRequest:
        """The wire form; ``key`` is the header's idempotency key, used when the body has none."""
        return pb.AddRequest(
            scope=self.scope(),
            messages=[one.message(f"messages[{place}]", self.time) for place, one in enumerate(self.messages)],
            info=None if self.metadata is None else struct_from_info("metadata", self.metadata),
            tags=self.tags,
            session_id=self.session_id,
            memory_type=kind_number(self.memory_type),  # type: ignore[arg-type]
            time=wire_time("time", self.time),
            expires_at=wire_time("expires_at", self.expires_at),
            source_kind=self.source_kind,
            verbatim=self.verbatim,
            tool_schemas=schemas_of("tools", self.tools),
            idempotency_key=self.idempotency_key or key,
        )
