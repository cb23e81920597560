"""The embedder as a Ray Serve application: one replica a node or more, queries before bulk work.

``deployments.system`` runs it under the name that ``actors.embedding.client`` looks up. Vectors leave as raw float32
bytes: the gateway passes them on to frames unread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ray import serve
from ray.serve import Application

from memcube.actors.cube.actor import line_folder
from memcube.actors.embedding.client import APPLICATION
from memcube.actors.embedding.line import serve_embedder_line
from memcube.deployments.embedder.config import EmbedderConfig, EmbeddingModel, check_config, load_model
from memcube.model.errors import MemCubeError, UnavailableError

__all__ = ["APPLICATION", "EmbedderReplica", "embedder_app"]

log = logging.getLogger("memcube.embedder")
MAX_BATCH = 32
BULK_SLICE, REMOTE_SLICE = 8, 64
"""Texts encoded at a time for bulk work: where a call that was given up stops."""
BULK_NICENESS = 10
"""Of the bulk thread: where cores are few, queries, the gateway and the frames go first."""
REMOTE_CALLS = 8
"""Query batches that wait for a remote model at the same time."""
QUERY_SHARE = 0.1
PROBE_WITHIN_S = 2.0

Raw = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class _Query:
    texts: list[str]
    answer: asyncio.Future[Raw]


class EmbedderReplica:
    """A model behind Serve. ``reconfigure`` is Serve's hook: a changed configuration loads another model in place."""

    def __init__(self) -> None:
        self._model: EmbeddingModel | None = None
        self._config = EmbedderConfig()
        self._bulk = ThreadPoolExecutor(1, "bulk", initializer=_stand_back)
        self._remote = ThreadPoolExecutor(REMOTE_CALLS, "remote")
        self._queries: deque[_Query] = deque()
        self._woken = False
        self._answering: set[asyncio.Task[None]] = set()
        self._failed = False
        self._line: str | None = None
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Load the model that ``config`` (an EmbedderConfig as JSON) names; the old one answers until then."""
        wanted = EmbedderConfig.model_validate(config)
        self._model = await asyncio.to_thread(load_model, wanted)
        self._config, self._failed = wanted, False

    async def check_health(self) -> None:
        """Serve's hook: a replica whose own model cannot encode is replaced. A remote one's state is no fault of ours."""
        model = self._ready()
        if not model.remote:
            await asyncio.to_thread(model.encode, ["health"])

    async def probe(self) -> tuple[str, str]:
        """The id of the model in use, and the path of the direct line on this machine (empty for none).

        Raises UnavailableError or DeadlineError while a remote model does not answer.
        """
        model = self._ready()
        if self._failed:
            await asyncio.get_running_loop().run_in_executor(self._remote, model.encode, ["probe"], PROBE_WITHIN_S)
            self._failed = False
        return model.model_id, await self._line_path()

    async def embed_query(self, text: str) -> Raw:
        """One query's (model id, float32 bytes)."""
        return await self.embed_queries([text])

    async def embed_queries(self, texts: list[str]) -> Raw:
        """The queries' (model id, float32 bytes of an (n, dimension) matrix), ahead of bulk work.

        Those that arrive during a forward pass share the next one; a lone one is encoded at once, in this thread:
        serve.batch costs 1.2 ms of the 3.7 that encoding takes, and a hop to a thread another 0.3 (measured).
        """
        loop = asyncio.get_running_loop()
        query = _Query(texts, loop.create_future())
        self._queries.append(query)
        if not self._woken:
            self._woken = True
            loop.call_soon(self._answer_some)
        return await query.answer

    async def embed(self, texts: list[str]) -> Raw:
        """Bulk work's (model id, float32 bytes of an (n, dimension) matrix), in a thread that stands back."""
        model = self._ready()
        loop = asyncio.get_running_loop()
        size = REMOTE_SLICE if model.remote else BULK_SLICE
        # Texts of like length in one slice: little of a forward pass is padding then.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: dict[int, bytes] = {}
        for start in range(0, len(texts), size):
            chosen = order[start : start + size]
            matrix = await loop.run_in_executor(self._bulk, self._encode, model, [texts[i] for i in chosen], None)
            rows |= {i: row.tobytes() for i, row in zip(chosen, matrix, strict=True)}
        return model.model_id, b"".join(rows[i] for i in range(len(texts)))

    def _answer_some(self) -> None:
        batch: list[_Query] = []
        size = 0
        while self._queries and (not batch or size + len(self._queries[0].texts) <= MAX_BATCH):
            query = self._queries.popleft()
            if not query.answer.done():
                batch.append(query)
                size += len(query.texts)
        loop = asyncio.get_running_loop()
        self._woken = bool(self._queries)
        if self._woken:
            loop.call_soon(self._answer_some)
        texts = [text for query in batch for text in query.texts]
        try:
            model = self._ready()
            if model.remote:
                task = loop.create_task(self._answer_later(model, batch, texts))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
                return
            _deliver(model, batch, model.encode(texts))
        except Exception as error:  # noqa: BLE001 - every waiting query must hear of it
            _refuse(batch, error)

    async def _answer_later(self, model: EmbeddingModel, batch: list[_Query], texts: list[str]) -> None:
        within_s = self._config.timeout_s * QUERY_SHARE
        try:
            loop = asyncio.get_running_loop()
            matrix = await loop.run_in_executor(self._remote, self._encode, model, texts, within_s)
            _deliver(model, batch, matrix)
        except Exception as error:  # noqa: BLE001 - every waiting query must hear of it
            _refuse(batch, error)

    def _encode(self, model: EmbeddingModel, texts: list[str], within_s: float | None) -> npt.NDArray[np.float32]:
        try:
            matrix = model.encode(texts, within_s)
        except MemCubeError:
            self._failed = True
            raise
        self._failed = False
        return matrix

    async def _line_path(self) -> str:
        """Where the direct line is, opened the first time; empty where there can be none."""
        async with self._opening:
            if self._line is None:
                path = line_folder() / f"embedder-{os.getpid()}"
                try:
                    self._server = await serve_embedder_line(path, self.embed_queries)
                    self._line = str(path)
                except OSError as error:
                    log.warning("no direct line at %s, Serve's handles carry the queries: %s", path, error)
                    self._line = ""
            return self._line

    def _ready(self) -> EmbeddingModel:
        if self._model is None:
            raise UnavailableError("the embedder (it holds no model)")
        return self._model


def embedder_app(config: EmbedderConfig, replicas: int = 1) -> Application:
    """The application to ``serve.run`` under the name APPLICATION; for a ``kind`` other than none.

    Running it again with another ``config`` changes the model: Serve replaces the replicas (a deployment by file that
    changes ``user_config`` alone reconfigures them in place). Raises MissingExtraError or InvalidArgumentError for what
    could not be loaded on this machine.
    """
    check_config(config)
    deployment = serve.deployment(name="embedder")(EmbedderReplica).options(
        num_replicas=replicas,
        max_ongoing_requests=256,
        ray_actor_options={"num_cpus": 0},
        user_config=config.model_dump(),
        health_check_period_s=5,
        health_check_timeout_s=20,
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.2,
    )
    application: Application = deployment.bind()
    return application


def _deliver(model: EmbeddingModel, batch: list[_Query], matrix: npt.NDArray[np.float32]) -> None:
    row = 0
    for query in batch:
        if not query.answer.done():
            query.answer.set_result((model.model_id, matrix[row : row + len(query.texts)].tobytes()))
        row += len(query.texts)


def _refuse(batch: list[_Query], error: Exception) -> None:
    for query in batch:
        if not query.answer.done():
            query.answer.set_exception(error)


def _stand_back() -> None:
    # Linux gives each thread its own niceness; elsewhere the bulk thread competes as an equal.
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BULK_NICENESS)
