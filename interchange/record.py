"""The in-between of every foreign format: one memory, or a file that no memory can hold, on its way in or out.

A format's reader yields ``Record`` and ``Attachment``; its writer takes them. What of a memory has no place in a
``Record`` is in ``rest``, as JSON text, and goes with the memory, into the cube and out of it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from memcube.model.item import InfoValue, MemoryType, Status

__all__ = ["DOCUMENT", "MAPPED", "Attachment", "Origin", "Record", "digest_of"]

DOCUMENT = "document"
"""The role of an attachment that is what is left of a document once its memories are taken out."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from: its format, its document, its place in it, its name there.

    ``document`` is the file's name inside what was loaded; ``pointer`` the place in it; ``order`` counts the records of
    the document, so that they can be put in their order again. ``scoped``: the id is unique in the document only.
    """

    format: str
    id: str
    document: str = ""
    pointer: str = ""
    order: int = 0
    scoped: bool = False

    @property
    def identity(self) -> str:
        """What a later load knows the same memory by, whatever it says by then."""
        return "\0".join((self.format, self.document if self.scoped else "", self.id))


@dataclass(frozen=True, slots=True)
class Record:
    """One memory. Fields are those of ``Item``; ``said_at`` is its ``valid_from``. Times are in UTC."""

    origin: Origin
    text: str
    memory_type: MemoryType = MemoryType.LONG_TERM
    key: str = ""
    tags: tuple[str, ...] = ()
    info: Mapping[str, InfoValue] = field(default_factory=dict)
    confidence: float | None = None
    status: Status = Status.ACTIVATED
    visibility: str = ""
    sensitivity: str = ""
    said_at: datetime | None = None
    valid_to: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""
    session_id: str = ""
    speaker: str = ""
    role: str = ""
    reasoning: str = ""
    rest: str = ""
    edited: bool = False
    """Whether the text is another by now than the one that was loaded."""


MAPPED = tuple(one.name for one in fields(Record) if one.name not in ("origin", "rest", "edited"))
"""The fields of a record that a format may have a place for."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes that are no memory and are kept as they are: a file, or (``role`` DOCUMENT) a document's remainder."""

    format: str
    document: str
    data: bytes
    role: str = "file"

    @property
    def sha256(self) -> str:
        """Of the bytes, in hex."""
        return digest_of(self.data)


def digest_of(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
