"""From ranked hits to what is handed out: near-duplicates removed, then packed to a token budget."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from memcube.actors.recall.tokens import estimate_tokens

__all__ = ["pack", "without_duplicates", "without_sources"]

Key = TypeVar("Key")

ALIKE = 0.9
"""Jaccard similarity of word pairs from which two texts say the same, unless they differ in what DECIDES."""
LINE_TOKENS = 4
"""What a memory costs in a prompt besides its own text: a bullet, a date mark, a line end."""
WORD = re.compile(r"[a-z0-9\u00df-\u024f]+(?:['’][a-z]+)?|\w")
DECIDES = re.compile(r"\d|^(?:no|not|never|none|nor|without|cannot|.*n['’]t|不|没|無|无|未)$")
"""Words that turn a sentence round: numbers and negations."""


@dataclass(frozen=True, slots=True)
class _Shape:
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]


def _shape(text: str) -> _Shape:
    found = WORD.findall(text)
    return _Shape(frozenset(found), frozenset(pairwise(["", *found])))


def _same(one: _Shape, other: _Shape, common: int) -> bool:
    if common < ALIKE * (len(one.pairs) + len(other.pairs) - common):
        return False
    return not any(DECIDES.search(word) for word in one.words ^ other.words)


def without_duplicates(ranked: Iterable[tuple[Key, str]]) -> list[Key]:
    """Keys of ``ranked`` (key, text), best first, less those whose text an earlier one has in about the same words.

    Texts equal but for case, marks and white space are duplicates, as are those with ``ALIKE`` of their word pairs
    in common; a number or a negation that only one of them has keeps both. Meant for the first hundred hits or so:
    each is compared with the kept ones that share a word pair with it.
    """
    kept: list[Key] = []
    shapes: list[_Shape] = []
    holders: dict[tuple[str, str], list[int]] = {}
    for key, text in ranked:
        shape = _shape(text.casefold())
        common: dict[int, int] = {}
        for pair in shape.pairs:
            for place in holders.get(pair, ()):
                common[place] = common.get(place, 0) + 1
        if any(_same(shape, shapes[place], many) for place, many in common.items()):
            continue
        for pair in shape.pairs:
            holders.setdefault(pair, []).append(len(kept))
        shapes.append(shape)
        kept.append(key)
    return kept


def without_sources(ranked: Iterable[tuple[Key, str, Sequence[str]]]) -> list[Key]:
    """Keys of ``ranked`` (key, id, ids that it was made from), best first, less those that an earlier one stands for.

    A message and the fact that was made from it alone say the same: the better one stays. What was made from several
    says more than each of them, and each of them more than it: a summary hides none of its messages.
    """
    kept: list[Key] = []
    shown: set[str] = set()
    told: set[str] = set()
    for key, id, made_from in ranked:
        if id in told or (len(made_from) == 1 and made_from[0] in shown):
            continue
        kept.append(key)
        shown.add(id)
        if len(made_from) == 1:
            told.add(made_from[0])
    return kept


def pack(ranked: Iterable[tuple[Key, str]], budget_tokens: int) -> tuple[list[Key], int]:
    """Keys of the (key, text) that fit into ``budget_tokens``, best first, and the tokens they take together.

    One that does not fit is passed over and shorter ones after it may still be taken; LINE_TOKENS are counted for
    each. A budget of 0 or less takes none.
    """
    taken: list[Key] = []
    used = 0
    for key, text in ranked:
        cost = estimate_tokens(text) + LINE_TOKENS
        if used + cost <= budget_tokens:
            taken.append(key)
            used += cost
    return taken, used
