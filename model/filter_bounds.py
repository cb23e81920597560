"""How large a filter may be: it is tested on every item of a cube, in the thread that serves that cube.

``memcube.model.filters`` counts while it reads a filter, from JSON and from the wire: what is over a bound is refused
before more of it is built, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["Bounds", "check_field_name"]

MAX_NODES = 256
"""Conditions, AND, OR and NOT together."""
MAX_LIST = 1000
"""Values in the list of ``in`` or ``nin``, or in another list that a field is compared with."""
MAX_OPERAND_BYTES = 64 * 1024
"""Of all the values that a filter compares with, together."""
MAX_FIELD_BYTES = 256
"""Of a field's name."""


class Bounds:
    """What is left of a filter's bounds while it is read; ``field`` is what the filter is called."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._nodes = 0
        self._bytes = 0

    def node(self) -> None:
        """Count one."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise InvalidArgumentError(self._field, f"has more than {MAX_NODES} conditions, AND, OR and NOT together")

    def plain(self, path: str, operand: object) -> None:
        """Count an operand that is plain JSON, of any size and depth."""
        self.operand(path, _size_of(operand), len(operand) if isinstance(operand, list | tuple) else None)

    def operand(self, path: str, size: int, values: int | None) -> None:
        """Count an operand of ``size`` bytes; ``values`` are those in its list, None where it is none."""
        if values is not None and values > MAX_LIST:
            raise TooLargeError(path, values, MAX_LIST, "values")
        self._bytes += size
        if self._bytes > MAX_OPERAND_BYTES:
            raise TooLargeError(self._field, self._bytes, MAX_OPERAND_BYTES, "bytes of values")


def check_field_name(path: str, name: str) -> None:
    """Refuse a name over its bound; ``path`` is where it stands."""
    # Its own text is kept out of the error, which travels as far as the filter did not get.
    size = len(name) if len(name) > MAX_FIELD_BYTES else len(name.encode(errors="replace"))
    if size > MAX_FIELD_BYTES:
        raise TooLargeError(path, size, MAX_FIELD_BYTES, "bytes in a name")


def _size_of(plain: object) -> int:
    """Bytes of a plain value on the wire, a few less at most; only looked at until they are too many."""
    size, rest = 0, [plain]
    while rest and size <= MAX_OPERAND_BYTES:
        one = rest.pop()
        size += 2
        if isinstance(one, str):
            size += len(one) if len(one) > MAX_OPERAND_BYTES else len(one.encode(errors="replace"))
        elif isinstance(one, int | float) and not isinstance(one, bool):
            size += 9
        elif isinstance(one, Mapping | list | tuple):
            if size + 2 * len(one) > MAX_OPERAND_BYTES:
                return size + 2 * len(one)
            rest.extend(one)
            if isinstance(one, Mapping):
                rest.extend(one.values())
    return size
