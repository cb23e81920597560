"""The index of one cube, in memory: a view of its journal, rebuilt from stored entries at page-in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memcube.actors.recall.dense import Dense, Matrix, Vectors
from memcube.actors.recall.entry import decode
from memcube.actors.recall.fusion import Signal, squashed
from memcube.actors.recall.hop import CANDIDATES, second_hop
from memcube.actors.recall.layout import Conversations
from memcube.actors.recall.moments import Moments
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.query import Query
from memcube.actors.recall.rows import Rows
from memcube.actors.recall.signals import Mask, Still, signals
from memcube.actors.recall.weights import WEIGHTS, Weights
from memcube.actors.recall.words import digest
from memcube.model.errors import InvalidArgumentError

__all__ = ["CubeIndex", "Hit"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
LEAST_GAPS = 256
"""Fewer dropped rows than this are never compacted away; beyond, when they are a quarter of all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found. ``score`` is ``squashed(sum of parts)``, 0 to 1; ``parts`` are the weighted signals.

    Parts: lexical, dense (the memory itself), context_lexical, context_dense (with its neighbours), speaker (the one
    named in the query said it, or another), substance (how much the memory says, beside an everyday turn), question
    (it only asks), tells_time (it states a time and the query asks when), time (it fits the time asked for),
    second_hop (how near it is to the first hits by all these). Signals that say nothing are left out.
    """

    id: str
    score: float
    parts: dict[str, float]


class CubeIndex:
    """Lexical, dense, contextual, speaker and time signals over the memories of one cube; plain, not thread-safe.

    The frame loads it at page-in, applies each commit with ``put`` and ``drop``, and ``set_vectors`` as embeddings
    come; searches see what was applied. Adding costs what the memory's words cost, amortised. ``weights`` are those
    shipped, unless ``ranking/train.py`` tries others.
    """

    def __init__(self, weights: Weights = WEIGHTS) -> None:
        self._weights = weights
        self._start()

    def _start(self) -> None:
        self._rows, self._conversations, self._postings = Rows(), Conversations(), Postings()
        self._moments, self._dense = Moments(), Dense()
        self._still: Still | None = None

    def __len__(self) -> int:
        return len(self._rows.row_of)

    @property
    def vector_coverage(self) -> float:
        """Share of memories that have a vector of the current model; 1 for an empty cube."""
        return self._dense.count / len(self) if len(self) else 1.0

    def load(self, ids: Sequence[str], entries: Sequence[bytes]) -> None:
        """Replace everything by these memories, in this order of arrival, without vectors.

        Raises InvalidArgumentError("entry") for one that ``analyze`` of this version did not write, and ("ids") for
        an id given twice; nothing is changed.
        """
        if len(ids) != len(entries) or len(set(ids)) != len(ids):
            raise InvalidArgumentError("ids", "must be distinct, one for each entry")
        decoded = decode(entries)
        self._start()
        self._rows.append(ids, decoded.heads)
        self._conversations.reload()
        self._postings.load(decoded.term_of, decoded.terms, decoded.counts)
        self._moments.load(decoded.span_of, decoded.spans)

    def put(self, id: str, entry: bytes) -> None:
        """Add a memory, or replace it: then it loses its vector. Raises InvalidArgumentError("entry")."""
        decoded = decode([entry])
        if id in self._rows.row_of:
            self.drop(id)
        row = self._rows.used
        self._rows.append([id], decoded.heads)
        self._conversations.insert(row)
        self._postings.put(row, decoded.terms, decoded.counts)
        self._moments.put(row, decoded.spans.tolist())
        self._still = None

    def drop(self, id: str) -> None:
        """Remove a memory; one that is not there is no error, as a replayed commit may drop it again."""
        if id not in self._rows.row_of:
            return
        row = self._rows.drop(id)
        self._conversations.remove()
        self._dense.drop(row)
        self._still = None
        gaps = self._rows.used - len(self)
        if gaps > max(LEAST_GAPS, self._rows.used // 4):
            new_row = self._rows.compact()
            self._conversations.reload()
            self._postings.remap(new_row)
            self._moments.remap(new_row)
            self._dense.compact(new_row)

    def set_vectors(self, ids: Sequence[str], matrix: Vectors, model: str) -> None:
        """Give memories their vectors (one row an id, normalised; kept as int8), embedded by ``model``.

        Ids that are gone since are passed over. The first vectors of another model clear those of the last one.
        Raises InvalidArgumentError("vectors") for a wrong shape or values that are not finite.
        """
        rows = np.array([self._rows.row_of.get(id, -1) for id in ids], np.int64)
        if matrix.ndim != 2 or len(matrix) != len(ids):
            raise InvalidArgumentError("vectors", f"shape {matrix.shape} does not fit {len(ids)} ids")
        present = rows >= 0
        self._dense.set(rows[present], matrix[present], model)

    def clear_vectors(self) -> None:
        """Forget all vectors; searches are lexical until there are new ones."""
        self._dense.clear()

    def flagged(self, flag: int) -> list[str]:
        """Ids of the memories whose entry has ``flag``, in the order of their arrival."""
        rows = self._rows
        return [
            rows.ids[row] for row in np.flatnonzero(((rows.column("flags") & flag) > 0) & rows.column("alive")).tolist()
        ]

    def next_position(self, session: str) -> int:
        """The position after the last of a session's memories; 0 where it has none. One pass over two columns."""
        rows = self._rows
        mates = (rows.column("session") == np.uint64(digest(session))) & rows.column("alive")
        return int(rows.column("position")[mates].max()) + 1 if mates.any() else 0

    def vector_of(self, id: str) -> Matrix | None:
        """A memory's vector of the current model, nearly, as it was normalised; None where it has none yet."""
        row = self._rows.row_of.get(id)
        return None if row is None else self._dense.vector(row)

    def search(self, query: Query, limit: int, allowed: Collection[str] | None = None) -> list[Hit]:
        """The best ``limit`` memories, best first, among ``allowed`` ids (None: all).

        Statistics are those of the whole cube, whatever is allowed. A query without a vector, or with one of another
        model, finds only memories that share a word, a time or a speaker with it, or whose neighbours share a word.
        Equal scores: the later arrival first. Raises InvalidArgumentError("vector") for a vector of a wrong size.
        """
        if limit <= 0 or not len(self):
            return []
        found, matched, still = self._signals(query)
        layout, considered = still.layout, max(limit, CANDIDATES)
        total = self._sum(found, still)
        if matched is not None:
            total[~matched] = -np.inf
        if allowed is not None:
            total[~self._mask(allowed)] = -np.inf
        top = np.arange(len(total))
        if considered < len(total):
            edge = np.partition(total, -considered)[-considered]
            (top,) = (total >= edge).nonzero()
            if len(top) > considered:  # among equals the latest
                top = top[np.lexsort((-layout.row_of[top], -total[top]))[:considered]]
        top = top[np.isfinite(total[top])]
        parts = np.array([signal.values.take(top) for signal in found.values()], np.float64).T
        parts *= [signal.scale for signal in found.values()]
        parts += [signal.offset for signal in found.values()]
        parts *= [getattr(self._weights, name) for name in found]
        parts += [signal.level for signal in found.values()]
        names, sums, rows = [*found], parts.sum(axis=1), layout.row_of.take(top)
        order = np.lexsort((-rows, -sums))
        if "dense" in found and len(top):
            parts, sums, rows = parts[order], sums[order], rows[order]
            hop = self._weights.second_hop * second_hop(sums, top[order], layout, still.live, self._dense)
            names, parts, sums = [*names, "second_hop"], np.column_stack((parts, hop)), sums + hop
            order = np.lexsort((-rows, -sums))
        order = order[:limit]
        return [
            Hit(self._rows.ids[row], squashed(score), dict(zip(names, of, strict=True)))
            for row, score, of in zip(rows[order].tolist(), sums[order].tolist(), parts[order].tolist(), strict=True)
        ]

    def explain(self, query: Query) -> tuple[list[str], dict[str, Scores]]:
        """All ids, and each signal of all of them, not weighted, by the names of a hit's parts: to train a ranker on."""
        found, _, still = self._signals(query)
        slots = still.layout.slot_of[list(self._rows.row_of.values())]
        signals_of = {name: signal.all()[slots] for name, signal in found.items()}
        if "dense" in found:
            total = self._sum(found, still)[slots].astype(np.float64)
            order = np.lexsort((-np.arange(len(slots)), -total))
            near = np.empty(len(slots), np.float32)
            near[order] = second_hop(total[order], slots[order], still.layout, still.live, self._dense)
            signals_of["second_hop"] = near
        return list(self._rows.row_of), signals_of

    def _sum(self, found: dict[str, Signal], still: Still) -> Scores:
        """The weighted sum of all signals but for what is the same for every memory; minus infinity where none is."""
        total = still.total.copy()
        scratch = np.empty_like(total)
        for name, signal in found.items():
            if not signal.still:
                np.multiply(signal.values, np.float32(signal.scale * getattr(self._weights, name)), out=scratch)
                total += scratch
        return total

    def _signals(self, query: Query) -> tuple[dict[str, Signal], Mask | None, Still]:
        if self._still is None:
            self._still = Still.of(self._rows, self._conversations.layout(self._rows), self._weights)
        return *signals(query, self._still, self._rows, self._postings, self._moments, self._dense), self._still

    def _mask(self, allowed: Collection[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Slots of the allowed ids that are there."""
        layout, row_of = self._conversations.layout(self._rows), self._rows.row_of
        mask = np.zeros(layout.size, bool)
        mask[layout.slot_of[[row_of[id] for id in allowed if id in row_of]]] = True
        return mask
