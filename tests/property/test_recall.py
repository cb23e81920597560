"""The index against plain truths: however it came to be, it finds the same; its dense order is that of brute force."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.actors.reader.timex import find_spans
from memcube.actors.recall import (
    CubeIndex,
    Document,
    analyze,
    estimate_tokens,
    layout,
    moments,
    pack,
    parse_query,
    postings,
    without_duplicates,
)
from memcube.actors.recall import index as index_module
from memcube.actors.recall.weights import WEIGHTS
from memcube.actors.recall.words import words

NOW = datetime(2024, 1, 10, tzinfo=UTC)
SIZE = 8
WORDS = ["tea", "milk", "sugar", "yesterday", "Ann", "running", "里斯本", "what?", "2021-03-05", "the"]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
documents = st.builds(
    Document,
    id=st.sampled_from("abcdefgh"),
    text=texts,
    speaker=st.sampled_from([None, "Ann", "Bob Ray"]),
    session=st.sampled_from(["s", "s", "s", "t", None]),
    position=st.integers(-3, 3),
    said_at=st.sampled_from([None, NOW, NOW - timedelta(days=40)]),
    role=st.sampled_from([None, "user", "assistant"]),
)
steps = st.lists(st.one_of(documents, documents, st.sampled_from("abcdefgh")), min_size=4, max_size=30)


def vector_of(id: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(ord(id)).normal(size=SIZE).astype(np.float32)


def give_vectors(index: CubeIndex, ids: list[str]) -> None:
    if ids:
        index.set_vectors(ids, np.stack([vector_of(id) for id in ids]), "m")


def found(index: CubeIndex, text: str, vector: bool) -> dict[str, dict[str, float]]:
    query = parse_query(text, NOW, vector_of("q") if vector else None, "m")
    return {hit.id: hit.parts for hit in index.search(query, 100)}


@settings(deadline=None, max_examples=150)
@given(steps=steps, text=texts, eager=st.booleans())
def test_step_by_step_equals_bulk(steps: list[Document | str], text: str, eager: bool) -> None:
    """Puts, replacements and drops in any order find, and explain, what a fresh load of the same memories does."""
    stepped, present = CubeIndex(), dict[str, Document]()
    with pytest.MonkeyPatch.context() as patch:
        if eager:  # compact and merge at every chance, which a small cube else never does
            patch.setattr(index_module, "LEAST_GAPS", 0)
            patch.setattr(postings, "LEAST_MERGE", 3)
            patch.setattr(moments, "LEAST_MERGE", 1)
            patch.setattr(layout, "LEAST_SORT", 1)
        for step in steps:
            if isinstance(step, str):
                stepped.drop(step)
                present.pop(step, None)
            else:
                stepped.put(step.id, analyze(step))
                present.pop(step.id, None)
                present[step.id] = step
                give_vectors(stepped, [step.id] if step.id < "f" else [])
            if len(present) % 2:
                found(stepped, text, vector=True)  # what a search caches must not outlive the next step
    bulk = CubeIndex()
    bulk.load(list(present), [analyze(document) for document in present.values()])
    give_vectors(bulk, [id for id in present if id < "f"])
    assert len(stepped) == len(bulk)
    assert abs(stepped.vector_coverage - bulk.vector_coverage) < 1e-9
    for vector in (False, True):
        ours, theirs = found(stepped, text, vector), found(bulk, text, vector)
        assert ours.keys() == theirs.keys()
        for id in ours:
            assert ours[id].keys() == theirs[id].keys()
            assert np.allclose(list(ours[id].values()), list(theirs[id].values()), atol=1e-3), (id, ours, theirs)


def windowed_bm25(documents: list[Document], query: list[str]) -> dict[str, float]:
    """The context score from its definition: counts and lengths summed over the window, then BM25, over the sum."""
    counted = {d.id: Counter(term for term, _ in words(d.text)) for d in documents}
    ordered = {s: sorted((d for d in documents if d.session == s), key=lambda d: d.position) for s in ("s", "t")}
    windows: dict[str, Counter[str]] = {}
    for document in documents:
        mates = ordered.get(document.session or "", [document])
        at = mates.index(document)
        window: Counter[str] = Counter()
        for place, mate in enumerate(mates):
            share = {0: 1.0, 1: 1.0, 2: 0.5}.get(abs(place - at), 0.0)
            for term, count in counted[mate.id].items():
                window[term] += share * count  # type: ignore[assignment]
        windows[document.id] = window
    mean = sum(sum(window.values()) for window in windows.values()) / len(documents)
    score, all_weight = dict.fromkeys(windows, 0.0), 0.0
    for term in dict.fromkeys(query):
        holders = sum(term in counts for counts in counted.values())
        weight = math.log(1 + (len(documents) + 20 - holders + 0.5) / (holders + 0.5))
        all_weight += weight
        for id, window in windows.items():
            norm = 0.9 * (0.6 + 0.4 * sum(window.values()) / max(mean, 1e-6))
            score[id] += weight * window[term] / (window[term] + norm)
    return {id: value / all_weight for id, value in score.items()}


@settings(deadline=None, max_examples=100)
@given(given=st.lists(documents, min_size=1, max_size=8, unique_by=lambda document: document.id))
def test_context_is_bm25_of_the_window(given: list[Document]) -> None:
    """Context scores are those of the definition, whatever the order of arrival and the gaps between positions."""
    index = CubeIndex()
    for document in given:
        index.put(document.id, analyze(document))
    text = "tea milk running 里斯本"
    truth = windowed_bm25(given, [term for term, _ in words(text)])
    query = parse_query(text, NOW)
    parts = {hit.id: hit.parts["context_lexical"] for hit in index.search(query, 10)}
    assert parts.keys() == {id for id, value in truth.items() if value > 0}
    if parts:  # parts are standardised: a line through the truth, the same for all
        mean = (sum(truth.values()) + 20 * 0.035) / (len(given) + 20)
        squares = (sum(v * v for v in truth.values()) + 20 * (0.055**2 + 0.035**2)) / (len(given) + 20)
        for id, part in parts.items():
            assert math.isclose(part, (truth[id] - mean) / (squares - mean**2) ** 0.5, abs_tol=1e-3), (id, part)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), dropped=st.integers(0, 20))
def test_dense_order_is_brute_force(seed: int, count: int, dropped: int) -> None:
    """Among memories that differ in nothing else, hits come in the order of the inner product less the cube's mean,
    but for the second hop.

    Bytes stand for numbers: what differs by less than two hundredths of the longest vectors may change places.
    """
    random = np.random.default_rng(seed)
    ids = [f"{n:02d}" for n in range(count)]
    matrix = random.normal(size=(count, SIZE)).astype(np.float32)
    index = CubeIndex(replace(WEIGHTS, second_hop=0.0))
    index.load(ids, [analyze(Document(id, "same words")) for id in ids])
    for first in range(0, count, 7):  # as embeddings come: in batches, some replaced
        index.set_vectors(ids[first : first + 9], matrix[first : first + 9], "m")
    for id in ids[:dropped]:
        index.drop(id)
    kept, left = ids[dropped:], matrix[dropped:].astype(np.float64)
    query = random.normal(size=SIZE).astype(np.float32)
    hits = index.search(parse_query("other", NOW, query, "m"), 10)
    truth = left @ (query - left.sum(axis=0) / (len(left) + 20)) if len(left) else np.zeros(0)
    close = 0.02 * np.linalg.norm(query) * np.linalg.norm(matrix, axis=1).max()
    found_truth = truth[[kept.index(hit.id) for hit in hits]]
    assert len({hit.id for hit in hits}) == len(hits) == min(10, len(kept))
    assert np.all(np.abs(found_truth - np.sort(truth)[::-1][:10]) <= close)


@settings(deadline=None)
@given(text=st.text(max_size=300), at=st.datetimes(timezones=st.just(UTC)))
def test_any_text_is_analysed(text: str, at: datetime) -> None:
    """No text and no time breaks the analysis or the search; spans lie within the text and are not empty."""
    for span in find_spans(text, at):
        assert span.start < span.end and text[span.begins : span.ends] == span.surface
    index = CubeIndex()
    index.put("a", analyze(Document("a", text, speaker=text[:20], session=text[:5], said_at=at)))
    index.search(parse_query(text, at), 3)
    assert len(index) == 1


@settings(deadline=None)
@given(ranked=st.lists(st.text(max_size=40), max_size=20), budget=st.integers(-5, 100))
def test_packing(ranked: list[str], budget: int) -> None:
    """The pack fits its budget and keeps the order; removing duplicates twice removes no more."""
    keyed = list(enumerate(ranked))
    taken, used = pack(keyed, budget)
    assert used <= max(budget, 0) and taken == sorted(taken)
    assert used == sum(estimate_tokens(ranked[key]) + 4 for key in taken)
    kept = without_duplicates(keyed)
    assert kept == sorted(kept)
    assert without_duplicates([(key, ranked[key]) for key in kept]) == kept
