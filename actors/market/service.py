"""The gRPC service Market as a part of the gateway: who may, what of a cube, then the Governor; the rest from what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import blake2b

from memcube.actors.cube.scope import cube_id_of
from memcube.actors.cube.validate import check_key
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.part import Part
from memcube.actors.gateway.receipts import Receipts
from memcube.actors.gateway.wire import parse
from memcube.actors.governance.access import Access
from memcube.actors.market import checks
from memcube.actors.market.copies import Copies
from memcube.actors.market.finding import ranked
from memcube.actors.market.gate import is_grantee
from memcube.actors.market.installing import MARKET_PRINCIPAL
from memcube.actors.market.market import Market
from memcube.actors.market.names import cube_of, is_listing, listing_of_grant
from memcube.actors.market.state import Group, ended_s
from memcube.actors.market.trace import canaries_in, trace
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["MarketService"]

SERVICE = pb.DESCRIPTOR.services_by_name["Market"]


class MarketService:
    """The handlers. What a caller may not know is answered as what is not there."""

    def __init__(self, market: Market, access: Access) -> None:
        self._market, self._access = market, access
        self._receipts = Receipts()
        self._installing: dict[str, asyncio.Lock] = {}

    def part(self) -> Part:
        """As the gateway serves it."""
        return Part(
            SERVICE,
            answers={
                "publish_listing": self._publish,
                "get_listing": self._get,
                "list_listings": self._list,
                "withdraw_listing": self._withdraw,
                "grant_listing": self._grant,
                "list_listing_grants": self._grants,
                "revoke_listing_grant": self._revoke,
                "install_listing": self._install,
                "uninstall_listing": self._uninstall,
                "trace_leak": self._trace,
            },
            long=frozenset({"publish_listing", "install_listing"}),
        )

    # Listings

    async def _publish(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.PublishListingRequest, body)
        self._may(caller, "publish_listing")
        checks.check_listing(request)
        draft = pb.Listing(
            id=request.listing_id,
            title=request.title,
            description=request.description,
            samples=request.samples,
            terms=request.terms,
            licence=request.licence,
            tags=request.tags,
            kind=request.kind or pb.LISTING_KIND_CUBE,
            scope=request.visible or pb.LISTING_SCOPE_TENANT,
            personal_too=request.personal_too,
            info_fields=request.info_fields,
            exact_texts=request.exact_texts,
        )
        if request.HasField("filter"):
            draft.filter.CopyFrom(request.filter)
        before = self._own(caller, request.listing_id).listing if request.listing_id else None
        draft.cube_id = before.cube_id if before is not None and not request.scope.ByteSize() else ""
        draft.cube_id = draft.cube_id or cube_id_of(request.scope)
        ref = CubeRef(caller.principal.tenant, draft.cube_id)
        self._access.check(caller.principal, "publish_listing", ref)
        # An offer is read whole by the gateway itself: of a cube of which one may not see all, one has none to make.
        self._access.check(caller.principal, "pull", ref)
        made = await self._market.installing.offer(ref, draft)
        made.listing.owner_tenant = caller.principal.tenant
        made.idempotency_key = request.idempotency_key
        request.ClearField("idempotency_key")
        made.request_digest = blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()
        return await self._perform(caller, "publish_listing", made.SerializeToString())

    async def _get(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.GetListingRequest, body)
        self._may(caller, "get_listing")
        group = self._seen(caller.principal, request.listing_id)
        return pb.GetListingResponse(listing=self._shown(caller.principal, group.listing)).SerializeToString()

    async def _list(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ListListingsRequest, body)
        self._may(caller, "list_listings")
        if len(request.query) > checks.QUERY_CHARS:
            raise TooLargeError("query", len(request.query), checks.QUERY_CHARS, "characters")
        if request.kind not in pb.ListingKind.values():
            raise InvalidArgumentError("kind", f"{request.kind} is none of cube, selection and skill")
        if request.page_token and not is_listing(request.page_token):
            raise InvalidArgumentError("page_token", "is none of those that a listing gave")
        size, who = checks.page_of(request.page_size), caller.principal
        found = [
            group.listing
            for group in self._groups(who)
            if (not request.own or self._owns(who, group.listing)) and request.kind in (0, group.listing.kind)
        ]
        found = ranked(found, request.query)
        start = next((n + 1 for n, one in enumerate(found) if one.id == request.page_token), 0)
        page = found[start:][:size]
        answer = pb.ListListingsResponse(listings=[self._shown(who, one) for one in page])
        if len(found) > start + size:
            answer.next_page_token = page[-1].id
        return answer.SerializeToString()

    async def _withdraw(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.WithdrawListingRequest, body)
        self._may(caller, "withdraw_listing")
        check_key(request.idempotency_key)
        self._own(caller, request.listing_id)
        answer = await self._perform(caller, "withdraw_listing", body)
        group = self._market.reader.group(request.listing_id)
        for grant in group.grants.values() if group is not None and request.revoke_grants else ():
            await self._ended(grant)
        return answer

    # Grants

    async def _grant(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.GrantListingRequest, body)
        self._may(caller, "grant_listing")
        check_key(request.idempotency_key)
        checks.check_contract(request.contract, self._market.clock.now())
        listing = self._own(caller, request.listing_id).listing
        checks.check_grantee(request, listing)
        answer = await self._perform(caller, "grant_listing", body)
        grant = pb.GrantListingResponse.FromString(answer).grant
        if grant.tenant != caller.principal.tenant:
            self._market.tell(grant.tenant, "grant_listing", f"grant:{grant.id}", f"by {caller.principal.tenant}")
        return answer

    async def _grants(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ListListingGrantsRequest, body)
        self._may(caller, "list_listing_grants")
        size, who = checks.page_of(request.page_size), caller.principal
        groups = [self._seen(who, request.listing_id)] if request.listing_id else list(self._groups(who))
        now_s = self._market.clock.now_s()
        found = sorted(
            (
                grant
                for group in groups
                for grant in group.grants.values()
                if (request.ended_too or ended_s(grant) > now_s)
                and (self._owns(who, group.listing) or is_grantee(who, grant))
            ),
            key=lambda one: one.id,
        )
        later = [one for one in found if one.id > request.page_token]
        answer = pb.ListListingGrantsResponse(grants=[self._with_usage(one) for one in later[:size]])
        if len(later) > size:
            answer.next_page_token = answer.grants[-1].id
        return answer.SerializeToString()

    async def _revoke(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.RevokeListingGrantRequest, body)
        self._may(caller, "revoke_listing_grant")
        check_key(request.idempotency_key)
        group = self._market.reader.group(listing_of_grant(request.grant_id))
        if group is None or request.grant_id not in group.grants or not self._owns(caller.principal, group.listing):
            raise NotFoundError("grant", request.grant_id[:256])
        await self._perform(caller, "revoke_listing_grant", body)
        grant = self._known(request.grant_id)
        # From here on nobody reads it; that its files go is a promise of the sweep's too.
        await self._ended(grant)
        return pb.RevokeListingGrantResponse(grant=self._with_usage(self._known(grant.id))).SerializeToString()

    async def _ended(self, grant: pb.ListingGrant) -> None:
        if ended_s(grant) <= self._market.clock.now_s():
            if not grant.HasField("purged_at"):
                self._market.tell(grant.tenant, "revoke_listing_grant", f"grant:{grant.id}", "the grant has ended")
            await self._market.purge(grant)

    # Installed

    async def _install(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.InstallListingRequest, body)
        self._may(caller, "install_listing")
        check_key(request.idempotency_key)
        grant = self._held(caller.principal, request)

        async def install() -> bytes:
            async with self._installing.setdefault(grant.id, asyncio.Lock()):
                return (await self._bring(caller, grant.id)).SerializeToString()

        key = request.idempotency_key
        return await self._receipts.once(caller.principal, key, b"install_listing" + body, install)

    async def _bring(self, caller: Caller, grant_id: str) -> pb.InstallListingResponse:
        """Bring what is installed to the listing's newest version."""
        market = self._market
        group, grant = market.reader.group(listing_of_grant(grant_id)), self._known(grant_id)
        assert group is not None
        listing = group.listing
        manifest = await asyncio.to_thread(market.reader.manifest, listing.id)
        if grant.contract.memories and len(manifest.entries) > grant.contract.memories:
            raise TooLargeError(
                "listing_id", len(manifest.entries), grant.contract.memories, "memories by its contract"
            )
        items, withheld = await market.installing.wanted(listing, manifest)
        if not items:
            raise NotFoundError("listing", listing.id)
        if not grant.cube_id:
            # Before anything is there: whatever becomes of this call, the sweep knows of the cube.
            await self._note(grant, 0, 0)
        copies = Copies(market.reader.secret(), listing, grant, market.clock.now())
        delta = await market.installing.install(copies, items, grant, listing.title)
        try:
            noted = await self._note(grant, manifest.version, len(items) + canaries_in(grant.contract))
        except NotFoundError:
            # It ended while this was under way.
            await market.purge(self._known(grant.id))
            raise
        return pb.InstallListingResponse(
            grant=self._with_usage(noted),
            added=delta.added,
            changed=delta.changed,
            removed=len(delta.removed),
            withheld=withheld,
        )

    async def _uninstall(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.UninstallListingRequest, body)
        self._may(caller, "uninstall_listing")
        check_key(request.idempotency_key)
        grant = self._market.gate.lasting(request.grant_id)
        if grant is None or not is_grantee(caller.principal, grant):
            raise NotFoundError("grant", request.grant_id[:256])
        if grant.cube_id:
            await self._note(grant, 0, 0)
            await self._market.installing.purge(CubeRef(grant.tenant, cube_of(grant.id)))
        return pb.UninstallListingResponse(grant=self._with_usage(self._known(grant.id))).SerializeToString()

    async def _note(self, grant: pb.ListingGrant, version: int, memories: int) -> pb.ListingGrant:
        note = pb.ListingNote(grant_id=grant.id, cube_id=cube_of(grant.id), version=version, memories=memories)
        principal = Principal(grant.tenant, MARKET_PRINCIPAL)
        answer = await self._market.perform("note_listing", principal, note.SerializeToString(), 10.0)
        return pb.ListingGrant.FromString(answer)

    # Leaks

    async def _trace(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.TraceLeakRequest, body)
        self._may(caller, "trace_leak")
        size = len(request.text.encode())
        if size > checks.TRACE_BYTES:
            raise TooLargeError("text", size, checks.TRACE_BYTES)
        if not request.text.strip():
            raise InvalidArgumentError("text", "is empty")
        who = caller.principal
        if request.listing_id:
            groups = [self._own(caller, request.listing_id)]
        else:
            groups = [group for group in self._groups(who) if self._owns(who, group.listing)]
        grants = [grant for group in groups for grant in group.grants.values()]
        if not grants:
            return pb.TraceLeakResponse().SerializeToString()
        suspects = await asyncio.to_thread(trace, self._market.reader.secret(), grants, request.text)
        return pb.TraceLeakResponse(suspects=suspects, grants=len(grants)).SerializeToString()

    # Who

    def _may(self, caller: Caller, verb: str) -> None:
        self._access.check_tenant(caller.principal, verb)

    def _owns(self, who: Principal, listing: pb.Listing) -> bool:
        """Its publisher's, and of the admins of the publisher's tenant."""
        if listing.owner_tenant != who.tenant:
            return False
        return listing.owner == (who.acts_for or who.id) or self._access.has_role(who, "put_policy")

    def _sees(self, who: Principal, group: Group) -> bool:
        listing = group.listing
        if self._owns(who, listing):
            return True
        near = listing.owner_tenant == who.tenant or listing.scope == pb.LISTING_SCOPE_ALL
        if listing.state == pb.LISTING_STATE_OFFERED and near:
            return True
        now_s = self._market.clock.now_s()
        return any(is_grantee(who, grant) and ended_s(grant) > now_s for grant in group.grants.values())

    def _groups(self, who: Principal) -> Iterator[Group]:
        for listing_id in self._market.reader.listings():
            group = self._market.reader.group(listing_id)
            if group is not None and self._sees(who, group):
                yield group

    def _seen(self, who: Principal, listing_id: str) -> Group:
        group = self._market.reader.group(listing_id) if is_listing(listing_id) else None
        if group is None or not self._sees(who, group):
            raise NotFoundError("listing", listing_id[:256])
        return group

    def _own(self, caller: Caller, listing_id: str) -> Group:
        group = self._seen(caller.principal, listing_id)
        if not self._owns(caller.principal, group.listing):
            raise NotFoundError("listing", listing_id[:256])
        return group

    def _held(self, who: Principal, request: pb.InstallListingRequest) -> pb.ListingGrant:
        """The caller's grant of a listing. Without one there is no such listing to install."""
        now_s = self._market.clock.now_s()
        group = self._market.reader.group(request.listing_id) if is_listing(request.listing_id) else None
        held = [
            grant
            for grant in (group.grants.values() if group is not None else ())
            if is_grantee(who, grant) and ended_s(grant) > now_s and request.grant_id in ("", grant.id)
        ]
        withdrawn = group is not None and group.listing.state == pb.LISTING_STATE_WITHDRAWN
        if not held or withdrawn:
            raise NotFoundError("listing", request.listing_id[:256])
        return max(held, key=lambda one: one.created_at.ToNanoseconds())

    def _known(self, grant_id: str) -> pb.ListingGrant:
        group = self._market.reader.group(listing_of_grant(grant_id))
        if group is None or grant_id not in group.grants:
            raise NotFoundError("grant", grant_id[:256])
        return group.grants[grant_id]

    def _shown(self, who: Principal, listing: pb.Listing) -> pb.Listing:
        """A listing as it is shown to somebody: the owner's own settings are the owner's."""
        shown = pb.Listing()
        shown.CopyFrom(listing)
        if not self._owns(who, listing):
            for name in ("cube_id", "filter", "personal_too", "info_fields", "exact_texts"):
                shown.ClearField(name)
        return shown

    def _with_usage(self, grant: pb.ListingGrant) -> pb.ListingGrant:
        told = pb.ListingGrant()
        told.CopyFrom(grant)
        told.usage.CopyFrom(self._market.meter.usage(grant))
        return told

    async def _perform(self, caller: Caller, verb: str, body: bytes) -> bytes:
        return await self._market.perform(verb, caller.principal, body, caller.left_s)
