"""The page fault on the wire: a router's question and the directory's answer, each as one byte string.

As in ``cube.packet``, Ray carries a lone ``bytes`` much faster than the same values as Python objects, and a page
fault is two such hops. Private to one version of MemCube.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

from memcube.actors.directory.placement import Placement, Resolved, Usage
from memcube.model.error_codec import detail_to_error, error_to_detail
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import error_pb2

__all__ = [
    "Question",
    "pack_attach",
    "pack_attached",
    "pack_failure",
    "pack_question",
    "pack_resolved",
    "unpack_attach",
    "unpack_attached",
    "unpack_question",
    "unpack_resolved",
]


@dataclass(frozen=True, slots=True)
class Question:
    """Where is this cube? ``create`` is the ``about`` to make it with if it is missing.

    ``since`` is the version of departures that the router knows. ``distrust`` is a placement that did not work;
    ``absent`` says that its frame denied hosting the cube, else that it did not answer.
    """

    ref: CubeRef
    create: bytes | None
    usage: Usage
    since: int
    timeout_s: float
    distrust: Placement | None = None
    absent: bool = False


def pack_question(question: Question) -> bytes:
    """For ``CubeDirectory.resolve``."""
    q = question
    distrust = (q.distrust.frame, q.distrust.generation) if q.distrust is not None else None
    row = (q.ref.tenant, q.ref.cube_id, q.create, q.usage.used, q.usage.busy, q.since, q.timeout_s, distrust, q.absent)
    packet: bytes = msgpack.packb(row, use_bin_type=True)
    return packet


def unpack_question(packet: bytes) -> Question:
    """Inverse of ``pack_question``."""
    tenant, cube_id, create, used, busy, since, timeout_s, distrust, absent = msgpack.unpackb(packet, use_list=False)
    placement = Placement(*distrust) if distrust is not None else None
    return Question(CubeRef(tenant, cube_id), create, Usage(used, busy), since, timeout_s, placement, absent)


def pack_resolved(resolved: Resolved) -> bytes:
    """The directory's answer."""
    row = (None, resolved.placement.frame, resolved.placement.generation, resolved.version, resolved.departed)
    packet: bytes = msgpack.packb(row)
    return packet


def unpack_resolved(packet: bytes) -> Resolved:
    """Inverse of ``pack_resolved``; raises the error of ``pack_failure``."""
    frame, generation, version, departed = _unpack(packet)
    return Resolved(Placement(frame, generation), version, departed)


def pack_failure(error: MemCubeError) -> bytes:
    """The answer of a directory or a frame that could not do it; ``unpack_resolved`` and others raise it."""
    packet: bytes = msgpack.packb((error_to_detail(error).SerializeToString(),), use_bin_type=True)
    return packet


def pack_attached(memory_bytes: int, empty: bool) -> bytes:
    """A frame's answer to an attach: what the cube takes, and whether no write was ever committed to it."""
    packet: bytes = msgpack.packb((None, memory_bytes, empty))
    return packet


def unpack_attached(packet: bytes) -> tuple[int, bool]:
    """Inverse of ``pack_attached``; raises the error of ``pack_failure``."""
    memory_bytes, empty = _unpack(packet)
    return memory_bytes, empty


def _unpack(packet: bytes) -> tuple[Any, ...]:
    failure, *rest = msgpack.unpackb(packet, use_list=False)
    if failure is not None:
        raise detail_to_error(error_pb2.ErrorDetail.FromString(failure))
    return tuple(rest)


def pack_attach(ref: CubeRef, create: bytes | None, generation: int, evict: tuple[CubeRef, int] | None = None) -> bytes:
    """For ``MemCube.attach``."""
    out = (evict[0].key, evict[1]) if evict is not None else None
    packet: bytes = msgpack.packb((ref.tenant, ref.cube_id, create, generation, out), use_bin_type=True)
    return packet


def unpack_attach(packet: bytes) -> tuple[CubeRef, bytes | None, int, tuple[str, int] | None]:
    """What to attach: cube, ``about``, generation; then key and generation of the cube to let go of first."""
    tenant, cube_id, create, generation, evict = msgpack.unpackb(packet, use_list=False)
    return CubeRef(tenant, cube_id), create, generation, evict
