"""What ``add`` takes in: a text, a message of a chat API, or a list of them, as messages for the wire."""

from __future__ import annotations

from collections.abc import Mapping

from memcube.client.checks import text, time
from memcube.model.content import MESSAGE_FIELDS, fill_content
from memcube.model.errors import InvalidArgumentError
from memcube.model.times import offset_minutes
from memcube.protos.memcube.v1 import service_pb2

__all__ = ["messages_of"]

_TIMES = ("time", "timestamp", "created_at")
_KNOWN = {*MESSAGE_FIELDS, *_TIMES}


def messages_of(given: object, field: str = "messages", default_time: object = None) -> list[service_pb2.Message]:
    """The messages of one ``add``.

    A message is a text, or ``{"role", "content", "name", "id", "timestamp", "tool_calls", "tool_call_id"}`` where
    content is a text or a list of parts (``memcube.model.content``). A time's zone is taken for the speaker's, that of
    ``default_time`` where a message has none. Raises InvalidArgumentError naming the message at fault.
    """
    if isinstance(given, str | Mapping):
        made = [_message(given, field, default_time)]
    elif isinstance(given, list | tuple):
        made = [_message(one, f"{field}[{index}]", default_time) for index, one in enumerate(given)]
    else:
        raise InvalidArgumentError(field, f"a {type(given).__name__} is no text, message or list of messages")
    if not any(map(_says_something, made)):
        raise InvalidArgumentError(field, "is empty")
    return made


def _says_something(message: service_pb2.Message) -> bool:
    return bool(message.content.strip() or message.parts or message.tool_calls or message.tool_call_id)


def _message(given: object, field: str, default_time: object) -> service_pb2.Message:
    if isinstance(given, str):
        return service_pb2.Message(content=text(field, given), utc_offset_minutes=offset_minutes(default_time))
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(field, f"a {type(given).__name__} is no message")
    # Clients' own message objects name all that they could have had.
    unknown = {name for name, value in given.items() if value is not None and value != []} - _KNOWN
    if unknown:
        raise InvalidArgumentError(f"{field}.{min(map(str, unknown))}", f"is unknown; a message has {sorted(_KNOWN)}")
    said = next((given[name] for name in _TIMES if given.get(name) is not None), None)
    made = service_pb2.Message(
        role=text(f"{field}.role", given.get("role", "")),
        name=text(f"{field}.name", given.get("name", "")),
        id=text(f"{field}.id", given.get("id", "")),
        time=time(f"{field}.timestamp", said),
        utc_offset_minutes=offset_minutes(default_time if said is None else said),
    )
    fill_content(made, field, given)
    return made
