"""The keyed mark in an installed memory's info: says by itself, to whoever has the secret, which grant it was made for.

It holds as long as the info is kept with the text, and is gone where only the text was taken.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Found", "keyed", "mark_of", "marks_in"]

NONCE_CHARS, TAG_CHARS = 12, 20
TAG_BITS = 4 * TAG_CHARS
MOST_MARKS = 2_000
"""Of a text, so many are looked at."""
_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Found:
    """What of one kind of mark was found for a grant: ``found`` out of ``of``, and the probability that a text which
    has nothing to do with the grant shows so much."""

    found: int
    of: int
    p_value: float
    excerpts: tuple[str, ...] = ()


def keyed(secret: bytes, *parts: str) -> bytes:
    """32 bytes that only the secret makes of these parts (HMAC-SHA-256)."""
    return hmac.digest(secret, "\0".join(parts).encode(), "sha256")


def mark_of(secret: bytes, grant_id: str, item_id: str) -> str:
    """32 hexadecimal characters, other ones for each grant and memory."""
    nonce = keyed(secret, "nonce", grant_id, item_id).hex()[:NONCE_CHARS]
    return nonce + _tag(secret, grant_id, nonce)


def _tag(secret: bytes, grant_id: str, nonce: str) -> str:
    return keyed(secret, "mark", grant_id, nonce).hex()[:TAG_CHARS]


def marks_in(text: str) -> list[str]:
    """What of a text may be a mark, each once."""
    found = dict.fromkeys(match.group() for match in _HEX.finditer(text.lower()))
    return list(found)[:MOST_MARKS]


def judge(secret: bytes, grant_id: str, candidates: Iterable[str]) -> Found:
    """Which of the candidates are marks of this grant."""
    looked = list(candidates)
    own = [one for one in looked if hmac.compare_digest(one[NONCE_CHARS:], _tag(secret, grant_id, one[:NONCE_CHARS]))]
    p_value = min(1.0, len(looked) * 2.0**-TAG_BITS) if own else 1.0
    return Found(len(own), len(looked), p_value, tuple(own[:5]))
