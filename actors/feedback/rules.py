"""What follows from feedback for the memories that it may be about, by rules alone: at once, in the commit that takes it.

Certain where the words are ('replace A by B', 'forget that', 'that's right'); where they are not, cautious: what was
named is corrected, what nobody named is only taken back where a rule sees that it says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from memcube.actors.feedback.check import text_digest
from memcube.actors.feedback.reading import Attitude, Reading
from memcube.actors.operator.conflict import superseded
from memcube.actors.operator.preference import ABOUT, FIRST_PERSON, read_preference
from memcube.actors.operator.topic import attribute
from memcube.actors.recall.words import words
from memcube.model.item import Item
from memcube.protos.memcube.v1 import work_pb2

__all__ = ["Decided", "decide", "rival_words"]

MOST_REPLACED = 20
RIVALS = {
    "home": "I live in, moved to, based in",
    "work": "I work at, as, for",
    "budget": "my budget is",
    "name": "my name is, call me",
    "diet": "I am vegan, vegetarian, pescatarian, omnivore",
    "language": "answer in English, French, German, Spanish, Chinese",
    "length": "short, brief, long, detailed answers",
    "units": "metric, imperial, celsius, fahrenheit",
    "住": "我住在，搬到",
    "称呼": "叫我，我的名字是",
}
"""Words with which a memory may give another value to what has one value only: none of them need be in the new one."""
_NEW = "new"
_WORD = re.compile(r"\w")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(slots=True)
class Decided:
    """What is to be done. ``sure``: nobody would decide otherwise, so that no model need be asked."""

    revisions: list[work_pb2.Revision] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sure: bool = False

    def do(self, op: str, item: Item | None, reason: str, memory: str = "") -> None:
        """One more."""
        revision = work_pb2.Revision(op=op, memory=memory, reason=reason)
        if item is not None:
            revision.id, revision.seen = item.id, text_digest(item.memory)
        self.revisions.append(revision)


def decide(reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> Decided:
    """What ``reading`` means for the memories that the caller named, and for those that a search found."""
    decided = Decided()
    _DECIDE[reading.attitude](decided, reading, named, found, now)
    return decided


def rival_words(claim: str) -> str:
    """What to search for to find what ``claim`` may contradict without sharing a word with it; "" = nothing."""
    known = attribute(claim)
    if known is None:
        return ""
    name, _, of = known[0].partition(" ")
    return f"my favourite {of} is" if of else RIVALS.get(name, "")


def _confirm(decided: Decided, reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> None:
    decided.sure = True
    for item in named:
        decided.do("confirm", item, "the user says that it is right")
    if not named:
        decided.notes.append("no memory is named that could be confirmed: give memory_ids")


def _forget(decided: Decided, reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> None:
    if not reading.about:
        decided.sure = True
        for item in named:
            decided.do("archive", item, "the user wants it forgotten")
        if not named:
            decided.notes.append("no memory is named that could be forgotten: give memory_ids")
        return
    wanted = _terms(reading.about)
    meant = [item for item in (*named, *found) if wanted and wanted <= _terms(item.memory)]
    decided.sure = bool(meant)
    for item in meant:
        decided.do("archive", item, f"the user wants forgotten: {reading.about[:80]}")
    if not meant:
        decided.notes.append(f"no memory says {reading.about[:80]!r}: give memory_ids")


def _replace(decided: Decided, reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> None:
    old = _pattern(reading.old)
    for item in named or found:
        text = old.sub(lambda _: reading.new, item.memory)
        if text != item.memory and len(decided.revisions) < MOST_REPLACED:
            decided.do("replace", item, f"{reading.old!r} is {reading.new!r}", text)
    decided.sure = bool(decided.revisions)
    if not decided.revisions:
        decided.notes.append(f"no memory that it may be about says {reading.old!r}")
        _correct(decided, reading, named, found, now)
        decided.sure = False


def _reject(decided: Decided, reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> None:
    if len(named) == 1:
        decided.do("archive", named[0], "the user says that it is wrong")
        return
    which = "which of them is wrong is not said" if named else "no memory is named: give memory_ids"
    decided.notes.append(f"nothing is changed: {which}")


def _correct(decided: Decided, reading: Reading, named: Sequence[Item], found: Sequence[Item], now: datetime) -> None:
    claim = reading.claim.strip()
    against = _contradicted(claim, (*named, *found), now)
    by_id = {item.id: item for item in (*named, *found)}
    mine = [item for item in named if item.id in against]
    if not mine and reading.attitude is not Attitude.STATE and named:
        mine = [named[0]] if len(named) == 1 else _nearest(claim, named)
    if mine:
        # One of them says it now; what else says otherwise goes.
        decided.do("update", mine[0], "the user corrected it", claim)
        against = [item_id for item_id in against if item_id != mine[0].id]
    else:
        decided.do("add", None, "the user said so", claim)
    for item_id in against:
        decided.do("archive", by_id[item_id], "what the user says now contradicts it")


_DECIDE = {
    Attitude.CONFIRM: _confirm,
    Attitude.FORGET: _forget,
    Attitude.REPLACE: _replace,
    Attitude.REJECT: _reject,
    Attitude.CORRECT: _correct,
    Attitude.STATE: _correct,
}


def _contradicted(claim: str, items: Sequence[Item], now: datetime) -> list[str]:
    """Ids of those that say otherwise, by the rules of preferences and of what has one value only."""
    times = [item.valid_from or item.created_at for item in items]
    said = [
        read_preference(item.id, _said(item.memory), at, arrival=n)
        for n, (item, at) in enumerate(zip(items, times, strict=True))
    ]
    new = read_preference(_NEW, claim, max([now, *times]), arrival=len(items))
    replaced = superseded([*said, new])
    return [item.id for item in items if replaced.get(item.id) == _NEW]


def _said(text: str) -> str:
    """What is told of the user as they would say it themselves: 'Alice lives in Paris' as 'I live in Paris'."""
    match = ABOUT.match(text)
    if match is None or not match["verb"]:
        return text
    verb = match["verb"]
    return f"I {FIRST_PERSON.get(verb) or verb.removesuffix('s')}{text[match.end() :]}"


def _nearest(claim: str, items: Sequence[Item]) -> list[Item]:
    """The one that shares the most words with what holds now; none where none shares any."""
    wanted = _terms(claim)
    shared = {item.id: len(wanted & _terms(item.memory)) for item in items}
    best = max(items, key=lambda item: shared[item.id])
    return [best] if shared[best.id] else []


def _terms(text: str) -> frozenset[str]:
    return frozenset(term for term, _ in words(text)) - _OF_PEOPLE


_OF_PEOPLE = frozenset({"user", "用户"})


def _pattern(text: str) -> re.Pattern[str]:
    """``text`` as whole words, in any case."""
    quoted = re.escape(text)
    if _CJK.search(text):
        return re.compile(quoted)
    before = r"(?<!\w)" if _WORD.match(text[0]) else ""
    after = r"(?!\w)" if _WORD.match(text[-1]) else ""
    return re.compile(f"{before}{quoted}{after}", re.IGNORECASE)
