"""Listings by words: how many of the question's words a listing has, and where. Plain; there are some thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["ranked"]

_WORD = re.compile(r"\w+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WEIGHTS = (("title", 3.0), ("tags", 2.0), ("description", 1.0), ("samples", 1.0), ("licence", 0.5))


def _words(text: str) -> set[str]:
    lower = text.lower()
    return {*_WORD.findall(lower), *_CJK.findall(lower)}


def _score(listing: pb.Listing, asked: set[str]) -> float:
    score = 0.0
    for name, weight in _WEIGHTS:
        value = getattr(listing, name)
        words = _words(value if isinstance(value, str) else " ".join(value))
        # A word of the question may begin one of the listing's: "recipe" finds "recipes".
        score += weight * sum(any(word.startswith(one) for word in words) for one in asked)
    return score


def ranked(listings: Sequence[pb.Listing], query: str) -> list[pb.Listing]:
    """Those that have words of ``query``, the best first; all by their titles where it is empty."""
    asked = _words(query)
    if not asked:
        return sorted(listings, key=lambda one: (one.title.lower(), one.id)) if not query.strip() else []
    scored = [(score, one) for one in listings if (score := _score(one, asked))]
    return [one for _, one in sorted(scored, key=lambda pair: (-pair[0], pair[1].title.lower(), pair[1].id))]
