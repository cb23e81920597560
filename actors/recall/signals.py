"""The signals of one search: how each memory of a cube looks in the light of one question."""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p
from typing import Any

import numpy as np

from memcube.actors.recall import fusion
from memcube.actors.recall.analysis import IS_QUESTION, IS_USER, TELLS_TIME
from memcube.actors.recall.dense import Dense
from memcube.actors.recall.fusion import Signal, standard
from memcube.actors.recall.layout import Layout
from memcube.actors.recall.lexical import HALF, Norms, word_scores
from memcube.actors.recall.moments import Moments
from memcube.actors.recall.postings import Postings
from memcube.actors.recall.query import Query
from memcube.actors.recall.rows import Rows
from memcube.actors.recall.weights import Weights
from memcube.actors.recall.words import digest

__all__ = ["Mask", "Still", "signals"]

Scores = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Still:
    """What only a change of the cube changes, by slot: made at the first search after it."""

    layout: Layout
    norms: Norms
    total: Scores
    """The weighted sum of the still signals; minus infinity for an empty slot."""
    live: Scores
    """One for a memory, zero for an empty slot."""
    substance: Scores
    """e-folds of counted words, up to SUBSTANCE_WORDS."""
    is_question: Scores
    tells_time: Scores
    by_user: Scores
    speaker: np.ndarray[Any, np.dtype[np.int32]]
    """Index into ``Rows.codes``."""
    speakers: frozenset[int]
    """Digests of all speakers' names."""

    @classmethod
    def of(cls, rows: Rows, layout: Layout, weights: Weights) -> Still:
        """Of all memories, as they are laid out."""
        live = np.ones(layout.size, np.float32)
        live[layout.empty] = 0
        flags = layout.spread(rows.column("flags"))
        most = np.log1p(np.float32(fusion.SUBSTANCE_WORDS))
        is_question, tells_time, by_user = (
            ((flags & flag) > 0).astype(np.float32) for flag in (IS_QUESTION, TELLS_TIME, IS_USER)
        )
        substance = np.minimum(np.log1p(layout.spread(rows.column("length"))), most)
        total = np.float32(weights.substance) * substance + np.float32(weights.question) * is_question
        total[layout.empty] = -np.inf
        return cls(
            layout=layout,
            norms=Norms.of(rows, layout),
            total=total,
            live=live,
            substance=substance,
            is_question=is_question,
            tells_time=tells_time,
            by_user=by_user,
            speaker=layout.spread(rows.column("speaker")),
            speakers=rows.speakers(),
        )


def signals(
    query: Query, still: Still, rows: Rows, postings: Postings, moments: Moments, dense: Dense
) -> tuple[dict[str, Signal], Mask | None]:
    """Signals by name, not weighted yet, and which slots match at all (None: any may)."""
    count, layout = len(rows.row_of), still.layout
    named_here = query.names(still.speakers)
    # A speaker's name says whose words to look for; in the text it stands mostly where that person is spoken to.
    terms = [term for term, word in query.terms if not named_here or digest(word) not in named_here]
    own, around = word_scores(terms, postings, rows, layout, still.norms)
    lexical = standard(own, count, fusion.LEXICAL)
    found = {
        "lexical": lexical,
        "context_lexical": standard(around, count, fusion.LEXICAL),
    }
    matched: Mask | None = around > 0
    meant = _dense(query, lexical, still, rows, dense)
    if meant is not None:
        matched = None
        found["dense"], found["context_dense"] = meant
    saying = _saying(query, named_here, still, rows)
    if saying is not None:
        found["speaker"] = Signal(saying, offset=-1.0, level=fusion.SPEAKER_LEVEL)
        if matched is not None and not terms:
            matched |= saying > 0
    found["substance"] = Signal(
        still.substance, offset=-log1p(fusion.ORDINARY_WORDS), level=fusion.SUBSTANCE_LEVEL, still=True
    )
    found["question"] = Signal(still.is_question, still=True)
    if query.asks_when:
        found["tells_time"] = Signal(still.tells_time)
    if query.spans:
        fitting = layout.spread(moments.scores(query.spans, rows.column("said_at")))
        found["time"] = Signal(fitting)
        if matched is not None:
            matched |= fitting > 0
    return found, matched


def _dense(query: Query, lexical: Signal, still: Still, rows: Rows, dense: Dense) -> tuple[Signal, Signal] | None:
    """The dense signal of each memory and of its window, None where there is nothing to compare."""
    if query.vector is None or not dense.count or query.model not in ("", dense.model):
        return None
    layout = still.layout
    signal = standard(layout.spread(dense.scores(query.vector, rows.used)), dense.count, fusion.DENSE)
    own = signal.all()
    if dense.count < len(rows.row_of):
        known = layout.spread(dense.known(rows.used))
        own = np.where(known, own, np.float32(fusion.STAND_IN) * lexical.all())
    own *= still.live
    around = layout.windowed(own * HALF, np.empty_like(own))
    around *= still.live
    return Signal(own), standard(around, len(rows.row_of), fusion.CONTEXT_DENSE)


def _saying(query: Query, named_here: frozenset[int], still: Still, rows: Rows) -> Scores | None:
    """1 for what a speaker said whom the query names, or the user where it speaks in the first person."""
    saying = None
    if named_here:
        named = [not named_here.isdisjoint(name) for name in rows.codes]
        saying = np.array(named, np.float32)[still.speaker]
    if query.first_person:
        saying = still.by_user if saying is None else np.maximum(saying, still.by_user)
    return saying
