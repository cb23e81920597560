"""The market of one gateway: what it knows, whom it lets in, what it counts, and the cleaning up after grants that ended."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.market.book import FOLDER
from memcube.actors.market.gate import Gate
from memcube.actors.market.installing import MARKET_PRINCIPAL, Installing
from memcube.actors.market.meter import Meter, MeteringRouter
from memcube.actors.market.names import cube_of
from memcube.actors.market.state import MarketReader, ended_s
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import market_pb2 as pb

if TYPE_CHECKING:
    from memcube.actors.gateway.seam import Neighbours

__all__ = ["Market"]

log = logging.getLogger("memcube.market")

SWEEP_EVERY_S = 15.0
PERFORM_S = 10.0
AGAIN_S = 3600.0
"""What ended so recently is purged again at a start: an installation may have been under way when it ended."""


class Market:
    """Made by the door. ``begin`` and ``close`` in the gateway's event loop."""

    def __init__(self, governance: Path, neighbours: Neighbours, clock: SteadyClock) -> None:
        self.reader = MarketReader(governance / FOLDER)
        self.clock = clock
        self.gate = Gate(self.reader, clock)
        self.meter = Meter(self.reader, self.gate, clock, self._tell)
        self.installing = Installing(neighbours.router)
        self._governor = neighbours.governor
        self._records = neighbours.records
        self._sweeping: asyncio.Task[None] | None = None
        self._metering: Any = MeteringRouter(neighbours.router, self.meter)

    def metered(self, neighbours: Neighbours) -> Neighbours:
        """The same neighbours, with a router that meters what is read of installed cubes."""
        return replace(neighbours, router=self._metering)

    def begin(self) -> None:
        """Clean up what ended, now and then."""
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Note what was counted."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        with suppress(UnavailableError):
            await self.meter.close()

    async def perform(self, verb: str, principal: Principal, body: bytes, within_s: float) -> bytes:
        """A change, by the Governor; known here when this returns."""
        if self._governor is None:
            raise UnavailableError("the market")
        answer = await self._governor.perform(verb, principal, body, within_s)
        self.reader.look()
        return answer

    async def purge(self, grant: pb.ListingGrant) -> None:
        """Delete what was installed of a grant that has ended, and note it. A cube that a legal hold keeps stays, and
        nobody reads it."""
        if not grant.cube_id:
            return
        ref = CubeRef(grant.tenant, cube_of(grant.id))
        if self._records is not None:
            holds = await asyncio.to_thread(self._records.holds.of_cube, ref.tenant, ref.cube_id)
            if holds:
                log.info("the installed cube %s is held; it stays, unread", ref)
                return
        await self.installing.purge(ref)
        note = pb.ListingNote(grant_id=grant.id, purged=True).SerializeToString()
        await self.perform("note_listing", Principal(grant.tenant, MARKET_PRINCIPAL), note, PERFORM_S)
        self.tell(grant.tenant, "purge_listing", f"grant:{grant.id}", "what was installed is deleted")

    def tell(self, tenant: str, verb: str, resource: str, note: str) -> None:
        """An entry in a tenant's audit log of what happened to it by another's call."""
        if self._records is not None and self._records.recorder is not None:
            self._records.recorder.system(tenant, verb, resource, note)

    async def _tell(self, note: pb.UsageNote) -> None:
        if self._governor is None:
            raise UnavailableError("the market")
        principal = Principal(MARKET_PRINCIPAL, MARKET_PRINCIPAL)
        await self._governor.perform("note_usage", principal, note.SerializeToString(), PERFORM_S)

    async def _purged(self, grant: pb.ListingGrant) -> bool:
        """One that can't be purged now keeps no other one from it."""
        try:
            await self.purge(grant)
        except MemCubeError as error:
            log.warning("what is left of the grant %s is deleted later: %s", grant.id, error)
            return False
        return True

    async def _sweep(self) -> None:
        first = True
        while True:
            now_s, done = self.clock.now_s(), True
            try:
                for listing_id in self.reader.listings():
                    group = self.reader.group(listing_id)
                    for grant in group.grants.values() if group is not None else ():
                        ended = ended_s(grant)
                        again = first and ended > now_s - AGAIN_S
                        if ended <= now_s and grant.cube_id and (again or not grant.HasField("purged_at")):
                            done = await self._purged(grant) and done
                first = first and not done
            except MemCubeError as error:
                log.warning("what is left of ended grants is deleted later: %s", error)
            except Exception:
                log.exception("the look for ended grants failed; the next one is in %g s", SWEEP_EVERY_S)
            await asyncio.sleep(SWEEP_EVERY_S)
