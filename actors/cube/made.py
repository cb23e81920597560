"""What items become: a worker's draft an item that inherits from those that it was made from, a deleted one a tombstone,
one that another says too a merged one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import isfinite

from memcube.actors.cube.validate import check_info, check_tags, check_text
from memcube.model.codec import enum_of, struct_to_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import InfoValue, Item, MemoryType, Source, Status
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import work_pb2

__all__ = ["item_of_draft", "merged", "tombstone"]

MOST_SOURCES = 32
MOST_KEY_CHARS = 256
MOST_REASONING_BYTES = 4096
_VISIBILITIES = ("private", "shared", "public")
_SENSITIVITIES = ("secret", "personal", "internal", "public")
"""From the strictest on."""


def item_of_draft(draft: work_pb2.Draft, made_from: Sequence[Item], item_id: str, now: datetime) -> Item:
    """The item, which is about whom its sources are about, and as secret and as short-lived as any of them.

    Raises InvalidArgumentError for a draft that says nothing, or more than an item takes.
    """
    check_text("memory", draft.memory)
    check_tags(draft.tags)
    check_info("info", draft.info)
    if len(draft.key) > MOST_KEY_CHARS:
        raise InvalidArgumentError("key", f"has {len(draft.key)} characters, the most is {MOST_KEY_CHARS}")
    if draft.reasoning:
        check_text("reasoning", draft.reasoning, MOST_REASONING_BYTES)
    confidence = draft.confidence if draft.HasField("confidence") else None
    if confidence is not None and not (isfinite(confidence) and 0.0 <= confidence <= 1.0):
        raise InvalidArgumentError("confidence", f"is {confidence:g}, not within 0 to 1")
    starts = [item.valid_from for item in made_from if item.valid_from is not None]
    valid_from = min(starts, default=None)
    if draft.HasField("valid_from"):
        valid_from = from_timestamp("valid_from", draft.valid_from)
    valid_to = from_timestamp("valid_to", draft.valid_to) if draft.HasField("valid_to") else None
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        raise InvalidArgumentError("valid_to", "is before valid_from")
    ends = [item.expires_at for item in made_from if item.expires_at is not None]
    first = made_from[0]
    return Item(
        id=item_id,
        version=1,
        cube_id=first.cube_id,
        memory=draft.memory.strip(),
        recorded_at=now,
        created_at=now,
        memory_type=enum_of(MemoryType, "memory_type", draft.memory_type, MemoryType.LONG_TERM),
        key=draft.key,
        tags=tuple(draft.tags),
        info={**_shared_info(made_from), **struct_to_info(draft.info)},
        confidence=confidence,
        visibility=_strictest([item.visibility for item in made_from], _VISIBILITIES),
        sensitivity=_strictest([item.sensitivity for item in made_from], _SENSITIVITIES),
        valid_from=valid_from,
        valid_to=valid_to,
        expires_at=min(ends, default=None),
        sources=_sources(made_from),
        derived_from=tuple(item.id for item in made_from),
        user_id=_shared([item.user_id for item in made_from]),
        agent_id=_shared([item.agent_id for item in made_from]),
        run_id=_shared([item.run_id for item in made_from]),
        session_id=_shared([item.session_id for item in made_from]),
        reasoning=draft.reasoning,
    )


def _shared(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else ""


def _shared_info(made_from: Sequence[Item]) -> dict[str, InfoValue]:
    """The caller's own fields that all sources agree on: who filters by them finds what was made of them too."""
    first, *rest = made_from
    return {name: value for name, value in first.info.items() if all(item.info.get(name) == value for item in rest)}


def _strictest(values: Sequence[str], order: Sequence[str]) -> str:
    """The strictest of the values; the cube's own ("") where none is set, a word of the caller's before all others."""
    own = [value for value in values if value and value not in order]
    return own[0] if own else next((value for value in order if value in values), "")


def _sources(made_from: Sequence[Item]) -> tuple[Source, ...]:
    found: dict[Source, None] = {}
    for item in made_from:
        found.update(dict.fromkeys(item.sources))
    return tuple(found)[:MOST_SOURCES]


def tombstone(item: Item, now: datetime) -> Item:
    """What the event of an item's deletion tells of it."""
    return Item(item.id, item.version + 1, item.cube_id, "", now, item.created_at)


def merged(item: Item, into: str, now: datetime) -> Item:
    """The version of an item that says that another one stands for it; with ``into`` empty it stands for itself again."""
    status = Status.MERGED if into else Status.ACTIVATED
    return replace(item, version=item.version + 1, recorded_at=now, status=status, merged_into=into)
