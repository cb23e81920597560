"""A question, read once: its words, the names, persons and times it mentions. Built where the search arrives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from memcube.actors.reader.timex import find_spans
from memcube.actors.recall.analysis import minutes
from memcube.actors.recall.words import digest, fold, words

__all__ = ["Query", "Vector", "parse_query"]

Vector: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

NAME = re.compile(r"[^\s,.!?;:\"“”()\[\]，。！？、]+")
POSSESSIVE = re.compile(r"['’]s?$")
LONGEST_NAME = 3
"""Words of the longest name looked for in a query."""
FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|we|our|us|myself)\b|我", re.IGNORECASE)
ASKS_WHEN = re.compile(
    r"\s*(?:when|how long|how often|since when|(?:in |on )?(?:what|which) (?:date|day|month|year|time|week))\b"
    r"|.*(?:什么时候|何时|哪天|哪年|几月|几号)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What ``CubeIndex.search`` needs of a question.

    ``vector`` is its embedding (float32, normalised) by ``model``, or None for a lexical search. ``terms`` pairs each
    distinct term's digest with the word it came from; ``spoken`` are its words as a name would be written; ``spans``
    are the times mentioned, in minutes since 1970, the ends excluded.
    """

    vector: Vector | None
    model: str
    terms: tuple[tuple[int, str], ...]
    spoken: tuple[str, ...]
    first_person: bool
    asks_when: bool
    spans: tuple[tuple[int, int], ...]

    def names(self, speakers: frozenset[int]) -> frozenset[int]:
        """Which of these (digests of names) the question names, by up to LONGEST_NAME words."""
        if not speakers:
            return speakers
        named = {digest(surface) for _, surface in self.terms}
        for width in range(1, LONGEST_NAME + 1):
            places = range(len(self.spoken) - width + 1)
            named.update(digest(" ".join(self.spoken[place : place + width])) for place in places)
        return speakers & named


def parse_query(text: str, reference_time: datetime, vector: Vector | None = None, model: str = "") -> Query:
    """Read ``text`` as asked at ``reference_time``.

    Raises InvalidArgumentError("reference") if ``reference_time`` has no zone.
    """
    terms = {digest(term) >> 8: surface for term, surface in words(text)}
    return Query(
        vector=vector,
        model=model,
        terms=tuple(terms.items()),
        spoken=tuple(POSSESSIVE.sub("", part) for part in NAME.findall(fold(text))),
        first_person=FIRST_PERSON.search(text) is not None,
        asks_when=ASKS_WHEN.match(text) is not None,
        spans=tuple((minutes(span.start), minutes(span.end)) for span in find_spans(text, reference_time)),
    )
