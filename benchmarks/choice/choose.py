"""Choose the option that recalled memories speak for: several plain signals, each compared between the options.

A pure function without a model; called by ``personas.py``. Four of its signals (``past``, ``turns``, ``absolutes``,
``own_life``) look at how options read beside what was recalled: no search of the product does anything like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from choice.evidence import Evidence, Option
from choice.reading import read_options
from choice.support import Support, heard
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["WEIGHTS", "Choice", "Weights", "choose"]

MOST_OPTIONS = 64
MOST_OPTION_CHARS = 20_000
EVEN = 1e-9


@dataclass(frozen=True, slots=True)
class Weights:
    """By hand, in standard deviations among the options; all one but for what speaks as somebody else.

    ``lexical``: one memory says many of its words. ``covered``: the memories that answer the question have much of
    it. ``dense``: a memory means the same. ``past``: it speaks of the user's past, ``turns``: it tells how that
    changed, each as far as its claims are in some memory. ``absolutes``: it says 'never', 'always', 'the first time'.
    ``own_life``: it tells of the speaker's own life.
    """

    lexical: float = 1.0
    covered: float = 1.0
    dense: float = 1.0
    past: float = 1.0
    turns: float = 1.0
    absolutes: float = -1.0
    own_life: float = -2.0


WEIGHTS = Weights()


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen option's place; the rest explains it.

    ``scores`` are the options' sums, ``margin`` the first one's lead over the second, in standard deviations;
    ``parts`` the weighted signals of each option by the names of ``Weights``; ``sources`` the id of the memory whose
    words fit each option best, '' for none. ``margin`` 0 says that nothing speaks for one more than for another.
    """

    index: int
    margin: float
    scores: tuple[float, ...]
    parts: tuple[dict[str, float], ...]
    sources: tuple[str, ...]


def choose(options: Sequence[Option], evidence: Sequence[Evidence], weights: Weights = WEIGHTS) -> Choice:
    """The option that ``evidence``, recalled for the question and for each option, supports best; ties: the first.

    Only what the user said counts. Without any evidence the options are told apart by how they read. Raises
    InvalidArgumentError("options") for fewer than two, TooLargeError("options") for more than 64 or one of more than
    20,000 characters, and InvalidArgumentError("vector") where vectors differ in size.
    """
    if len(options) < 2:
        raise InvalidArgumentError("options", f"{len(options)} given, there is nothing to choose from")
    if len(options) > MOST_OPTIONS:
        raise TooLargeError("options", len(options), MOST_OPTIONS, "options")
    for n, option in enumerate(options):
        if len(option.text) > MOST_OPTION_CHARS:
            raise TooLargeError(f"options[{n}]", len(option.text), MOST_OPTION_CHARS, "characters")
    vectors = [*(option.vector for option in options), *(memory.vector for memory in evidence)]
    sizes = {vector.shape for vector in vectors if vector is not None}
    if len(sizes) > 1:
        raise InvalidArgumentError("vector", f"shapes {sorted(sizes)} are of different models")
    support = Support(heard(evidence))
    readings = read_options([option.text for option in options])
    held = [support.claims(reading) for reading in readings]
    lexical = [support.lexical(option) for option in options]
    signals = {
        "lexical": [score for score, _ in lexical],
        "covered": [support.covered(option) for option in options],
        "dense": [support.dense(option) for option in options],
        "past": [reading.speaks_of_past * share for reading, share in zip(readings, held, strict=True)],
        "turns": [reading.turns * share for reading, share in zip(readings, held, strict=True)],
        "absolutes": [float(reading.absolutes) for reading in readings],
        "own_life": [float(reading.own_life) for reading in readings],
    }
    weighted = {name: getattr(weights, name) * _compared(values) for name, values in signals.items()}
    scores = np.sum(list(weighted.values()), axis=0)
    best = int(scores.argmax())
    return Choice(
        index=best,
        margin=float(scores[best] - np.delete(scores, best).max()),
        scores=tuple(scores.tolist()),
        parts=tuple({name: float(values[n]) for name, values in weighted.items()} for n in range(len(options))),
        sources=tuple(source for _, source in lexical),
    )


def _compared(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Standard scores among the options; zeros where all are alike."""
    array = np.array(values, np.float64)
    deviation = array.std()
    compared: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        (array - array.mean()) / deviation if deviation > EVEN else np.zeros_like(array)
    )
    return compared
