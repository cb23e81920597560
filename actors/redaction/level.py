"""How much of what was found stays: a level for each kind, and the text that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from memcube.actors.redaction.find import find
from memcube.actors.redaction.kinds import SENSITIVITY, Kind, Span
from memcube.model.errors import InvalidArgumentError

__all__ = ["Level", "Redacted", "Redaction", "levels_of"]


class Level(StrEnum):
    """What becomes of a span, from all of it to nothing."""

    KEEP = "keep"  # stays, and is not even spoken of
    LABEL = "label"  # stays; the memory's sensitivity says that it is there
    PARTIAL = "partial"  # a mark with its last four letters or digits: [CARD …6781]
    TOKEN = "token"  # a mark that those who may can turn back: [CARD mce5…]
    MASK = "mask"  # a mark: [CARD]


LAST_CHARS = 4
FEWEST_FOR_PARTIAL = 8
"""Of fewer letters and digits the last four would be half of it: then it is masked."""
_RANK = {"": 0, "public": 0, "internal": 1, "personal": 2, "secret": 3}


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text after redaction. ``found`` counts what was found by kind, whatever became of it; ``sensitivity`` is the
    highest that what still stands in the text (and is not only a token) gives it, empty for none."""

    text: str
    found: Mapping[Kind, int] = field(default_factory=dict)
    sensitivity: str = ""
    changed: bool = False
    """Whether something was taken out; a text that was only labelled is as it was."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """A level for every kind. The reader applies one to what is written, the frame one to what is read by those who
    may not see all, the dumper one to what leaves; ``levels_of`` makes it of settings."""

    levels: Mapping[Kind, Level]

    @property
    def idle(self) -> bool:
        """Whether no text would be looked at."""
        return all(level is Level.KEEP for level in self.levels.values())

    @property
    def takes_out(self) -> bool:
        """Whether any text would be changed."""
        return any(level not in (Level.KEEP, Level.LABEL) for level in self.levels.values())

    def applied(self, text: str, token_of: Callable[[str], str] | None = None) -> Redacted:
        """``text`` as this lets it be. ``token_of`` (``tokens.Tokens.of``) is needed for the level TOKEN; without it
        such spans are masked: nothing is ever kept because a key is missing."""
        if self.idle:
            return Redacted(text)
        parts: list[str] = []
        found: dict[Kind, int] = {}
        sensitivity, done, changed = "", 0, False
        for span in find(text):
            level = self.levels.get(span.kind, Level.KEEP)
            if level is Level.KEEP:
                continue
            found[span.kind] = found.get(span.kind, 0) + 1
            if level is Level.LABEL:
                sensitivity = max(sensitivity, SENSITIVITY[span.kind], key=_RANK.__getitem__)
                continue
            parts += [text[done : span.start], _mark(text, span, level, token_of)]
            done, changed = span.end, True
        return Redacted("".join([*parts, text[done:]]) if changed else text, found, sensitivity, changed)


def _mark(text: str, span: Span, level: Level, token_of: Callable[[str], str] | None) -> str:
    value, name = text[span.start : span.end], span.kind.upper()
    if level is Level.TOKEN and token_of is not None:
        return f"[{name} {token_of(value)}]"
    plain = "".join(filter(str.isalnum, value))
    if level is Level.PARTIAL and len(plain) >= FEWEST_FOR_PARTIAL and span.kind is not Kind.SECRET:
        return f"[{name} …{plain[-LAST_CHARS:]}]"
    return f"[{name}]"


def levels_of(settings: Mapping[str, str], field_name: str = "redaction") -> Redaction:
    """The redaction that settings name: ``{"secret": "mask", "all": "label"}``; kinds that are not named have the
    level of "all", else KEEP. Raises InvalidArgumentError naming the field."""
    for kind, level in settings.items():
        if kind != "all" and kind not in set(Kind):
            raise InvalidArgumentError(f"{field_name}.{kind}", f"is none of all, {', '.join(Kind)}")
        if level not in set(Level):
            raise InvalidArgumentError(f"{field_name}.{kind}", f"{level!r} is none of {', '.join(Level)}")
    usual = Level(settings.get("all", Level.KEEP))
    return Redaction({kind: Level(settings.get(kind, usual)) for kind in Kind})
