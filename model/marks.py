"""The lines around memories where they are put into a prompt, so that they are known when they come back.

What renders memories for a prompt puts them between these two lines, an item a line that begins with "- ";
``memcube.actors.reader.noise`` cuts exactly that out of messages: a memory that was shown is no new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["MEMORIES_FIRST", "MEMORIES_LAST", "PREFERENCES_FIRST", "PREFERENCES_LAST", "memory_block"]

MEMORIES_FIRST = "<memcube-memories>"
MEMORIES_LAST = "</memcube-memories>"
PREFERENCES_FIRST = "<memcube_preferences>"
PREFERENCES_LAST = "</memcube_preferences>"
MOST_NAME_CHARS = 80
_MARKS = re.compile(r"<(/?)memcube")


def memory_block(memories: Iterable[str | Mapping[str, Any]]) -> str:
    """Memories as a block for a prompt, one a line; empty for none.

    Hits of a search (``found["results"]``) have their origin before them, in brackets, so that a model can tell what
    its user said from what a page said: ``- [said] lives in Lisbon``, ``- [outside, web: https://…] …``. Put the block
    where data goes, never into the system prompt. A text cannot end the block: it is one line, and our marks in it are
    written with other brackets.
    """
    lines = [f"- {_line(memory)}" for memory in memories]
    return "\n".join((MEMORIES_FIRST, *lines, MEMORIES_LAST)) if lines else ""


def _line(memory: str | Mapping[str, Any]) -> str:
    if isinstance(memory, str):
        return _tame(memory)
    label = str(memory.get("origin") or "said")
    sources = memory.get("sources") or ()
    if label != "said" and sources:
        kind, name = str(sources[0].get("kind") or ""), str(sources[0].get("id") or "")
        label += f", {_tame(kind)}" + (f": {_tame(name)[:MOST_NAME_CHARS]}" if name else "")
    return f"[{label.replace(']', ')')}] {_tame(str(memory.get('memory', '')))}"


def _tame(text: str) -> str:
    return _MARKS.sub("‹\\1memcube", " ".join(text.split()))
