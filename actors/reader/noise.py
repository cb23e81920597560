"""What of a conversation must not become its user's memory: prompts of the system, ticks of schedulers, and memories
that were put into a prompt and come back with it.

Careful on purpose: only what cannot be meant otherwise is left out. A message that speaks of a heartbeat or quotes a
mark in the midst of a sentence is kept. The caller's ``verbatim`` keeps everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memcube.model.marks import MEMORIES_FIRST, MEMORIES_LAST, PREFERENCES_FIRST, PREFERENCES_LAST

__all__ = ["INJECTED", "NOISE", "SYSTEM_PROMPT", "injected", "left_out"]

SYSTEM_PROMPT, NOISE, INJECTED = "system_prompt", "noise", "injected_memory"
"""Reasons, as ``Skipped.reason`` says them."""

_SYSTEM_ROLES = frozenset({"system", "developer"})
_MARKUP = " \t\r\n*_`~\"'.,!。！"
_SENTINELS = frozenset({"NO_REPLY", "NO_RESPONSE", "HEARTBEAT_OK", "ANNOUNCE_SKIP", "REPLY_SKIP"})
"""What agents answer a scheduler with, in capitals, when there is nothing to say."""
_LONGEST_SENTINEL = max(map(len, _SENTINELS)) + 16
_TICK = re.compile(r"\s*\[(?:cron|heartbeat|scheduler)(?:[: ][^\]\n]{0,200})?\](?!\()", re.IGNORECASE)
"""How a scheduler's message begins: "[cron] …", "[cron:4f2a daily report] …"."""
_HEARTBEAT_PROMPT = re.compile(r"\s*Read HEARTBEAT\.md\b")
_KEEP_ALIVE = re.compile(
    r"\s*(?:keep[-_ ]?alive|[\[<(]\s*(?:keep[-_ ]?alive|heartbeat|ping|pong)\s*[\]>)])\W{0,8}", re.IGNORECASE
)
_UNSEEN = r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f"
"""Characters that show nothing: a text may begin with a byte order mark, and one of tags alone speaks to models only."""
_NOTHING_SAID = re.compile(rf"[\s.…·{_UNSEEN}]*")
_UNSEEN_FIRST = re.compile(rf"[\s{_UNSEEN}]*")


def _alone(first: str, last: str) -> re.Pattern[str]:
    marks = f"(?:(?P<first>{re.escape(first)})|{re.escape(last)})"
    return re.compile(rf"^[ \t{_UNSEEN}]*{marks}[ \t\r{_UNSEEN}]*(?:\n|\Z)", re.MULTILINE)


_PAIRS = ((MEMORIES_FIRST, MEMORIES_LAST), (PREFERENCES_FIRST, PREFERENCES_LAST))
_MARKS = tuple((first, _alone(first, last)) for first, last in _PAIRS)
_ITEM = re.compile(r"[ \t]*(?:- [^\n]*|\d{1,2}\. “[^\n]*|[^\n]{1,80}:|What the user told or showed [^\n]*)(?:\n|\Z)")
"""Lines of a block: memories, and what introduces them."""


def left_out(role: str, text: str) -> tuple[str, str] | None:
    """The reason, and in words, why a message of this role is nobody's memory; None: it is kept."""
    role = role.strip().lower()
    if role in _SYSTEM_ROLES:
        return SYSTEM_PROMPT, f"the role {role[:32]!r} speaks to the model; verbatim keeps it"
    if len(text) < _LONGEST_SENTINEL and text.strip(_MARKUP) in _SENTINELS:
        return NOISE, f"{text.strip(_MARKUP)} says that there is nothing to say"
    if role == "assistant":
        return None
    unseen = _UNSEEN_FIRST.match(text)
    text = text[unseen.end() :] if unseen else text
    if _TICK.match(text) or (_HEARTBEAT_PROMPT.match(text) and "HEARTBEAT_OK" in text):
        return NOISE, "a scheduler's message"
    if _KEEP_ALIVE.fullmatch(text) or _NOTHING_SAID.fullmatch(text):
        return NOISE, "a keep-alive"
    return None


def injected(text: str) -> list[tuple[int, int]]:
    """Half-open ranges of ``text`` that are memories put into it by us, marks and all, in order.

    A mark counts where it stands alone on its line. Where the closing one is missing, the listed lines that follow the
    opening one are taken, and no more.
    """
    found: list[tuple[int, int]] = []
    for begin, end in sorted(span for first, marks in _MARKS if first in text for span in _blocks(text, marks)):
        if found and begin < found[-1][1]:  # one kind within the other
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def _blocks(text: str, marks: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    opened: re.Match[str] | None = None
    for mark in marks.finditer(text):
        if opened is not None:
            yield opened.start(), mark.end() if mark["first"] is None else _items_end(text, opened.end())
        opened = mark if mark["first"] is not None else None
    if opened is not None:
        yield opened.start(), _items_end(text, opened.end())


def _items_end(text: str, at: int) -> int:
    while (item := _ITEM.match(text, at)) is not None:
        at = item.end()
    return at
