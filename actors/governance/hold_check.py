"""Whether a legal hold forbids that a cube, or everything of a tenant, goes as a whole: asked by the gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from memcube.actors.cube.call import Call
from memcube.model.errors import HeldError, NotFoundError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import audit_pb2

if TYPE_CHECKING:
    from memcube.actors.gateway.caller import Caller
    from memcube.actors.governance.audit_records import Records

__all__ = ["check_cube", "check_tenant"]


async def check_cube(records: Records | None, caller: Caller, ref: CubeRef) -> None:
    """Raise HeldError where a hold keeps something that is or was in the cube. Where no hold may be about it, that is
    known from the holds alone; else the cube looks."""
    if records is None or not await asyncio.to_thread(records.holds.of_cube, ref.tenant, ref.cube_id):
        return
    # Of every user: the cube names the hold.
    call = Call("erasable", audit_pb2.EraseCubeRequest().SerializeToString(), caller.principal)
    try:
        await records.router.read(ref, call, timeout_s=caller.left_s)
    except NotFoundError:
        return  # whoever deletes it is told so


async def check_tenant(records: Records | None, tenant: str) -> None:
    """Raise HeldError where a tenant that is about to be emptied has a hold at all."""
    holds = await asyncio.to_thread(records.holds.of, tenant) if records is not None else []
    if holds:
        raise HeldError(f"something of tenant {tenant}", holds[0].wire.name)
