"""Everything about one user in one cube: what there is of it in the journal and the state, to be purged for good.

A memory is about the user if any version of it has their ``user_id``; so is whatever was made from it, and from that,
whoever else it was made from. Deleted memories count: their versions are in the journal. Blocking: it reads the whole
journal, about 15 microseconds an event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from memcube.actors.cube.state import content_digest, document_of
from memcube.actors.governance.hold import Holds
from memcube.actors.vault.base import ERASED, LOST, CubeStore, Erasure, EventRecord, TaskRecord
from memcube.model.codec import item_from_proto
from memcube.model.item import EventKind, Item
from memcube.protos.memcube.v1 import audit_pb2, event_pb2, task_pb2

__all__ = ["Found", "find", "purge"]

PAGE = 1000


@dataclass(slots=True)
class Found:
    """``ids`` are all memories, live or not; ``derived`` those of them that are there because of others."""

    ids: set[str] = field(default_factory=set)
    derived: set[str] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    contents: set[bytes] = field(default_factory=set)
    held: str = ""
    """Name of a hold that keeps one of them."""
    requests: dict[int, str] = field(default_factory=dict)
    """Events of the cube itself, and the keys of the requests that caused them: a key is the caller's own text."""
    lost: int = 0
    """Events that a repair could not save: whose they were, only the damaged originals tell."""


def find(store: CubeStore, users: Collection[str] | None, holds: Holds | None = None) -> Found:
    """What the journal has of some users, of all if None is given. Raises DamagedError."""
    found = Found()
    links: dict[str, set[str]] = {}
    versions: dict[str, list[tuple[int, Item, str]]] = {}
    for record, event in _events(store, found):
        item = item_from_proto(event.item)
        if int(event.kind) == EventKind.ITEM_DELETED:
            continue
        versions.setdefault(item.id, []).append((record.seq, item, event.idempotency_key))
        if users is None or item.user_id in users:
            found.ids.add(item.id)
        for source in item.derived_from:
            links.setdefault(source, set()).add(item.id)
    queue = list(found.ids)
    while queue:
        for made in links.get(queue.pop(), ()):
            if made not in found.ids:
                found.ids.add(made)
                queue.append(made)
            found.derived.add(made)
    keys: set[str] = set()
    for item_id in found.ids:
        for seq, item, key in versions.get(item_id, ()):
            found.events.add(seq)
            keys.add(key)
            found.contents.add(content_digest(document_of(item).embedded_text))
            if holds is not None and not found.held:
                found.held = holds.keeping(store.ref.tenant, item)
    found.events |= {seq for seq, key in found.requests.items() if key in keys}
    return found


def purge(store: CubeStore, users: Collection[str]) -> audit_pb2.ErasedCube:
    """Write the cube's files anew without anything about some users; the store is at its end after that.

    Called once their live memories are deleted, and again wherever that may have been cut off. What is left are the
    numbers of the erased events, and events that say that a memory of some id was deleted.
    """
    found = find(store, users)
    names = [item_id.encode() for item_id in found.ids]
    receipts = {
        receipt.key
        for receipt in store.receipts()
        if _range(receipt.response) & found.events or any(name in receipt.response for name in names)
    }
    gone = {task.id for task in store.load().tasks if _is_about(task, users, found.ids)}
    vectors = store.with_vectors(found.contents)
    erasure = Erasure(
        frozenset(found.events), frozenset(found.ids), frozenset(found.contents), frozenset(receipts), frozenset(gone)
    )
    files = store.erase(erasure)
    return audit_pb2.ErasedCube(
        cube_id=store.ref.cube_id,
        events=len(found.events),
        vectors=vectors,
        receipts=len(receipts),
        tasks=len(gone),
        files=files,
    )


def _events(store: CubeStore, found: Found) -> Iterator[tuple[EventRecord, event_pb2.Event]]:
    """Events about memories whose content is there; those that are lost are counted."""
    after = 0
    while page := store.events(after + 1, PAGE):
        for record in page:
            found.lost += record.kind == LOST
            if record.kind in (LOST, ERASED):
                continue
            event = event_pb2.Event.FromString(record.body)
            if record.item_id:
                yield record, event
            else:
                found.requests[record.seq] = event.idempotency_key
        after = page[-1].seq


def _range(response: bytes) -> set[int]:
    """The events that a receipt's answer is made of."""
    first, last = int.from_bytes(response[:8], "little"), int.from_bytes(response[8:16], "little")
    return set(range(first, last + 1)) if last - first < 1_000_000 else set()


def _is_about(record: TaskRecord, users: Collection[str], ids: set[str]) -> bool:
    wire = task_pb2.Task.FromString(record.payload)
    if ids & {*wire.item_ids, *wire.result_ids}:
        return True
    # What is to be done stands in a message of its own for each kind of task.
    parts = [value for kind, value in wire.ListFields() if kind.message_type is not None and not kind.is_repeated]
    return any(getattr(part, "user_id", "") in users for part in parts)
