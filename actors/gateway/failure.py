"""How a failure leaves the gateway: always an error of the tree, with its facts; never a traceback."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import PurePath

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status

from memcube.model.error_codec import error_to_detail
from memcube.model.errors import DamagedError, DeadlineError, InternalError, MemCubeError
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["MAX_TEXT", "as_error", "detail_of", "grpc_status"]

log = logging.getLogger(__name__)

MAX_TEXT = 512
"""Characters of a fact or message that travel: HTTP/2 header blocks of 8 KiB are refused by common peers."""

_CODES = {code.name: code for code in grpc.StatusCode}


def as_error(failure: BaseException, what: str, timeout_s: float = 0.0) -> MemCubeError:
    """The error that a caller sees for ``failure`` of the call ``what``.

    What is no error of ours is a defect: it is logged with its traceback under an incident id, and only the id leaves.
    """
    if isinstance(failure, DamagedError):
        # Which file it is helps; where this machine keeps its files is nobody's concern.
        return DamagedError("/".join(PurePath(failure.path).parts[-3:]), failure.problem)
    if isinstance(failure, MemCubeError):
        return failure
    if isinstance(failure, asyncio.TimeoutError):
        return DeadlineError(what, round(timeout_s, 3))
    incident = secrets.token_hex(8)
    log.error("incident %s in %s", incident, what, exc_info=failure)
    return InternalError(incident)


def detail_of(error: MemCubeError) -> error_pb2.ErrorDetail:
    """The wire form of an error, with overlong texts cut so that it fits into trailers."""
    detail = error_to_detail(error)
    for fact in detail.facts:
        if len(fact.text) > MAX_TEXT:
            fact.text = fact.text[: MAX_TEXT - 1] + "…"
    if len(detail.message) > MAX_TEXT:
        detail.message = detail.message[: MAX_TEXT - 1] + "…"
    return detail


def grpc_status(error: MemCubeError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata (google.rpc.Status with the detail) for ``context.abort``."""
    detail = detail_of(error)
    code = _CODES[error.CODE]
    packed = Any()
    packed.Pack(detail)
    status = Status(code=code.value[0], message=detail.message, details=[packed])
    return code, detail.message, (("grpc-status-details-bin", status.SerializeToString()),)
