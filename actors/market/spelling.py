"""Harmless spellings chosen by key: "do not" or "don't", "OK" or "okay", one bit each time one of them may stand.

The bit follows from the secret, the grant, and the words around: so it is found again without the original, in any
order, in whatever part is left. It stays when case, spaces and marks change, and is gone where a text is reworded. The
p-value is exact: to whom the secret is unknown the bits are coins, whatever the text prefers by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import comb

from memcube.actors.market.marks import Found, keyed

__all__ = ["Site", "judge", "sites_of", "varied"]

AROUND = 2
"""Words on each side that a bit depends on."""
MOST_SITES = 5_000
PIECE_CHARS = 64 * 1024
_PRONOUNS = "i|you|he|she|it|we|they|this|that|these|those|there|everyone|anyone|somebody|people"
_NEGATED = "do|does|did|is|are|was|were|has|have|had|would|could|should"
_PAIRS = (
    # Not before a pronoun: "don't you" is no "do not you".
    *((f"{verb}n't", f"{verb} not", f"(?!\\s+(?:{_PRONOUNS})\\b)") for verb in _NEGATED.split("|")),
    ("won't", "will not", f"(?!\\s+(?:{_PRONOUNS})\\b)"),
    ("can't", "cannot", f"(?!\\s+(?:{_PRONOUNS})\\b)"),
    *((f"{who}'ll", f"{who} will", "(?=\\s+(?!not\\b|or\\b|and\\b|but\\b|if\\b|when\\b)[a-z])") for who in
      ("i", "you", "he", "she", "we", "they")),
    ("okay", "ok", ""),
    ("perhaps", "maybe", ""),
    ("for instance", "for example", ""),
    ("towards", "toward", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Pair:
    number: int
    short: str
    long: str


_ALL = {f"p{number}": _Pair(number, short, long) for number, (short, long, _) in enumerate(_PAIRS)}
_APOSTROPHE = "['\u2019\u02bc\uff07]"


def _loose(text: str) -> str:
    return r"\s+".join(map(re.escape, text.split())).replace("'", _APOSTROPHE)


_FORMS = "|".join(
    f"(?P<p{number}>(?:{_loose(short)}|{_loose(long)})\\b{guard})" for number, (short, long, guard) in enumerate(_PAIRS)
)
_TOKEN = re.compile(rf"\b(?:{_FORMS}|(?P<word>\w+(?:{_APOSTROPHE}\w+)*))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a text where one of two spellings stands; ``is_short`` says which. ``context`` is the same in every
    copy, whichever spellings were chosen in it."""

    start: int
    end: int
    pair: _Pair
    is_short: bool
    context: str


def sites_of(text: str) -> Iterator[Site]:
    """The sites of a text, in order; those at its ends, whose surroundings are not all there, are left out."""
    tokens: list[tuple[re.Match[str], str]] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "word"
        tokens.append((match, match.group().lower() if kind == "word" else f"\1{kind}"))
    for place in range(AROUND, len(tokens) - AROUND):
        match, kind = tokens[place]
        if not kind.startswith("\1"):
            continue
        pair = _ALL[kind[1:]]
        plain = re.sub(_APOSTROPHE, "'", " ".join(match.group().lower().split()))
        around = "\1".join(token for _, token in tokens[place - AROUND : place + AROUND + 1])
        yield Site(match.start(), match.end(), pair, plain == pair.short, around)


def _wants_short(secret: bytes, grant_id: str, context: str) -> bool:
    return keyed(secret, "spelling", grant_id, context)[0] & 1 == 1


def varied(secret: bytes, grant_id: str, text: str) -> str:
    """The text in the spellings of a grant. Text in code blocks, addresses or capitals is left as it is."""
    if "```" in text:
        return text
    parts: list[str] = []
    at = 0
    for site in sites_of(text):
        stands = text[site.start : site.end]
        short = _wants_short(secret, grant_id, site.context)
        if short == site.is_short or (stands.isupper() and len(stands) > 2):
            continue
        chosen = site.pair.short if short else site.pair.long
        if "\u2019" in text:
            chosen = chosen.replace("'", "\u2019")
        if chosen.startswith(("i ", "i'", "i\u2019")):
            chosen = "I" + chosen[1:]
        elif chosen == "ok":
            chosen = "OK"
        if stands[0].isupper():
            chosen = chosen[0].upper() + chosen[1:]
        parts += (text[at : site.start], chosen)
        at = site.end
    return "".join((*parts, text[at:]))


def bits_in(text: str, most: int = MOST_SITES) -> dict[str, Site]:
    """The sites of a text by their context, each context once: another time it says nothing new. Where the same one
    stands in both spellings the first counts."""
    found: dict[str, Site] = {}
    for start in range(0, len(text), PIECE_CHARS):
        # Piece by piece: most texts have enough of them long before their end.
        for site in sites_of(text[start : start + PIECE_CHARS]):
            if len(found) >= most:
                return found
            here = replace(site, start=start + site.start, end=start + site.end)
            found.setdefault(site.context, here)
    return found


def judge(secret: bytes, grant_id: str, bits: dict[str, Site], text: str) -> Found:
    """How many of a text's sites are spelled as this grant's, and how probable so many are by chance."""
    own = [site for context, site in bits.items() if _wants_short(secret, grant_id, context) == site.is_short]
    excerpts = tuple(text[max(0, site.start - 40) : site.end + 40] for site in own[:3])
    return Found(len(own), len(bits), tail(len(own), len(bits)), excerpts)


def tail(found: int, of: int) -> float:
    """The probability of so many or more heads in so many throws of a coin; 1 where it is no less than half."""
    if 2 * found <= of:
        return 1.0
    total = term = comb(of, found)
    for heads in range(found, of):
        term = term * (of - heads) // (heads + 1)
        total += term
    return total / (1 << of)
