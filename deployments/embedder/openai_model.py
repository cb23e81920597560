"""Embeddings from any OpenAI-compatible endpoint (POST {base_url}/embeddings)."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from memcube.actors.llm.refusal import retry_after_s
from memcube.deployments.embedder.config import EmbedderConfig
from memcube.model.errors import DeadlineError, UnavailableError

__all__ = ["OpenAIModel"]

BATCH = 64
FIRST_PAUSE_S = 0.25
MAX_PAUSE_S = 8.0
SETTLED_PAUSE_S = 30.0
"""Retry hint for what waiting will hardly cure: a refused key, an unknown model, nonsense for an answer."""
MAX_ANSWER_BYTES = 64 * 2**20
PASSING = {408, 409, 425, 429, 500, 502, 503, 504}
"""HTTP states that may pass by themselves."""
WHAT = "the embeddings endpoint"


class OpenAIModel:
    """One endpoint and model. Retries what may pass until its time is over; then a typed error.

    ``encode`` may be called by several threads at once. Redirects are not followed: they would carry the key along.
    """

    remote = True

    def __init__(self, config: EmbedderConfig) -> None:
        self.model_id = f"openai:{config.base_url.rstrip('/')}#{config.model}" + (
            f"/{config.dimension}" if config.dimension else ""
        )
        self._config = config
        self._dimension = config.dimension
        key = os.environ.get(config.api_key_env, "")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=config.base_url.rstrip("/"), headers=headers)

    def encode(self, texts: Sequence[str], within_s: float | None = None) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, dimension), scaled to length 1.

        Raises UnavailableError (dead, overloaded, refusing, or answering nonsense) or DeadlineError.
        """
        timeout_s = self._config.timeout_s if within_s is None else within_s
        end_s = time.monotonic() + timeout_s
        rows = [self._batch(texts[start : start + BATCH], end_s, timeout_s) for start in range(0, len(texts), BATCH)]
        return np.concatenate(rows) if rows else np.empty((0, self._dimension), np.float32)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _batch(self, texts: Sequence[str], end_s: float, timeout_s: float) -> npt.NDArray[np.float32]:
        pause_s = FIRST_PAUSE_S
        while True:
            wait_s = 0.0
            try:
                status, headers, body = self._post(texts, end_s)
            except httpx.TimeoutException as error:
                raise DeadlineError(WHAT, timeout_s) from error
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if status < 300:
                    return self._vectors(body, len(texts))
                problem = f"HTTP {status}"
                if status in (401, 403):
                    problem += f", the key in {self._config.api_key_env} is refused"
                if status not in PASSING:
                    raise UnavailableError(f"{WHAT} ({problem}{_reason(status, body)})", SETTLED_PAUSE_S)
                wait_s = retry_after_s(headers)
            # Jitter keeps many replicas from coming back at the same instant.
            wait_s = wait_s + random.uniform(0, 0.1) if wait_s else random.uniform(pause_s / 2, pause_s)
            if time.monotonic() + wait_s >= end_s:
                raise UnavailableError(f"{WHAT} ({problem})", max(wait_s, 1.0))
            time.sleep(wait_s)
            pause_s = min(MAX_PAUSE_S, pause_s * 2)

    def _post(self, texts: Sequence[str], end_s: float) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body. httpx bounds each wait; the whole and its size are bounded here."""
        asked = {"model": self._config.model, "input": list(texts)}
        chunks: list[bytes] = []
        size = 0
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise httpx.ReadTimeout("no time left")
        with self._http.stream("POST", "/embeddings", json=asked, timeout=left_s) as response:
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise UnavailableError(f"{WHAT} (its answer is over {MAX_ANSWER_BYTES} bytes)", SETTLED_PAUSE_S)
                if time.monotonic() > end_s:
                    raise httpx.ReadTimeout("the answer drips")
            return response.status_code, response.headers, b"".join(chunks)

    def _vectors(self, body: bytes, count: int) -> npt.NDArray[np.float32]:
        try:
            data = sorted(json.loads(body)["data"], key=lambda row: row["index"])
            places = [row["index"] for row in data]
            matrix = np.array([row["embedding"] for row in data], np.float32)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnavailableError(f"{WHAT} (its answer is no list of embeddings)", SETTLED_PAUSE_S) from error
        if places != list(range(count)) or matrix.ndim != 2 or not np.isfinite(matrix).all():
            problem = f"answered shape {matrix.shape} for {count} texts, or not each once, or not finite"
            raise UnavailableError(f"{WHAT} ({problem})", SETTLED_PAUSE_S)
        if self._dimension not in (0, matrix.shape[1]):
            problem = f"its vectors have {matrix.shape[1]} numbers, not {self._dimension}"
            raise UnavailableError(f"{WHAT} ({problem})", SETTLED_PAUSE_S)
        self._dimension = matrix.shape[1]
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        scaled: npt.NDArray[np.float32] = matrix / np.maximum(lengths, np.finfo(np.float32).tiny)
        return scaled


def _reason(status: int, body: bytes) -> str:
    """The endpoint's own words, except of a refused key, where some quote it."""
    if status in (401, 403):
        return ""
    try:
        answer: Any = json.loads(body)
        return f": {answer['error']['message']}"[:200]
    except (ValueError, KeyError, TypeError):
        return ""
