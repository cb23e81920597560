"""Preferences that nobody stated but a dialogue shows, with the reasoning kept; without a language model.

Three regularities count, each over several turns of the user: the same wish for the form of answers ('shorter please',
'too long'), the same condition in their requests ('a vegan place', 'vegan shoes'), and suggestions turned down for the
same reason ('too expensive'). One turn shows a wish of the moment and no more. Run by background workers over the turns
of a session, or of several.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from memcube.actors.operator.implicit_signs import CHINESE, CONDITIONS, FORMS, OPPOSITES, TOO, Sign
from memcube.actors.operator.stating import states_preference

__all__ = ["LEAST_CONDITIONS", "LEAST_FORMS", "Inferred", "Turn", "infer"]

LEAST_FORMS = 2
"""Turns that ask for the same form, or turn down for the same reason, from which a preference is inferred."""
LEAST_CONDITIONS = 3
"""Requests with the same condition: two may be about one errand."""
MOST_TURNS = 2_000
"""The latest so many turns are looked at."""
LONGEST_CHARS = 1_000
"""A longer turn is material to work on, not a wish."""
MOST_QUOTED, QUOTED_CHARS = 3, 60
REQUEST = re.compile(
    r"\?|？|\b(?:find|recommend|suggest|show|book|give|list|plan|looking for|search|need|want|any|where|which|what|can you"
    r"|could you|help)\b|推荐|找|有没有|哪里|想要|帮我",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a dialogue, as memory holds it; ``said_at`` is aware."""

    id: str
    text: str
    role: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Inferred:
    """``text`` says it in the third person, or in Chinese where the user writes it; ``reasoning`` quotes what shows it;
    ``sources`` are the turns' ids, oldest first; ``confidence`` 0 to 1 grows with their number."""

    text: str
    reasoning: str
    sources: tuple[str, ...]
    said_at: datetime
    confidence: float


def infer(turns: Iterable[Turn]) -> list[Inferred]:
    """What the user's turns show, surest first; nothing where their wishes contradict one another.

    What the user states outright is no evidence: it is a preference by itself.
    """
    own = [turn for turn in sorted(turns, key=lambda one: (one.said_at, one.id)) if turn.role == "user"][-MOST_TURNS:]
    shown: dict[Sign, list[Turn]] = defaultdict(list)
    for turn in own:
        if len(turn.text) > LONGEST_CHARS or states_preference(turn.text, "user"):
            continue
        for sign in _signs(turn.text):
            shown[sign].append(turn)
    found = [
        _inferred(sign, evidence)
        for sign, evidence in shown.items()
        if len(_distinct(evidence)) >= sign.least and not _contradicted(sign, evidence, shown)
    ]
    return sorted(found, key=lambda one: (-one.confidence, one.text))


def _signs(text: str) -> Iterable[Sign]:
    for sign in FORMS:
        if sign.pattern.search(text):
            yield sign
    if REQUEST.search(text):
        for sign in CONDITIONS:
            if sign.pattern.search(text):
                yield sign
    for match in TOO.finditer(text):
        yield Sign(match["how"].lower(), re.compile(""), "Turns down suggestions that are too {name}.", LEAST_FORMS)
    for match in CHINESE.finditer(text):
        yield Sign(match["how"], re.compile(""), "不接受太{name}的建议。", LEAST_FORMS)


def _distinct(evidence: Sequence[Turn]) -> set[str]:
    """Texts that differ: a repeated or re-sent turn is one."""
    return {" ".join(turn.text.lower().split()) for turn in evidence}


def _contradicted(sign: Sign, evidence: Sequence[Turn], shown: dict[Sign, list[Turn]]) -> bool:
    """Whether the opposite was asked for as well, unless long ago and less often."""
    opposite = OPPOSITES.get(sign.name)
    against = [turn for other, turns in shown.items() if other.name == opposite for turn in turns]
    return bool(against) and (2 * len(against) > len(evidence) or against[-1].said_at >= evidence[-1].said_at)


def _inferred(sign: Sign, evidence: Sequence[Turn]) -> Inferred:
    quoted = "; ".join(f"“{_short(turn.text)}” ({turn.said_at:%Y-%m-%d})" for turn in evidence[-MOST_QUOTED:])
    count = len(evidence)
    chinese = any("\u4e00" <= character <= "\u9fff" for character in sign.says)
    reasoning = f"{count} 次这样要求：{quoted}" if chinese else f"asked for it in {count} turns: {quoted}"
    return Inferred(
        text=sign.says.format(name=sign.name),
        reasoning=reasoning,
        sources=tuple(turn.id for turn in evidence),
        said_at=evidence[-1].said_at,
        confidence=round(1 - 1 / (1 + count), 2),
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED_CHARS else flat[: QUOTED_CHARS - 1] + "…"
