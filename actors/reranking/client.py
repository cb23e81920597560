"""How the gateway reaches the reranker: through the pool actor, by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["NAMESPACE", "RERANKER", "RerankerClient", "RerankerState"]

NAMESPACE = "memcube"
RERANKER = "reranker"


@dataclass(frozen=True, slots=True)
class RerankerState:
    """How the reranker is, as far as is known: for status. ``state`` is ready or degraded."""

    model: str
    state: str
    detail: str


class RerankerClient:
    """``gateway.seam.Reranker`` over the pool actor."""

    def __init__(self) -> None:
        self._pool: Any = None
        self._problem = ""

    def state(self) -> RerankerState:
        """How it is, as of the last call."""
        return RerankerState("", "degraded" if self._problem else "ready", self._problem)

    async def rerank(self, tenant: str, query: str, texts: Sequence[str], within_s: float) -> Sequence[float]:
        """One score for each text, the higher the better. Raises UnavailableError, ExhaustedError or DeadlineError."""
        try:
            scores = await self._ask(query, texts, within_s)
        except MemCubeError as error:
            self._problem = error.message
            raise
        self._problem = ""
        return scores

    async def _ask(self, query: str, texts: Sequence[str], within_s: float) -> Sequence[float]:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            async with asyncio.timeout(within_s):
                if self._pool is None:
                    self._pool = await asyncio.to_thread(ray.get_actor, RERANKER, NAMESPACE)
                scores: list[float] = await self._pool.rerank.remote(query, list(texts), within_s)
                return scores
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise UnavailableError(f"the reranker ({error.cause!r:.200})") from error
        except TimeoutError as error:
            raise DeadlineError("the reranker", within_s) from error
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._pool = None
            raise UnavailableError("the reranker") from error
