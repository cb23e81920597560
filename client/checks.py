"""Arguments of the SDK, checked before they travel; every fault is an InvalidArgumentError that names the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import MEMORY_TYPES
from memcube.model.times import parse_time, to_timestamp

__all__ = ["count", "memory_type", "share", "text", "texts", "time"]

MAX_UINT32 = 2**32 - 1


def text(field: str, value: object, *, empty: bool = True) -> str:
    """``value`` as text for the wire; None is empty. Lone surrogates have no UTF-8 form and are refused."""
    if value is None and empty:
        return ""
    if not isinstance(value, str):
        raise InvalidArgumentError(field, f"a {type(value).__name__} is not a text")
    if not empty and not value.strip():
        raise InvalidArgumentError(field, "is empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(field, f"is not valid Unicode at character {error.start}") from error
    return value


def texts(field: str, values: object) -> list[str]:
    """A list of texts for the wire."""
    if values is None:
        return []
    if isinstance(values, str) or not isinstance(values, Sequence | set | frozenset):
        raise InvalidArgumentError(field, "takes a list of texts")
    return [text(f"{field}[{index}]", value) for index, value in enumerate(values)]


def count(field: str, value: object, *, least: int = 0) -> int:
    """``value`` as a count for the wire, ``least`` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(field, f"{value!r} is not a whole number")
    if value < least:
        raise InvalidArgumentError(field, f"{value} is less than {least}")
    if value > MAX_UINT32:
        raise TooLargeError(field, value, MAX_UINT32, "as a number")
    return value


def share(field: str, value: object) -> float:
    """``value`` as a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise InvalidArgumentError(field, f"{value!r} is not a number from 0 to 1")
    return float(value)


def time(field: str, value: object) -> Any:
    """``value`` as a wire timestamp; None stays absent, a time without a zone is refused."""
    return None if value is None else to_timestamp(parse_time(field, value))


def memory_type(given: str | None) -> int:
    """The wire number of a memory type given as MemOS spells it (``LongTermMemory``) or as ``long_term``; 0 for None."""
    if given is None:
        return 0
    for kind, name in MEMORY_TYPES.items():
        if given in (name, kind.name.lower()):
            return int(kind)
    raise InvalidArgumentError("memory_type", f"{given!r} is none of {', '.join(MEMORY_TYPES.values())}")
