"""What a request must be before anything is changed: sizes, emptiness, ranges; each refusal names its field.

The gateway calls ``check_cube`` before it lets a cube be created (adds: ``validate_add``), and ``check_search`` before it
embeds a question; the cube core calls all of them again: no path around the gateway skips them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from memcube.actors.cube.archiving import check_policy
from memcube.model.codec import struct_from_info, struct_to_info
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_from_proto
from memcube.model.item import MemoryType
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "check_cube",
    "check_filter",
    "check_info",
    "check_key",
    "check_query",
    "check_search",
    "check_short",
    "check_text",
    "parse_request",
]

MAX_TEXT_BYTES = 1024 * 1024
MAX_INFO_BYTES = 64 * 1024
MAX_TAGS = 64
MAX_NAME_CHARS = 256
MAX_KEY_CHARS = 128
MAX_QUERY_BYTES = 16 * 1024
MAX_TOP_K = 1000
MAX_PREFERENCES = 20
MAX_KINDS = 64
_KINDS = frozenset(map(int, MemoryType))

M = TypeVar("M", bound=Message)


def parse_request(kind: type[M], body: bytes) -> M:
    """The request in ``body``; bytes that are none, texts that are not UTF-8 included, are InvalidArgumentError."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        name = kind.DESCRIPTOR.name
        raise InvalidArgumentError("request", f"is no valid {name}; are all texts UTF-8?") from error


def check_text(field: str, text: str, limit_bytes: int = MAX_TEXT_BYTES) -> None:
    """Refuse an empty or oversized text."""
    if not text.strip():
        raise InvalidArgumentError(field, "is empty")
    size = len(text) if text.isascii() else len(text.encode())
    if size > limit_bytes:
        raise TooLargeError(field, size, limit_bytes)


def check_short(field: str, text: str) -> None:
    """Refuse a name over its limit."""
    if len(text) > MAX_NAME_CHARS:
        raise TooLargeError(field, len(text), MAX_NAME_CHARS, "characters")


def check_key(key: str) -> None:
    """Refuse an idempotency key over its limit."""
    if len(key) > MAX_KEY_CHARS:
        raise TooLargeError("idempotency_key", len(key), MAX_KEY_CHARS, "characters")


def check_info(field: str, info: Struct) -> None:
    """Refuse an oversized struct, and one that is no JSON: numbers that are not finite, endless depth."""
    if info.ByteSize() > MAX_INFO_BYTES:
        raise TooLargeError(field, info.ByteSize(), MAX_INFO_BYTES)
    if info.fields:
        struct_from_info(field, struct_to_info(info))


def check_tags(tags: Sequence[str]) -> None:
    """Refuse too many, oversized or empty tags."""
    if len(tags) > MAX_TAGS:
        raise TooLargeError("tags", len(tags), MAX_TAGS, "items")
    for i, tag in enumerate(tags):
        if not tag.strip():
            raise InvalidArgumentError(f"tags[{i}]", "is empty")
        check_short(f"tags[{i}]", tag)


def check_cube(request: pb.CreateCubeRequest) -> None:
    """Refuse a CreateCubeRequest that describes its cube with more than a cube takes."""
    size = len(request.description.encode())
    if size > MAX_INFO_BYTES:
        raise TooLargeError("description", size, MAX_INFO_BYTES)
    check_info("config", request.config)
    check_policy(request.config)
    check_key(request.idempotency_key)


def check_search(request: pb.SearchRequest) -> None:
    """Refuse a SearchRequest that no cube would answer."""
    check_query(request)
    if request.top_k > MAX_TOP_K:
        raise InvalidArgumentError("top_k", f"is {request.top_k}, the most is {MAX_TOP_K}")
    if not 0.0 <= request.threshold <= 1.0:
        raise InvalidArgumentError("threshold", f"is {request.threshold:g}, not within 0 to 1")
    if len(request.memory_types) > MAX_KINDS:
        raise TooLargeError("memory_types", len(request.memory_types), MAX_KINDS, "items")
    for i, kind in enumerate(request.memory_types):
        if kind not in _KINDS:
            raise InvalidArgumentError(f"memory_types[{i}]", f"{kind} is no memory type")
    if request.mode not in pb.SearchMode.values():
        raise InvalidArgumentError("mode", f"{request.mode} is none of fast, fine and mixture")
    if request.preferences > MAX_PREFERENCES:
        raise InvalidArgumentError("preferences", f"is {request.preferences}, the most is {MAX_PREFERENCES}")
    check_filter(request)


def check_query(request: pb.SearchRequest | pb.UnderstandRequest) -> None:
    """Refuse a question that is empty, too long, or asked at no time that there is."""
    check_text("query", request.query, MAX_QUERY_BYTES)
    if request.HasField("reference_time"):
        from_timestamp("reference_time", request.reference_time)


def check_filter(
    request: pb.SearchRequest | pb.ListRequest | pb.DeleteAllRequest | pb.UpdateAllRequest | pb.ArchiveAllRequest,
) -> None:
    """Refuse a filter that selects nothing that could be said, or is too large; the gateway asks before any frame."""
    if request.HasField("filter"):
        filter_from_proto(request.filter)
