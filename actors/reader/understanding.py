"""What was understood of a request: the structured operation that ``understand`` makes of words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from memcube.actors.reader.timex import TimeSpan
from memcube.model.item import MemoryType

__all__ = ["Intent", "Understanding"]


class Intent(StrEnum):
    """What a request wants of a memory system; the values are those of prompts and answers."""

    RECALL = "recall"
    LIST = "list"
    COUNT = "count"
    COMPARE = "compare"
    WHEN = "when"
    PREFERENCE = "preference"
    HOWTO = "howto"
    TOOL = "tool"
    STORE = "store"
    CORRECT = "correct"
    FORGET = "forget"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Understanding:
    """A request as an operation.

    ``text`` is what was read of the request, and ``spans`` have their offsets in it. ``language`` is 'zh', 'en'
    (any text in Latin script) or 'und'. ``memory_types`` are the kinds to look at first, none: no kind before the
    others; it is a hint for ranking, not a filter, as a preference that was not refined yet is held as an ordinary
    memory. ``topics`` and ``people`` are words of the text in its order. ``sub_questions`` are the parts of a
    compound request, to be searched one by one, what dates the others first; none where it asks one thing.
    ``needs_memory`` says whether memories must be looked up to serve it (also to correct or to forget one).
    ``query`` is the text to search for: the request without 'could you tell me'. ``confidence``, 0 to 1, is that of
    the intent; ``by`` says who read it: 'rules' or 'llm'.
    """

    text: str
    language: str
    intent: Intent
    memory_types: tuple[MemoryType, ...]
    topics: tuple[str, ...]
    people: tuple[str, ...]
    spans: tuple[TimeSpan, ...]
    sub_questions: tuple[str, ...]
    needs_memory: bool
    query: str
    confidence: float
    by: str
