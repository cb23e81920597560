"""MemReader's fast stage: messages become drafts of memories at once, without a model.

Each message is one draft; a long one is split at paragraph or sentence ends into several with offsets, so that each
fits the embedder's window. Runs in the write path, in the frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memcube.model.item import Source
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["CHUNK_CHARS", "Draft", "read_messages", "split"]

CHUNK_CHARS = 1200
"""About 256 tokens of English: what all-MiniLM-L6-v2 reads of a text (its max_seq_length)."""

_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?。！？])\s*(?=\S)"),
    re.compile(r"\s+"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory before it has an id: its text, where it came from, and when it was said (aware, UTC)."""

    text: str
    source: Source
    said_at: datetime


def split(text: str, limit: int = CHUNK_CHARS) -> list[tuple[int, int]]:
    """Half-open ranges of code points that cover all of ``text`` but blanks at the seams, each at most ``limit``.

    The last break of the strongest kind (paragraph, line, sentence, word) in the second half of the window wins.
    """
    ranges: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > limit:
        window = text[start : start + limit]
        cut = limit
        for pattern in _BREAKS:
            ends = [match.end() for match in pattern.finditer(window, limit // 2)]
            if ends:
                cut = ends[-1]
                break
        ranges.append((start, start + cut))
        start += cut
    ranges.append((start, len(text)))
    return [(a, b) for a, b in ranges if text[a:b].strip()]


def read_messages(request: pb.AddRequest, first_position: int, now: datetime) -> Iterator[Draft]:
    """The drafts of a checked AddRequest; positions count up from ``first_position``, times default to ``now``."""
    default = from_timestamp("time", request.time) if request.HasField("time") else now
    position = first_position
    for i, message in enumerate(request.messages):
        said_at = from_timestamp(f"messages[{i}].time", message.time) if message.HasField("time") else default
        ranges = split(message.content)
        for start, end in ranges:
            text = message.content[start:end]
            stripped = text.strip()
            begin = start + text.index(stripped)
            whole = len(ranges) == 1
            source = Source(
                kind=request.source_kind or "message",
                id=message.id,
                speaker=message.name,
                role=message.role or "user",
                time=said_at,
                start=0 if whole else begin,
                end=0 if whole else begin + len(stripped),
                position=position,
            )
            yield Draft(stripped, source, said_at)
            position += 1
