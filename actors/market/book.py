"""The market's only writer, inside the Governor: each change is checked, durable, and then answered. Plain.

Who may make a change was decided by the gateway (``service.py``); what has become impossible meanwhile is refused here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.ledger import Change, Ledger, Receipt
from memcube.actors.market import checks
from memcube.actors.market.names import listing_of_grant, new_grant_id, new_listing_id
from memcube.actors.market.spent import added
from memcube.actors.market.state import LISTING, MANIFEST, SECRET, USAGE, Group, ended_s, group_of, read_row
from memcube.model.errors import ExhaustedError, IdempotencyConflictError, NotFoundError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["FOLDER", "VERBS", "MarketBook"]

FOLDER = "market"
"""Of the governance's folder: where the market's file is."""
TOLD_KEPT_S = 24 * 3600.0
"""A gateway that was silent for so long is not known any more."""
KEPT_AFTER_S = 90 * 24 * 3600.0
"""A grant that ended and was purged can be looked at for so long; then it goes with the next one."""


class MarketBook:
    """Blocking, used by one thread at a time. Raises UnavailableError while another process is the writer."""

    def __init__(self, folder: Path, clock: SteadyClock | None = None) -> None:
        self._ledger = Ledger(folder / FOLDER)
        self._clock = clock or SteadyClock()

    def perform(self, verb: str, principal: Principal, body: bytes) -> bytes:
        """One change; returns the serialized answer. A call with the same key gets the first answer."""
        kind, handler = _VERBS[verb]
        request: Any = kind.FromString(body)
        if isinstance(request, pb.UsageNote):
            return self._note_usage(request)
        key = request.idempotency_key
        request.ClearField("idempotency_key")
        asked = verb.encode() + b"\0"
        asked += request.request_digest if verb == "publish_listing" else request.SerializeToString(deterministic=True)
        digest = blake2b(asked, digest_size=16).digest()
        name = f"{principal.tenant}\0{principal.id}\0{key}"
        if key and (receipt := self._ledger.receipt(name)) is not None:
            if receipt.request != digest:
                raise IdempotencyConflictError(key)
            return receipt.answer
        group, change, answer = handler(self, principal, request)
        body = answer.SerializeToString(deterministic=True)
        self._ledger.commit(group, change, lambda _: Receipt(name, digest, body) if key else None)
        return body

    def close(self) -> None:
        """Let go of the file."""
        self._ledger.close()

    # Listings

    def _publish(self, principal: Principal, draft: pb.ListingDraft) -> tuple[str, Change, Message]:
        listing, now = draft.listing, _stamp(self._clock)
        if listing.id:
            old = self._group(listing.id).listing
            if old.state == pb.LISTING_STATE_WITHDRAWN:
                raise NotFoundError("listing", listing.id)
            listing.version, listing.owner = old.version + 1, old.owner
            listing.created_at.CopyFrom(old.created_at)
        else:
            self._check_room(principal.tenant)
            listing.id, listing.version, listing.owner = new_listing_id(), 1, principal.acts_for or principal.id
            listing.created_at.CopyFrom(now)
            if self._ledger.rows(SECRET) is None:
                self._ledger.commit(SECRET, Change([("secret", "1", secrets.token_bytes(32))]), lambda _: None)
        listing.owner_tenant, listing.state = principal.tenant, pb.LISTING_STATE_OFFERED
        listing.updated_at.CopyFrom(now)
        draft.manifest.version = listing.version
        # First the memories: a version that is known has them. Whoever installs in between gets the old version's
        # number with the new one's memories, and the next update sets that right.
        manifest = draft.manifest.SerializeToString(deterministic=True)
        self._ledger.commit(MANIFEST + listing.id, Change([("manifest", "1", manifest)]), lambda _: None)
        return LISTING + listing.id, Change([_row(listing)]), pb.PublishListingResponse(listing=listing)

    def _withdraw(self, principal: Principal, request: pb.WithdrawListingRequest) -> tuple[str, Change, Message]:
        group = self._group(request.listing_id)
        group.listing.state = pb.LISTING_STATE_WITHDRAWN
        group.listing.updated_at.CopyFrom(_stamp(self._clock))
        going = [one for one in group.grants.values() if request.revoke_grants and self._lasts(one)]
        for grant in going:
            grant.revoked_at.CopyFrom(_stamp(self._clock))
        answer = pb.WithdrawListingResponse(listing=group.listing, revoked=len(going))
        return LISTING + group.listing.id, Change([_row(group.listing), *map(_row, going)]), answer

    # Grants

    def _grant(self, principal: Principal, request: pb.GrantListingRequest) -> tuple[str, Change, Message]:
        group = self._group(request.listing_id)
        if group.listing.state == pb.LISTING_STATE_WITHDRAWN:
            raise NotFoundError("listing", request.listing_id)
        before_s = self._clock.now_s() - KEPT_AFTER_S
        over = [one for one in group.grants.values() if one.HasField("purged_at") and ended_s(one) < before_s]
        if len(group.grants) - len(over) >= checks.MOST_GRANTS:
            raise ExhaustedError("the number of grants of a listing", checks.MOST_GRANTS, 3600.0)
        grant = pb.ListingGrant(
            id=new_grant_id(group.listing.id),
            listing_id=group.listing.id,
            tenant=request.tenant or principal.tenant,
            principal=request.principal,
            contract=request.contract,
            granted_by=principal.acts_for or principal.id,
            created_at=_stamp(self._clock),
        )
        change = Change([_row(grant)], [("grant", one.id) for one in over])
        return LISTING + group.listing.id, change, pb.GrantListingResponse(grant=grant)

    def _revoke(self, principal: Principal, request: pb.RevokeListingGrantRequest) -> tuple[str, Change, Message]:
        group, grant = self._granted(request.grant_id)
        if not grant.HasField("revoked_at"):
            grant.revoked_at.CopyFrom(_stamp(self._clock))
        return LISTING + group.listing.id, Change([_row(grant)]), pb.RevokeListingGrantResponse(grant=grant)

    def _note(self, principal: Principal, note: pb.ListingNote) -> tuple[str, Change, Message]:
        """What became of a grant's cube. Refused once the grant has ended, but for its being purged."""
        group, grant = self._granted(note.grant_id)
        if note.purged:
            grant.purged_at.CopyFrom(_stamp(self._clock))
        elif not self._lasts(grant):
            raise NotFoundError("listing", group.listing.id)
        else:
            grant.cube_id, grant.installed_version = note.cube_id, note.version
            grant.installed_memories = note.memories
            grant.ClearField("installed_at")
            if note.version:
                grant.installed_at.CopyFrom(_stamp(self._clock))
        return LISTING + group.listing.id, Change([_row(grant)]), grant

    def _note_usage(self, note: pb.UsageNote) -> bytes:
        """A gateway's note, once."""
        name, rows = USAGE + note.listing_id, self._ledger.rows(USAGE + note.listing_id)
        found = rows[1] if rows is not None else []
        told = {row.id: row.body.decode().split() for row in found if row.kind == "told"}
        if note.gateway in told and int(told[note.gateway][0]) >= note.number:
            return b""
        now_s = self._clock.now_s()
        known = {row.id: read_row(pb.ListingUsage, row, self._ledger.damaged) for row in found if row.kind == "usage"}
        group = self._group(note.listing_id)
        puts = [("told", note.gateway, f"{note.number} {now_s:.0f}".encode())]
        for grant_id, spent in note.spent.items():
            if grant_id in group.grants:
                whole = added(known.get(grant_id, pb.ListingUsage()), spent)
                puts.append(("usage", grant_id, whole.SerializeToString(deterministic=True)))
        gone = [("told", one) for one, (_, at) in told.items() if float(at) < now_s - TOLD_KEPT_S]
        gone += [("usage", one) for one in known if one not in group.grants]
        self._ledger.commit(name, Change(puts, [one for one in gone if one[1] != note.gateway]), lambda _: None)
        return b""

    def _group(self, listing_id: str) -> Group:
        found = self._ledger.rows(LISTING + listing_id)
        if found is None:
            raise NotFoundError("listing", listing_id[:256])
        return group_of(*found, self._ledger.damaged)

    def _granted(self, grant_id: str) -> tuple[Group, pb.ListingGrant]:
        try:
            group = self._group(listing_of_grant(grant_id))
            return group, group.grants[grant_id]
        except (NotFoundError, KeyError) as error:
            raise NotFoundError("grant", grant_id[:256]) from error

    def _lasts(self, grant: pb.ListingGrant) -> bool:
        return ended_s(grant) > self._clock.now_s()

    def _check_room(self, tenant: str) -> None:
        names = [name for name in self._ledger.tenants() if name.startswith(LISTING)]
        if len(names) >= checks.MOST_LISTINGS:
            raise ExhaustedError("the number of listings", checks.MOST_LISTINGS, 3600.0)
        own = sum(self._group(name.removeprefix(LISTING)).listing.owner_tenant == tenant for name in names)
        if own >= checks.MOST_LISTINGS_OF_TENANT:
            raise ExhaustedError("the number of listings of a tenant", checks.MOST_LISTINGS_OF_TENANT, 3600.0)


def _row(value: pb.Listing | pb.ListingGrant) -> tuple[str, str, bytes]:
    kind = "listing" if isinstance(value, pb.Listing) else "grant"
    return kind, value.id, value.SerializeToString(deterministic=True)


def _stamp(clock: SteadyClock) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(clock.now())
    return stamp


_VERBS: dict[str, tuple[type[Message], Callable[..., tuple[str, Change, Message]]]] = {
    "publish_listing": (pb.ListingDraft, MarketBook._publish),
    "withdraw_listing": (pb.WithdrawListingRequest, MarketBook._withdraw),
    "grant_listing": (pb.GrantListingRequest, MarketBook._grant),
    "revoke_listing_grant": (pb.RevokeListingGrantRequest, MarketBook._revoke),
    "note_listing": (pb.ListingNote, MarketBook._note),
    "note_usage": (pb.UsageNote, MarketBook._note_usage),  # type: ignore[dict-item]
}
VERBS = frozenset(_VERBS)
"""What ``perform`` takes; the Governor hands these over."""
