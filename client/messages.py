"""What ``add`` takes in: a text, a message of a chat API, or a list of them, as messages for the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memcube.client.checks import text, time
from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import service_pb2

__all__ = ["messages_of"]

_TIMES = ("time", "timestamp", "created_at")
_KNOWN = {"role", "content", "name", "id", *_TIMES}


def messages_of(given: object, field: str = "messages") -> list[service_pb2.Message]:
    """The messages of one ``add``.

    A message is a text, or ``{"role", "content", "name", "id", "timestamp"}`` where content is a text or a list of
    parts of which ``{"type": "text", "text": …}`` is taken. Raises InvalidArgumentError naming the message at fault.
    """
    if isinstance(given, str | Mapping):
        return [_message(given, field)]
    if isinstance(given, list | tuple):
        if not given:
            raise InvalidArgumentError(field, "is empty")
        return [_message(one, f"{field}[{index}]") for index, one in enumerate(given)]
    raise InvalidArgumentError(field, f"a {type(given).__name__} is no text, message or list of messages")


def _message(given: object, field: str) -> service_pb2.Message:
    if isinstance(given, str):
        return service_pb2.Message(content=text(field, given, empty=False))
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(field, f"a {type(given).__name__} is no message")
    unknown = set(given) - _KNOWN
    if unknown:
        raise InvalidArgumentError(f"{field}.{min(map(str, unknown))}", f"is unknown; a message has {sorted(_KNOWN)}")
    return service_pb2.Message(
        role=text(f"{field}.role", given.get("role", "")),
        content=_content(f"{field}.content", given.get("content")),
        name=text(f"{field}.name", given.get("name", "")),
        id=text(f"{field}.id", given.get("id", "")),
        time=time(f"{field}.timestamp", next((given[name] for name in _TIMES if given.get(name) is not None), None)),
    )


def _content(field: str, content: object) -> str:
    if isinstance(content, list | tuple):
        parts: list[Any] = list(content)
        words = [part if isinstance(part, str) else part.get("text") for part in parts if _is_text_part(field, part)]
        return text(field, "\n".join(word for word in words if word), empty=False)
    return text(field, content, empty=False)


def _is_text_part(field: str, part: object) -> bool:
    if isinstance(part, str):
        return True
    if not isinstance(part, Mapping):
        raise InvalidArgumentError(field, f"a {type(part).__name__} is no part of a message")
    kind = part.get("type", "text")
    if kind not in ("text", "input_text", "output_text"):
        raise InvalidArgumentError(field, f"a part of type {kind!r} can't be remembered; only texts can")
    return True
