"""The relay between frames and the Serve embedder: batches across cubes, and keeps ray.serve out of frames."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from memcube.actors.embedding.client import BULK_TIMEOUT_S, EmbedderClient
from memcube.model.errors import DeadlineError, ExhaustedError

__all__ = ["EmbedderRelay"]

BATCH_TEXTS = 64
QUEUE_TEXTS = 20_000

Raw = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class _Job:
    texts: list[str]
    answer: asyncio.Future[Raw]


class EmbedderRelay:
    """One a cluster, named RELAY. Texts of many cubes that wait at the same time go to the embedder in one call."""

    def __init__(self, client: EmbedderClient | None = None) -> None:
        self._client = client or EmbedderClient(cache_size=0, direct=False)
        self._waiting: deque[_Job] = deque()
        self._texts = 0
        self._worker: asyncio.Task[None] | None = None

    async def model_id(self) -> str:
        """The id of the model in use. Raises UnavailableError or DeadlineError."""
        return await self._client.model_id()

    async def embed(self, texts: list[str], timeout_s: float = BULK_TIMEOUT_S) -> Raw:
        """(model id, float32 bytes of the (n, dimension) matrix). Raises ExhaustedError when too much waits."""
        if self._texts + len(texts) > QUEUE_TEXTS:
            raise ExhaustedError("texts waiting for the embedder", QUEUE_TEXTS, 5.0)
        job = _Job(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._texts += len(texts)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        try:
            # On expiry the answer is cancelled, and the worker passes the job over.
            return await asyncio.wait_for(job.answer, timeout_s)
        except TimeoutError as error:
            if job.answer.cancelled():
                raise DeadlineError("the embedder's relay", timeout_s) from error
            raise

    async def _work(self) -> None:
        while batch := self._next_batch():
            texts = [text for job in batch for text in job.texts]
            try:
                model, matrix = await self._client.embed(texts)
            except Exception as error:  # noqa: BLE001 - everyone who waits must hear of it, and the rest be served
                for job in batch:
                    if not job.answer.done():
                        job.answer.set_exception(error)
                continue
            row = 0
            for job in batch:
                if not job.answer.done():
                    job.answer.set_result((model, matrix[row : row + len(job.texts)].tobytes()))
                row += len(job.texts)

    def _next_batch(self) -> list[_Job]:
        batch: list[_Job] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].texts) <= BATCH_TEXTS):
            job = self._waiting.popleft()
            self._texts -= len(job.texts)
            if not job.answer.done():
                batch.append(job)
                size += len(job.texts)
        return batch
