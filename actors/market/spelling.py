"""Harmless spellings chosen by key: "do not" or "don't", "OK" or "okay", a bit each time one of them may stand.

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

MOST_SITES = 5_000
PIECE_CHARS = 64 * 1024
_PRONOUNS = "i|you|he|she|it|we|they|this|that|these|those|there|everyone|anyone|somebody|people"
_NEGATED = "do|does|did|is|are|was|were|has|have|had|would|could|should"
_BEING = "i'm:i am|you're:you are|we're:we are|they're:they are|it's:it is|that's:that is|he's:he is|she's:she is"
_AFTER_BEING = "a|an|the|so|very|really|not|just|also|always|still|glad|happy|sure|sorry|excited|proud|great|[a-z]+ing"
_HAVING = "i've:i have|you've:you have|we've:we have|they've:they have"
_AFTER_HAVING = "been|always|never|had|done|made|seen|learned|found|started|noticed|thought|decided|heard"
_WILLING = "i'll:i will|you'll:you will|we'll:we will|they'll:they will|he'll:he will|she'll:she will"


def _each(pairs: str, guard: str) -> list[tuple[str, str, str, str]]:
    return [(*pair.split(":"), "", guard) for pair in pairs.split("|")]  # type: ignore[misc]


_PAIRS: list[tuple[str, str, str, str]] = [
    # Short, long, what must not come before and what may come behind: both spellings have to fit there.
    *_each("|".join(f"{verb}n't:{verb} not" for verb in _NEGATED.split("|")), rf"(?!\s+(?:{_PRONOUNS})\b)"),
    *_each("won't:will not|can't:cannot", rf"(?!\s+(?:{_PRONOUNS})\b)"),
    *_each(_BEING, rf"(?=\s+(?:{_AFTER_BEING})\b)"),
    *_each(_HAVING, rf"(?=\s+(?:{_AFTER_HAVING})\b)"),
    *_each(_WILLING, r"(?=\s+(?!not\b|or\b|and\b|but\b|if\b|when\b)[a-z])"),
    *_each("i'd:i would", r"(?=\s+(?:love|like|say|suggest|recommend|be)\b)"),
    *_each("okay:ok|perhaps:maybe|for instance:for example|towards:toward", ""),
    ("lots of", "a lot of", r"(?<!quite\s)(?<!such\s)(?<!what\s)", ""),
    ("thanks", "thank you", r"(?<!many\s)", r"(?!\s+(?:to|a)\b)"),
]


@dataclass(frozen=True, slots=True)
class _Pair:
    number: int
    short: str
    long: str


_ALL = {f"p{number}": _Pair(number, short, long) for number, (short, long, _, _) in enumerate(_PAIRS)}
_APOSTROPHE = "['\u2019\u02bc\uff07]"


def _loose(text: str) -> str:
    return r"\s+".join(map(re.escape, text.split())).replace("'", _APOSTROPHE)


_FORMS = "|".join(
    f"(?P<p{number}>{before}(?:{_loose(short)}|{_loose(long)})\\b{behind})"
    for number, (short, long, before, behind) in enumerate(_PAIRS)
)
_TOKEN = re.compile(
    rf"\b(?:{_FORMS}|(?P<word>\w+(?:{_APOSTROPHE}\w+)*))|(?P<end>\n\s*\n|[.!?:;\"{{}}\[\]()|\u2013\u2014\u201c\u201d])",
    re.IGNORECASE,
)
_END = "\1end"


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
    """The sites of a text, in order. Its context is the word before and the word behind, or that none is there: where
    a sentence, a paragraph, a quotation or the text begins or ends."""
    before, site = _END, None
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "end"
        token = match.group().lower() if kind == "word" else f"\1{kind}"
        if site is not None:
            yield _site(*site, token)
            site = None
        if kind.startswith("p"):
            site = (before, match, kind)
        before = token
    if site is not None:
        yield _site(*site, _END)


def _site(before: str, match: re.Match[str], kind: str, behind: str) -> Site:
    pair = _ALL[kind]
    plain = re.sub(_APOSTROPHE, "'", " ".join(match.group().lower().split()))
    return Site(match.start(), match.end(), pair, plain == pair.short, f"{before}\2{kind}\2{behind}")


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
