"""Calls and answers as one byte string for Ray: 0.4 ms less per hop than the same values as Python objects.

Ray serializes a lone ``bytes`` argument without looking into it; anything else goes through its general path
(measured: 1.02 against 1.39 ms p50 for one call). The layout is msgpack and private to one version of MemCube.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]

from memcube.actors.cube.call import Answer, Call
from memcube.model.error_codec import detail_to_error, error_to_detail
from memcube.model.errors import MemCubeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["error_of", "pack_answers", "pack_calls", "pack_refusal", "refused", "unpack_answers", "unpack_calls"]


def pack_calls(key: str, calls: Sequence[Call]) -> bytes:
    """Calls on the cube with this key, for ``unpack_calls``."""
    rows = []
    for call in calls:
        who = call.principal
        what = (call.verb, call.request, call.key, call.vector, call.model, call.note, call.embed_ms)
        rows.append((who.tenant, who.id, who.roles, who.cubes, *what, call.room_bytes, call.origin, call.rule))
    packet: bytes = msgpack.packb((key, rows), use_bin_type=True)
    return packet


def unpack_calls(packet: bytes) -> tuple[str, list[Call]]:
    """The cube's key, and the calls."""
    key, rows = msgpack.unpackb(packet, use_list=False, raw=False)
    return key, [_call(*row) for row in rows]


def _call(tenant: str, who: str, roles: Any, cubes: Any, verb: str, request: bytes, *rest: Any) -> Call:
    return Call(verb, request, Principal(tenant, who, roles, cubes), *rest)


def pack_answers(answers: Sequence[Answer]) -> bytes:
    """Answers to a batch, one for each of its calls."""
    packet: bytes = msgpack.packb((None, [(answer.ok, answer.body) for answer in answers]), use_bin_type=True)
    return packet


def pack_refusal(error: MemCubeError) -> bytes:
    """The whole batch could not be answered; none of it took effect unless it had before."""
    packet: bytes = msgpack.packb((error_to_detail(error).SerializeToString(), ()), use_bin_type=True)
    return packet


def unpack_answers(packet: bytes) -> list[Answer]:
    """The answers of a batch; raises the error of a refusal."""
    refusal, rows = msgpack.unpackb(packet, use_list=False, raw=False)
    if refusal is not None:
        raise detail_to_error(error_pb2.ErrorDetail.FromString(refusal))
    return [Answer(*row) for row in rows]


def refused(error: MemCubeError) -> Answer:
    """One call's answer that is an error."""
    return Answer(False, error_to_detail(error).SerializeToString())


def error_of(answer: Answer) -> MemCubeError:
    """The error in an answer that is not ok."""
    return detail_to_error(error_pb2.ErrorDetail.FromString(answer.body))
