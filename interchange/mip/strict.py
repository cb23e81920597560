"""JSON as a bundle has it: one reading of every text, bounded; and the one way in which this writer writes it.

Duplicate names, numbers that are not finite, whole numbers beyond 2^53, lone surrogates, a byte order mark and
endless depth are refused: two readers would otherwise see two different documents under one signature.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from memcube.interchange.mip.limits import JSON_BYTES, JSON_DEPTH
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["dumps", "loads", "loads_object"]

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
MOST_EXACT = 2**53
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> bytes:
    """``value`` as compact UTF-8; InvalidArgumentError for what has no such form."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            "json", f"holds a text that is not valid Unicode at character {error.start}"
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError("json", f"holds what JSON cannot: {error}"[:300]) from error


def loads(data: bytes, what: str, most_bytes: int = JSON_BYTES) -> Any:
    """The value that ``data`` states; InvalidArgumentError(what) or TooLargeError(what) for what is not allowed."""
    if len(data) > most_bytes:
        raise TooLargeError(what, len(data), most_bytes)
    if data.count(b"[") + data.count(b"{") > JSON_DEPTH and _depth(data) > JSON_DEPTH:
        raise InvalidArgumentError(what, f"is nested deeper than {JSON_DEPTH}")
    try:
        value = _DECODER.decode(data.decode())
        if b"\\u" in data:
            _ENCODER.encode(value).encode()
    except UnicodeError as error:
        raise InvalidArgumentError(what, "is not valid UTF-8") from error
    except _Refused as error:
        raise InvalidArgumentError(what, str(error)) from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(what, f"is no JSON: {error}"[:300]) from error
    return value


def loads_object(data: bytes, what: str, most_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """As ``loads``, for what has to be an object."""
    value = loads(data, what, most_bytes)
    if not isinstance(value, dict):
        raise InvalidArgumentError(what, "is no JSON object")
    return value


class _Refused(ValueError):
    """JSON by the letter, but not here."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refused(f"has the name {name[:64]!r} twice")
            seen.add(name)
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MOST_EXACT:
        raise _Refused(f"has a whole number beyond 2^53: {text[:24]}")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"has a number that is not finite: {text[:24]}")
    return value


def _constant(text: str) -> Any:
    raise _Refused(f"has {text}, which is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _depth(data: bytes) -> int:
    """How deep its brackets go, those in strings left out."""
    depth = deepest = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
