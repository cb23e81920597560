"""The relay between frames and the Serve embedder: batches across cubes, and keeps ray.serve out of frames."""

from __future__ import annotations

import asyncio
from collections import deque

from memcube.actors.embedding.client import BULK_TIMEOUT_S, EmbedderClient
from memcube.model.errors import ExhaustedError, MemCubeError

__all__ = ["EmbedderRelay"]

BATCH_TEXTS = 64
QUEUE_TEXTS = 20_000

Raw = tuple[str, bytes]


class EmbedderRelay:
    """One a cluster, named RELAY. Texts of many cubes that wait at the same time go to the embedder in one call."""

    def __init__(self) -> None:
        self._client = EmbedderClient(cache_size=0)
        self._waiting: deque[tuple[list[str], asyncio.Future[Raw]]] = deque()
        self._texts = 0
        self._worker: asyncio.Task[None] | None = None

    async def model_id(self) -> str:
        """The id of the model in use."""
        return await self._client.model_id()

    async def embed(self, texts: list[str]) -> Raw:
        """(model id, float32 bytes of the (n, dimension) matrix). Raises ExhaustedError when too much waits."""
        if self._texts + len(texts) > QUEUE_TEXTS:
            raise ExhaustedError("texts waiting for the embedder", QUEUE_TEXTS, 5.0)
        future: asyncio.Future[Raw] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, future))
        self._texts += len(texts)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asyncio.wait_for(future, BULK_TIMEOUT_S)

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft()]
            size = len(batch[0][0])
            while self._waiting and size + len(self._waiting[0][0]) <= BATCH_TEXTS:
                batch.append(self._waiting.popleft())
                size += len(batch[-1][0])
            self._texts -= size
            try:
                model, matrix = await self._client.embed([text for texts, _ in batch for text in texts])
            except MemCubeError as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            row = 0
            for texts, future in batch:
                if not future.done():
                    future.set_result((model, matrix[row : row + len(texts)].tobytes()))
                row += len(texts)
