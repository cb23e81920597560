"""Fit the scale of scores: ``MIDPOINT`` and ``SLOPE`` of ``actors/recall/fusion.py``, on the conversations in ``ranking/data``.

    python ranking/scale.py

Each question is asked of a cube that holds evidence for it (a part of its conversation with so many memories, and all
conversations of its sort together) and of one about something else. A score is meant to be 0.5 where a sum is as
frequent among hits that are evidence as among the first ten hits of a question about something else. Besides: what
thresholds leave out, by size of the cube, and the score of the first hit below which a question is weakly answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from dialogues import Conversation, conversations
from train import Vectors, stored_vectors

from memcube.actors.recall import CubeIndex, Document, Hit, analyze, parse_query
from memcube.actors.recall.fusion import MIDPOINT, SLOPE, squashed

__all__ = ["ALL", "Sums", "fit", "measured"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
ALL = 0
"""Stands for all conversations of a sort in one cube: 250 and 510 memories."""
SIZES = (5, 20, 100, ALL)
DEPTH, UNRELATED_DEPTH = 50, 10
CHINESE = "chinese"
"""A question in another language than the cube's is no fair one about something else: it shares no word."""


@dataclass(slots=True)
class Sums:
    """Sums of hits: those that are evidence, and of a question about something else its first hits."""

    right: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    unrelated: list[float] = field(default_factory=list)
    unrelated_first: list[float] = field(default_factory=list)


def measured(size: int, every: int = 1) -> Sums:
    """The sums in cubes of ``size`` memories; ``every``: each so-manyth question only."""
    vectors = stored_vectors()
    assert vectors is not None, "the vectors are of other data: python ranking/train.py --write"
    given = conversations()
    sums = Sums()
    if size == ALL:
        _together(given, vectors, every, sums)
        return sums
    for number, one in enumerate(given):
        place = {document.id: n for n, document in enumerate(one.documents)}
        for n, (question, vector) in enumerate(zip(one.questions, vectors[one.name][1], strict=True)):
            if n % every:
                continue
            begin = min(max(0, place[question.evidence[0]] - (7 * n) % size), max(0, len(place) - size))
            part = slice(begin, begin + size)
            index = _cube(one.documents[part], vectors[one.name][0][part])
            _right(index.search(parse_query(question.text, one.asked_at, vector), DEPTH), question.evidence, sums)
            other = given[(number + 1 + n % (len(given) - 1)) % len(given)]
            if other.name.startswith(CHINESE) == one.name.startswith(CHINESE):
                asked = n % len(other.questions)
                query = parse_query(other.questions[asked].text, one.asked_at, vectors[other.name][1][asked])
                _unrelated(index.search(query, UNRELATED_DEPTH), sums)
    return sums


def _together(
    given: Sequence[Conversation], vectors: dict[str, tuple[Vectors, Vectors]], every: int, sums: Sums
) -> None:
    sorts = [[one for one in given if bool(one.documents[0].role) is assisted] for assisted in (False, True)]
    cubes = [_cube(list(_renamed(of)), np.concatenate([vectors[one.name][0] for one in of])) for of in sorts]
    for number, of in enumerate(sorts):
        for one in of:
            for question, vector in list(zip(one.questions, vectors[one.name][1], strict=True))[::every]:
                query = parse_query(question.text, one.asked_at, vector)
                evidence = [f"{one.name}/{id}" for id in question.evidence]
                _right(cubes[number].search(query, DEPTH), evidence, sums)
                if not one.name.startswith(CHINESE):
                    _unrelated(cubes[1 - number].search(query, UNRELATED_DEPTH), sums)


def _renamed(of: Sequence[Conversation]) -> Iterator[Document]:
    for one in of:
        for document in one.documents:
            yield replace(document, id=f"{one.name}/{document.id}", session=f"{one.name}/{document.session}")


def _cube(documents: Sequence[Document], vectors: Vectors) -> CubeIndex:
    index = CubeIndex()
    ids = [document.id for document in documents]
    index.load(ids, [analyze(document) for document in documents])
    index.set_vectors(ids, vectors, "minilm")
    return index


def _right(hits: Sequence[Hit], evidence: Sequence[str], sums: Sums) -> None:
    sums.first.append(_sum(hits[0]))
    sums.right.extend(_sum(hit) for hit in hits if hit.id in evidence)


def _unrelated(hits: Sequence[Hit], sums: Sums) -> None:
    sums.unrelated_first.append(_sum(hits[0]))
    sums.unrelated.extend(map(_sum, hits))


def _sum(hit: Hit) -> float:
    return sum(hit.parts.values())


def fit(right: Sequence[float], unrelated: Sequence[float]) -> tuple[float, float]:
    """(midpoint, slope) of the logistic function that tells the two apart best, both counting as much."""
    sums = np.array([*right, *unrelated])
    truth = np.repeat([1.0, 0.0], (len(right), len(unrelated)))
    share = np.repeat([0.5 / len(right), 0.5 / len(unrelated)], (len(right), len(unrelated)))
    columns = np.stack((sums, np.ones_like(sums)))
    line = np.array([0.2, -1.0])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-(line @ columns)))
        line = line - np.linalg.solve(
            (columns * share * likely * (1 - likely)) @ columns.T, columns @ (share * (likely - truth))
        )
    return float(-line[1] / line[0]), float(line[0])


def main() -> None:
    """Fit and print."""
    by_size = {size: measured(size) for size in SIZES}
    pooled = [[value for sums in by_size.values() for value in getattr(sums, name)] for name in ("right", "unrelated")]
    midpoint, slope = fit(*pooled)
    print(f"fitted: midpoint {midpoint:.2f}, slope {slope:.3f}; shipped: {MIDPOINT}, {SLOPE}")
    for size, sums in by_size.items():
        print(
            f"cubes of {size or 'all'} memories; left out below the score: of what is not asked for, of evidence, of first hits"
        )
        for threshold in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
            shares = [
                float(np.mean([squashed(value) < threshold for value in values]))
                for values in (sums.unrelated, sums.right, sums.first)
            ]
            print(f"  {threshold:.2f}", *(f"{share:6.1%}" for share in shares))
        for low in (0.8, 0.85, 0.9, 0.93, 0.95, 0.97):
            weak = [
                float(np.mean([squashed(value) < low for value in values]))
                for values in (sums.first, sums.unrelated_first)
            ]
            print(f"  first hit below {low:.2f}: answered {weak[0]:6.1%}, about something else {weak[1]:6.1%}")


if __name__ == "__main__":
    main()
