"""What REST callers send, checked strictly, and the protobuf requests that it means.

Names are the ones that mem0's users know (``metadata``, ``filters``, ``user_id``); the wire's own are the result. A
field that is not known is refused by its name: a misspelt filter must not select everything.
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Annotated, Any, Literal

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    model_validator,
)

from memcube.model.codec import struct_from_info
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.item import MEMORY_TYPES
from memcube.model.times import parse_time, to_timestamp
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "BatchSearchBody",
    "CreateCubeBody",
    "EventsQuery",
    "ListQuery",
    "PageQuery",
    "ScopeQuery",
    "SearchBody",
    "SelectQuery",
    "UnderstandBody",
    "UpdateBody",
    "VersionQuery",
]

MAX_DEPTH = 64
MAX_FIELDS = 64
"""Of an object that the API defines; those of metadata and filters may be more."""
MAX_ITEMS = 1_000
MAX_PARTS = 50_000
"""Values in a body, all in all: a full add has 7,000."""


def at_most(field: str, value: Any) -> Any:
    """Refuse a list that is longer than any that passes, before each of its values gets an error of its own."""
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        raise TooLargeError(field, len(value), MAX_ITEMS, "items")
    return value


Time = Annotated[
    str | int | float,
    Field(description="RFC 3339 text with a zone, or Unix seconds", examples=["2026-03-01T12:00:00Z"]),
]
Count = Annotated[int, Field(ge=0, le=2**32 - 1)]
Filters = Annotated[
    dict[str, Any], Field(description="AND, OR, NOT; eq ne gt gte lt lte in nin contains icontains exists")
]
Tags = Annotated[list[str], BeforeValidator(partial(at_most, "tags"))]
Names = Annotated[list[str], FailFast(), Field(max_length=64)]
Key = Annotated[str, Field(description="A retry with the same key has one effect and returns the first answer")]


def check_parts(value: Any) -> None:
    """Refuse more than ``MAX_PARTS`` values, before anything is done with each of them."""
    parts, inside = 1, [value]
    while inside:
        one = inside.pop()
        parts += len(one)
        if parts > MAX_PARTS:
            raise TooLargeError("body", parts, MAX_PARTS, "values")
        inside += [part for part in (one.values() if isinstance(one, dict) else one) if isinstance(part, dict | list)]


def check_json(field: str, value: Any, depth: int = 0) -> None:
    """Refuse what JSON text can spell but UTF-8 and doubles can't hold: lone surrogates, infinities, endless depth."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgumentError(field, "is not valid UTF-8 (a lone surrogate)") from error
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgumentError(field, f"{value} is not a finite number")
    elif depth > MAX_DEPTH:
        raise InvalidArgumentError(field, f"is nested deeper than {MAX_DEPTH}")
    elif isinstance(value, dict):
        for name, part in value.items():
            check_json(field, name, depth + 1)
            check_json(f"{field}.{name}" if field else str(name), part, depth + 1)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            check_json(f"{field}[{place}]", part, depth + 1)


class Body(BaseModel):
    """A JSON object from outside: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check_values(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) > MAX_FIELDS:
                raise TooLargeError("body", len(value), MAX_FIELDS, "fields")
            check_parts(value)
        check_json("", value)
        return value


class Scoped(Body):
    """Which cube; see ``Scope`` in service.proto."""

    cube_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None

    def scope(self) -> pb.Scope:
        """The wire form."""
        return pb.Scope(cube_id=self.cube_id, user_id=self.user_id, agent_id=self.agent_id, run_id=self.run_id)


class SearchBody(Scoped):
    """POST /v1/search. Entity ids may also stand in ``filters``, as mem0's do.

    ``cube_ids``, ``user_ids``, ``agent_ids`` and ``run_ids`` name further cubes of one ranking; where no single id is
    given, the first of them is the main one.
    """

    query: str
    top_k: Count | None = None
    filters: Filters | None = None
    threshold: float | None = Field(None, description="the least score, 0 to 1")
    token_budget: Count | None = Field(None, description="the most tokens of all results together")
    reference_time: Time | None = None
    include_expired: bool = False
    cube_ids: Names = Field([], description="further cubes, up to 16 in all, in one ranking; so are the next three")
    user_ids: Names = []
    agent_ids: Names = []
    run_ids: Names = []
    memory_types: Names = Field([], examples=[["PreferenceMemory"]])
    mode: Literal["fast", "fine", "mixture"] = Field("fast", description="fast, fine (a model answers) or mixture")
    rerank: bool = Field(False, description="a cross-encoder reads the first hits again, where one is configured")
    preferences: Count | None = Field(None, description="so many of the user's preferences too, up to 20")
    strict_sources: bool = Field(False, description="what is from outside has two places of five at most")

    def request(self) -> pb.SearchRequest:
        """The wire form."""
        lists = {name: getattr(self, f"{name}s") for name in ("cube_id", "user_id", "agent_id", "run_id")}
        scopes = [pb.Scope(**{name: value}) for name, values in lists.items() for value in values]
        scope = scope_or_filters(self.scope(), self.filters)
        if not scope.ByteSize() and scopes:
            scope = scopes.pop(0)
        kinds = [kind_number(name, f"memory_types[{place}]") for place, name in enumerate(self.memory_types)]
        return pb.SearchRequest(
            scope=scope,
            more=scopes,
            memory_types=kinds,  # type: ignore[arg-type]
            mode=f"SEARCH_MODE_{self.mode.upper()}",
            rerank=self.rerank,
            preferences=self.preferences,
            strict_sources=self.strict_sources,
            query=self.query,
            top_k=self.top_k,
            filter=_filter(self.filters),
            threshold=self.threshold,
            token_budget=self.token_budget,
            reference_time=wire_time("reference_time", self.reference_time),
            include_expired=self.include_expired,
        )


class UnderstandBody(Body):
    """POST /v1/understand."""

    query: str
    reference_time: Time | None = None
    fine: bool = Field(False, description="ask a language model too, where one is configured")

    def request(self) -> pb.UnderstandRequest:
        """The wire form."""
        return pb.UnderstandRequest(
            query=self.query, reference_time=wire_time("reference_time", self.reference_time), fine=self.fine
        )


class BatchSearchBody(Body):
    """POST /v1/search/batch."""

    requests: Annotated[list[SearchBody], FailFast(), BeforeValidator(partial(at_most, "requests"))]


class UpdateBody(Body):
    """PUT /v1/memories/{id}. What is left out stays as it is; ``text`` is mem0's word for ``memory``."""

    memory: str | None = None
    text: str | None = None
    metadata: dict[str, Any] | None = None
    tags: Tags | None = None
    expires_at: Time | None = None
    expected_version: Count | None = None
    idempotency_key: Key | None = None

    def request(self, memory_id: str, key: str) -> pb.UpdateRequest:
        """The wire form."""
        if self.memory is not None and self.text is not None:
            raise InvalidArgumentError("text", "is another name of 'memory'; send one of them")
        return pb.UpdateRequest(
            id=memory_id,
            memory=self.text if self.memory is None else self.memory,
            info=None if self.metadata is None else struct_from_info("metadata", self.metadata),
            tags=self.tags,
            replace_tags=self.tags is not None,
            expires_at=wire_time("expires_at", self.expires_at),
            expected_version=self.expected_version,
            idempotency_key=self.idempotency_key or key,
        )


class CreateCubeBody(Body):
    """POST /v1/cubes."""

    cube_id: str
    description: str | None = None
    config: dict[str, Any] | None = None
    idempotency_key: Key | None = None

    def request(self, key: str) -> pb.CreateCubeRequest:
        """The wire form."""
        return pb.CreateCubeRequest(
            cube_id=self.cube_id,
            description=self.description,
            config=None if self.config is None else struct_from_info("config", self.config),
            idempotency_key=self.idempotency_key or key,
        )


class ScopeQuery(Scoped):
    """Query parameters that name a cube. Texts are converted here: a URL has nothing else."""

    model_config = ConfigDict(extra="forbid", strict=False)


class SelectQuery(ScopeQuery):
    """Which memories of a cube; ``filters`` is the filter's JSON."""

    filters: str | None = Field(None, description="a filter as JSON text")

    def parsed(self) -> dict[str, Any] | None:
        """The filter as plain JSON."""
        if self.filters is None:
            return None
        try:
            plain = json.loads(self.filters)
        except (ValueError, RecursionError) as error:
            raise InvalidArgumentError("filters", f"is no JSON: {error}") from error
        check_json("filters", plain)
        if plain is not None and not isinstance(plain, dict):
            raise InvalidArgumentError("filters", f"a {type(plain).__name__} is no filter, an object is")
        return plain

    def delete_all(self, key: str) -> pb.DeleteAllRequest:
        """DELETE /v1/memories."""
        plain = self.parsed()
        return pb.DeleteAllRequest(
            scope=scope_or_filters(self.scope(), plain), filter=_filter(plain), idempotency_key=key
        )


class ListQuery(SelectQuery):
    """GET /v1/memories."""

    page_size: Count | None = None
    page_token: str | None = None
    include_expired: bool = False

    def request(self) -> pb.ListRequest:
        """The wire form."""
        plain = self.parsed()
        return pb.ListRequest(
            scope=scope_or_filters(self.scope(), plain),
            filter=_filter(plain),
            page_size=self.page_size,
            page_token=self.page_token,
            include_expired=self.include_expired,
        )


class PageQuery(Body):
    """GET /v1/cubes."""

    model_config = ConfigDict(extra="forbid", strict=False)
    page_size: Count | None = None
    page_token: str | None = None


class EventsQuery(Body):
    """GET /v1/events."""

    model_config = ConfigDict(extra="forbid", strict=False)
    cube_id: str
    from_seq: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0


class VersionQuery(Body):
    """DELETE /v1/memories/{id}."""

    model_config = ConfigDict(extra="forbid", strict=False)
    expected_version: Count | None = None


def scope_or_filters(scope: pb.Scope, filters: dict[str, Any] | None) -> pb.Scope:
    """The scope, or, where it names nothing, the entity ids at the top of the filter."""
    if not scope.ByteSize() and filters:
        for name in ("user_id", "agent_id", "run_id"):
            if isinstance(filters.get(name), str) and filters[name] != "*":
                setattr(scope, name, filters[name])
    return scope


def _filter(plain: dict[str, Any] | None) -> filter_pb2.Filter | None:
    parsed = parse_filter(plain)
    return None if parsed is None else filter_to_proto(parsed)


def wire_time(field: str, value: str | float | None) -> Timestamp | None:
    """A time of a body for the wire; None stays absent."""
    return None if value is None else to_timestamp(parse_time(field, value))


def kind_number(name: str | None, field: str = "memory_type") -> int:
    """The wire number of a memory type by its name; 0 for none."""
    if not name:
        return 0
    for kind, spelling in MEMORY_TYPES.items():
        if spelling == name:
            return int(kind)
    raise InvalidArgumentError(field, f"{name[:64]!r} is none of {', '.join(MEMORY_TYPES.values())}")
