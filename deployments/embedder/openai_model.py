"""Embeddings from any OpenAI-compatible endpoint (POST {base_url}/embeddings)."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from memcube.deployments.embedder.config import EmbedderConfig
from memcube.model.errors import DeadlineError, InvalidArgumentError, UnauthenticatedError, UnavailableError

__all__ = ["OpenAIModel"]

BATCH = 64
FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 8.0
RETRIED = {408, 409, 425, 429, 500, 502, 503, 504}


class OpenAIModel:
    """One endpoint and model. Retries what may pass, until the configured time is over; then a typed error."""

    def __init__(self, config: EmbedderConfig) -> None:
        if not config.base_url.startswith(("http://", "https://")):
            raise InvalidArgumentError("embedder.base_url", "is no http(s) address, e.g. https://host/v1")
        if not config.model:
            raise InvalidArgumentError("embedder.model", "is empty: name the endpoint's model")
        self.model_id = f"openai:{config.model}"
        self._config = config
        self._dimension = 0
        key = os.environ.get(config.api_key_env, "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=config.base_url.rstrip("/"), headers=headers, timeout=config.timeout_s)

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, dimension), scaled to length 1.

        Raises UnavailableError (dead, overloaded, or answering nonsense), DeadlineError, UnauthenticatedError.
        """
        deadline_s = time.monotonic() + self._config.timeout_s
        rows = [self._batch(texts[start : start + BATCH], deadline_s) for start in range(0, len(texts), BATCH)]
        return np.concatenate(rows) if rows else np.empty((0, self._dimension), np.float32)

    def _batch(self, texts: list[str], deadline_s: float) -> npt.NDArray[np.float32]:
        pause_s = FIRST_PAUSE_S
        while True:
            problem, wait_s = "", 0.0
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise DeadlineError("the embeddings endpoint", self._config.timeout_s)
            try:
                response = self._http.post(
                    "/embeddings", json={"model": self._config.model, "input": texts}, timeout=left_s
                )
            except httpx.TimeoutException as error:
                raise DeadlineError("the embeddings endpoint", self._config.timeout_s) from error
            except httpx.TransportError as error:
                problem = type(error).__name__
            else:
                if response.status_code in (401, 403):
                    raise UnauthenticatedError("the embeddings endpoint refused its key")
                if response.status_code < 300:
                    return self._vectors(response, len(texts))
                problem = f"HTTP {response.status_code}"
                if response.status_code not in RETRIED:
                    raise UnavailableError(f"the embeddings endpoint ({problem})", MAX_PAUSE_S)
                wait_s = _retry_after_s(response)
            # Full jitter keeps many replicas from coming back at the same instant.
            pause = max(wait_s, random.uniform(0, pause_s))
            if time.monotonic() + pause >= deadline_s:
                raise UnavailableError(f"the embeddings endpoint ({problem})", max(wait_s, 1.0))
            time.sleep(pause)
            pause_s = min(MAX_PAUSE_S, pause_s * 2)

    def _vectors(self, response: httpx.Response, count: int) -> npt.NDArray[np.float32]:
        try:
            body: dict[str, Any] = response.json()
            data = sorted(body["data"], key=lambda row: row["index"])
            matrix = np.array([row["embedding"] for row in data], np.float32)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnavailableError("the embeddings endpoint (its answer is no list of embeddings)") from error
        if matrix.ndim != 2 or len(matrix) != count or not np.isfinite(matrix).all():
            raise UnavailableError(f"the embeddings endpoint (answered shape {matrix.shape} for {count} texts)")
        if self._dimension not in (0, matrix.shape[1]):
            raise UnavailableError(
                f"the embeddings endpoint (its vectors went from {self._dimension} to {matrix.shape[1]} numbers)"
            )
        self._dimension = matrix.shape[1]
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        scaled: npt.NDArray[np.float32] = np.divide(
            matrix, np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32
        )
        return scaled


def _retry_after_s(response: httpx.Response) -> float:
    try:
        return min(MAX_PAUSE_S, max(0.0, float(response.headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0
