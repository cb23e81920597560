"""Long texts in pieces that a memory holds whole, and together again to the last blank.

``add`` cuts what is longer than its embedder's window, and drops blanks at the seams. A load cuts by itself, a little
below that length, and notes the blanks, so that a dump gives back the very text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PIECE_CHARS", "Part", "joined", "pieces"]

PIECE_CHARS = 1200
"""As long as ``actors.reader.segments`` leaves a text whole; a test holds the two together."""
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?。！？])\s*(?=\S)"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class Part:
    """One piece: its text without blanks at its ends, those before it, and (of the last one) behind it."""

    text: str
    before: str = ""
    after: str = ""


def pieces(text: str, limit: int = PIECE_CHARS) -> list[Part]:
    """The pieces of a text that says something; each at most ``limit`` code points."""
    parts: list[Part] = []
    end = len(text.rstrip())
    at = 0
    while at < end:
        start = at + len(text[at:end]) - len(text[at:end].lstrip())
        stop = min(end, start + limit)
        if stop < end:
            window = text[start:stop]
            for pattern in _BREAKS:
                ends = [match.end() for match in pattern.finditer(window, limit // 2)]
                if ends:
                    stop = start + ends[-1]
                    break
        core = text[start:stop].rstrip()
        parts.append(Part(core, text[at:start]))
        at = start + len(core)
    if parts:
        parts[-1] = Part(parts[-1].text, parts[-1].before, text[at:])
    return parts


def joined(parts: Iterable[Part]) -> str:
    """The text of all pieces in their order."""
    return "".join(part.before + part.text + part.after for part in parts)
