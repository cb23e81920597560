"""What travels between gateways and the store: an operation with its arguments, an answer or an error, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]

from memcube.model.error_codec import detail_to_error, error_to_detail
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["pack_answer", "pack_asked", "pack_error", "unpack_answer", "unpack_asked"]

_OK, _ERROR = b"\0", b"\1"


def pack_asked(operation: str, arguments: Sequence[Any]) -> bytes:
    """An operation on its way to the store."""
    packed: bytes = msgpack.packb([operation, list(arguments)])
    return packed


def unpack_asked(message: bytes) -> tuple[str, list[Any]]:
    """What ``pack_asked`` packed."""
    operation, arguments = msgpack.unpackb(message)
    return operation, arguments


def pack_answer(answer: Any) -> bytes:
    """An answer on its way back."""
    packed: bytes = msgpack.packb(answer)
    return _OK + packed


def pack_error(error: MemCubeError) -> bytes:
    """An error on its way back."""
    return _ERROR + error_to_detail(error).SerializeToString()


def unpack_answer(message: bytes) -> Any:
    """The answer; raises the error that came in its place."""
    if message[:1] == _ERROR:
        raise detail_to_error(error_pb2.ErrorDetail.FromString(message[1:]))
    return msgpack.unpackb(message[1:])
