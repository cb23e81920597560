"""What a call's scope selects inside its cube."""

from __future__ import annotations

from memcube.model.filters import All, Condition, Filter, Op
from memcube.model.ids import CubeRef, cube_id_of_scope
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["cube_id_of", "scope_filter"]


def cube_id_of(scope: pb.Scope) -> str:
    """The cube that a scope means; raises InvalidArgumentError when it names none."""
    return cube_id_of_scope(scope.cube_id, scope.user_id, scope.agent_id, scope.run_id)


def scope_filter(ref: CubeRef, scope: pb.Scope) -> Filter | None:
    """The conditions that the scope's ids put on items, None when it is the whole cube.

    The id that named the cube selects all of it; any further id must be the item's own.
    """
    conditions = tuple(
        Condition(f"{kind}_id", Op.EQ, value)
        for kind, value in (("user", scope.user_id), ("agent", scope.agent_id), ("run", scope.run_id))
        if value and ref.cube_id != f"{kind}:{value}"
    )
    return All(conditions) if conditions else None
