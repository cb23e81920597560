"""The index of one cube, in memory: a view of its journal, rebuilt from stored entries at page-in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memcube.actors.recall import fusion
from memcube.actors.recall.analysis import IS_QUESTION, IS_USER, TELLS_TIME
from memcube.actors.recall.dense import Dense, Vectors
from memcube.actors.recall.entry import decode
from memcube.actors.recall.fusion import WEIGHTS, squashed, standardised
from memcube.actors.recall.lexical import window_lengths, windowed, word_scores
from memcube.actors.recall.moments import Moments
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.query import Query
from memcube.actors.recall.rows import Links, Rows
from memcube.model.errors import InvalidArgumentError

__all__ = ["CubeIndex", "Hit"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
LEAST_GAPS = 256
"""Fewer dropped rows than this are never compacted away; beyond, when they are a quarter of all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found. ``score`` is ``squashed(sum of parts)``, 0 to 1; ``parts`` are the weighted signals.

    Parts: lexical, dense (the memory itself), context_lexical, context_dense (with its neighbours), speaker,
    substance (a constant less how little the memory says), question (it only asks), tells_time (it states a time
    and the query asks when), time (it fits the time asked for). Signals that say nothing are left out.
    """

    id: str
    score: float
    parts: dict[str, float]


class CubeIndex:
    """Lexical, dense, contextual, speaker and time signals over the memories of one cube; plain, not thread-safe.

    The frame loads it at page-in, applies each commit with ``put`` and ``drop``, and ``set_vectors`` as embeddings
    come; searches see what was applied. Adding costs what the memory's words cost, amortised.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._rows, self._links, self._postings = Rows(), Links(), Postings()
        self._moments, self._dense = Moments(), Dense()
        self._of_lengths: tuple[Scores, Scores] | None = None

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
        self._links.load(self._rows)
        self._postings.load(decoded.term_of, decoded.terms, decoded.counts)
        self._moments.load(decoded.span_of, decoded.spans)

    def put(self, id: str, entry: bytes) -> None:
        """Add a memory, or replace it: then it loses its vector. Raises InvalidArgumentError("entry")."""
        decoded = decode([entry])
        if id in self._rows.row_of:
            self.drop(id)
        row = self._rows.used
        self._rows.append([id], decoded.heads)
        self._links.insert(row, self._rows)
        self._postings.put(row, decoded.terms, decoded.counts)
        self._moments.put(row, decoded.spans.tolist())
        self._of_lengths = None

    def drop(self, id: str) -> None:
        """Remove a memory; one that is not there is no error, as a replayed commit may drop it again."""
        if id not in self._rows.row_of:
            return
        row = self._rows.drop(id)
        self._links.remove(row, self._rows)
        self._dense.drop(row)
        self._of_lengths = None
        gaps = self._rows.used - len(self)
        if gaps > max(LEAST_GAPS, self._rows.used // 4):
            new_row = self._rows.compact()
            self._links.load(self._rows)
            self._postings.remap(new_row)
            self._moments.remap(new_row)
            self._dense.compact(new_row)

    def set_vectors(self, ids: Sequence[str], matrix: Vectors, model: str) -> None:
        """Give memories their vectors (one row an id, normalised; kept as float16), embedded by ``model``.

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

    def search(self, query: Query, limit: int, allowed: Collection[str] | None = None) -> list[Hit]:
        """The best ``limit`` memories, best first, among ``allowed`` ids (None: all).

        Statistics are those of the whole cube, whatever is allowed. A query without a vector, or with one of another
        model, finds only memories that share a word, a time or a speaker with it, or whose neighbours share a word.
        Equal scores: the later arrival first. Raises InvalidArgumentError("vector") for a vector of a wrong size.
        """
        used = self._rows.used
        if limit <= 0 or not len(self):
            return []
        parts, matched = self._signals(query)
        total: Scores = np.zeros(used, np.float32)
        for part in parts.values():
            total += part
        candidates = self._candidates(allowed)
        if matched is not None:
            candidates = candidates & matched if candidates is not None else matched
        if candidates is not None:
            total = np.where(candidates, total, np.float32(-np.inf))
        top = np.arange(used)
        if limit < used:
            top = np.argpartition(-total, limit - 1)[:limit]
            edge = total[top].min()  # among equals at the edge the partition picks any: pick the latest
            above = np.flatnonzero(total > edge)
            top = np.concatenate((above, np.flatnonzero(total == edge)[::-1][: limit - len(above)]))
        top = top[np.isfinite(total[top])]
        top = top[np.lexsort((-top, -total[top]))]
        return [
            Hit(self._rows.ids[row], squashed(float(total[row])), {k: float(v[row]) for k, v in parts.items()})
            for row in top.tolist()
        ]

    def _candidates(self, allowed: Collection[str] | None) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        if allowed is None:
            return None if self._rows.used == len(self) else self._rows.column("alive")
        mask = np.zeros(self._rows.used, bool)
        row_of = self._rows.row_of
        mask[[row_of[id] for id in allowed if id in row_of]] = True
        return mask

    def _signals(self, query: Query) -> tuple[dict[str, Scores], np.ndarray[Any, np.dtype[np.bool_]] | None]:
        """Weighted signals by name, each over all rows, and which rows match at all (None: any may)."""
        rows, weights = self._rows, WEIGHTS
        flags = rows.column("flags")
        named_here = rows.speakers() & query.names
        lengths, substance = self._from_lengths()
        # A speaker's name says whose words to look for; in the text it stands mostly where that person is spoken to.
        terms = [term for term, name in query.terms if name not in named_here]
        own, around = word_scores(terms, self._postings, rows, self._links, lengths)
        lexical = standardised(own, len(self), fusion.LEXICAL)
        parts = {
            "lexical": weights.lexical * lexical,
            "context_lexical": weights.context_lexical * standardised(around, len(self), fusion.LEXICAL),
        }
        matched: np.ndarray[Any, np.dtype[np.bool_]] | None = around > 0
        dense = self._dense_scores(query, lexical)
        if dense is not None:
            matched = None
            parts["dense"], parts["context_dense"] = weights.dense * dense[0], weights.context_dense * dense[1]
        saying = self._saying(query, named_here)
        if saying is not None:
            parts["speaker"] = np.float32(weights.speaker) * saying
            matched = matched | saying if matched is not None and not terms else matched
        parts["substance"] = substance
        parts["question"] = np.float32(weights.question) * ((flags & IS_QUESTION) > 0)
        if query.asks_when:
            parts["tells_time"] = np.float32(weights.tells_time) * ((flags & TELLS_TIME) > 0)
        if query.spans:
            fitting = self._moments.scores(query.spans, rows.column("said_at"))
            parts["time"] = np.float32(weights.time) * fitting
            matched = matched | (fitting > 0) if matched is not None else None
        return parts, matched

    def _from_lengths(self) -> tuple[Scores, Scores]:
        """(lengths of windows, the substance signal): what only a change of the cube changes."""
        if self._of_lengths is None:
            said_much = np.minimum(np.log1p(self._rows.column("length")), np.log1p(np.float32(fusion.SUBSTANCE_WORDS)))
            self._of_lengths = window_lengths(self._rows, self._links), np.float32(WEIGHTS.substance) * said_much
        return self._of_lengths

    def _dense_scores(self, query: Query, lexical: Scores) -> tuple[Scores, Scores] | None:
        dense, used = self._dense, self._rows.used
        if query.vector is None or not dense.count or query.model not in ("", dense.model):
            return None
        known = dense.known(used)
        own = dense.scores(query.vector, used)
        own = standardised(own, dense.count, fusion.DENSE)
        if dense.count < used:
            own = np.where(known, own, fusion.from_lexical(lexical))
            own *= self._rows.column("alive")
        return own, standardised(windowed(own, self._links), len(self), fusion.CONTEXT_DENSE)

    def _saying(self, query: Query, named_here: frozenset[int]) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Rows said by a speaker whom the query names, or by the user where it speaks in the first person."""
        saying = None
        if named_here:
            named = [not named_here.isdisjoint(name) for name in self._rows.codes]
            saying = np.array(named, bool)[self._rows.column("speaker")]
        if query.first_person:
            own = (self._rows.column("flags") & IS_USER) > 0
            saying = own if saying is None else saying | own
        return saying
