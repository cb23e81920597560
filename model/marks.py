"""The lines around memories where they are put into a prompt, so that they are known when they come back.

What renders memories for a prompt puts them between these two lines, an item a line that begins with "- ";
``memcube.actors.reader.noise`` cuts exactly that out of messages: a memory that was shown is no new one.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["MEMORIES_FIRST", "MEMORIES_LAST", "PREFERENCES_FIRST", "PREFERENCES_LAST", "memory_block"]

MEMORIES_FIRST = "<memcube-memories>"
MEMORIES_LAST = "</memcube-memories>"
PREFERENCES_FIRST = "<memcube_preferences>"
PREFERENCES_LAST = "</memcube_preferences>"


def memory_block(memories: Iterable[str]) -> str:
    """Memories as a block for a prompt, one a line; empty for none."""
    lines = [f"- {' '.join(memory.split())}" for memory in memories]
    return "\n".join((MEMORIES_FIRST, *lines, MEMORIES_LAST)) if lines else ""
