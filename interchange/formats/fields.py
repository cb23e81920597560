"""The table of a format's fields, read in both directions: which key of an element is which field of a record.

On the way in a value moves out of the element into the record where the record gives back exactly what stood there;
else the record has what was understood, and the element keeps the original. On the way out the original is used as
long as it still means what the record says, so a memory that nobody changed comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memcube.interchange.record import Record
from memcube.interchange.report import Report
from memcube.model.codec import value_from_info, value_to_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType, Status
from memcube.model.times import rfc3339

__all__ = ["EXTENSION", "Field", "confidence", "identity", "info", "tags", "text", "time", "unix_time"]

EXTENSION = "memcube"
"""The key under which fields that a format does not have are put into its free metadata."""


@dataclass(frozen=True, slots=True)
class Field:
    """``path`` in the element (dots between keys) is ``attribute`` of the record.

    ``parse`` understands a value and raises ValueError or TypeError for what it can't; ``render`` says it in the format's words.
    ``always`` writes it in new elements also where the record's value is empty.
    """

    path: str
    attribute: str
    parse: Callable[[Any], Any]
    render: Callable[[Any], Any]
    always: bool = False

    def take(self, element: dict[str, Any], into: dict[str, Any], report: Report) -> None:
        """Move the value out of ``element``."""
        *above, last = self.path.split(".")
        holder: Any = element
        for name in above:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or last not in holder or holder[last] is None:
            return
        given = holder[last]
        try:
            value = self.parse(given)
        except (ValueError, TypeError, OverflowError):
            report.kept[self.path] += 1
            return
        into[self.attribute] = value
        report.mapped[self.path] += 1
        # What says nothing stays, too: a record does not tell an empty list from none.
        if not _says_nothing(value) and same(self.render(value), given):
            del holder[last]

    def put(self, element: dict[str, Any], record: Record, *, new: bool) -> None:
        """Write the record's value into ``element``, where it does not say so already."""
        *above, last = self.path.split(".")
        value = getattr(record, self.attribute)
        empty = _says_nothing(value)
        holder: Any = element
        for name in above:
            held = holder.get(name)
            if not isinstance(held, dict):
                if empty and not (new and self.always):
                    return
                held = holder[name] = {}
            holder = held
        if last in holder:
            try:
                if holder[last] is None:
                    if empty:
                        return
                elif self.parse(holder[last]) == value:
                    return
            except (ValueError, TypeError, OverflowError):
                if empty:
                    return
        if not empty or (new and self.always):
            holder[last] = self.render(value)


def _says_nothing(value: Any) -> bool:
    return value in (None, "", (), {}) or value is Status.ACTIVATED or value is MemoryType.LONG_TERM


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, 1 and true being two."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and type(one) is type(other) and bool(one == other)


def identity(value: Any) -> Any:
    """A text as it is."""
    if not isinstance(value, str):
        raise TypeError("no text")
    value.encode()  # a lone surrogate has no place in a memory
    return value


text = identity


def info(value: Any) -> dict[str, Any]:
    """A free object of the user's, as far as a memory can hold it."""
    if not isinstance(value, dict) or EXTENSION in value:
        raise ValueError("no plain object")
    try:
        return {name: value_to_info(value_from_info(name, part)) for name, part in value.items()}
    except InvalidArgumentError as error:
        raise ValueError(error.problem) from error


def whole(value: Any) -> Any:
    """Numbers of a memory's info are doubles; whole ones are written as JSON writes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: whole(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [whole(part) for part in value]
    return value


def tags(value: Any) -> tuple[str, ...]:
    """A list of tags that a memory takes."""
    if not isinstance(value, list) or len(value) > 64:
        raise ValueError("no list of tags")
    found = tuple(identity(one) for one in value)
    if any(not one.strip() or len(one) > 256 for one in found):
        raise ValueError("empty or long tags")
    return found


def confidence(value: Any) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("no number from 0 to 1")
    return float(value)


def time(value: Any) -> datetime:
    """An instant as text; one without a zone is taken for UTC."""
    if not isinstance(value, str):
        raise TypeError("no time")
    at = datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def unix_time(value: Any) -> datetime:
    """An instant in seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no time")
    return datetime.fromtimestamp(float(value), UTC)


def chosen(words: Iterable[tuple[str, Any]]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Parse and render of a word that stands for a value; of several pairs the first one counts."""
    pairs = list(words)
    known = dict(reversed(pairs))
    written = {value: word for word, value in reversed(pairs)}

    def parse(value: Any) -> Any:
        if not isinstance(value, str) or value not in known:
            raise ValueError("an unknown word")
        return known[value]

    return parse, lambda value: written.get(value, pairs[0][0])


def listed(value: tuple[str, ...]) -> list[str]:
    """Tags as a list."""
    return list(value)


TEXT_TIME: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (time, rfc3339)
"""Parse and render of a time as text."""
