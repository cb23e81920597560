"""Canaries: memories of no meaning that one grantee alone was given, with names that no one else has.

They read like what else is in a memory (somebody noted where a thing is kept), but are about people, places and numbers
made from the secret. They are in every listing and every copy of the cube, and in the answers to questions that have to
do with them; other questions, to which a small cube has too little to say, don't get them to fill the places. Each has two made words of 26 bits and a
number of 20; whoever takes a text with them takes a proof along, also when the sentence around them is reworded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, prod

from memcube.actors.market.marks import Found, keyed

__all__ = ["Canary", "Words", "canaries_of", "judge", "words_in"]

_ONSETS = ("b", "br", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v")
_VOWELS = ("a", "e", "i", "o", "u")
_CODAS = ("", "l", "n", "r", "s")
SYLLABLES = 3
WORD_BITS, NUMBER_BITS = 25.9, 19.9
"""(16 × 5 × 5)³ words, a million numbers."""
_SYLLABLE = len(_ONSETS) * len(_VOWELS) * len(_CODAS)
WORDS_ASKED = 2
_TEMPLATES = (
    "The spare key for storage unit {number} in {place} is kept by {person}.",
    "{person} signed for parcel {number} at the {place} counter.",
    "Meter {number} at the {place} substation was read by {person}.",
    "Pallet {number} went back to {place}; {person} countersigned the slip.",
    "The {place} archive lists folder {number} under {person}.",
    "{person} returned loan slip {number} to the {place} reading room.",
    "Inspection tag {number} on the {place} lift carries the initials of {person}.",
    "Seat voucher {number} from {place} is made out to {person}.",
)
_WORD = re.compile(r"[^\W\d_]{4,40}")
_NUMBER = re.compile(r"(?<!\d)\d{6}(?!\d)")


@dataclass(frozen=True, slots=True)
class Canary:
    """One: its text, and what in it is nobody else's."""

    text: str
    person: str
    place: str
    number: str

    def is_asked_for(self, query: str) -> bool:
        """Whether a question has to do with it: names something of it, or has two of its longer words."""
        asked = {*map(str.lower, _WORD.findall(query)), *_NUMBER.findall(query)}
        if not asked.isdisjoint((self.person.lower(), self.place.lower(), self.number)):
            return True
        return len(asked & {word.lower() for word in _WORD.findall(self.text)}) >= WORDS_ASKED


def _word(seed: bytes) -> str:
    value = int.from_bytes(seed[:8], "big") % _SYLLABLE**SYLLABLES
    parts = []
    for _ in range(SYLLABLES):
        value, here = divmod(value, _SYLLABLE)
        here, coda = divmod(here, len(_CODAS))
        onset, vowel = divmod(here, len(_VOWELS))
        parts.append(_ONSETS[onset] + _VOWELS[vowel] + _CODAS[coda])
    return "".join(parts).capitalize()


def canaries_of(secret: bytes, grant_id: str, count: int) -> Iterator[Canary]:
    """The canaries of a grant: always the same."""
    for number in range(count):
        seed = keyed(secret, "canary", grant_id, str(number))
        person, place = _word(seed), _word(seed[8:])
        code = f"{int.from_bytes(seed[16:24], 'big') % 1_000_000:06}"
        text = _TEMPLATES[seed[24] % len(_TEMPLATES)].format(person=person, place=place, number=code)
        yield Canary(text, person, place, code)


@dataclass(frozen=True, slots=True)
class Words:
    """What of a text could be a canary's: words in small letters, and numbers of six digits."""

    text: str
    words: frozenset[str]
    numbers: frozenset[str]


def words_in(text: str) -> Words:
    """Those of a text."""
    return Words(text, frozenset(map(str.lower, _WORD.findall(text))), frozenset(_NUMBER.findall(text)))


def judge(secret: bytes, grant_id: str, count: int, words: Words) -> Found:
    """How many of a grant's made words and numbers are in a text. The p-value bounds the chance that a text with so
    many different words and numbers has so many of them."""
    chances = (min(1.0, len(words.words) * 2.0**-WORD_BITS), min(1.0, len(words.numbers) * 2.0**-NUMBER_BITS))
    found = [0, 0]
    excerpts: list[str] = []
    for canary in canaries_of(secret, grant_id, count):
        hits = [word for word in (canary.person, canary.place) if word.lower() in words.words]
        found[0] += len(hits)
        found[1] += canary.number in words.numbers
        if hits and len(excerpts) < 5:
            match = re.search(re.escape(hits[0]), words.text, re.IGNORECASE)
            at = match.start() if match is not None else 0
            excerpts.append(words.text[max(0, at - 100) : at + 100])
    possible = (2 * count, count)
    p_value = prod(comb(n, k) * chance**k for n, k, chance in zip(possible, found, chances, strict=True))
    return Found(sum(found), sum(possible), min(1.0, p_value), tuple(excerpts))
