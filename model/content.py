"""Content of messages as chat APIs have it (a text, or a list of parts), as the wire's: what the SDK and REST share.

Parts of OpenAI's chat and responses APIs, and Anthropic's images, are known. Bytes come as ``data:`` addresses,
base64 or bytes, and are decoded once, here. Addresses of others are kept as addresses: nothing is fetched.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["MAX_DATA_BYTES", "MESSAGE_FIELDS", "data_of_url", "fill_content", "schemas_of"]

MAX_DATA_BYTES = 24 * 1024 * 1024
"""Of one image's or document's bytes."""
MAX_PARTS = 256
MESSAGE_FIELDS = frozenset({"role", "content", "name", "id", "tool_calls", "tool_call_id"})
"""What a message may have besides its time."""
_TEXTS = ("text", "input_text", "output_text")
_IMAGES = ("image_url", "input_image", "image")
_FILES = ("file", "input_file")
_DATA_URL = re.compile(r"data:(?P<type>[^,;]{0,128})(?P<rest>(?:;[^,;]{0,128}){0,8}),", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")

Plain = Mapping[str, Any]


def fill_content(message: pb.Message, field: str, given: Plain) -> None:
    """Put ``content``, ``tool_calls`` and ``tool_call_id`` of a chat API's message into ``message``.

    Content that is text alone becomes ``message.content``, else all of it ``message.parts``. ``field`` is the
    message's name in errors. Raises InvalidArgumentError and TooLargeError for what is no such thing, or what can't be
    remembered, by the type that it names.
    """
    content = given.get("content")
    calls = given.get("tool_calls")
    if isinstance(content, str):
        message.content = _text(f"{field}.content", content)
    elif isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        _fill_parts(message, f"{field}.content", content)
    elif content is not None:
        raise InvalidArgumentError(f"{field}.content", f"a {type(content).__name__} is no text and no list of parts")
    elif not calls and not given.get("tool_call_id"):
        raise InvalidArgumentError(f"{field}.content", "is empty")
    if calls is not None:
        _fill_calls(message, f"{field}.tool_calls", calls)
    if given.get("tool_call_id") is not None:
        message.tool_call_id = _text(f"{field}.tool_call_id", given["tool_call_id"])


def schemas_of(field: str, given: object) -> list[str]:
    """Schemas of tools, as objects or JSON texts, for ``AddRequest.tool_schemas``."""
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidArgumentError(field, "takes a list of tools' schemas")
    return [one if isinstance(one, str) else _json(f"{field}[{place}]", one) for place, one in enumerate(given)]


def data_of_url(field: str, url: str) -> tuple[str, bytes]:
    """The media type and the bytes in a ``data:`` address."""
    head = _DATA_URL.match(url)
    if head is None:
        raise InvalidArgumentError(field, "is no whole data: address")
    if not head["rest"].lower().endswith(";base64"):
        data = unquote_to_bytes(url[head.end() : head.end() + 3 * MAX_DATA_BYTES + 3])
        return head["type"], _bounded(field, data)
    return head["type"], _base64(field, url, head.end())


def _fill_parts(message: pb.Message, field: str, parts: Sequence[Any]) -> None:
    if len(parts) > MAX_PARTS:
        raise TooLargeError(field, len(parts), MAX_PARTS, "items")
    made = [_part(field if len(parts) == 1 else f"{field}[{place}]", part) for place, part in enumerate(parts)]
    if all(part.WhichOneof("content") == "text" for part in made):
        message.content = "\n".join(part.text for part in made if part.text)
    else:
        message.parts.extend(made)


def _part(field: str, part: Any) -> pb.Part:
    if isinstance(part, str):
        return pb.Part(text=_text(field, part))
    if not isinstance(part, Mapping):
        raise InvalidArgumentError(field, f"a {type(part).__name__} is no part of a message")
    kind = part.get("type", "text")
    if kind in _TEXTS:
        return pb.Part(text=_text(f"{field}.text", part.get("text", "")))
    if kind in _IMAGES:
        return pb.Part(image=_image(field, part))
    if kind in _FILES:
        return _file(field, part)
    known = "texts, images and files"
    raise InvalidArgumentError(field, f"a part of type {str(kind)[:64]!r} can't be remembered; {known} can")


def _image(field: str, part: Plain) -> pb.Image:
    given: Any = part.get("image_url", part.get("source", part.get("image")))
    named = _text(f"{field}.name", _first(part, given, "name", "filename"))
    if isinstance(given, Mapping) and "data" in given:
        kind = _text(f"{field}.media_type", given.get("media_type") or "")
        return pb.Image(data=_bytes(f"{field}.data", given["data"])[1], media_type=kind, name=named)
    url = given.get("url") if isinstance(given, Mapping) else given
    if isinstance(url, bytes | bytearray):
        return pb.Image(data=_bounded(field, bytes(url)), name=named)
    if not isinstance(url, str) or not url:
        raise InvalidArgumentError(field, "has no image's address or data")
    if url[:5].lower() == "data:":
        kind, data = data_of_url(field, url)
        return pb.Image(data=data, media_type=kind, name=named)
    return pb.Image(url=_text(field, url), name=named)


def _file(field: str, part: Plain) -> pb.Part:
    given = part["file"] if isinstance(part.get("file"), Mapping) else part
    name = _text(f"{field}.filename", _first(given, None, "filename", "name"))
    file_id = _text(f"{field}.file_id", _first(given, None, "file_id", "id"))
    data = next((given[key] for key in ("file_data", "data") if given.get(key) is not None), None)
    if data is None and given.get("file_url"):
        return pb.Part(text=_text(f"{field}.file_url", given["file_url"]))
    if data is None:
        raise InvalidArgumentError(field, "has no 'file_data': what a file_id stands for elsewhere is not known here")
    kind, body = _bytes(f"{field}.file_data", data)
    kind = _text(f"{field}.media_type", given.get("media_type") or kind)
    return pb.Part(file=pb.File(data=body, name=name, media_type=kind, id=file_id))


def _first(given: Plain, inside: Any, *names: str) -> Any:
    places = (given, inside) if isinstance(inside, Mapping) else (given,)
    return next((place[name] for place in places for name in names if place.get(name) is not None), "")


def _bytes(field: str, given: Any) -> tuple[str, bytes]:
    if isinstance(given, bytes | bytearray | memoryview):
        return "", _bounded(field, bytes(given))
    if not isinstance(given, str):
        raise InvalidArgumentError(field, f"a {type(given).__name__} is no base64")
    return data_of_url(field, given) if given[:5].lower() == "data:" else ("", _base64(field, given, 0))


def _base64(field: str, text: str, start: int) -> bytes:
    # A look at the length first: what is too much is not decoded.
    if (len(text) - start) * 3 // 4 > MAX_DATA_BYTES + MAX_DATA_BYTES // 16:
        raise TooLargeError(field, (len(text) - start) * 3 // 4, MAX_DATA_BYTES)
    try:
        return _bounded(field, base64.b64decode(_BLANKS.sub("", text[start:]).encode("ascii"), validate=True))
    except (binascii.Error, ValueError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(field, "is no base64") from error


def _bounded(field: str, data: bytes) -> bytes:
    if len(data) > MAX_DATA_BYTES:
        raise TooLargeError(field, len(data), MAX_DATA_BYTES)
    return data


def _fill_calls(message: pb.Message, field: str, calls: Any) -> None:
    if isinstance(calls, str) or not isinstance(calls, Sequence):
        raise InvalidArgumentError(field, "is no list of calls")
    if len(calls) > MAX_PARTS:
        raise TooLargeError(field, len(calls), MAX_PARTS, "items")
    for place, call in enumerate(calls):
        one = f"{field}[{place}]"
        if not isinstance(call, Mapping):
            raise InvalidArgumentError(one, f"a {type(call).__name__} is no call of a tool")
        told = call["function"] if isinstance(call.get("function"), Mapping) else call
        arguments = told.get("arguments") if told.get("arguments") is not None else ""
        message.tool_calls.add(
            id=_text(f"{one}.id", call.get("id") or call.get("call_id") or ""),
            name=_text(f"{one}.name", told.get("name", "")),
            arguments=arguments if isinstance(arguments, str) else _json(f"{one}.arguments", arguments),
        )


def _json(field: str, given: object) -> str:
    try:
        return _text(field, json.dumps(given, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(field, f"is no JSON: {error}"[:200]) from error


def _text(field: str, given: Any) -> str:
    if not isinstance(given, str):
        raise InvalidArgumentError(field, f"a {type(given).__name__} is not a text")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(field, f"is not valid Unicode at character {error.start}") from error
    return given
