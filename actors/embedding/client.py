"""How the gateway, and the relay, reach the embedder: through a Serve handle, queries by a direct line if there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from memcube.actors.embedding.cache import QueryCache
from memcube.actors.embedding.line import EmbedderLine
from memcube.actors.embedding.relay_client import NAMESPACE, RELAY, RelayClient
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["APPLICATION", "NAMESPACE", "RELAY", "SERVE_SETTINGS", "EmbedderClient", "EmbedderState", "RelayClient"]

APPLICATION = "memcube-embedder"
SERVE_SETTINGS = {"RAY_SERVE_USE_GRPC_BY_DEFAULT": "1", "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0"}
"""Environment of the process that holds a handle, under which a call costs little more than one of a plain actor
(measured: 3.6 ms without, 2.0 with, an actor 1.8)."""
QUERY_TIMEOUT_S = 5.0
BULK_TIMEOUT_S = 120.0
WATCH_EVERY_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 0.2, 2.0

Matrix = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EmbedderState:
    """How the embedder is, as far as is known: for status. ``state`` is ready, starting or degraded."""

    model: str
    state: str
    detail: str


class EmbedderClient:
    """Embeds through the Serve application. Used by one event loop; every wait has a deadline.

    After a failure, calls fail at once with UnavailableError until the embedder has answered a probe again: a search
    goes by words meanwhile instead of waiting. While all is well a probe each WATCH_EVERY_S notices a changed model,
    so that kept vectors of the old one are no longer used. With ``direct``, queries go to a replica on this machine by
    a ``Line``, past Serve's routing. ``find_handle`` is for tests.
    """

    def __init__(
        self, cache_size: int = 4096, find_handle: Callable[[], Any] | None = None, *, direct: bool = True
    ) -> None:
        self._direct = direct
        self._find_handle = find_handle or _serve_handle
        self._handle: Any = None
        self._line: EmbedderLine | None = None
        self._cache = QueryCache(cache_size)
        self._model = ""
        self._problem = ""
        self._watch: asyncio.Task[None] | None = None
        self._ask_again = asyncio.Event()

    def state(self) -> EmbedderState:
        """How it is, as of the last call or probe."""
        self._start_watch()
        if self._model and not self._problem:
            return EmbedderState(self._model, "ready", "")
        return EmbedderState(self._model, "degraded" if self._model else "starting", self._problem)

    def is_direct(self) -> bool:
        """Whether queries go by a direct line now."""
        return self._line is not None and self._line.alive

    async def embed_query(self, tenant: str, text: str) -> tuple[str, Matrix]:
        """The model's id and one query's vector, shape (dimension,). Raises UnavailableError or DeadlineError."""
        model, matrix = await self.embed_queries(tenant, [text])
        return model, matrix[0]

    async def embed_queries(self, tenant: str, texts: Sequence[str]) -> tuple[str, Matrix]:
        """The model's id and several queries' vectors, shape (n, dimension), in one call and ahead of bulk work."""
        self._start_watch()
        kept = [self._cache.get(tenant, self._model, text) for text in texts]
        found = [vector for vector in kept if vector is not None]
        if found and len(found) == len(texts):
            return self._model, np.stack(found)
        model, matrix = await self._by_line(texts) or await self._call("embed_queries", texts, QUERY_TIMEOUT_S)
        for text, vector in zip(texts, matrix, strict=True):
            self._cache.put(tenant, model, text, vector)
        return model, matrix

    async def embed(self, texts: Sequence[str], timeout_s: float = BULK_TIMEOUT_S) -> tuple[str, Matrix]:
        """The model's id and the vectors of ``texts``, shape (n, dimension). Raises UnavailableError, DeadlineError."""
        self._start_watch()
        return await self._call("embed", texts, timeout_s)

    async def model_id(self) -> str:
        """The id of the model in use. Raises UnavailableError or DeadlineError."""
        self._start_watch()
        if self._model and not self._problem:
            return self._model
        await self._probe()
        return self._model

    async def close(self) -> None:
        """Stop watching, and hang up."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._hang_up()

    async def _by_line(self, texts: Sequence[str]) -> tuple[str, Matrix] | None:
        """What the direct line answers; None where there is none (any more), and the handle is to be asked."""
        line = self._line
        if not texts or self._problem or line is None or not line.alive:
            return None
        try:
            async with asyncio.timeout(QUERY_TIMEOUT_S) as bound:
                self._model, raw = await line.embed(list(texts))
        except ConnectionError:
            self._ask_again.set()
            return None
        except MemCubeError as error:
            self._note(str(error))
            raise UnavailableError(f"the embedder ({self._problem})") from error
        except TimeoutError as error:
            if not bound.expired():
                raise
            # A stopped process keeps its socket: the next probe finds a replica that answers.
            await self._hang_up()
            self._note(f"no answer within {QUERY_TIMEOUT_S:g} s")
            raise DeadlineError("the embedder", QUERY_TIMEOUT_S) from error
        return self._model, np.frombuffer(raw, np.float32).reshape(len(texts), -1)

    async def _call(self, method: str, texts: Sequence[str], timeout_s: float) -> tuple[str, Matrix]:
        if not texts:
            return await self.model_id(), np.empty((0, 0), np.float32)
        if self._problem:
            raise UnavailableError(f"the embedder ({self._problem})")
        handle = await self._resolved(timeout_s)
        self._model, raw = await self._guard(getattr(handle, method).remote(list(texts)), timeout_s)
        self._problem = ""
        return self._model, np.frombuffer(raw, np.float32).reshape(len(texts), -1)

    def _start_watch(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._watching())

    async def _watching(self) -> None:
        pause_s = FIRST_RETRY_S
        while True:
            self._ask_again.clear()
            try:
                await self._probe()
                pause_s = FIRST_RETRY_S
            except MemCubeError:
                # Said by state() and by every call; the next probe is the way out of it.
                await asyncio.sleep(pause_s)
                pause_s = min(LAST_RETRY_S, 2 * pause_s)
                continue
            # wait_for would swallow a cancellation that comes together with the event (Python 3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_EVERY_S):
                    await self._ask_again.wait()

    async def _probe(self) -> None:
        handle = await self._resolved(QUERY_TIMEOUT_S)
        self._model, path = await self._guard(handle.probe.remote(), QUERY_TIMEOUT_S)
        self._problem = ""
        await self._connect(path)

    async def _connect(self, path: str) -> None:
        if self._line is not None and self._line.alive:
            # A line to another replica than the one that was probed is as good.
            return
        await self._hang_up()
        if path and self._direct:
            # Fails where the replica is on another machine: then the handle is the way.
            with contextlib.suppress(OSError):
                self._line = await EmbedderLine.open(path)

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _resolved(self, timeout_s: float) -> Any:
        if self._handle is None:
            # Importing ray.serve takes a second, and asking its controller may hang: neither in the event loop.
            self._handle = await self._guard(asyncio.to_thread(self._find_handle), timeout_s)
        return self._handle

    async def _guard(self, answer: Awaitable[T], timeout_s: float) -> T:
        try:
            # Within, TimeoutError may also be the replica's own.
            async with asyncio.timeout(timeout_s) as bound:
                return await answer
        except TimeoutError as error:
            if bound.expired():
                self._note(f"no answer within {timeout_s:g} s")
                raise DeadlineError("the embedder", timeout_s) from error
            raise self._unavailable(error) from error
        except Exception as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> UnavailableError:
        cause = getattr(error, "cause", None)
        self._note(str(cause) if isinstance(cause, MemCubeError) else f"{type(error).__name__}: {error}"[:300])
        if not isinstance(cause, MemCubeError):
            # The application may be another one by now: ask Serve for it anew.
            self._handle = None
        return UnavailableError(f"the embedder ({self._problem})")

    def _note(self, problem: str) -> None:
        self._problem = problem
        self._ask_again.set()


def _serve_handle() -> Any:
    for name, value in SERVE_SETTINGS.items():
        # Read when ray.serve is imported. In a cluster of others nobody has set them.
        os.environ.setdefault(name, value)
    from ray import serve

    return serve.get_app_handle(APPLICATION)
