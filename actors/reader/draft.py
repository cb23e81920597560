"""What reading gives: drafts of memories, and what was left out with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from memcube.model.item import InfoValue, MemoryType, Source
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Draft", "Reading"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory before it has an id: its text, where it came from, and when it was said (aware, UTC).

    ``memory_type`` and ``session`` None are the request's; ``info`` comes on top of the request's. The position of
    ``source`` is the cube's to give.
    """

    text: str
    source: Source
    said_at: datetime
    memory_type: MemoryType | None = None
    key: str = ""
    info: Mapping[str, InfoValue] = field(default_factory=dict)
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A request as read: ``skipped`` says what of it became no memory, by the message's place."""

    drafts: list[Draft] = field(default_factory=list)
    skipped: list[pb.Skipped] = field(default_factory=list)

    def skip(self, message: int, reason: str, detail: str) -> None:
        """Note what was left out."""
        self.skipped.append(pb.Skipped(message=message, reason=reason, detail=detail))
