"""A cube's description of itself (``memcube.v1.Cube`` without its counters), as the vault keeps it.

Attaching makes a cube's file before the first write is committed. That write, and nothing before it, makes the cube:
until then its description says neither who created it nor when, and it is not listed.
"""

from __future__ import annotations

from datetime import datetime

from memcube.model.ids import CubeRef, Principal
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import cube_pb2

__all__ = ["born", "is_born", "is_open", "new_about"]


def new_about(ref: CubeRef) -> bytes:
    """The ``about`` of a cube that has yet to be created; given to ``Vault.attach`` by whoever may create it."""
    return cube_pb2.Cube(id=ref.cube_id).SerializeToString(deterministic=True)


def born(about: cube_pb2.Cube, owner: Principal, now: datetime) -> cube_pb2.Cube:
    """The same cube once ``owner`` creates it at ``now``; committed with the cube's first event."""
    return cube_pb2.Cube(id=about.id, owner=owner.id, created_at=to_timestamp(now))


def is_born(about: bytes) -> bool:
    """Whether a write was ever committed to the cube; a damaged cube, whose description is lost, counts as born."""
    return not about or cube_pb2.Cube.FromString(about).HasField("created_at")


def is_open(about: cube_pb2.Cube) -> bool:
    """Whether a cube with events is there for its users: not while a large import into it is under way. One whose
    description was lost is."""
    return not about.id or about.HasField("created_at")
