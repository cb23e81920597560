"""What a grantee gets: copies of a listing's memories, marked for the grant, with its canaries among them. Plain.

A copy tells nothing of the owner but the memory itself: no ids of memories, users or conversations, and of its sources
only who spoke, in which role and when. Its source is the market's, so trust takes it as from outside.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memcube.actors.market.canary import canaries_of
from memcube.actors.market.marks import keyed, mark_of
from memcube.actors.market.names import cube_of, source_kind
from memcube.actors.market.spelling import varied
from memcube.actors.market.trace import canaries_in
from memcube.model.ids import ID_CHARS, KEY_CHARS, CubeRef
from memcube.model.item import InfoValue, Item, MemoryType, Source, Status, Usage
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["INFO", "Copies", "Delta", "delta_of"]

INFO = "market"
"""The field of a copy's info: listing, grant, mark, and which version of the memory it is."""
SESSION_CHARS = 16
TIME_CHARS = 10
"""Of an id, those that say when it was made."""
EXACT = (MemoryType.SKILL, MemoryType.TOOL_SCHEMA, MemoryType.TOOL_TRAJECTORY)
"""What is carried out or parsed is copied to the letter."""


class Copies:
    """Makes the copies for one grant. ``secret`` is the market's."""

    def __init__(self, secret: bytes, listing: pb.Listing, grant: pb.ListingGrant, now: datetime) -> None:
        self._secret, self._listing, self._grant, self._now = secret, listing, grant, now
        self._cube = CubeRef(grant.tenant, cube_of(grant.id))
        contract = grant.contract
        self._ends = from_timestamp("expires_at", contract.expires_at) if contract.HasField("expires_at") else None

    def all(self, items: Sequence[Item], here: Iterable[Item] = ()) -> list[Item]:
        """Copies of these memories, and the grant's canaries, in the order of their ids. Canaries that are ``here``
        already stay what they are: what came and went with every update would be known by that."""
        there = {item.id for item in items}
        copies = [self._copy(item, there) for item in items]
        known = {item.memory: item for item in here}
        canaries = (known.get(canary.memory, canary) for canary in self._canaries(items))
        return sorted((*copies, *canaries), key=lambda item: item.id)

    def _copy(self, item: Item, there: set[str]) -> Item:
        text = item.memory
        if not self._listing.exact_texts and item.memory_type not in EXACT:
            text = varied(self._secret, self._grant.id, text)
        kept = {name: item.info[name] for name in self._listing.info_fields if name in item.info and name != INFO}
        if "utc_offset_minutes" in item.info:
            kept["utc_offset_minutes"] = item.info["utc_offset_minutes"]
        said = item.sources[0] if item.sources else Source()
        made = self._marked(self.id_of(item.id), text, kept, said, item.version)
        return replace(
            made,
            # A procedure from the market tells nobody what to do before somebody has approved it.
            status=Status.GENERATED if item.memory_type is MemoryType.SKILL else Status.ACTIVATED,
            memory_type=item.memory_type,
            created_at=item.created_at,
            key=item.key,
            tags=item.tags,
            confidence=item.confidence,
            sensitivity=item.sensitivity,
            valid_from=item.valid_from,
            valid_to=item.valid_to,
            expires_at=min((one for one in (item.expires_at, self._ends) if one is not None), default=None),
            derived_from=tuple(self.id_of(one) for one in item.derived_from if one in there),
            session_id=self._session(item.session_id),
        )

    def _canaries(self, items: Sequence[Item]) -> Iterable[Item]:
        """Each looks like a memory that is there: its kind, its speaker, its time; in a conversation of its own, so that
        nothing that is found brings it along as its neighbour."""
        models = [one for one in items if one.memory_type is not MemoryType.SKILL] or items
        for number, canary in enumerate(canaries_of(self._secret, self._grant.id, canaries_in(self._grant.contract))):
            seed = keyed(self._secret, "place", self._grant.id, str(number))
            model = models[int.from_bytes(seed[:4], "big") % len(models)]
            said = replace(model.sources[0], position=0) if model.sources else Source()
            made = self._marked(self.id_of(model.id, seed.hex()), canary.text, {}, said, 1)
            yield replace(
                made,
                memory_type=MemoryType.LONG_TERM if model.memory_type is MemoryType.SKILL else model.memory_type,
                created_at=model.created_at,
                valid_from=model.valid_from,
                expires_at=self._ends,
                session_id=self._session(seed.hex()) if model.session_id else "",
            )

    def _marked(self, item_id: str, text: str, info: Mapping[str, InfoValue], said: Source, version: int) -> Item:
        mark: dict[str, InfoValue] = {
            "listing": self._listing.id,
            "grant": self._grant.id,
            "version": float(version),
            "mark": mark_of(self._secret, self._grant.id, item_id),
        }
        source = Source(
            kind=source_kind(self._listing.id),
            id=self._grant.id,
            speaker=said.speaker,
            role=said.role,
            time=said.time,
            position=said.position,
        )
        return Item(
            id=item_id,
            version=1,
            cube_id=self._cube.cube_id,
            memory=text,
            recorded_at=self._now,
            created_at=self._now,
            info={**info, INFO: mark},
            sources=(source,),
            usage=Usage(),
        )

    def id_of(self, item_id: str, more: str = "") -> str:
        """The id of a memory's copy: of the same time, and else of the grant's own, so that two grantees who compare
        theirs learn nothing from ids."""
        when = item_id[KEY_CHARS + 1 :][:TIME_CHARS]
        rest = base64.b32encode(keyed(self._secret, "id", self._grant.id, item_id, more))[: ID_CHARS - TIME_CHARS]
        return f"{self._cube.key}-{when}{rest.decode().lower()}"

    def _session(self, session_id: str) -> str:
        return keyed(self._secret, "session", self._grant.id, session_id).hex()[:SESSION_CHARS] if session_id else ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What makes an installed cube what it has to be."""

    put: list[Item]
    added: int
    removed: list[tuple[str, int]]

    @property
    def changed(self) -> int:
        """How many of ``put`` were there before, in another version."""
        return len(self.put) - self.added

    def steps(self, most_items: int, most_bytes: int) -> Iterable[list[Item]]:
        """``put`` in parts."""
        part: list[Item] = []
        room = most_bytes
        for item in self.put:
            size = 4 * len(item.memory) + 1024
            if part and (len(part) == most_items or size > room):
                yield part
                part, room = [], most_bytes
            part.append(item)
            room -= size
        if part:
            yield part


def delta_of(here: Mapping[str, Item], wanted: Sequence[Item]) -> Delta:
    """By ids: what is missing, what is of another version of its memory, what is there and should not be."""
    put: list[Item] = []
    added = 0
    for item in wanted:
        old = here.get(item.id)
        if old is None:
            added += 1
            put.append(item)
        elif _of(old) != _of(item):
            put.append(replace(item, version=old.version + 1))
    ids = {item.id for item in wanted}
    return Delta(put, added, [(one.id, one.version) for one in here.values() if one.id not in ids])


def _of(item: Item) -> object:
    """Which version of the owner's memory a copy is of."""
    about = item.info.get(INFO)
    return about.get("version") if isinstance(about, dict) else None
