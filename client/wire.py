"""What the sync and the async SDK share of the wire: channel options, credentials, statuses turned into errors."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import grpc
from google.rpc import status_pb2

from memcube.model.error_codec import detail_to_error
from memcube.model.errors import (
    DeadlineError,
    InternalError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    PermissionDeniedError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["CHANNEL_OPTIONS", "Pems", "credentials", "error_of_call", "failure_of", "open_channel"]

MAX_ANSWER_BYTES = 256 * 2**20
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
    ("grpc.max_send_message_length", -1),
    # Reconnect soon: a gateway that was restarted is back within a second or two.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    # A peer that is silent while a call is open is given up after 30 s at most, and the call made anew.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]
_DETAILS = "grpc-status-details-bin"
_CUT_OFF = "Internal error from Core"
"""What grpc.aio says of a stream whose connection broke while it was written to."""
_TOO_LARGE = re.compile(r"larger than max \((\d+) vs\.? (\d+)\)")


Pems: TypeAlias = tuple[bytes | None, bytes | None, bytes | None] | None
"""The authority to trust (None: this machine's), the client's key and its certificate; None: no TLS."""


def open_channel(library: Any, target: str, pems: Pems) -> Any:
    """A channel of ``grpc`` or ``grpc.aio``, over TLS where ``pems`` are given."""
    if pems is None:
        return library.insecure_channel(target, options=CHANNEL_OPTIONS)
    return library.secure_channel(target, grpc.ssl_channel_credentials(*pems), options=CHANNEL_OPTIONS)


def credentials(api_key: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata of every call."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()


def failure_of(error: Exception, *, closed: bool, target: str, method: str, timeout_s: float) -> MemCubeError:
    """What a call failed with, for both connections; raises ``error`` itself where it is none of the wire's."""
    if closed:
        return InvalidArgumentError("client", "is closed")
    if not isinstance(error, grpc.RpcError):
        raise error
    failure = error_of_call(error, target, method, timeout_s)
    failure.__cause__ = error
    if isinstance(failure, UnauthenticatedError):
        # A note, as the facts are the server's own; a traceback shows it.
        failure.add_note("give Memory(api_key=…) or set MEMCUBE_API_KEY")
    return failure


def error_of_call(error: grpc.RpcError, target: str, method: str, timeout_s: float) -> MemCubeError:
    """The typed error behind a failed call: the server's own detail, else what the gRPC status alone says."""
    for name, value in _trailers(error):
        if name == _DETAILS:
            status = status_pb2.Status()
            status.ParseFromString(value)
            for packed in status.details:
                detail = error_pb2.ErrorDetail()
                if packed.Unpack(detail):
                    return detail_to_error(detail)
    said = error.details() or ""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return UnavailableError(f"MemCube at {target}", 0.1)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineError(f"{method} at {target}", timeout_s)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            sizes = _TOO_LARGE.search(said)
            if sizes:
                return TooLargeError("request", int(sizes.group(1)), int(sizes.group(2)))
            return UnavailableError(f"MemCube at {target} ({said})")
        case grpc.StatusCode.UNAUTHENTICATED:
            return UnauthenticatedError(said or "the server wants a key")
        case grpc.StatusCode.PERMISSION_DENIED:
            return PermissionDeniedError(method)
        case grpc.StatusCode.NOT_FOUND:
            return NotFoundError("resource", said)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidArgumentError("request", said)
        case grpc.StatusCode.UNIMPLEMENTED:
            return InvalidArgumentError("method", f"the server at {target} knows no {method}")
        case grpc.StatusCode.INTERNAL if said == _CUT_OFF:
            return UnavailableError(f"MemCube at {target}", 0.1)
        case code:
            return InternalError(f"{getattr(code, 'name', code)}: {said}")


def _trailers(error: Any) -> list[tuple[str, Any]]:
    trailers = error.trailing_metadata()
    return [(entry[0], entry[1]) for entry in trailers] if trailers else []
