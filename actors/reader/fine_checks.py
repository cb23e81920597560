"""Whether a text that a model wrote may become a memory: its language, its ground in the messages, and its novelty.

The model is not trusted: a message may have talked it into anything. What is kept says in other words what its sources
say, about whom they speak of, in their script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from memcube.actors.llm.texts import script_shares
from memcube.actors.operator.orders import is_order
from memcube.actors.reader.fine_prompt import Said
from memcube.actors.recall.words import UNSPACED, fold, words

__all__ = ["Ground", "Seen", "decisive", "in_language_of", "is_general_advice"]

LEAST_SHARE = 0.15
"""Of the sources' letters, so that a script of theirs may be the memory's."""
DECISIVE = re.compile(r"\d+|\b(?:no|not|never|none|nor|without|cannot|\w+n['’]t)\b|[不没沒无無未别]")
ALIKE = 0.8
"""Jaccard similarity of words from which a text repeats another."""
MOST_COMPARED = 400
GENERIC = frozenset(["user", "users", "assistant", "the", "a", "an", "this", "that", "they", "he", "she", "it"])
GENERIC_TERMS = frozenset(term for term, _ in words("user assistant")) | {"用户", "助手", "使用者"}
CALENDAR = frozenset(
    term
    for term, _ in words(
        "x january february march april may june july august september october november december monday tuesday"
        " wednesday thursday friday saturday sunday day week month year"
    )
) | {"年", "月", "日", "天", "周", "星期"}
SUBJECT = re.compile(
    r"^([A-Z][\w-]+)(?:['’]s|(?: [A-Z][\w-]+)? (?:is|was|has|had|will|can|likes|loves|prefers|wants|hates|needs|lives|works"
    r"|went|moved|bought|\w+ed)\b)"
)
ADVICE = re.compile(
    r"suggest|recommend|advis|explain|offer|mention|encourag|provid|list|tips|should|建议|推荐|解释|提供|介绍|鼓励|应该|列出",
    re.IGNORECASE,
)
SPECIFIC = re.compile(r"\d|(?<=[\w,;] )[A-Z][a-z]|[《“\"]")
PEOPLE = re.compile(r"\buser\b|用户", re.IGNORECASE)
ASSISTANTS = frozenset({"", "assistant", "ai", "bot", "chatgpt", "claude", "助手"})


def in_language_of(text: str, sources: Sequence[Said], around: Sequence[Said]) -> bool:
    """Whether the script that ``text`` is mostly in is one of its sources'; languages of one script are not told apart.

    What tools and documents say may be told in the language of the conversation.
    """
    spoken = all(said.role in ("user", "assistant") and not said.tool for said in sources)
    mine = script_shares(text)
    theirs = script_shares(" ".join(said.text for said in (sources if spoken else (*sources, *around))))
    if not mine or not theirs:
        return True
    main = max(mine, key=mine.__getitem__)
    return theirs.get(main, 0.0) >= LEAST_SHARE


def is_general_advice(text: str, sources: Sequence[Said]) -> bool:
    """Whether a text says no more than what the assistant says to anyone: no number, no name, nothing of the user's."""
    if any(said.role != "assistant" or said.tool or fold(said.name) not in ASSISTANTS for said in sources):
        return False
    if SPECIFIC.search(text):
        return False
    return ADVICE.search(text) is not None or PEOPLE.search(text) is None


class Ground:
    """The words of the messages that a memory names as its sources, and of what was said around them."""

    def __init__(self, sources: Sequence[Said], around: Iterable[Said] = ()) -> None:
        self._sources = [said for said in sources if not is_order(said.text)]
        self._around = [said for said in around if not is_order(said.text)]

    @property
    def is_empty(self) -> bool:
        """Whether all sources are orders to the reader."""
        return not self._sources

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset().union(*(said.terms for said in (*self._sources, *self._around)))

    @cached_property
    def _characters(self) -> frozenset[str]:
        return frozenset("".join(said.text for said in self._sources))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(term for said in (*self._sources, *self._around) for term, _ in words(said.name))

    def share(self, text: str) -> float:
        """Which part of the words of ``text``, less names of speakers, dates and numbers, its ground has."""
        terms = {term for term, _ in words(text)} - self._names - GENERIC_TERMS
        terms = {term for term in terms if not any(c.isdigit() for c in term) and term not in CALENDAR}
        return sum(map(self._has, terms)) / len(terms) if terms else 1.0

    def _has(self, term: str) -> bool:
        # Chinese is not segmented alike in two sentences: there the characters of the sources count as well.
        return term in self._words or (UNSPACED.search(term) is not None and self._characters.issuperset(term))

    def knows_subject(self, text: str) -> bool:
        """Whether the one that a sentence begins with is spoken of there."""
        match = SUBJECT.match(text)
        if match is None or fold(match[1]) in GENERIC:
            return True
        return all(term in self._words for term, _ in words(match[1]))


@dataclass(slots=True)
class Seen:
    """Texts that are kept or known, by their words."""

    _texts: list[tuple[frozenset[str], frozenset[str]]] = field(default_factory=list)

    def repeats(self, text: str, when: str = "") -> bool:
        """Whether one of them says ``text`` of the same time in about the same words; if none, it is one of them now."""
        terms, decisive = _shape(text, when)
        for other, turned in self._texts:
            common = len(terms & other)
            if decisive == turned and common >= ALIKE * (len(terms) + len(other) - common):
                return True
        self._texts.append((terms, decisive))
        return False

    def add(self, known: Iterable[tuple[str, str]]) -> None:
        """Take in what is known, (text, when); the first ones, where there are very many."""
        self._texts += [_shape(text, when) for text, when in islice(known, MOST_COMPARED)]


def decisive(text: str) -> frozenset[str]:
    """The numbers and negations of a text: two that differ in them don't say the same, however alike they are."""
    return frozenset(match[0] for match in DECISIVE.finditer(text.casefold()))


def _shape(text: str, when: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(term for term, _ in words(text)), decisive(f"{text} {when}")
