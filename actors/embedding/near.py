"""Queries embedded in the gateway's own process, by a copy of the model: a search then waits for no hop to Serve.

Only where the model runs on this machine and is small (the packaged MiniLM: 100 MB). One query is encoded here at a
time; those that come meanwhile, batches, and any other model's, go to the Serve embedder, which batches and scales.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from memcube.actors.embedding.cache import QueryCache
from memcube.actors.embedding.client import EmbedderClient, EmbedderState

__all__ = ["NearEmbedder", "NearModel"]

Matrix = npt.NDArray[np.float32]
logger = logging.getLogger(__name__)


class NearModel(Protocol):
    """A loaded model, as ``deployments.embedder`` makes it."""

    model_id: str

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Vectors of length 1, float32 (n, dimension). Blocking."""


class NearEmbedder:
    """An embedder of queries for one gateway, with ``far`` behind it. Used by one event loop."""

    def __init__(self, load: Callable[[], NearModel], far: EmbedderClient, cache_size: int = 4096) -> None:
        self._far = far
        self._cache = QueryCache(cache_size)
        self._thread = ThreadPoolExecutor(1, "query")
        self._loading = self._thread.submit(load)
        self._loading.add_done_callback(_tell)
        self._busy = False

    def state(self) -> EmbedderState:
        """How the Serve embedder is: it makes the memories' vectors, and names the model in use."""
        return self._far.state()

    async def embed_query(self, tenant: str, text: str) -> tuple[str, Matrix]:
        """The model's id and one query's vector, shape (dimension,). Raises UnavailableError or DeadlineError."""
        model = self._ready()
        if model is None:
            return await self._far.embed_query(tenant, text)
        kept = self._cache.get(tenant, model.model_id, text)
        if kept is None:
            self._busy = True
            try:
                loop = asyncio.get_running_loop()
                kept = (await loop.run_in_executor(self._thread, model.encode, [text]))[0]
            finally:
                self._busy = False
            self._cache.put(tenant, model.model_id, text, kept)
        return model.model_id, kept

    async def embed_queries(self, tenant: str, texts: Sequence[str]) -> tuple[str, Matrix]:
        """The model's id and several queries' vectors, shape (n, dimension), in one call."""
        return await self._far.embed_queries(tenant, texts)

    async def model_id(self) -> str:
        """The id of the model in use, which the Serve embedder knows. Raises UnavailableError or DeadlineError."""
        return await self._far.model_id()

    async def close(self) -> None:
        """Let go of the thread and of the Serve embedder."""
        self._thread.shutdown(wait=False)
        await self._far.close()

    def _ready(self) -> NearModel | None:
        """The model here, if it is loaded, free, and the one that the system uses (or the system does not say)."""
        if self._busy or not self._loading.done() or self._loading.exception() is not None:
            return None
        model = self._loading.result()
        return model if self._far.state().model in ("", model.model_id) else None


def _tell(loading: Future[NearModel]) -> None:
    error = loading.exception()
    if error is not None:
        logger.warning("no model in the gateway's process, queries go to the Serve embedder: %s", error)
