"""What an add must be before anything is changed; each refusal names its field.

The gateway asks before it lets a cube be created and a document be read, and the cube asks again.
"""

from __future__ import annotations

from memcube.actors.cube.validate import check_info, check_key, check_short, check_tags, check_text
from memcube.actors.reader.parts import is_text
from memcube.actors.reader.tools import schema_memory
from memcube.model.codec import enum_of
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import MemoryType
from memcube.model.times import MOST_OFFSET_MINUTES, from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["MAX_ADD_BYTES", "MAX_DATA_BYTES", "check_add"]

MAX_ADD_BYTES = 2 * 1024 * 1024
"""Of one add's texts together: reading a megabyte takes the frame some seconds. More comes in several adds."""
MAX_TEXT_BYTES = 1024 * 1024
MAX_DATA_BYTES = 24 * 1024 * 1024
"""Of one add's images and documents together, as bytes."""
MAX_MESSAGES = 1000
MAX_PARTS = 256
MAX_CALLS = 256
MAX_BESIDE = 4_000
"""Parts and tool calls of one add together: each is a memory of its own, and takes the frame about a millisecond."""
MAX_SCHEMAS = 256
MAX_SCHEMA_BYTES = 32 * 1024
MAX_URL_BYTES = 8 * 1024
MAX_MEDIA_TYPE_CHARS = 128
_SCHEMES = ("https://", "http://", "data:")


def check_add(request: pb.AddRequest) -> None:
    """Refuse an AddRequest that no cube would take."""
    if not request.messages and not request.tool_schemas:
        raise InvalidArgumentError("messages", "is empty")
    if len(request.messages) > MAX_MESSAGES:
        raise TooLargeError("messages", len(request.messages), MAX_MESSAGES, "items")
    beside = sum(len(message.parts) + len(message.tool_calls) for message in request.messages)
    if beside > MAX_BESIDE:
        raise TooLargeError("messages", beside, MAX_BESIDE, "parts and tool calls")
    text_bytes = data_bytes = 0
    for i, message in enumerate(request.messages):
        texts, data = _check_message(f"messages[{i}]", message)
        text_bytes += texts
        data_bytes += data
        if text_bytes > MAX_ADD_BYTES:
            raise TooLargeError("messages", text_bytes, MAX_ADD_BYTES)
        if data_bytes > MAX_DATA_BYTES:
            raise TooLargeError("messages", data_bytes, MAX_DATA_BYTES)
    if not request.tool_schemas and not any(map(_says_something, request.messages)):
        raise InvalidArgumentError("messages[0].content", "is empty")
    _check_schemas(request)
    for name in ("time", "expires_at"):
        if request.HasField(name):
            from_timestamp(name, getattr(request, name))
    check_short("session_id", request.session_id)
    check_short("source_kind", request.source_kind)
    for name in ("user_id", "agent_id", "run_id"):
        check_short(name, getattr(request.scope, name))
    enum_of(MemoryType, "memory_type", request.memory_type, MemoryType.LONG_TERM)
    check_tags(request.tags)
    check_info("info", request.info)
    check_key(request.idempotency_key)


def _says_something(message: pb.Message) -> bool:
    parts = any(part.WhichOneof("content") != "text" or part.text.strip() for part in message.parts)
    return bool(message.content.strip() or parts or message.tool_calls or message.tool_call_id)


def _size(field: str, text: str, limit_bytes: int = MAX_TEXT_BYTES) -> int:
    size = len(text) if text.isascii() else len(text.encode())
    if size > limit_bytes:
        raise TooLargeError(field, size, limit_bytes)
    return size


def _check_message(field: str, message: pb.Message) -> tuple[int, int]:
    """The bytes of its texts, and of its images and documents."""
    text_bytes, data_bytes = _size(f"{field}.content", message.content), 0
    for name in ("role", "name", "id", "tool_call_id"):
        check_short(f"{field}.{name}", getattr(message, name))
    if message.HasField("time"):
        from_timestamp(f"{field}.time", message.time)
    if abs(message.utc_offset_minutes) > MOST_OFFSET_MINUTES:
        raise InvalidArgumentError(f"{field}.utc_offset_minutes", f"{message.utc_offset_minutes} is a day or more")
    for name, count, most in (
        ("parts", len(message.parts), MAX_PARTS), ("tool_calls", len(message.tool_calls), MAX_CALLS),
    ):  # fmt: skip
        if count > most:
            raise TooLargeError(f"{field}.{name}", count, most, "items")
    for j, call in enumerate(message.tool_calls):
        check_text(f"{field}.tool_calls[{j}].name", call.name)
        check_short(f"{field}.tool_calls[{j}].name", call.name)
        check_short(f"{field}.tool_calls[{j}].id", call.id)
        text_bytes += _size(f"{field}.tool_calls[{j}].arguments", call.arguments)
    for j, part in enumerate(message.parts):
        texts, data = _check_part(f"{field}.parts[{j}]", part)
        text_bytes += texts
        data_bytes += data
    return text_bytes, data_bytes


def _check_part(field: str, part: pb.Part) -> tuple[int, int]:
    kind = part.WhichOneof("content")
    if kind == "text":
        return _size(f"{field}.text", part.text), 0
    if kind == "image":
        image = part.image
        if not image.url and not image.data:
            raise InvalidArgumentError(f"{field}.image", "has neither url nor data")
        if image.url and not image.url.startswith(_SCHEMES):
            raise InvalidArgumentError(f"{field}.image.url", "is no http(s) or data address")
        if not image.url.startswith("data:"):
            _size(f"{field}.image.url", image.url, MAX_URL_BYTES)
        _check_names(f"{field}.image", image)
        return 0, len(image.url) + len(image.data)
    if kind == "file":
        file = part.file
        _check_names(f"{field}.file", file)
        check_short(f"{field}.file.id", file.id)
        if is_text(file):
            if len(file.data) > MAX_ADD_BYTES:
                raise TooLargeError(f"{field}.file.data", len(file.data), MAX_ADD_BYTES)
            return len(file.data), 0
        return 0, len(file.data)
    raise InvalidArgumentError(field, "is of no kind that is known here: text, image, file")


def _check_names(field: str, named: pb.Image | pb.File) -> None:
    check_short(f"{field}.name", named.name)
    if len(named.media_type) > MAX_MEDIA_TYPE_CHARS:
        raise TooLargeError(f"{field}.media_type", len(named.media_type), MAX_MEDIA_TYPE_CHARS, "characters")


def _check_schemas(request: pb.AddRequest) -> None:
    if len(request.tool_schemas) > MAX_SCHEMAS:
        raise TooLargeError("tool_schemas", len(request.tool_schemas), MAX_SCHEMAS, "items")
    for i, schema in enumerate(request.tool_schemas):
        field = f"tool_schemas[{i}]"
        _size(field, schema, MAX_SCHEMA_BYTES)
        schema_memory(field, schema)
