"""The second hop: what is near to the first hits and their neighbours, by its definition and as searches show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from memcube.actors.recall import CubeIndex, Document, analyze, parse_query
from memcube.actors.recall.weights import WEIGHTS

NOW = datetime(2023, 6, 1, 12, tzinfo=UTC)
SIZE = 16
RANDOM = np.random.default_rng(3)
DOCUMENTS = [
    *[Document(f"s{n}", f"turn {n}", "Ann", "s", n, NOW) for n in range(4)],
    *[Document(f"t{n}", f"other {n}", "Ann", "t", n, NOW) for n in range(3)],
    *[Document(f"a{n}", f"alone {n}") for n in range(4)],
    Document("bare", "without a vector"),
]


def unit(vector: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return vector / np.linalg.norm(vector)


VECTORS = np.array([unit(row) for row in RANDOM.normal(size=(len(DOCUMENTS) - 1, SIZE))], np.float32)


def cube(hop: float = WEIGHTS.second_hop) -> CubeIndex:
    index = CubeIndex(replace(WEIGHTS, second_hop=hop))
    index.load([one.id for one in DOCUMENTS], [analyze(one) for one in DOCUMENTS])
    index.set_vectors([one.id for one in DOCUMENTS[:-1]], VECTORS, "m")
    return index


@pytest.mark.parametrize("first", [1, 5, 8])
def test_it_is_what_it_is_defined_to_be(first: int) -> None:
    """Cosine to the first hits and their windows, less the mean, each hit counting e less for each point behind."""
    query = parse_query("something", NOW, VECTORS[first], "m")
    sums = {hit.id: sum(hit.parts.values()) for hit in cube(hop=0.0).search(query, 99)}
    ranked = sorted(sums, key=lambda id: -sums[id])
    assert ranked[0] == DOCUMENTS[first].id
    place = {one.id: n for n, one in enumerate(DOCUMENTS)}
    mean = VECTORS.sum(axis=0) / (len(VECTORS) + 20)
    lead = np.zeros(SIZE)
    for id in ranked[:8]:
        behind = np.exp(sums[id] - sums[ranked[0]])
        for off, share in ((-2, 0.5), (-1, 1.0), (0, 1.0), (1, 1.0), (2, 0.5)):
            near = place[id] + off
            mates = 0 <= near < len(VECTORS) and DOCUMENTS[near].session == DOCUMENTS[place[id]].session
            if id != "bare" and (off == 0 or (mates and DOCUMENTS[near].session)):
                lead += behind * share * (VECTORS[near] - mean)
    near = {id: 0.0 if id == "bare" else float(VECTORS[place[id]] @ unit(lead)) / 0.11 for id in ranked}
    level = np.mean([near[id] for id in ranked[:10]])
    hits = cube().search(query, 99)
    for hit in hits:
        told = hit.parts["second_hop"] / WEIGHTS.second_hop
        truth = near[hit.id] - level
        assert told == pytest.approx(truth, abs=0.1), hit.id
    assert [hit.id for hit in hits] == sorted(
        sums, key=lambda id: -(sums[id] + {h.id: h for h in hits}[id].parts["second_hop"])
    )


def test_what_the_first_hit_leads_to_is_raised() -> None:
    """'Where does Ann's sister work?' finds who the sister is, and by that where she works: which shares nothing with
    the question."""
    texts = ["My sister Ines came over", "Ines starts at the clinic", *(f"filler {n}" for n in range(30))]
    asks, ines = np.eye(SIZE)[0], np.eye(SIZE)[1]
    vectors = np.array(
        [unit(asks + ines), ines, *(unit(row) for row in RANDOM.normal(size=(30, SIZE)) * [[0, 0, *[1] * 14]])]
    )
    places = {}
    for hop in (0.0, WEIGHTS.second_hop):
        index = CubeIndex(replace(WEIGHTS, second_hop=hop))
        index.load([str(n) for n in range(32)], [analyze(Document(str(n), text)) for n, text in enumerate(texts)])
        index.set_vectors([str(n) for n in range(32)], vectors.astype(np.float32), "m")
        hits = index.search(parse_query("work of the sister", NOW, asks.astype(np.float32), "m"), 32)
        places[hop] = [hit.id for hit in hits].index("1")
        assert hits[0].id == "0"
    assert places[WEIGHTS.second_hop] == 1 < places[0.0]


def test_it_starts_from_what_may_be_found_only() -> None:
    """What is not allowed leads nowhere: hits are those of a search in which it was never first."""
    index, query = cube(), parse_query("something", NOW, VECTORS[8], "m")
    allowed = [one.id for one in DOCUMENTS if one.id != "a1"]
    parts = {hit.id: hit.parts for hit in index.search(query, 99, allowed)}
    free = {hit.id: hit.parts for hit in index.search(query, 99)}
    assert "a1" not in parts
    assert max(abs(parts[id]["second_hop"] - free[id]["second_hop"]) for id in parts) > 0.3


def test_without_vectors_there_is_none() -> None:
    """A search by words alone has no second hop, and says nothing of one."""
    (hit,) = cube().search(parse_query("without", NOW), 5)
    assert (hit.id, "second_hop" in hit.parts) == ("bare", False)
