"""A cube's present state in memory: the live items by id, in the order in which they were added.

A view of the journal: loaded from the vault at attach, advanced by committed events only.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

from memcube.actors.recall.analysis import analyze
from memcube.actors.recall.document import Document
from memcube.actors.vault.base import EventRecord, ItemRecord
from memcube.model.codec import item_from_proto
from memcube.model.item import EventKind, Item, Status
from memcube.model.times import UTC_OFFSET, at_offset
from memcube.protos.memcube.v1 import event_pb2, item_pb2

__all__ = ["RETIRED", "Held", "Items", "content_digest", "document_of", "rebuild_record"]


def content_digest(text: str) -> bytes:
    """16 bytes that stand for an embedded text: the key under which its vectors are cached in the cube's file."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def document_of(item: Item) -> Document:
    """What recall indexes of an item."""
    source = item.sources[0] if item.sources else None
    return Document(
        id=item.id,
        text=item.memory,
        speaker=(source.speaker or None) if source else None,
        session=item.session_id or None,
        position=source.position if source else 0,
        said_at=item.valid_from and at_offset(item.valid_from, item.info.get(UTC_OFFSET)),
        role=(source.role or None) if source else None,
    )


class Held:
    """One live item as bytes, decoded when first looked at."""

    __slots__ = ("_item", "body", "content", "id", "version")

    def __init__(self, record: ItemRecord, item: Item | None = None) -> None:
        self.id = record.id
        self.version = record.version
        self.body = record.body
        self.content = record.content
        self._item = item

    @property
    def item(self) -> Item:
        """The item; decoding is about 15 microseconds, once."""
        if self._item is None:
            self._item = item_from_proto(item_pb2.Item.FromString(self.body))
        return self._item

    @property
    def wire(self) -> item_pb2.Item:
        """The item as it goes over the wire, a fresh message each time."""
        return item_pb2.Item.FromString(self.body)


class Items:
    """The live items of a cube. Ids sort by time of adding, and iteration is in that order."""

    def __init__(self, records: Iterable[ItemRecord]) -> None:
        # In one go, not by put: a page-in waits for this.
        self._fresh = {record.id: record for record in sorted(records)}
        self._held: dict[str, Held] = {}
        self._order = list(self._fresh)
        bodies = [record.body for record in self._fresh.values()]
        self._bytes = sum(map(len, bodies))
        self._expiring: dict[str, datetime] = {}
        self._retired: dict[str, Status] = {}
        # All at once: looking at each of a thousand bodies takes longer than looking through them joined.
        joined = b"".join(bodies)
        if _MAY_EXPIRE.search(joined) or _MAY_RETIRE.search(joined):
            self.settle()
            for held in self._held.values():
                self._note_end(held)

    def settle(self) -> None:
        """Make what is held of every record: only loading needed the rest of them."""
        for item_id in list(self._fresh):
            self.get(item_id)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Held]:
        self.settle()
        return map(self._held.__getitem__, list(self._order))

    @property
    def memory_bytes(self) -> int:
        """Bytes of the bodies held; decoded items come to about four times as much."""
        return self._bytes

    def __getitem__(self, item_id: str) -> Held:
        held = self.get(item_id)
        if held is None:
            raise KeyError(item_id)
        return held

    def get(self, item_id: str) -> Held | None:
        """The live item of this id."""
        held = self._held.get(item_id)
        if held is None and item_id in self._fresh:
            held = self._held[item_id] = Held(self._fresh.pop(item_id))
        return held

    def text(self, item_id: str) -> str:
        """The memory of a live item; LookupError for another."""
        return self[item_id].item.memory

    def wire(self, item_id: str) -> item_pb2.Item:
        """A live item as it goes over the wire; LookupError for another."""
        return self[item_id].wire

    def put(self, held: Held) -> None:
        """Take in a new item or a new version."""
        old = self.get(held.id)
        if old is not None:
            self._bytes -= len(old.body)
        elif not self._order or held.id > self._order[-1]:
            self._order.append(held.id)
        else:
            self._order.insert(bisect_left(self._order, held.id), held.id)
        self._held[held.id] = held
        self._bytes += len(held.body)
        self._expiring.pop(held.id, None)
        self._retired.pop(held.id, None)
        self._note_end(held)

    def _note_end(self, held: Held) -> None:
        # Most items have no expires_at and are in use, and need not be decoded to know it.
        if _MAY_EXPIRE.search(held.body) and held.item.expires_at is not None:
            self._expiring[held.id] = held.item.expires_at
        if _MAY_RETIRE.search(held.body) and held.item.status in RETIRED:
            self._retired[held.id] = held.item.status

    def drop(self, item_id: str) -> None:
        """Forget an item."""
        held = self.get(item_id)
        if held is not None:
            del self._held[item_id]
            self._bytes -= len(held.body)
            self._order.pop(bisect_left(self._order, item_id))
            self._expiring.pop(item_id, None)
            self._retired.pop(item_id, None)

    def retired(self, *, but: Status | None = None) -> set[str]:
        """Ids of items that are kept but no longer say anything of their own (RETIRED), less those of status ``but``."""
        return {item_id for item_id, status in self._retired.items() if status is not but}

    def expired(self, now: datetime) -> set[str]:
        """Ids of items past their time at ``now``; they are never returned unless asked for."""
        return {item_id for item_id, expires_at in self._expiring.items() if expires_at <= now}

    def newest_first(self, before_id: str = "") -> Iterator[Held]:
        """Items from the newest to the oldest, those before ``before_id`` if one is given."""
        end = bisect_left(self._order, before_id) if before_id else len(self._order)
        for i in range(end - 1, -1, -1):
            yield self[self._order[i]]

    def oldest_first(self, after_id: str = "") -> Iterator[Held]:
        """Items from the oldest to the newest, those behind ``after_id`` if one is given."""
        for i in range(bisect_right(self._order, after_id) if after_id else 0, len(self._order)):
            yield self[self._order[i]]

    def next_position(self, session: str) -> int:
        """The position after the last message of a session; 0 for a session without live items."""
        wanted = session.encode()
        for held in self.newest_first():
            # Looking for the bytes first spares decoding every item of the cube.
            if wanted in held.body and held.item.session_id == session and held.item.sources:
                return held.item.sources[0].position + 1
        return 0

    @property
    def last_id(self) -> str:
        """The greatest id that is live; empty for none."""
        return self._order[-1] if self._order else ""


RETIRED = frozenset({Status.GENERATED, Status.MERGED, Status.ARCHIVED, Status.EXPIRED})
"""Statuses of items that searches and listings leave out unless they are asked for; their ids resolve for ever."""
_STATUS_TAG = item_pb2.Item(status=item_pb2.STATUS_MERGED).SerializeToString()[:1]
_MAY_RETIRE = re.compile(re.escape(_STATUS_TAG) + b"[" + bytes(sorted(RETIRED)) + b"]")
_EXPIRES_TAG = bytes(item_pb2.Item(expires_at={"seconds": 1}).SerializeToString()[:2])
_MAY_EXPIRE = re.compile(re.escape(_EXPIRES_TAG) + rb"(?:\x00|[\x01-\x14][\x08\x10])", re.DOTALL)
"""``expires_at`` on the wire: its tag, its length, and the tag of seconds or nanos. Texts rarely hold that by chance."""


def record_of(item: Item, body: bytes) -> ItemRecord:
    """What the vault keeps of an item: ``body`` is its wire form, the entry is analysed here."""
    document = document_of(item)
    return ItemRecord(item.id, item.version, body, analyze(document), content_digest(document.embedded_text))


def rebuild_record(record: EventRecord) -> ItemRecord | None:
    """The item row that an event leaves behind, None when it removed one: how ``memcube repair`` refills a cube."""
    event = event_pb2.Event.FromString(record.body)
    if int(event.kind) not in (EventKind.ITEM_ADDED, EventKind.ITEM_UPDATED):
        return None
    return record_of(item_from_proto(event.item), event.item.SerializeToString(deterministic=True))
