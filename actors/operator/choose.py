"""Which preferences matter for a question: words and meaning together, and what holds for most questions.

Runs in the frame, on what memory holds of one user: no LLM, no ``datasketch``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from memcube.actors.operator.cue import Kind
from memcube.actors.operator.preference import Preference, Vector
from memcube.actors.operator.similar import SAME_MEANING, same_direction
from memcube.actors.operator.topic import subjects
from memcube.actors.recall.pack import without_duplicates
from memcube.actors.recall.words import words

__all__ = ["TOP_K", "Chosen", "choose"]

TOP_K = 6
GENERAL = {Kind.CONSTRAINT: 0.10, Kind.INSTRUCTION: 0.15, Kind.PREFERENCE: 0.03, Kind.HABIT: 0.0}
"""What a kind is worth for any question, in cosines: an allergy bears on more than it shares words with."""
SHOWN, SUGGESTING = -0.08, 0.10
"""Besides, for a habit that the user only showed (``implicit``): it is compared by the requests that show it, which any
request resembles a little; and one for a suggestion is what conditions and refusals are about, whatever its subject."""
SUGGESTION = re.compile(
    r"\b(?:recommend|suggest|find|book|plan|order|buy|eat|drink|cook|stay|visit|choose|pick|gift|ideas?|options?|looking for"
    r"|(?:where|what|which)(?: \w+)? (?:should|can|could|shall) (?:i|we)|any good)\b"
    r"|推荐|建议|去哪|哪家|哪里|什么好|吃什么|喝什么|买什么|送什么|选哪|有没有|帮我找",
    re.IGNORECASE,
)
"""A question that asks for something to do, have or go to."""
WORDS = 0.5
"""What a question's words are worth, all of them found, in cosines."""
STRENGTH = 0.05
LEAST = 0.12
"""A preference that scores less, its kind included, has nothing to do with the question; instructions always have."""
WITHOUT_VECTOR = 0.1
"""The cosine that is assumed where there is none: related a little."""
PRIOR = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """A preference that matters: its ``score`` (higher is more; comparable within one answer), and the ids of older
    ones that it replaces."""

    preference: Preference
    score: float
    supersedes: tuple[str, ...] = ()


def choose(
    preferences: Sequence[Preference],
    question: str,
    vector: Vector | None = None,
    top_k: int = TOP_K,
    superseded: Mapping[str, str] | None = None,
) -> list[Chosen]:
    """At most ``top_k`` of ``preferences`` that matter for ``question``, best first.

    ``superseded`` is what ``conflict.superseded`` gave for the same preferences: the replaced ones are left out. Of those
    that say the same, the latest is taken. An empty question asks for those that matter for most.
    """
    replaced = superseded or {}
    known = [one for one in preferences if one.id not in replaced]
    if not known or top_k <= 0:
        return []
    asked = question.strip() != ""
    scores = _general(known)
    if asked:
        scores = scores + _shown(known, question) + _by_words(known, question) + _by_vector(known, vector)
    later = np.argsort(np.argsort([one.order[0].timestamp() for one in known], kind="stable"), kind="stable")
    ranked = sorted(range(len(known)), key=lambda n: (-round(float(scores[n]), 6), -later[n]))
    matter = [n for n in ranked if not asked or scores[n] >= LEAST or known[n].statement.kind is Kind.INSTRUCTION][
        : max(4 * top_k, top_k + 20)
    ]
    return [
        Chosen(known[n], float(scores[n]), tuple(old for old, new in replaced.items() if new == known[n].id))
        for n in _distinct(known, matter)[:top_k]
    ]


def _general(known: Sequence[Preference]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(
        [
            GENERAL[one.statement.kind] + STRENGTH * one.statement.strength * (1.0 if one.explicit else 0.5)
            for one in known
        ]
    )


def _shown(known: Sequence[Preference], question: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    value = SHOWN + (SUGGESTING if SUGGESTION.search(question) else 0.0)
    return np.array([value if one.reasoning and one.statement.kind is Kind.HABIT else 0.0 for one in known])


def _by_words(known: Sequence[Preference], question: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The share of the question's word weight that each covers; rare words weigh more."""
    about = [subjects(one.statement) | _of(one) for one in known]
    asked = {term for term, _ in words(question)}
    found = {term: sum(term in terms for terms in about) for term in asked}
    weights = {term: log(1 + (len(known) + PRIOR) / (count + 1)) for term, count in found.items()}
    whole = sum(weights.values()) or 1.0
    return np.array([WORDS * sum(weights[term] for term in asked & terms) / whole for terms in about])


def _of(one: Preference) -> frozenset[str]:
    return frozenset(term for term, _ in words(one.reasoning)) if one.reasoning else frozenset()


def _by_vector(known: Sequence[Preference], vector: Vector | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    scores = np.full(len(known), WITHOUT_VECTOR)
    places = [n for n, one in enumerate(known) if one.vector is not None]
    if vector is not None and places:
        matrix = np.array([known[n].vector for n in places], np.float32)
        scores[places] = matrix @ np.asarray(vector, np.float32)
    return scores


def _distinct(known: Sequence[Preference], ranked: Sequence[int]) -> list[int]:
    """``ranked`` less what says the same as one that stays: of each such group the latest, in the best one's place."""
    groups: list[list[int]] = []
    for n in ranked:
        for group in groups:
            if _same(known[group[0]], known[n]):
                group.append(n)
                break
        else:
            groups.append([n])
    return [max(group, key=lambda n: known[n].order) for group in groups]


def _same(one: Preference, other: Preference) -> bool:
    if not same_direction(one, other):
        return False
    if len(without_duplicates([(0, one.text), (1, other.text)])) == 1:
        return True
    if one.vector is None or other.vector is None:
        return False
    alike = float(np.asarray(one.vector, np.float32) @ np.asarray(other.vector, np.float32)) >= SAME_MEANING
    return alike and bool(subjects(one.statement) & subjects(other.statement))
