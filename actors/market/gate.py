"""Who may do what with a cube that was installed from the market: asked by ``governance.Access`` before anything else.

A cube of the market's names is its grantee's while the grant lasts, to be read and nothing else; to everybody else, and
after that, there is no such cube. The state is at most 0.2 s old, so a revocation holds everywhere within that.
"""

from __future__ import annotations

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.market.names import PREFIX, grant_of_cube, listing_of_grant
from memcube.actors.market.state import MarketReader, ended_s
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["Gate", "is_grantee"]

READS = frozenset((
    "search", "batch_search", "preferences", "get", "list", "history", "provenance", "get_cube", "list_cubes",
    "status", "list_tasks", "get_task", "wait_tasks", "watch_tasks", "mount", "list_mounts",
    "restore",  # approves a procedure that was installed
))  # fmt: skip
EXPORTS = frozenset(("pull", "read_events", "subscribe", "fetch", "acknowledge", "list_groups", "seek"))


def is_grantee(principal: Principal, grant: pb.ListingGrant) -> bool:
    """Whether a grant is this principal's, or its whole tenant's."""
    return grant.tenant == principal.tenant and grant.principal in ("", principal.acts_for or principal.id)


class Gate:
    """Of one gateway. Used by its event loop."""

    def __init__(self, reader: MarketReader, clock: SteadyClock) -> None:
        self._reader = reader
        self._clock = clock

    def allows(self, principal: Principal, verb: str, ref: CubeRef) -> bool:
        """Whether the market lets a call through: any on another cube, some on one that is installed for the caller."""
        if not ref.cube_id.startswith(PREFIX):
            return True
        grant = self.lasting(grant_of_cube(ref.cube_id))
        if grant is None or not grant.installed_version or not is_grantee(principal, grant):
            return False
        return verb in READS or (verb in EXPORTS and grant.contract.may_export)

    def lasting(self, grant_id: str) -> pb.ListingGrant | None:
        """A grant that has not ended; None for any other."""
        group = self._reader.group(listing_of_grant(grant_id)) if grant_id else None
        grant = group.grants.get(grant_id) if group is not None else None
        return grant if grant is not None and ended_s(grant) > self._clock.now_s() else None
