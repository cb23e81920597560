"""What of a cube is offered, and what is said of it: counts of where it comes from, never whose it is. Plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from memcube.actors.market.checks import MOST_MEMORIES
from memcube.actors.trust import Origin, origin_of
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import MEMORY_TYPES, Form, Item, MemoryType, Status
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["Offer", "is_offered"]

MOST_KINDS = 20
_KEPT_BACK = (MemoryType.WORKING, MemoryType.RAW_FILE)


def is_offered(item: Item, listing: pb.Listing) -> bool:
    """Whether a memory may leave by a listing: in use, as text, and nobody's secret. Asked when it is published, and of
    the memory as it is then when it is installed."""
    if item.status is not Status.ACTIVATED or item.form is not Form.PLAINTEXT or item.memory_type in _KEPT_BACK:
        return False
    if listing.kind == pb.LISTING_KIND_SKILL and item.memory_type is not MemoryType.SKILL:
        return False
    if item.sensitivity == "secret" or item.visibility == "private":
        return False
    return item.sensitivity != "personal" or listing.personal_too


@dataclass(slots=True)
class Offer:
    """Filled with what the filter selects, page by page."""

    listing: pb.Listing
    manifest: pb.ListingManifest = field(default_factory=pb.ListingManifest)
    withheld: int = 0
    _origins: Counter[Origin] = field(default_factory=Counter)
    _kinds: Counter[str] = field(default_factory=Counter)
    _types: Counter[MemoryType] = field(default_factory=Counter)
    _times: list[datetime] = field(default_factory=list)

    def take(self, items: Iterable[Item]) -> None:
        """Take in what of them is offered. Raises TooLargeError over ``MOST_MEMORIES``."""
        for item in items:
            if not is_offered(item, self.listing):
                self.withheld += self.listing.kind != pb.LISTING_KIND_SKILL or item.memory_type is MemoryType.SKILL
                continue
            self.manifest.entries.add(id=item.id, version=item.version)
            self._origins[origin_of(item.sources)] += 1
            self._kinds[item.sources[0].kind if item.sources else ""] += 1
            self._types[item.memory_type] += 1
            when = item.valid_from or item.created_at
            self._times = [min(self._times[0], when), max(self._times[1], when)] if self._times else [when, when]
        if len(self.manifest.entries) > MOST_MEMORIES:
            raise TooLargeError("filter", len(self.manifest.entries), MOST_MEMORIES, "memories")

    def draft(self) -> pb.ListingDraft:
        """The listing with its summary, and the manifest. Raises InvalidArgumentError where nothing is offered."""
        if not self.manifest.entries:
            raise InvalidArgumentError("filter", f"selects nothing that may be offered ({self.withheld} are withheld)")
        summary = pb.ProvenanceSummary(
            memories=len(self.manifest.entries),
            said=self._origins[Origin.SAID],
            given=self._origins[Origin.GIVEN],
            outside=self._origins[Origin.OUTSIDE],
            by_memory_type={MEMORY_TYPES[kind]: count for kind, count in self._types.items()},
            oldest=to_timestamp(self._times[0]),
            newest=to_timestamp(self._times[1]),
            withheld=self.withheld,
        )
        for kind, count in self._kinds.most_common(MOST_KINDS):
            summary.by_source_kind[kind] = count
        rest = self._kinds.total() - sum(summary.by_source_kind.values())
        if rest:
            summary.by_source_kind["…"] += rest
        self.listing.provenance.CopyFrom(summary)
        return pb.ListingDraft(listing=self.listing, manifest=self.manifest)
