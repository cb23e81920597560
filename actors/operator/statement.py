"""What a user's turn states: of which kind, which way, how surely, about what."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.actors.operator.cue import Kind
from memcube.actors.operator.stating import stating
from memcube.actors.recall.words import words

__all__ = ["Statement", "read_statement"]

KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a user's text states. ``polarity`` is 1 for, -1 against, 0 neither; ``strength`` 0 to 1; ``topics`` are the
    index's terms of ``sentences``; ``explicit`` is False for a habit, from which a preference only follows."""

    sentences: tuple[str, ...]
    kind: Kind
    polarity: int
    strength: float
    explicit: bool
    topics: frozenset[str]

    @property
    def text(self) -> str:
        """The sentences that state it, joined."""
        return " ".join(self.sentences)


def read_statement(text: str, role: str) -> Statement | None:
    """What ``text`` states, or None where it states nothing of the kind."""
    found = list(stating(text, role))
    if not found:
        return None
    cues = [max(cues, key=lambda cue: cue.weight) for _, cues, _ in found]
    strongest = max(range(len(found)), key=lambda n: found[n][2])
    kind = min((cue.kind for cue in cues), key=KINDS.index)
    sentences = tuple(sentence for sentence, _, _ in found)
    return Statement(
        sentences=sentences,
        kind=kind,
        polarity=cues[strongest].polarity,
        strength=min(1.0, found[strongest][2] / 1.5),
        explicit=kind is not Kind.HABIT,
        topics=frozenset(term for sentence in sentences for term, _ in words(sentence)),
    )
