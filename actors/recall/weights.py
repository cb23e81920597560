"""The weights of the signals, from ``weights.json`` beside this file; ``ranking/train.py`` makes it and says how."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from memcube.model.errors import DamagedError

__all__ = ["FILE", "WEIGHTS", "Weights"]

FILE = Path(__file__).with_name("weights.json")
HEAVIEST = 100.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts, in standard deviations.

    One setting for chats between people and for chats with an assistant. The first four are set by hand: a turn's own
    words count half of its window's, since a question's words are spread over a few turns. The others are learned:
    ``speaker`` is for what the person named in the question said (or the user, where it says 'I'); ``substance`` is
    per e-fold of counted words, up to ``fusion.SUBSTANCE_WORDS``: short turns are small talk; ``second_hop`` is for
    what is near to the first hits by all the others, and was learned after them.
    """

    lexical: float
    dense: float
    context_lexical: float
    context_dense: float
    speaker: float
    substance: float
    question: float
    tells_time: float
    time: float
    second_hop: float

    @classmethod
    def read(cls, file: Path = FILE) -> Weights:
        """From a file as ``ranking/train.py`` writes it. Raises DamagedError, naming the file, for any other."""
        try:
            given: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["weights"]
            names = {field.name for field in fields(cls)}
            if given.keys() != names:
                raise ValueError(f"has weights for {sorted(given)}, not for {sorted(names)}")
            weights = cls(**{name: float(value) for name, value in given.items()})
            wrong = [name for name in names if not abs(getattr(weights, name)) <= HEAVIEST]
            if wrong:
                raise ValueError(f"{sorted(wrong)} out of range")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(str(file), str(error)) from None
        return weights


WEIGHTS = Weights.read()
