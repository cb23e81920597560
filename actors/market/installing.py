"""Memories on their way from the owner's cube into the grantee's, and out of it again; the gateway's own calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.market.copies import Copies, Delta, delta_of
from memcube.actors.market.names import cube_of
from memcube.actors.market.offering import Offer, is_offered
from memcube.model.codec import item_from_proto, item_to_proto
from memcube.model.errors import DamagedError, NotFoundError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.model.item import EventKind, Item
from memcube.protos.memcube.v1 import filter_pb2, mip_pb2
from memcube.protos.memcube.v1 import market_pb2 as pb
from memcube.protos.memcube.v1 import service_pb2 as cubes

__all__ = ["Installing"]

log = logging.getLogger("memcube.market")

MARKET_PRINCIPAL = "(market)"
STEP_ITEMS, STEP_BYTES = 500, 1 << 20
STEP_S = 30.0


class Installing:
    """Over the gateway's router, unmetered. Used by its event loop; raises MemCubeError."""

    def __init__(self, router: Any) -> None:
        self._router = router

    async def offer(self, ref: CubeRef, listing: pb.Listing) -> pb.ListingDraft:
        """What a cube holds for a listing now. Raises NotFoundError("cube"), and what ``Offer`` does."""
        offer = Offer(listing)
        async for page in self._items(ref, listing.filter if listing.HasField("filter") else None):
            offer.take(page)
        return offer.draft()

    async def wanted(self, listing: pb.Listing, manifest: pb.ListingManifest) -> tuple[list[Item], int]:
        """The memories of a listing's version, as they were in it, and how many are withheld: deleted by the owner
        since, or not to be offered any more."""
        ref = CubeRef(listing.owner_tenant, listing.cube_id)
        versions = {entry.id: entry.version for entry in manifest.entries}
        there: dict[str, Item] = {}
        async for page in self._items(ref, listing.filter if listing.HasField("filter") else None):
            there.update((item.id, item) for item in page if item.id in versions)
        found = []
        for item_id, version in versions.items():
            item = there.get(item_id)
            if item is None or item.version != version:
                item = await self._as_it_was(ref, item_id, version, listing)
            elif not is_offered(item, listing):
                item = None
            found += [item] if item is not None else []
        return found, len(versions) - len(found)

    async def _as_it_was(self, ref: CubeRef, item_id: str, version: int, listing: pb.Listing) -> Item | None:
        """A version of a memory that has changed since; None where it is gone, or is not to be offered any more."""
        body = cubes.HistoryRequest(id=item_id).SerializeToString()
        try:
            events = cubes.HistoryResponse.FromString(await self._read(ref, "history", body)).events
        except NotFoundError:
            return None
        if not events or events[-1].kind == int(EventKind.ITEM_DELETED):
            return None
        if not is_offered(item_from_proto(events[-1].item), listing):
            return None
        past = [event.item for event in events if event.HasField("item") and event.item.version == version]
        return item_from_proto(past[-1]) if past and past[-1].memory else None

    async def install(self, copies: Copies, items: list[Item], grant: pb.ListingGrant, description: str) -> Delta:
        """Make a grant's cube hold the copies of these memories, by what differs from what it holds."""
        ref = CubeRef(grant.tenant, cube_of(grant.id))
        here: dict[str, Item] = {}
        try:
            async for page in self._items(ref, None):
                here.update((item.id, item) for item in page)
        except NotFoundError:
            pass  # it is made by the first step
        delta = delta_of(here, await asyncio.to_thread(copies.all, items, list(here.values())))
        for part in delta.steps(STEP_ITEMS, STEP_BYTES):
            await self._put(ref, mip_pb2.ImportItems(items=map(item_to_proto, part), description=description))
        for start in range(0, len(delta.removed), STEP_ITEMS):
            gone = [mip_pb2.ItemVersion(id=one, version=version) for one, version in delta.removed[start:][:STEP_ITEMS]]
            await self._put(ref, mip_pb2.ImportItems(deleted=gone))
        return delta

    async def purge(self, ref: CubeRef) -> None:
        """Delete a grant's cube; where there is none it is done."""
        try:
            await self._router.delete(ref)
        except NotFoundError:
            return
        except DamagedError as error:
            log.error("the installed cube %s can't be deleted: %s", ref, error)
            raise

    async def _items(self, ref: CubeRef, selected: filter_pb2.Filter | None) -> AsyncIterator[list[Item]]:
        asked = mip_pb2.ExportItems()
        if selected is not None:
            asked.filter.CopyFrom(selected)
        while True:
            page = mip_pb2.ExportedItems.FromString(await self._read(ref, "export_items", asked.SerializeToString()))
            yield [item_from_proto(item) for item in page.items]
            if not page.next_after_id:
                return
            asked.after_id = page.next_after_id

    async def _read(self, ref: CubeRef, verb: str, body: bytes) -> bytes:
        principal = Principal(ref.tenant, MARKET_PRINCIPAL, ("admin",))
        answer: bytes = await self._router.read(ref, Call(verb, body, principal), timeout_s=STEP_S)
        return answer

    async def _put(self, ref: CubeRef, request: mip_pb2.ImportItems) -> None:
        principal = Principal(ref.tenant, MARKET_PRINCIPAL, ("admin",))
        call = Call("import_items", request.SerializeToString(), principal, new_idempotency_key())
        await self._router.mutate(ref, call, create=True, timeout_s=STEP_S)
