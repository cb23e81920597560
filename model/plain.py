"""Values as plain JSON objects: what the SDK returns, the CLI prints with ``--json`` and REST answers.

Field names are the ones that mem0's users know (``memory``, ``metadata``, ``hash``, ``created_at``, ``updated_at``);
the rest are the item's own. Times are RFC 3339 texts with a zone; what is not set is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from memcube.model.errors import ERRORS, InternalError, MemCubeError
from memcube.model.item import FORMS, MEMORY_TYPES, STATUSES, Event, EventKind, InfoValue, Item, Source
from memcube.model.times import rfc3339

__all__ = ["error_from_plain", "error_to_plain", "event_to_plain", "hash_of", "history_to_plain", "item_to_plain"]


def hash_of(text: str) -> str:
    """The content hash that mem0's results carry: MD5 of the text in hex; for comparing, not for security."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def item_to_plain(item: Item) -> dict[str, Any]:
    """One memory."""
    plain: dict[str, Any] = {
        "id": item.id,
        "memory": item.memory,
        "hash": hash_of(item.memory),
        "metadata": _whole(dict(item.info)),
        "created_at": rfc3339(item.created_at),
        "updated_at": rfc3339(item.recorded_at),
        "version": item.version,
        "cube_id": item.cube_id,
        "form": FORMS[item.form],
        "memory_type": MEMORY_TYPES[item.memory_type],
        "status": STATUSES[item.status],
        "tags": list(item.tags),
        "sources": [_source_to_plain(source) for source in item.sources],
    }
    for name in (
        "user_id",
        "agent_id",
        "run_id",
        "session_id",
        "key",
        "visibility",
        "sensitivity",
        "reasoning",
        "merged_into",
        "superseded_by",
    ):
        if getattr(item, name):
            plain[name] = getattr(item, name)
    for name in ("valid_from", "valid_to", "expires_at"):
        _put_time(plain, name, getattr(item, name))
    if item.confidence is not None:
        # Single precision on the wire: 0.8 comes back as 0.800000011920929.
        plain["confidence"] = round(item.confidence, 4)
    if item.derived_from:
        plain["derived_from"] = list(item.derived_from)
    return plain


def event_to_plain(event: Event) -> dict[str, Any]:
    """One event of a cube's journal."""
    return {
        "seq": event.seq,
        "epoch": event.epoch,
        "time": rfc3339(event.time),
        "kind": event.kind.name.lower(),
        "cause": event.cause,
        "principal": event.principal_id,
        "idempotency_key": event.idempotency_key,
        "item": None if event.item is None else item_to_plain(event.item),
    }


_CHANGES = {EventKind.ITEM_ADDED: "ADD", EventKind.ITEM_UPDATED: "UPDATE", EventKind.ITEM_DELETED: "DELETE"}


def history_to_plain(events: Iterable[Event]) -> list[dict[str, Any]]:
    """One memory's events, oldest first, in mem0's history shape: each with the text before and after."""
    rows: list[dict[str, Any]] = []
    before: str | None = None
    created: datetime | None = None
    for event in events:
        if event.item is None or event.kind not in _CHANGES:
            continue
        deleted = event.kind is EventKind.ITEM_DELETED
        after = None if deleted else event.item.memory
        created = created or event.time
        rows.append(
            {
                "id": f"{event.item.id}:{event.seq}",
                "memory_id": event.item.id,
                "old_memory": before,
                "new_memory": after,
                "event": _CHANGES[event.kind],
                "created_at": rfc3339(created),
                "updated_at": rfc3339(event.time),
                "is_deleted": deleted,
                "version": event.item.version,
                "seq": event.seq,
                "cause": event.cause,
                "actor_id": event.principal_id,
            }
        )
        before = after
    return rows


def error_to_plain(error: MemCubeError) -> dict[str, Any]:
    """An error for machines: its type, its facts, and whether the same call may succeed later."""
    return {
        "type": type(error).__name__,
        "message": error.message,
        "facts": error.facts,
        "retryable": error.RETRYABLE,
    }


def error_from_plain(plain: Mapping[str, Any]) -> MemCubeError:
    """The error that ``error_to_plain`` wrote; one of an unknown kind is kept in words."""
    kind = ERRORS.get(str(plain.get("type")))
    facts = plain.get("facts", {})
    if kind is None or set(kind.FACTS) != set(facts):
        return InternalError(f"{plain.get('type')}: {plain.get('message')}")
    return kind(*[facts[name] for name in kind.FACTS])


def _source_to_plain(source: Source) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": source.kind, "position": source.position}
    for name in ("id", "speaker", "role"):
        if getattr(source, name):
            plain[name] = getattr(source, name)
    _put_time(plain, "time", source.time)
    if source.end:
        plain["start"], plain["end"] = source.start, source.end
    return plain


def _put_time(plain: dict[str, Any], name: str, value: datetime | None) -> None:
    if value is not None:
        plain[name] = rfc3339(value)


def _whole(value: InfoValue) -> Any:
    """Numbers travel as doubles; whole ones are given back as integers, as JSON writes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return value
