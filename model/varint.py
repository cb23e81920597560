"""Protobuf's variable-length integers, for those who look into a message without parsing it."""

from __future__ import annotations

__all__ = ["read_varint"]


def read_varint(body: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where what follows it begins. Raises IndexError at the end of the bytes,
    ValueError for one of more than ten bytes."""
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint has more than ten bytes")
