"""Preferences that nobody stated but a dialogue shows, with the reasoning kept; without a language model.

Three regularities count, each over several turns of the user: the same wish for the form of answers ('shorter please',
'too long'), the same condition in their requests ('a vegan place', 'vegan shoes'), and suggestions turned down for the
same reason ('too expensive'). One turn shows a wish of the moment and no more. Asked by the verb ``preferences``, over
the user's latest turns: nothing is stored, so what is deleted shows nothing any more.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from memcube.actors.operator.cue import Kind
from memcube.actors.operator.implicit_signs import CHINESE, CONDITIONS, FORMS, OPPOSITES, TOO, Sign, hints
from memcube.actors.operator.stating import states_preference

__all__ = ["Inferred", "Turn", "infer", "signs_of"]

LEAST_REFUSALS = 2
LONGEST_CHARS = 1_000
"""A longer turn is material to work on, not a wish."""
REFUSALS = ((TOO, "Turns down suggestions that are too {name}."), (CHINESE, "不接受太{name}的建议。"))
NO_PATTERN = re.compile("")
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
    kind: Kind
    reasoning: str
    sources: tuple[str, ...]
    said_at: datetime
    confidence: float


def infer(turns: Iterable[Turn], read: Callable[[Turn], Iterable[Sign]] | None = None) -> list[Inferred]:
    """What the user's turns show, surest first; nothing where their wishes contradict one another.

    What the user states outright is no evidence: it is a preference by itself. ``read`` gives a turn's ``signs_of`` if
    the caller has kept them.
    """
    shown: dict[Sign, list[Turn]] = defaultdict(list)
    for turn in sorted(turns, key=lambda one: (one.said_at, one.id)):
        for sign in read(turn) if read else signs_of(turn.text, turn.role):
            shown[sign].append(turn)
    found = [
        _inferred(sign, evidence)
        for sign, evidence in shown.items()
        if len(_distinct(evidence)) >= sign.least and not _contradicted(sign, evidence, shown)
    ]
    return sorted(found, key=lambda one: (-one.confidence, one.text))


def signs_of(text: str, role: str) -> tuple[Sign, ...]:
    """What one turn shows, each sign once; nothing where it is not the user's, long, or states a preference itself."""
    if role != "user" or len(text) > LONGEST_CHARS or not hints(text):
        return ()
    signs = [sign for sign in FORMS if sign.pattern.search(text)]
    if REQUEST.search(text):
        signs += [sign for sign in CONDITIONS if sign.pattern.search(text)]
    for pattern, says in REFUSALS:
        signs += [Sign(match["how"].lower(), NO_PATTERN, says, LEAST_REFUSALS) for match in pattern.finditer(text)]
    return tuple(dict.fromkeys(signs)) if signs and not states_preference(text, "user") else ()


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
        kind=Kind.INSTRUCTION if sign in FORMS else Kind.HABIT,
        reasoning=reasoning,
        sources=tuple(turn.id for turn in evidence),
        said_at=evidence[-1].said_at,
        confidence=round(1 - 1 / (1 + count), 2),
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED_CHARS else flat[: QUOTED_CHARS - 1] + "…"
