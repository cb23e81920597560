"""Items and events as the rest of the system sees them: frozen values, converted from and to protobuf in ``codec``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import TypeAlias

__all__ = [
    "FORMS",
    "MEMORY_TYPES",
    "STATUSES",
    "Event",
    "EventKind",
    "Form",
    "InfoValue",
    "Item",
    "MemoryType",
    "Source",
    "Status",
    "Usage",
]

InfoValue: TypeAlias = "bool | float | str | list[InfoValue] | dict[str, InfoValue] | None"
"""What a field of ``info`` may hold: JSON. Numbers are floats, as in google.protobuf.Struct."""


class Form(IntEnum):
    """The form in which a memory is held; the numbers are those of ``memcube.v1.Form``."""

    PLAINTEXT = 1
    ACTIVATION = 2
    PARAMETER = 3


class MemoryType(IntEnum):
    """What kind of memory it is; numbers of ``memcube.v1.MemoryType``. ``MEMORY_TYPES`` has MemOS's spellings."""

    WORKING = 1
    LONG_TERM = 2
    USER = 3
    OUTER = 4
    TOOL_SCHEMA = 5
    TOOL_TRAJECTORY = 6
    RAW_FILE = 7
    SKILL = 8
    PREFERENCE = 9


class Status(IntEnum):
    """Where an item is in its life; numbers of ``memcube.v1.Status``."""

    GENERATED = 1
    ACTIVATED = 2
    MERGED = 3
    ARCHIVED = 4
    EXPIRED = 5
    FROZEN = 6
    DELETED = 7


class EventKind(IntEnum):
    """What an event did; numbers of ``memcube.v1.EventKind``."""

    CUBE_CREATED = 1
    ITEM_ADDED = 2
    ITEM_UPDATED = 3
    ITEM_DELETED = 4
    CUBE_UPDATED = 5


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


FORMS: dict[Form, str] = {form: form.name.lower() for form in Form}
"""Forms as filters, REST and the SDK spell them."""
MEMORY_TYPES: dict[MemoryType, str] = {kind: f"{_camel(kind.name)}Memory" for kind in MemoryType}
"""Memory types as MemOS, filters, REST and the SDK spell them, e.g. ``LongTermMemory``."""
STATUSES: dict[Status, str] = {status: status.name.lower() for status in Status}
"""Statuses as filters, REST and the SDK spell them."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a memory came from; ``start`` and ``end`` are code point offsets into the source's text, end 0 = whole."""

    kind: str = "message"
    id: str = ""
    speaker: str = ""
    role: str = ""
    time: datetime | None = None
    start: int = 0
    end: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """How often, and when last (UTC), a memory was recalled."""

    count: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One memory; DESIGN's data model, field for field. All datetimes are aware and in UTC."""

    id: str
    version: int
    cube_id: str
    memory: str
    recorded_at: datetime
    created_at: datetime
    form: Form = Form.PLAINTEXT
    memory_type: MemoryType = MemoryType.LONG_TERM
    key: str = ""
    tags: tuple[str, ...] = ()
    info: Mapping[str, InfoValue] = field(default_factory=dict)
    confidence: float | None = None
    status: Status = Status.ACTIVATED
    visibility: str = ""
    sensitivity: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    sources: tuple[Source, ...] = ()
    derived_from: tuple[str, ...] = ()
    usage: Usage = Usage()
    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""
    session_id: str = ""
    reasoning: str = ""
    merged_into: str = ""
    superseded_by: str = ""

    def expired(self, now: datetime) -> bool:
        """Whether the item is past its time to live at ``now``."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Event:
    """One committed change. For ``ITEM_DELETED`` the item has only its id, version and cube; None for cube events."""

    seq: int
    epoch: int
    time: datetime
    kind: EventKind
    idempotency_key: str
    principal_id: str
    cause: str
    item: Item | None = None
