"""How the rest of the system reaches the embedder.

``EmbedderClient`` holds a Serve handle: for the gateway's queries, and inside the relay. ``RelayClient`` asks the
relay actor: for frames, which must not import ray.serve (25 MB a process, measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from memcube.actors.embedding.cache import QueryCache
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["APPLICATION", "NAMESPACE", "RELAY", "EmbedderClient", "EmbedderState", "RelayClient"]

APPLICATION = "memcube-embedder"
NAMESPACE = "memcube"
RELAY = "embedder"
QUERY_TIMEOUT_S = 5.0
BULK_TIMEOUT_S = 120.0

Matrix = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EmbedderState:
    """How the embedder is, as of the last call: for status. ``state`` is ready, starting, degraded or down."""

    model: str
    state: str
    detail: str


class EmbedderClient:
    """Embeds through the Serve application. Used by one event loop; every wait has a deadline."""

    def __init__(self, cache_size: int = 4096) -> None:
        self._handle: Any = None
        self._cache = QueryCache(cache_size)
        self._model = ""
        self._problem = "has not been asked yet"

    def state(self) -> EmbedderState:
        """How it is, as of the last call."""
        if not self._problem:
            return EmbedderState(self._model, "ready", "")
        return EmbedderState(self._model, "degraded" if self._model else "starting", self._problem)

    async def embed_query(self, tenant: str, text: str) -> tuple[str, Matrix]:
        """The model's id and one query's vector, shape (dimension,). Raises UnavailableError or DeadlineError."""
        kept = self._cache.get(tenant, self._model, text)
        if kept is not None:
            return self._model, kept
        model, raw = await self._call("embed_query", text, QUERY_TIMEOUT_S)
        vector = np.frombuffer(raw, np.float32)
        self._cache.put(tenant, model, text, vector)
        return model, vector

    async def embed_queries(self, tenant: str, texts: Sequence[str]) -> tuple[str, Matrix]:
        """The model's id and several queries' vectors, shape (n, dimension), in one call."""
        return await self.embed(texts, QUERY_TIMEOUT_S)

    async def embed(self, texts: Sequence[str], timeout_s: float = BULK_TIMEOUT_S) -> tuple[str, Matrix]:
        """The model's id and the vectors of ``texts``, shape (n, dimension)."""
        model, raw = await self._call("embed", list(texts), timeout_s)
        return model, np.frombuffer(raw, np.float32).reshape(len(texts), -1)

    async def model_id(self) -> str:
        """The id of the model in use."""
        self._model = await self._guard(self._resolve().model_id.remote(), QUERY_TIMEOUT_S)
        return self._model

    async def _call(self, method: str, argument: object, timeout_s: float) -> tuple[str, bytes]:
        handle = self._resolve()
        self._model, raw = await self._guard(getattr(handle, method).remote(argument), timeout_s)
        return self._model, raw

    def _resolve(self) -> Any:
        if self._handle is None:
            from ray import serve
            from ray.serve.exceptions import RayServeException

            try:
                self._handle = serve.get_app_handle(APPLICATION)
            except RayServeException as error:
                self._problem = "is not running"
                raise UnavailableError("the embedder") from error
        return self._handle

    async def _guard(self, answer: Awaitable[T], timeout_s: float) -> T:
        from ray.exceptions import RayError
        from ray.serve.exceptions import RayServeException

        try:
            value = await asyncio.wait_for(answer, timeout_s)
        except TimeoutError as error:
            self._problem = f"no answer within {timeout_s:g} s"
            raise DeadlineError("the embedder", timeout_s) from error
        except (RayError, RayServeException) as error:
            cause = getattr(error, "cause", None)
            self._problem = str(cause) if isinstance(cause, MemCubeError) else type(error).__name__
            # The replica may have moved: ask Serve for it anew next time.
            self._handle = None
            raise UnavailableError(f"the embedder ({self._problem})") from error
        self._problem = ""
        return value


class RelayClient:
    """Embeds through the relay actor: what frames use. Every wait has a deadline."""

    def __init__(self) -> None:
        self._relay: Any = None

    async def embed(self, texts: Sequence[str], timeout_s: float = BULK_TIMEOUT_S) -> tuple[str, Matrix]:
        """The model's id and the vectors of ``texts``, shape (n, dimension). Raises MemCubeError."""
        model, raw = await self._ask("embed", timeout_s, list(texts))
        return model, np.frombuffer(raw, np.float32).reshape(len(texts), -1)

    async def model_id(self, timeout_s: float = QUERY_TIMEOUT_S) -> str:
        """The id of the model in use; raises UnavailableError while the embedder starts or where there is none."""
        model: str = await self._ask("model_id", timeout_s)
        return model

    async def _ask(self, method: str, timeout_s: float, *arguments: object) -> Any:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            if self._relay is None:
                self._relay = ray.get_actor(RELAY, NAMESPACE)
            return await asyncio.wait_for(getattr(self._relay, method).remote(*arguments), timeout_s)
        except TimeoutError as error:
            raise DeadlineError("the embedder's relay", timeout_s) from error
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._relay = None
            raise UnavailableError("the embedder's relay") from error
