"""What REST callers send to change memories in other ways than one by one, and what they say of them; beside ``bodies``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FailFast, Field, field_validator

from memcube.actors.gateway.add_body import MessageBody
from memcube.actors.gateway.bodies import (
    Body,
    Count,
    Filters,
    Key,
    Scoped,
    Tags,
    Time,
    at_most,
    scope_or_filters,
    wire_time,
)
from memcube.model.codec import struct_from_info
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.protos.memcube.v1 import filter_pb2, task_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["ArchiveAllBody", "FeedbackBody", "StatusBody", "UpdateAllBody"]


class FeedbackBody(Scoped):
    """POST /v1/feedback. ``memory_ids`` are MemOS's ``retrieved_memory_ids``."""

    feedback: str = Field(examples=["That's wrong, I moved to Berlin"])
    memory_ids: Annotated[list[str], BeforeValidator(partial(at_most, "memory_ids"))] = Field(
        [], description="the memories that it may be about, those that were shown say; up to 100"
    )
    history: Annotated[list[MessageBody], FailFast()] = Field(
        default_factory=list, description="what was said before; a list of messages, up to 100"
    )
    time: Time | None = None
    metadata: dict[str, Any] | None = None
    tags: Tags = Field(default_factory=list)
    session_id: str | None = None
    idempotency_key: Key | None = None

    @field_validator("history", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        value = at_most("history", value)
        return (
            [{"content": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value
        )

    def request(self, key: str) -> pb.FeedbackRequest:
        """The wire form; ``key`` is the header's idempotency key, used when the body has none."""
        return pb.FeedbackRequest(
            scope=self.scope(),
            feedback=self.feedback,
            memory_ids=self.memory_ids,
            history=[one.message(f"history[{place}]", self.time) for place, one in enumerate(self.history)],
            time=wire_time("time", self.time),
            info=None if self.metadata is None else struct_from_info("metadata", self.metadata),
            tags=self.tags,
            session_id=self.session_id,
            idempotency_key=self.idempotency_key or key,
        )


class UpdateAllBody(Scoped):
    """POST /v1/memories/update-all. What is left out stays as it is; a null in ``metadata`` removes the field."""

    filters: Filters | None = None
    metadata: dict[str, Any] | None = None
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)
    expires_at: Time | None = None
    never_expires: bool = False
    visibility: Literal["private", "shared", "public", ""] | None = None
    idempotency_key: Key | None = None

    def request(self, key: str) -> pb.UpdateAllRequest:
        """The wire form."""
        change = task_pb2.BulkChange(
            info=None if self.metadata is None else struct_from_info("metadata", self.metadata),
            add_tags=self.add_tags,
            remove_tags=self.remove_tags,
            expires_at=wire_time("expires_at", self.expires_at),
            never_expires=self.never_expires,
            visibility=self.visibility,
        )
        return pb.UpdateAllRequest(
            scope=scope_or_filters(self.scope(), self.filters),
            filter=_filter(self.filters),
            change=change,
            idempotency_key=self.idempotency_key or key,
        )


class ArchiveAllBody(Scoped):
    """POST /v1/memories/archive-all. One of ``filters``, ``unused_days`` and ``keep`` must be given."""

    filters: Filters | None = None
    unused_days: float | None = Field(None, ge=0, description="not added, changed or confirmed for so long")
    keep: Count | None = Field(None, description="so many stay in use, those used last")
    idempotency_key: Key | None = None

    def request(self, key: str) -> pb.ArchiveAllRequest:
        """The wire form."""
        rule = task_pb2.ArchiveRule(unused_s=(self.unused_days or 0.0) * 24 * 3600.0, keep=self.keep or 0)
        return pb.ArchiveAllRequest(
            scope=scope_or_filters(self.scope(), self.filters),
            filter=_filter(self.filters),
            rule=rule,
            idempotency_key=self.idempotency_key or key,
        )


class StatusBody(Body):
    """POST /v1/memories/{id}/archive and /restore."""

    expected_version: Count | None = None
    idempotency_key: Key | None = None


def _filter(plain: dict[str, Any] | None) -> filter_pb2.Filter | None:
    parsed = parse_filter(plain)
    return None if parsed is None else filter_to_proto(parsed)
