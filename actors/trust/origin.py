"""Where a memory's words come from: said in the conversation, given by the user, or from outside.

What comes from outside (a web page, a tool's result, another's memory) may have been written to be remembered. It is
data like all memory, carried with its origin, and shares answers under a cap (``share.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from memcube.model.item import Source

__all__ = ["Origin", "channel_of", "origin_of"]


class Origin(StrEnum):
    """From the most to the least trusted."""

    SAID = "said"  # in the conversation, by the user or the assistant
    GIVEN = "given"  # a document or image that the user put in
    OUTSIDE = "outside"  # everything else


_SAID = ("", "message")
_GIVEN = ("document", "image")
_SPEAKERS = ("", "user", "assistant", "system")
_RANK = {Origin.SAID: 0, Origin.GIVEN: 1, Origin.OUTSIDE: 2}


def _of(source: Source) -> Origin:
    if source.kind in _SAID and source.role in _SPEAKERS:
        return Origin.SAID
    return Origin.GIVEN if source.kind in _GIVEN else Origin.OUTSIDE


def origin_of(sources: Sequence[Source]) -> Origin:
    """The origin of what was taken from these sources: the least trusted of them. Without a source it was written
    through the API as it is, by whom the cube lets write: SAID. Words that a caller names its sources by ("web",
    "email", "import:mem0") are OUTSIDE, as nobody knows what they stand for."""
    return max(map(_of, sources), key=_RANK.__getitem__, default=Origin.SAID)


def channel_of(sources: Sequence[Source]) -> str:
    """What counts as one source for the cap; empty for what is not from outside. All pages of a host are one, and all
    results of a tool call; an attacker who has a host has all of its pages."""
    for source in sources:
        if _of(source) is Origin.OUTSIDE:
            host = urlsplit(source.id).hostname if "://" in source.id else None
            return f"{source.kind}:{host or source.id or source.speaker}"
    return ""
