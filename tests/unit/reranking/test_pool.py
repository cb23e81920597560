"""The pool before the cross-encoder, without Ray: calls shared, queues bounded, failures told to all at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from memcube.actors.reranking import pool as module
from memcube.actors.reranking.actor import ServedModel
from memcube.actors.reranking.pool import Pair, RerankPool
from memcube.deployments.reranker.config import RerankerConfig, check_config, load_model
from memcube.model.errors import (
    DeadlineError,
    ExhaustedError,
    InvalidArgumentError,
    MissingExtraError,
    UnavailableError,
)


class Overlap:
    """A small real reranker: how many words question and text share. ``trouble`` is raised, ``pause_s`` waited."""

    def __init__(self, trouble: Exception | None = None, pause_s: float = 0.0) -> None:
        self.trouble = trouble
        self.pause_s = pause_s
        self.calls: list[int] = []

    async def __call__(self, pairs: list[Pair], within_s: float) -> list[float]:
        """One number a pair."""
        self.calls.append(len(pairs))
        await asyncio.sleep(self.pause_s)
        if self.trouble:
            raise self.trouble
        return [float(len(set(query.lower().split()) & set(text.lower().split()))) for query, text in pairs]


def test_questions_that_arrive_together_share_a_call_and_get_their_own_scores() -> None:
    """Twenty questions with ten texts each take four calls, not twenty."""

    async def body() -> None:
        model = Overlap(pause_s=0.01)
        pool = RerankPool(model)
        asked = [pool.rerank(f"word{n}", [f"word{n} word{m}" for m in range(10)], 5) for n in range(20)]
        for scores in await asyncio.gather(*asked):
            assert scores == [1.0] * 10
        assert sum(model.calls) == 200
        assert max(model.calls) <= module.BATCH_PAIRS
        assert len(model.calls) <= 5

    asyncio.run(body())


def test_what_is_too_much_is_refused_and_what_is_late_is_not_begun() -> None:
    """A full queue says when to come back; who stopped waiting costs the model nothing."""

    async def body() -> None:
        model = Overlap(pause_s=0.05)
        pool = RerankPool(model)
        first = asyncio.ensure_future(pool.rerank("a", ["a"], 5))
        while not model.calls:
            await asyncio.sleep(0)
        with pytest.raises(ExhaustedError) as caught:
            await pool.rerank("a", ["a"] * (module.QUEUE_PAIRS + 1), 5)
        assert caught.value.retry_after_s
        with pytest.raises(DeadlineError):
            await pool.rerank("late", ["a"] * 7, 0.01)
        assert await first == [1.0]
        assert await pool.rerank("b", ["b c"], 5) == [1.0]
        assert model.calls == [1, 1]

    asyncio.run(body())


def test_a_failure_is_told_to_all_and_then_nobody_waits_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone in the queue hears of it; for a while calls fail at once, then the model is asked again."""

    async def body() -> None:
        model = Overlap(UnavailableError("the reranker (gone)"), pause_s=0.01)
        pool = RerankPool(model)
        outcomes = await asyncio.gather(*(pool.rerank("a", ["a"] * 40, 5) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in outcomes] == [UnavailableError] * 3
        assert len(model.calls) == 1
        model.trouble = None
        with pytest.raises(UnavailableError, match="gone"):
            await pool.rerank("a", ["a"], 5)
        assert len(model.calls) == 1
        monkeypatch.setattr(module, "monotonic", lambda: asyncio.get_running_loop().time() + module.COOL_S + 1)
        assert await pool.rerank("a", ["a"], 60) == [1.0]

    asyncio.run(body())


def test_who_is_in_haste_keeps_nobody_else_from_the_model() -> None:
    """A caller whose time is over hears so; the call goes on, and the next one is answered, not refused."""

    async def body() -> None:
        model = Overlap(pause_s=0.05)
        bound: list[float] = []

        async def score(pairs: list[Pair], within_s: float) -> list[float]:
            bound.append(within_s)
            async with asyncio.timeout(within_s):
                return await model(pairs, within_s)

        pool = RerankPool(score)
        with pytest.raises(DeadlineError):
            await pool.rerank("a", ["a"], 0.01)
        assert await pool.rerank("a", ["a"], 5) == [1.0]
        assert bound[0] == module.LEAST_CALL_S

    asyncio.run(body())


def test_a_serve_handle_that_is_gone_is_looked_for_again() -> None:
    """An application may be another one by now; what a call ends with is an error of ours."""

    class Handle:
        """Stands where a Serve handle stands."""

        def __init__(self) -> None:
            self.score = self

        async def remote(self, pairs: list[Pair]) -> bytes:
            """What Serve's handles call their methods."""
            if not found[1:]:
                raise RuntimeError("the replica died")
            return b"\x00\x00\x80\x3f" * len(pairs)

    found: list[Any] = []

    def find() -> Any:
        found.append(Handle())
        return found[-1]

    async def body() -> None:
        model = ServedModel(find)
        with pytest.raises(UnavailableError, match="the replica died"):
            await model([("q", "t")], 5)
        assert await model([("q", "t"), ("q", "u")], 5) == [1.0, 1.0]
        assert len(found) == 2

    asyncio.run(body())


def test_what_can_not_be_loaded_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra, a missing model, a model nobody is told to load."""
    assert load_model(RerankerConfig()) is None
    for config, field in (
        (RerankerConfig(kind="cross-encoder"), "reranker.model"),
        (RerankerConfig(model="x"), "reranker.kind"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            check_config(config)
        assert caught.value.field == field
    monkeypatch.setattr("memcube.deployments.reranker.config.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as missing:
        check_config(RerankerConfig(kind="cross-encoder", model="x"))
    assert missing.value.facts["extra"] == "sentence"
