"""The Ray shell of the reranker pool: it holds the Serve handle, so that the gateway needs none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from memcube.actors.embedding.client import SERVE_SETTINGS
from memcube.actors.reranking.pool import Pair, RerankPool
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["APPLICATION", "RerankerActor", "ServedModel"]

APPLICATION = "memcube-reranker"


class ServedModel:
    """The cross-encoder behind Serve, as a ``Score``. ``find_handle`` is for tests."""

    def __init__(self, find_handle: Callable[[], Any] | None = None) -> None:
        self._find_handle = find_handle or _serve_handle
        self._handle: Any = None

    async def __call__(self, pairs: list[Pair], within_s: float) -> Sequence[float]:
        """One number a pair. Raises UnavailableError or DeadlineError; asks Serve anew for a handle after a failure."""
        try:
            async with asyncio.timeout(within_s) as bound:
                if self._handle is None:
                    # Importing ray.serve takes a second, and asking its controller may hang: not in the event loop.
                    self._handle = await asyncio.to_thread(self._find_handle)
                raw: bytes = await self._handle.score.remote(pairs)
                scores: list[float] = np.frombuffer(raw, np.float32).tolist()
                return scores
        except TimeoutError as error:
            self._handle = None
            if bound.expired():
                raise DeadlineError("the reranker", within_s) from error
            raise UnavailableError(f"the reranker ({error!r:.200})") from error
        except Exception as error:
            self._handle = None
            cause = getattr(error, "cause", None)
            problem = cause.message if isinstance(cause, MemCubeError) else f"{type(error).__name__}: {error}"[:200]
            raise UnavailableError(f"the reranker ({problem})") from error


class RerankerActor:
    """One a cluster, named ``client.RERANKER``. Use as ``ray.remote(RerankerActor)``."""

    def __init__(self, lanes: int = 1) -> None:
        self._pool = RerankPool(ServedModel(), lanes)

    async def rerank(self, query: str, texts: list[str], within_s: float) -> list[float]:
        """See ``RerankPool.rerank``."""
        return await self._pool.rerank(query, texts, within_s)


def _serve_handle() -> Any:
    for name, value in SERVE_SETTINGS.items():
        # Read when ray.serve is imported.
        os.environ.setdefault(name, value)
    from ray import serve

    return serve.get_app_handle(APPLICATION)
