"""Which statements replace an older one: the newest holds, the older stay and are linked to it.

Conservative: only the same thing said the other way round, a choice turned round, or another value of what has one.
Two different likes are no conflict, and neither is an exception to an older statement ('I like horror films', 'I don't
like horror films with gore').
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from memcube.actors.operator.preference import Preference
from memcube.actors.operator.topic import attribute, subjects
from memcube.actors.recall.words import words

__all__ = ["superseded"]

SAME_TOPIC = 0.6
"""Jaccard similarity of what two statements are about, from which they are about the same."""
LOOKED_AT = 64
"""Later statements compared with each new one, for each term that they share: nothing is quadratic in a cube."""
CHOICE = re.compile(
    r"\b(?:prefer|choose|rather (?:have|take|use|go|be|eat|drink|see|watch)?)\s*(?P<one>[^,.;!?]+?)\s+"
    r"(?:over|to|than|rather than|instead of)\s+(?P<other>[^,.;!?]+)",
    re.IGNORECASE,
)
CHANGE = re.compile(
    r"\b(?:switched|changed|moved|went|gone)(?: \w+)? from (?P<other>[^,.;!?]+?) to (?P<one>[^,.;!?]+)", re.IGNORECASE
)


def superseded(preferences: Iterable[Preference]) -> dict[str, str]:
    """From the id of each replaced statement to the id of the later one that replaces it.

    Where three follow one another, each older one is linked to the newest that says otherwise. What was inferred never
    replaces what was said: where they disagree it is the inferred one that is replaced, whichever came later.
    """
    ordered = sorted(preferences, key=lambda one: one.order)
    by_term: dict[str, list[int]] = defaultdict(list)
    by_attribute: dict[str, list[tuple[int, str]]] = defaultdict(list)
    about = [subjects(one.statement) for one in ordered]
    replaced: dict[str, str] = {}
    for n, new in enumerate(ordered):
        known = attribute(new.text)
        if known:
            for old, value in by_attribute[known[0]][-LOOKED_AT:]:
                if value != known[1]:
                    _link(replaced, ordered[old], new)
            by_attribute[known[0]].append((n, known[1]))
        earlier = {old for term in about[n] for old in by_term[term][-LOOKED_AT:]}
        for old in earlier:
            if _replaces(new, about[n], ordered[old], about[old]):
                _link(replaced, ordered[old], new)
        for term in about[n]:
            by_term[term].append(n)
    return replaced


def _link(replaced: dict[str, str], old: Preference, new: Preference) -> None:
    if old.explicit and not new.explicit and new.reasoning:
        replaced[new.id] = old.id
    else:
        replaced[old.id] = new.id


def _replaces(new: Preference, new_about: frozenset[str], old: Preference, old_about: frozenset[str]) -> bool:
    turned = _terms(CHOICE, new.text)
    if turned:
        before = _terms(CHOICE, old.text)
        return before is not None and turned == before[::-1]
    changed = _terms(CHANGE, new.text)
    if changed:
        return old.statement.polarity > 0 and bool(old_about) and old_about <= changed[1]
    opposed = new.statement.polarity * old.statement.polarity < 0
    if not opposed or len(new.statement.sentences) > 1 or len(old.statement.sentences) > 1:
        return False
    common = new_about & old_about
    exception = new_about > old_about
    return not exception and len(common) >= SAME_TOPIC * len(new_about | old_about)


def _terms(pattern: re.Pattern[str], text: str) -> tuple[frozenset[str], frozenset[str]] | None:
    match = pattern.search(text)
    if match is None:
        return None
    one, other = (frozenset(term for term, _ in words(match[part])) for part in ("one", "other"))
    return (one, other) if one and other else None
