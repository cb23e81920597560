"""The first hits read again, with a small real reranker that is well, slow, broken or talks nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from memcube.actors.gateway.reranking import FIRST, PART, blended
from memcube.actors.recall.fusion import squashed
from memcube.model.errors import UnavailableError
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .test_composite import ALICE, TEAM, fill, search, texts

pytestmark = pytest.mark.anyio


@dataclass
class State:
    """What a reranker says of itself."""

    model: str = ""
    state: str = "ready"
    detail: str = ""


@dataclass
class Favourite:
    """A reranker that likes texts with one word in them, and else those that are short."""

    word: str
    trouble: Exception | None = None
    pause_s: float = 0.0
    nonsense: list[float] | None = None
    asked: list[list[str]] = field(default_factory=list)

    async def rerank(self, tenant: str, query: str, texts: Sequence[str], within_s: float) -> Sequence[float]:
        """One score a text."""
        self.asked.append(list(texts))
        await asyncio.sleep(self.pause_s)
        if self.trouble:
            raise self.trouble
        if self.nonsense is not None:
            return self.nonsense
        return [5.0 if self.word in text else -len(text) / 100 for text in texts]

    def state(self) -> State:
        """In trouble or not."""
        return State(state="degraded", detail=str(self.trouble)) if self.trouble else State()


async def filled(running: Any) -> Any:
    """A caller with forty memories of tea in two cubes, one of which is green."""
    caller = running.caller()
    for scope, first in ((ALICE, 0), (TEAM, 20)):
        await fill(caller, scope, *[f"tea number {n} is black, tea is black tea" for n in range(first, first + 20)])
    await fill(caller, TEAM, "somebody had one green tea")
    return caller


def ids(found: pb.SearchResponse) -> list[str]:
    """The hits' ids, best first."""
    return [hit.item.id for hit in found.hits]


async def test_the_first_hits_are_read_again_and_their_scores_stay_true(start: Any) -> None:
    """What the reranker likes comes to the front, from below the hits wanted; parts still add up to each score."""
    reranker = Favourite("green")
    async with start(reranker=reranker) as running:
        caller = await filled(running)
        fused = await caller.call("Search", search("black tea number", TEAM, top_k=50))
        assert "somebody had one green tea" in texts(fused)[10:]
        assert not reranker.asked
        found = await caller.call("Search", search("green tea number", TEAM, top_k=3, rerank=True))
        packed = await caller.call("Search", search("green tea number", TEAM, token_budget=12, rerank=True))
    assert texts(found)[0] == "somebody had one green tea"
    assert len(found.hits) == 3
    assert len(reranker.asked[0]) == FIRST
    assert found.rerank_ms > 0
    assert len(reranker.asked[1]) == FIRST
    assert texts(packed) == ["somebody had one green tea"]
    for hit in found.hits:
        parts = {part.name: part.value for part in hit.parts}
        assert PART in parts
        assert hit.score == pytest.approx(squashed(sum(parts.values())), abs=1e-4)
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


@pytest.mark.parametrize(
    ("reranker", "words"),
    [
        (None, "reranker: none is configured; ranked by the fused score"),
        (Favourite("x", UnavailableError("the reranker (no model)")), "no model"),
        (Favourite("x", RuntimeError("a defect of its own")), "internal error"),
        (Favourite("x", pause_s=5), "no answer within"),
        (Favourite("x", nonsense=[1.0]), "its answer is not"),
        (Favourite("x", nonsense=[float("nan")] * FIRST), "its answer is not"),
    ],
)
async def test_a_failing_reranker_leaves_the_fused_order_where_memos_emptied_the_answer(
    start: Any, reranker: Favourite | None, words: str
) -> None:
    """MemOS scored 0.0 then, and its relevance filter left nothing: here hits, order and scores are the fused ones."""
    async with start(reranker=reranker) as running:
        caller = await filled(running)
        fused = await caller.call("Search", search("black tea", TEAM, top_k=10, threshold=0.01))
        found = await caller.call("Search", search("black tea", TEAM, top_k=10, threshold=0.01, rerank=True), timeout=2)
    assert len(found.hits) == 10
    assert ids(found) == ids(fused)
    assert [hit.score for hit in found.hits] == [hit.score for hit in fused.hits]
    assert words in found.degraded[-1]
    assert found.degraded[-1].endswith("; ranked by the fused score")
    assert "defect" not in found.degraded[-1]


async def test_the_status_says_how_the_reranker_is(start: Any) -> None:
    """A part that is not configured is not mentioned; one in trouble is degraded, with why."""
    for reranker, states in (
        (None, []),
        (Favourite("x"), ["ready"]),
        (Favourite("x", ValueError("why")), ["degraded"]),
    ):
        async with start(reranker=reranker) as running:
            status = await running.caller().call("Status", pb.StatusRequest())
            assert [part.state for part in status.components if part.name == "reranker"] == states


def test_a_reranker_that_scores_all_alike_changes_nothing() -> None:
    """Zeros for all, as MemOS's had on failure, move no hit; the weight is in standard deviations of either side."""
    hits = [
        pb.Hit(item=item_pb2.Item(id=str(n)), score=squashed(total), parts=[pb.ScorePart(name="lexical", value=total)])
        for n, total in enumerate((9.0, 7.0, 2.0))
    ]
    alike = blended(hits, [0.0, 0.0, 0.0])
    assert [hit.score for hit in alike] == [hit.score for hit in hits]
    for scale in (1.0, 1000.0):
        moved = blended(hits, [scale * value for value in (-1.0, 0.0, 1.0)])
        assert [round(hit.parts[-1].value, 3) for hit in moved] == [-3.606, 0.0, 3.606]
    assert len(hits[0].parts) == 1
