"""Which statements say the same: MinHash over their words, and vectors where there are some.

For background workers only: ``datasketch`` imports SciPy (about a second and 35 MB), so it is imported when it is
used, and never in a frame. Neither way compares all with all: both look into the buckets of a locality sensitive hash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from memcube.actors.operator.preference import Preference
from memcube.actors.operator.topic import attribute, subjects
from memcube.actors.recall.words import words

__all__ = ["SAME_MEANING", "SAME_WORDS", "near_duplicates", "same_direction"]

SAME_WORDS = 0.7
"""Jaccard similarity of words and word pairs from which two statements say the same."""
SAME_MEANING = 0.93
"""Cosine from which two do that are about common words."""
PERMUTATIONS = 128
BANDS, BITS = 24, 10
"""Of the hash of vectors: two with a cosine of 0.93 share a bucket with a probability of 0.99."""
MOST_IN_BUCKET = 32
"""Compared with one another; the rest of a larger bucket, of which there is one in a cube of thousands, is not."""


def near_duplicates(preferences: Sequence[Preference]) -> list[tuple[str, str]]:
    """Pairs (older id, newer id) that say the same, each pair once, in order of time.

    What points another way, or gives another value of an attribute or another number, is no duplicate, however alike.
    """
    ordered = sorted(preferences, key=lambda one: one.order)
    pairs = set(_by_words(ordered)) | set(_by_vectors(ordered))
    return [(ordered[a].id, ordered[b].id) for a, b in sorted(pairs) if same_direction(ordered[a], ordered[b])]


def same_direction(one: Preference, other: Preference) -> bool:
    """Whether two alike statements may be one: neither polarity, number nor an attribute's value tells them apart."""
    if one.statement.polarity * other.statement.polarity < 0 or attribute(one.text) != attribute(other.text):
        return False
    numbers = [{term for term in of.statement.topics if any(c.isdigit() for c in term)} for of in (one, other)]
    return numbers[0] == numbers[1]


def _shingles(preference: Preference) -> frozenset[str]:
    terms = [term for term, _ in words(preference.text)]
    return frozenset([*terms, *(" ".join(pair) for pair in pairwise(terms))])


def _by_words(ordered: Sequence[Preference]) -> Iterator[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    shingles = [_shingles(one) for one in ordered]
    buckets = MinHashLSH(threshold=SAME_WORDS - 0.2, num_perm=PERMUTATIONS)
    for n, words_of in enumerate(shingles):
        if not words_of:
            continue
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([shingle.encode() for shingle in words_of])
        for m in sorted(buckets.query(sketch))[-MOST_IN_BUCKET:]:
            common = len(shingles[m] & words_of)
            if common >= SAME_WORDS * len(shingles[m] | words_of):
                yield m, n
        buckets.insert(n, sketch)


def _by_vectors(ordered: Sequence[Preference]) -> Iterator[tuple[int, int]]:
    places = [n for n, one in enumerate(ordered) if one.vector is not None]
    if len(places) < 2:
        return
    matrix = np.array([ordered[n].vector for n in places], np.float32)
    planes = np.random.default_rng(0).standard_normal((matrix.shape[1], BANDS * BITS)).astype(np.float32)
    bits = (matrix @ planes > 0).reshape(len(places), BANDS, BITS)
    keys = bits @ (1 << np.arange(BITS))
    seen: set[tuple[int, int]] = set()
    for band in range(BANDS):
        buckets: dict[Any, list[int]] = defaultdict(list)
        for row, key in enumerate(keys[:, band].tolist()):
            buckets[key].append(row)
        for rows in buckets.values():
            seen.update(combinations(rows[-MOST_IN_BUCKET:], 2))
    about = [subjects(ordered[n].statement) for n in places]
    for a, b in seen:
        if float(matrix[a] @ matrix[b]) >= SAME_MEANING and about[a] & about[b]:
            yield places[a], places[b]
