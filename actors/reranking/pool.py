"""Questions with their texts on the way to a cross-encoder: several in one call, bounded, and none waited for too long.

Plain asyncio, without Ray; ``actor.py`` is its shell.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

from memcube.model.errors import DeadlineError, ExhaustedError, MemCubeError, UnavailableError

__all__ = ["Pair", "RerankPool", "Score"]

Pair: TypeAlias = tuple[str, str]
Score: TypeAlias = Callable[[list[Pair], float], Awaitable[Sequence[float]]]
"""Scores pairs of question and text, one number each, within so many seconds."""

BATCH_PAIRS = 64
QUEUE_PAIRS = 2_000
"""Pairs that may wait: some minutes of a small machine's work are refused, not promised."""
RETRY_S = 1.0
COOL_S = 5.0
"""After a failure, calls fail at once for so long: a search then takes what it has instead of waiting anew."""
LEAST_CALL_S = 5.0
"""A call may take so long even where everyone in it stops waiting sooner: that is their haste, no failure of the model
that others should be refused for."""
WHAT = "the reranker"


@dataclass(frozen=True, slots=True)
class _Job:
    pairs: list[Pair]
    ends_s: float
    answer: asyncio.Future[list[float]]


class RerankPool:
    """Batches what arrives during a call into the next one. ``lanes`` calls are on their way at the same time."""

    def __init__(self, score: Score, lanes: int = 1) -> None:
        self._score = score
        self._lanes = lanes
        self._waiting: deque[_Job] = deque()
        self._pairs = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._cool_until_s = 0.0
        self._problem = ""

    async def rerank(self, query: str, texts: Sequence[str], within_s: float) -> list[float]:
        """A score for each text. Raises ExhaustedError when too much waits, UnavailableError, or DeadlineError."""
        cool_s = self._cool_until_s - monotonic()
        if cool_s > 0:
            raise UnavailableError(f"{WHAT} ({self._problem})", cool_s)
        if self._pairs + len(texts) > QUEUE_PAIRS:
            raise ExhaustedError(f"texts waiting for {WHAT}", QUEUE_PAIRS, RETRY_S)
        loop = asyncio.get_running_loop()
        job = _Job([(query, text) for text in texts], monotonic() + within_s, loop.create_future())
        self._waiting.append(job)
        self._pairs += len(texts)
        if len(self._workers) < self._lanes:
            worker = loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        try:
            # On expiry the answer is cancelled, and the worker passes the job over.
            return await asyncio.wait_for(job.answer, within_s)
        except TimeoutError as error:
            raise DeadlineError(WHAT, within_s) from error

    async def _work(self) -> None:
        while batch := self._next_batch():
            pairs = [pair for job in batch for pair in job.pairs]
            try:
                within_s = max(LEAST_CALL_S, max(job.ends_s for job in batch) - monotonic())
                scores = list(await self._score(pairs, within_s))
                if len(scores) != len(pairs):
                    raise UnavailableError(f"{WHAT} (it gave {len(scores)} scores for {len(pairs)} texts)")
            except Exception as failure:  # noqa: BLE001 - everyone who waits must hear of it, and the rest be served
                self._fail(batch, failure)
                continue
            first = 0
            for job in batch:
                if not job.answer.done():
                    job.answer.set_result(scores[first : first + len(job.pairs)])
                first += len(job.pairs)

    def _fail(self, batch: Sequence[_Job], failure: Exception) -> None:
        error = failure if isinstance(failure, MemCubeError) else UnavailableError(f"{WHAT} ({failure!r:.200})")
        self._problem, self._cool_until_s = error.message, monotonic() + COOL_S
        while self._waiting:
            batch = [*batch, self._taken()]
        for job in batch:
            if not job.answer.done():
                job.answer.set_exception(error)

    def _next_batch(self) -> list[_Job]:
        batch: list[_Job] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].pairs) <= BATCH_PAIRS):
            job = self._taken()
            if not job.answer.done():
                batch.append(job)
                size += len(job.pairs)
        return batch

    def _taken(self) -> _Job:
        job = self._waiting.popleft()
        self._pairs -= len(job.pairs)
        return job
