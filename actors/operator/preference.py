"""A preference as memory holds it: what was said, when, and what it states; the value that this package's parts share."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np

from memcube.actors.operator.cue import Kind
from memcube.actors.operator.statement import Statement, read_statement
from memcube.actors.recall.words import words

__all__ = ["Preference", "Vector", "read_preference"]

Vector: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Preference:
    """One memory that states a preference, or from which one was inferred (then ``reasoning`` says from what).

    ``said_at`` is aware. ``vector`` is the memory's (normalised), None where it has none yet. ``arrival`` orders those
    of one time: higher is later.
    """

    id: str
    statement: Statement
    said_at: datetime
    arrival: int = 0
    vector: Vector | None = None
    explicit: bool = True
    reasoning: str = ""

    @property
    def text(self) -> str:
        """What is stated, without what else was said."""
        return self.statement.text

    @property
    def order(self) -> tuple[datetime, int]:
        """By which the later of two is told."""
        return self.said_at, self.arrival


ABOUT = re.compile(
    r"^(?:The )?(?:user|[A-Z][\w-]+(?: [A-Z][\w-]+)?) (?P<verb>[a-z]+(?:n['’]t)?)\b|^(?:该)?(?:用户|[他她])", re.ASCII
)
"""How fine reading begins what it says of a person: 'Alice dislikes', 'The user is', '用户喜欢'."""
FIRST_PERSON = {"is": "am", "has": "have", "does": "do", "doesn't": "don't", "doesn’t": "don't", "isn't": "am not"}


def read_preference(
    id: str,
    text: str,
    said_at: datetime,
    *,
    arrival: int = 0,
    vector: Vector | None = None,
    inferred: bool = False,
    reasoning: str = "",
) -> Preference:
    """The preference that ``text`` is known to state; where no rule sees which, all of the text is it."""
    statement = read_statement(text, "user") or _of_another(text)
    explicit = statement.explicit and not inferred
    return Preference(id, statement, said_at, arrival, vector, explicit, reasoning)


def _of_another(text: str) -> Statement:
    """What a text in the third person states, read as if its person had said it."""
    whole = text.strip()
    match = ABOUT.match(whole)
    if match:
        verb = match["verb"]
        said = f"I {FIRST_PERSON.get(verb) or verb.removesuffix('s')}" if verb else "我"
        statement = read_statement(said + whole[match.end() :], "user")
        if statement is not None:
            return replace(statement, sentences=(whole,), explicit=True)
    return Statement((whole,), Kind.PREFERENCE, 0, 0.5, True, frozenset(term for term, _ in words(whole)))
