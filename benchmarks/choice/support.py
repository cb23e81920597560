"""How much recalled memories speak for an option: its words, its meaning, and each of its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from math import log

import numpy as np

from choice.evidence import Evidence, Option
from choice.reading import Reading, terms

__all__ = ["Support", "heard"]

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""BM25's k1 and b, as everywhere."""
MOST_RELEVANT = 5
"""Memories that count as answers to the question itself."""


def heard(evidence: Sequence[Evidence]) -> list[Evidence]:
    """What the user said: an assistant's suggestion is no fact about the user, and a system prompt none at all."""
    return [memory for memory in evidence if memory.role not in ("assistant", "system", "tool")]


class Support:
    """The user's recalled memories, counted once for all options; rarity is within what was recalled."""

    def __init__(self, memories: Sequence[Evidence]) -> None:
        self.memories = memories
        self._counts = [Counter(terms(memory.text)) for memory in memories]
        self._found_in = Counter(term for counts in self._counts for term in counts)
        lengths = [sum(counts.values()) for counts in self._counts]
        mean = max(sum(lengths) / max(1, len(lengths)), 1.0)
        self._norms = [SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length / mean) for length in lengths]
        best = sorted(range(len(memories)), key=lambda n: -memories[n].score)[:MOST_RELEVANT]
        self._relevant = frozenset(term for n in best for term in self._counts[n])
        known = [memory.vector for memory in memories if memory.vector is not None]
        self._vectors = np.stack(known) if known else None

    def _rarity(self, term: str) -> float:
        found = self._found_in.get(term, 0)
        return log(1 + (len(self.memories) - found + 0.5) / (found + 0.5))

    def lexical(self, option: Option) -> tuple[float, str]:
        """BM25 of the option's words in the memory that fits them best, and that memory's id; (0, '') for none."""
        wanted = {term: self._rarity(term) for term in set(terms(option.text)) if term in self._found_in}
        best, source = 0.0, ""
        for memory, counts, norm in zip(self.memories, self._counts, self._norms, strict=True):
            score = sum(
                rarity * counts[term] * (SATURATION + 1) / (counts[term] + norm)
                for term, rarity in wanted.items()
                if term in counts
            )
            if score > best:
                best, source = score, memory.source
        return best, source

    def dense(self, option: Option) -> float:
        """Cosine of the option and the memory nearest to it; 0 where either has no vector."""
        if option.vector is None or self._vectors is None:
            return 0.0
        return float((self._vectors @ option.vector).max())

    def covered(self, option: Option) -> float:
        """Share of the option's word weight that the memories which answer the question have."""
        return self._share(set(terms(option.text)), self._relevant)

    def claims(self, reading: Reading) -> float:
        """How much of a claim one memory says at most, on average over the option's claims; 0 without any."""
        if not reading.claims or not self.memories:
            return 0.0
        return sum(max(self._share(claim, counts) for counts in self._counts) for claim in reading.claims) / len(
            reading.claims
        )

    def _share(self, wanted: Collection[str], having: Collection[str]) -> float:
        weights = {term: self._rarity(term) for term in wanted}
        whole = sum(weights.values())
        return sum(weight for term, weight in weights.items() if term in having) / whole if whole else 0.0
