"""A cube's description of itself (``memcube.v1.Cube`` without its counters), as the vault keeps it."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.struct_pb2 import Struct

from memcube.model.ids import CubeRef, Principal
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import cube_pb2

__all__ = ["new_about"]


def new_about(
    ref: CubeRef, owner: Principal, now: datetime, description: str = "", config: Struct | None = None
) -> bytes:
    """The ``about`` of a cube that ``owner`` creates at ``now``; given to ``Vault.attach`` by the directory."""
    about = cube_pb2.Cube(
        id=ref.cube_id, owner=owner.id, description=description, config=config, created_at=to_timestamp(now)
    )
    return about.SerializeToString(deterministic=True)
