"""Arguments of the SDK, checked before they travel; every fault is an InvalidArgumentError that names the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import MEMORY_TYPES
from memcube.model.times import parse_time, to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["count", "memory_type", "memory_types", "mode", "share", "text", "texts", "time"]

MAX_UINT32 = 2**32 - 1
MODES: dict[str, int] = {
    "fast": pb.SEARCH_MODE_FAST,
    "fine": pb.SEARCH_MODE_FINE,
    "mixture": pb.SEARCH_MODE_MIXTURE,
}


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


def memory_type(given: str | None, field: str = "memory_type") -> int:
    """The wire number of a memory type given as MemOS spells it (``LongTermMemory``) or as ``long_term``; 0 for None."""
    if given is None:
        return 0
    for kind, name in MEMORY_TYPES.items():
        if given in (name, kind.name.lower()):
            return int(kind)
    raise InvalidArgumentError(field, f"{given!r} is none of {', '.join(MEMORY_TYPES.values())}")


def memory_types(given: object) -> list[int]:
    """The wire numbers of one memory type or several; none for None and for MemOS's word "All"."""
    if given is None or given == "All":
        return []
    names = [given] if isinstance(given, str) else texts("memory_types", given)
    return [memory_type(name, f"memory_types[{place}]") for place, name in enumerate(names)]


def mode(given: object) -> int:
    """The wire number of a search mode: "fast", "fine" or "mixture"."""
    if isinstance(given, str) and given in MODES:
        return MODES[given]
    raise InvalidArgumentError("mode", f"{given!r} is none of {', '.join(MODES)}")
