"""What is known of the market, as the Governor's ledger has it: a group of rows a listing, read by every gateway.

Groups have names of their own in the ledger's column of tenants: "listing:ID" (the listing and its grants), "usage:ID"
(what was used of them), "manifest:ID" (which memories the newest version holds), "secret" (what marks are made with).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from memcube.actors.governance.ledger import LedgerReader
from memcube.actors.governance.state import Row
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["LISTING", "MANIFEST", "SECRET", "USAGE", "Group", "MarketReader", "ended_s", "group_of"]

LISTING, USAGE, MANIFEST, SECRET = "listing:", "usage:", "manifest:", "secret"
M = TypeVar("M", bound=Message)
Damaged = Callable[[str], Exception]


@dataclass(frozen=True, slots=True)
class Group:
    """A listing and its grants by their ids, as of one version of the ledger."""

    version: int
    listing: pb.Listing
    grants: Mapping[str, pb.ListingGrant] = field(default_factory=dict)


def read_row(kind: type[M], row: Row, damaged: Damaged) -> M:
    """A row's message; raises ``damaged`` of one that can't be read."""
    try:
        return kind.FromString(row.body)
    except DecodeError as error:
        raise damaged(f"its {row.kind} {row.id!r} can't be read") from error


def group_of(version: int, rows: Iterable[Row], damaged: Damaged) -> Group:
    """The group that rows make."""
    listing: pb.Listing | None = None
    grants = {}
    for row in rows:
        if row.kind == "listing":
            listing = read_row(pb.Listing, row, damaged)
        elif row.kind == "grant":
            grants[row.id] = read_row(pb.ListingGrant, row, damaged)
    if listing is None:
        raise damaged("it has grants of a listing that is gone")
    return Group(version, listing, grants)


def usage_of(rows: Iterable[Row], damaged: Damaged) -> dict[str, pb.ListingUsage]:
    """What was used, by grant."""
    return {row.id: read_row(pb.ListingUsage, row, damaged) for row in rows if row.kind == "usage"}


def ended_s(grant: pb.ListingGrant) -> float:
    """When a grant ends or has ended, in seconds since 1970; infinite where it has no end."""
    ends = [
        from_timestamp(name, stamp).timestamp()
        for name, stamp, given in (
            ("revoked_at", grant.revoked_at, grant.HasField("revoked_at")),
            ("expires_at", grant.contract.expires_at, grant.contract.HasField("expires_at")),
        )
        if given
    ]
    return min(ends, default=float("inf"))


class MarketReader:
    """The market as a gateway knows it, at most 0.2 s old. Used by one event loop; a look without news takes 10 µs.

    Raises DamagedError for a file that is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self._ledger = LedgerReader(folder)
        self._groups: dict[str, Group] = {}
        self._usages: dict[str, tuple[int, dict[str, pb.ListingUsage]]] = {}
        self._secret = b""

    def look(self) -> None:
        """Take in what has changed now."""
        self._ledger.look()

    def listings(self) -> list[str]:
        """The ids of all listings, in order."""
        self._ledger.version(SECRET)
        return [name.removeprefix(LISTING) for name in self._ledger.known() if name.startswith(LISTING)]

    def group(self, listing_id: str) -> Group | None:
        """A listing with its grants; None where there is none."""
        version = self._ledger.version(LISTING + listing_id)
        known = self._groups.get(listing_id)
        if version and (known is None or known.version != version):
            found = self._ledger.rows(LISTING + listing_id)
            known = group_of(*found, self._ledger.damaged) if found is not None else None
            if known is not None:
                self._groups[listing_id] = known
        return known if version else None

    def usage(self, listing_id: str, grant_id: str) -> pb.ListingUsage:
        """What was used of a grant, as far as it has been noted."""
        version = self._ledger.version(USAGE + listing_id)
        known = self._usages.get(listing_id)
        if version and (known is None or known[0] != version):
            found = self._ledger.rows(USAGE + listing_id)
            if found is not None:
                known = self._usages[listing_id] = (found[0], usage_of(found[1], self._ledger.damaged))
        return known[1].get(grant_id, pb.ListingUsage()) if known is not None else pb.ListingUsage()

    def manifest(self, listing_id: str) -> pb.ListingManifest:
        """Which memories the listing's newest version holds; read anew each time. Blocking: milliseconds."""
        found = self._ledger.rows(MANIFEST + listing_id)
        if found is None or len(found[1]) != 1:
            raise self._ledger.damaged(f"the memories of {listing_id} are not known any more")
        return read_row(pb.ListingManifest, found[1][0], self._ledger.damaged)

    def secret(self) -> bytes:
        """What marks are made with. It is there since the first listing."""
        if not self._secret:
            found = self._ledger.rows(SECRET)
            if found is None or len(found[1]) != 1:
                raise self._ledger.damaged("the market's secret is gone")
            self._secret = found[1][0].body
        return self._secret
