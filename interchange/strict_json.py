"""JSON of strangers, read strictly and written back without loss.

Refused, by the field's name: keys that stand twice in an object (two readers would read two things), ``NaN`` and
``Infinity``, depth over ``MAX_DEPTH``, text that is no UTF-8. A number that a double would respell (``0.80``, ``1e2``,
thirty digits) is kept as it was spelt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Self

from memcube.model.errors import InvalidArgumentError

__all__ = ["MAX_DEPTH", "Spelt", "dumps", "loads"]

MAX_DEPTH = 100
"""Levels of objects and lists."""
_DEPTH = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_quoted = json.encoder.encode_basestring
_escaped = json.encoder.encode_basestring_ascii


class Spelt(float):
    """A number whose spelling says more than the double it is."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def loads(text: str, field: str) -> Any:
    """The value of a JSON text. Raises InvalidArgumentError, naming ``field`` or the key in it."""
    _check_depth(text, field)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise InvalidArgumentError(f"{field}.{twice[:64]}", "stands twice in one object")
        return made

    def constant(word: str) -> Any:
        raise InvalidArgumentError(field, f"{word} is no JSON number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant, parse_float=_number)
    except InvalidArgumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(field, f"is no JSON: {error}"[:200]) from error


def dumps(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON text; what ``loads`` read comes out with its numbers as they were spelt."""
    return "".join(_written(value, indent, "\n"))


def _number(text: str) -> float:
    plain = float(text)
    return plain if repr(plain) == text else Spelt(text)


def _check_depth(text: str, field: str) -> None:
    # Most texts cannot be too deep, whatever is in them.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _DEPTH.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidArgumentError(field, f"is nested deeper than {MAX_DEPTH}")
        elif mark in "]}":
            depth -= 1


def _text(value: str) -> str:
    return _escaped(value) if _SURROGATE.search(value) else _quoted(value)


def _written(value: Any, indent: int | None, line: str) -> Iterator[str]:
    if isinstance(value, str):
        yield _text(value)
    elif isinstance(value, Spelt):
        yield value.text
    elif isinstance(value, dict) and value:
        inner = line + " " * indent if indent is not None else ""
        yield "{"
        for place, (name, part) in enumerate(value.items()):
            yield ("," if place else "") + inner + _text(name) + (": " if indent is not None else ":")
            yield from _written(part, indent, inner)
        yield (line if indent is not None else "") + "}"
    elif isinstance(value, list | tuple) and value:
        inner = line + " " * indent if indent is not None else ""
        yield "["
        for place, part in enumerate(value):
            yield ("," if place else "") + inner
            yield from _written(part, indent, inner)
        yield (line if indent is not None else "") + "]"
    else:
        yield json.dumps(value, allow_nan=False)
