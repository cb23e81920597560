"""Requests from bytes, and, when they are no request, the name of the field that is to blame.

The runtime's parser says only that parsing failed; callers are owed the field, so a failed message is walked again.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from memcube.model.errors import InvalidArgumentError
from memcube.model.varint import read_varint

__all__ = ["parse"]

M = TypeVar("M", bound=Message)

MAX_DEPTH = 100
MOST_WALKED = 10_000
"""Fields looked at to find the one to blame: walking a message takes a hundred times as long as parsing it."""


def parse(kind: type[M], body: bytes) -> M:
    """The request in ``body``; raises InvalidArgumentError naming the field whose text is not UTF-8, else "request"."""
    try:
        return kind.FromString(body)
    except DecodeError as error:
        try:
            field = _Walk().blame(kind.DESCRIPTOR, memoryview(body), "", 0)  # type: ignore[arg-type]
        except (IndexError, ValueError):
            field = None
        if field is None:
            raise InvalidArgumentError("request", f"is no valid {kind.DESCRIPTOR.name}") from error
        raise InvalidArgumentError(field, "is not valid UTF-8") from error


class _Walk:
    """A search for the text field that is not UTF-8, which ends after so many fields."""

    def __init__(self) -> None:
        self._left = MOST_WALKED

    def blame(self, kind: Descriptor, body: memoryview, path: str, depth: int) -> str | None:
        """Path of the first text field that is not UTF-8; ValueError or IndexError for broken framing."""
        at, seen = 0, dict[int, int]()
        while at < len(body) and depth < MAX_DEPTH:
            self._left -= 1
            if self._left < 0:
                raise ValueError("the message has too many fields to look at")
            tag, at = read_varint(body, at)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == 0:
                _, at = read_varint(body, at)
            elif wire_type in (1, 5):
                at += 8 if wire_type == 1 else 4
            elif wire_type == 2:
                size, at = read_varint(body, at)
                if at + size > len(body):
                    raise ValueError("a field ends after its message")
                field = kind.fields_by_number.get(number)
                if field is not None:
                    found = self._blame_field(field, body[at : at + size], _place(field, path, seen), depth)
                    if found is not None:
                        return found
                at += size
            else:
                raise ValueError("groups are not used")
        return None

    def _blame_field(self, field: FieldDescriptor, inside: memoryview, path: str, depth: int) -> str | None:
        if field.type == FieldDescriptor.TYPE_STRING:
            try:
                str(inside, "utf-8")
            except UnicodeDecodeError:
                return path
            return None
        kind = field.message_type
        if kind is None:
            return None
        found = self.blame(kind, inside, path, depth + 1)
        if found is not None and kind.full_name.startswith("google.protobuf."):
            return path  # how a Struct is laid out inside is nobody's concern
        return found


def _place(field: FieldDescriptor, path: str, seen: dict[int, int]) -> str:
    name = f"{path}.{field.name}" if path else field.name
    if not field.is_repeated:
        return name
    index = seen.get(field.number, 0)
    seen[field.number] = index + 1
    return f"{name}[{index}]"
