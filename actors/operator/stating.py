"""Is what a user said a statement of a preference, a constraint or a standing instruction of theirs?

Rules with a small linear score: each sentence's cues (``english``, ``english_phrases``, ``chinese``) are weights that
add up, and a sentence from ``THRESHOLD`` on states one. The weights are round and reasoned by hand, not fitted.
Questions, requests of the moment, small talk, reports of events, pasted material and the assistant's words state
none. ``states_preference`` runs in the write path, for each memory once, and is one flag of its index entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import log2

from memcube.actors.operator.chinese import asks_chinese, chinese_cues
from memcube.actors.operator.cue import Cue, Kind, listed
from memcube.actors.operator.english import english_cues, tokens
from memcube.actors.operator.english_phrases import asks, english_phrases, requests_work

__all__ = ["THRESHOLD", "states_preference", "stating"]

THRESHOLD = 0.8
MATERIAL = 0.6
"""Taken off where the text before asked for work on a text: what follows is then that text, not the user."""
LONG_CHARS = 500
FOR_LENGTH = 0.4
"""Taken off for each doubling of the text's length beyond ``LONG_CHARS``: long turns are mostly pasted."""
MOST_CHARS = 4_000
"""Of a text that are looked at."""
SENTENCE = re.compile(r"[^.!?。！？；;\n]+(?:\.(?=\w)[^.!?。！？；;\n]*)*[.!?。！？]*")
PASTED = re.compile(
    r"```.*?(?:```|\Z)|\"{3}.*?(?:\"{3}|\Z)|(?<!\w)[\"“][^\"“”\n]*[\"”]|^\s*>.*$|「[^」]*」", re.DOTALL | re.MULTILINE
)
QUOTES = re.compile(r"[\"“「>`]")
WHOLE_QUOTE = re.compile(r"\s*[\"“'「](?P<inside>[^\"“”「」]*)[\"”'」]\s*\Z")
HAN = re.compile(r"[\u4e00-\u9fff]")
PART = re.compile(r"[a-z']+|[我咱俺别不请后以起]")
TRIGGERS = listed(
    "i im ive i'm i've i'd i'll we we're we've we'd me my our never always don't dont not stop only now forward future"
    " vegan vegetarian avoid call hate love prefer dislike allergic 我 咱 俺 别 不 请 后 以 起"
)
"""A text with none of these states nothing: most turns are done with after this look."""


def states_preference(text: str, role: str) -> bool:
    """Whether ``text``, said by ``role``, states a preference, constraint or standing instruction of its speaker."""
    return next(stating(text, role), None) is not None


def stating(text: str, role: str) -> Iterator[tuple[str, list[Cue], float]]:
    """(sentence, its cues, its score) of each sentence of ``text`` that states something; for ``read_statement``."""
    text = text[:MOST_CHARS]
    if role != "user" or _untouched(text):
        return
    if QUOTES.search(text):
        quoted = WHOLE_QUOTE.match(text)
        text = quoted["inside"] if quoted else PASTED.sub(" ", text)
    text = text.replace("’", "'")
    taken_off = FOR_LENGTH * max(0.0, log2((len(text) + 1) / LONG_CHARS))
    before: list[str] = []
    for match in SENTENCE.finditer(text):
        sentence = match[0].strip()
        cues = _cues(sentence)
        if cues:
            score = sum(cue.weight for cue in cues) - taken_off
            if score >= THRESHOLD and (any(requests_work(one) for one in before) or requests_work(sentence)):
                score -= MATERIAL
            if score >= THRESHOLD:
                yield sentence, cues, score
        before.append(sentence)


def _untouched(text: str) -> bool:
    return TRIGGERS.isdisjoint(PART.findall(text.lower().replace("’", "'")))


def _cues(sentence: str) -> list[Cue]:
    if HAN.search(sentence):
        cues, asked = chinese_cues(sentence), asks_chinese(sentence)
    elif not _untouched(sentence):
        cues = english_cues(tokens(sentence))
        cues += english_phrases(sentence)
        asked = bool(cues) and asks(sentence)
    else:
        return []
    return [cue for cue in cues if cue.kind is Kind.CONSTRAINT and cue.weight >= 1] if asked else cues
