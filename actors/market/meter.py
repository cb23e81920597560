"""Counts what is read of installed cubes, and refuses what a contract does not cover: a router around the router.

A gateway knows its own calls at once and those of the others as the ledger has them, about a second old: over several
gateways a throttle or quota may be passed by what they answered within that second. Reads of other cubes pass through.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.market.canary import Canary, canaries_of
from memcube.actors.market.gate import Gate
from memcube.actors.market.names import PREFIX, grant_of_cube
from memcube.actors.market.quiet import Quiet
from memcube.actors.market.spent import added
from memcube.actors.market.state import MarketReader
from memcube.actors.market.trace import canaries_in
from memcube.model.errors import ExhaustedError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import market_pb2 as pb
from memcube.protos.memcube.v1 import mip_pb2
from memcube.protos.memcube.v1 import service_pb2 as cubes

__all__ = ["Meter", "MeteringRouter", "Tell"]

log = logging.getLogger("memcube.market")

NOTE_EVERY_S = 1.0
MOST_REMEMBERED = 10_000
RETRY_S = 3600.0
"""A hint where only another contract helps."""
_SEARCHES = frozenset({"search", "batch_search", "preferences"})
COUNTED = _SEARCHES | {"get", "list", "history", "read_events", "export_items"}
"""Verbs that show memories."""
Tell = Callable[[pb.UsageNote], Awaitable[None]]


class Meter:
    """Of one gateway. Used by its event loop; ``tell`` brings a note to the Governor, or raises MemCubeError."""

    def __init__(self, reader: MarketReader, gate: Gate, clock: SteadyClock, tell: Tell) -> None:
        self._reader, self._gate, self._clock, self._tell = reader, gate, clock, tell
        self._gateway = secrets.token_hex(8)
        self._number = 0
        self._new: dict[str, dict[str, pb.ListingUsage]] = {}
        self._flying: dict[str, pb.UsageNote] = {}
        self._noting: asyncio.Task[None] | None = None
        self._canaries: dict[str, list[Canary]] = {}

    def usage(self, grant: pb.ListingGrant) -> pb.ListingUsage:
        """What was used of a grant, as far as it is known here."""
        whole = self._reader.usage(grant.listing_id, grant.id)
        flying = self._flying.get(grant.listing_id)
        if flying is not None and grant.id in flying.spent:
            whole = added(whole, flying.spent[grant.id])
        new = self._new.get(grant.listing_id, {}).get(grant.id)
        return added(whole, new) if new is not None else whole

    def canaries(self, grant: pb.ListingGrant) -> list[Canary]:
        """The canaries of a grant."""
        known = self._canaries.get(grant.id)
        if known is None:
            if len(self._canaries) >= MOST_REMEMBERED:
                self._canaries.clear()
            count = canaries_in(grant.contract)
            known = self._canaries[grant.id] = list(canaries_of(self._reader.secret(), grant.id, count))
        return known

    def check(self, ref: CubeRef, calls: int) -> pb.ListingGrant:
        """Let a call begin, counted from now on. Raises NotFoundError("cube") once the grant has ended, and
        ExhaustedError for what the contract does not cover."""
        grant = self._gate.lasting(grant_of_cube(ref.cube_id))
        if grant is None or grant.tenant != ref.tenant:
            raise NotFoundError("cube", ref.cube_id)
        contract, used, now_s = grant.contract, self.usage(grant), self._clock.now_s()
        refusal = None
        if contract.reads and used.reads + calls > contract.reads:
            refusal = ExhaustedError("the reads of this grant", contract.reads, RETRY_S)
        elif contract.answer_bytes and used.answer_bytes >= contract.answer_bytes:
            refusal = ExhaustedError("the bytes of this grant", contract.answer_bytes, RETRY_S)
        elif contract.calls:
            window = int(now_s // contract.window_s)
            if calls + (used.window_calls if used.window == window else 0) > contract.calls:
                left_s = (window + 1) * contract.window_s - now_s
                refusal = ExhaustedError(f"the calls of this grant in {contract.window_s} s", contract.calls, left_s)
        spent = pb.ListingUsage(refused=calls) if refusal is not None else pb.ListingUsage(reads=calls)
        if refusal is None and contract.calls:
            spent.window, spent.window_calls = int(now_s // contract.window_s), calls
        self.spend(grant, spent)
        if refusal is not None:
            raise refusal
        return grant

    def spend(self, grant: pb.ListingGrant, spent: pb.ListingUsage) -> None:
        """Count something."""
        spent.last_at.FromNanoseconds(int(self._clock.now_s() * 1e9))
        new = self._new.setdefault(grant.listing_id, {})
        new[grant.id] = added(new.get(grant.id, pb.ListingUsage()), spent)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_all())

    async def close(self) -> None:
        """Note what is left."""
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.gather(self._noting, return_exceptions=True)
        await self._note()

    async def _note_all(self) -> None:
        while self._new or self._flying:
            await asyncio.sleep(NOTE_EVERY_S)
            await self._note()

    async def _note(self) -> None:
        """Each listing's counts in a note; one that may have arrived is told again, as it was."""
        for listing_id in {*self._new, *self._flying}:
            note = self._flying.get(listing_id)
            if note is None:
                self._number += 1
                spent = self._new.pop(listing_id)
                note = pb.UsageNote(gateway=self._gateway, number=self._number, listing_id=listing_id, spent=spent)
                self._flying[listing_id] = note
            try:
                await self._tell(note)
                self._reader.look()
            except NotFoundError:
                log.warning("usage of the listing %s, which is gone, is not noted", listing_id)
            except MemCubeError as error:
                log.warning("the usage of the listing %s is noted later: %s", listing_id, error)
                continue
            del self._flying[listing_id]


class MeteringRouter:
    """A router (``gateway.seam.Router``) that meters."""

    def __init__(self, router: Any, meter: Meter) -> None:
        self._router = router
        self._meter = meter

    def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> Awaitable[bytes]:
        """See ``gateway.seam.Router``; raises ExhaustedError for what a contract does not cover."""
        if not ref.cube_id.startswith(PREFIX) or call.verb not in COUNTED:
            answer: Awaitable[bytes] = self._router.read(ref, call, timeout_s=timeout_s)
            return answer
        return self._metered(ref, call, timeout_s)

    async def _metered(self, ref: CubeRef, call: Call, timeout_s: float) -> bytes:
        calls = 1
        if call.verb == "batch_search":
            calls = max(1, len(cubes.BatchSearchRequest.FromString(call.request).requests))
        grant = self._meter.check(ref, calls)
        quiet = Quiet(call, self._meter.canaries(grant)) if call.verb in ("search", "batch_search") else None
        asked = quiet.call if quiet is not None else call
        answer: bytes = await self._router.read(ref, asked, timeout_s=timeout_s)
        if quiet is not None:
            answer = quiet.answer(answer)
        searches = calls if call.verb in _SEARCHES else 0
        shown = memories_in(call.verb, answer)
        self._meter.spend(grant, pb.ListingUsage(searches=searches, answer_bytes=len(answer), memories=shown))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)


def memories_in(verb: str, answer: bytes) -> int:
    """How many memories an answer shows."""
    if verb == "search":
        return len(cubes.SearchResponse.FromString(answer).hits)
    if verb == "batch_search":
        return sum(len(one.found.hits) for one in cubes.BatchSearchResponse.FromString(answer).results)
    if verb == "preferences":
        return len(cubes.PreferencesResponse.FromString(answer).preferences)
    if verb == "list":
        return len(cubes.ListResponse.FromString(answer).items)
    if verb in ("history", "read_events"):
        return len(cubes.HistoryResponse.FromString(answer).events)
    return len(mip_pb2.ExportedItems.FromString(answer).items) if verb == "export_items" else 1
