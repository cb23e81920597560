"""The OpenAI-compatible embedder against a real HTTP server that can be slow, wrong, rate-limited, or dead."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.embedder.openai_model import OpenAIModel
from memcube.model.errors import DeadlineError, UnauthenticatedError, UnavailableError


class Endpoint(ThreadingHTTPServer):
    """Answers POST /v1/embeddings; ``script`` holds what the next requests get before it behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[str] = []
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is part of the tests."""

    @property
    def base_url(self) -> str:
        """What to configure."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Endpoint

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        """Answer as the script says."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(body)
        self.server.keys.append(self.headers.get("authorization", ""))
        act = self.server.script.pop(0) if self.server.script else "right"
        texts = body["input"]
        data = [{"index": i, "embedding": [len(text), 1.0, 2.0]} for i, text in enumerate(texts)]
        if act == "slow":
            time.sleep(1.5)
        if act.isdigit():
            self._send(int(act), {"error": "as scripted"}, {"Retry-After": "0.05"})
        elif act == "nonsense":
            self._send(200, {"data": "no list"})
        elif act == "short":
            self._send(200, {"data": data[:-1]})
        elif act == "wide":
            self._send(200, {"data": [{**row, "embedding": [1.0] * 5} for row in data]})
        else:
            self._send(200, {"data": data[::-1]})

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A running server."""
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def model(endpoint: Endpoint, timeout_s: float = 5.0) -> OpenAIModel:
    """The embedder of this endpoint."""
    return OpenAIModel(
        EmbedderConfig(
            kind="openai", model="m", base_url=endpoint.base_url, api_key_env="TEST_KEY", timeout_s=timeout_s
        )
    )


def test_right_order_scaled_and_batched(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors come back in the order of the texts, of length 1, in requests of at most 64, with the key."""
    monkeypatch.setenv("TEST_KEY", "secret")
    vectors = model(endpoint).encode(["x" * i for i in range(1, 101)])
    assert vectors.shape == (100, 3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (np.diff(vectors[:, 0]) > 0).all()
    assert [len(body["input"]) for body in endpoint.seen] == [64, 36]
    assert set(endpoint.keys) == {"Bearer secret"}


@pytest.mark.parametrize("act", ["429", "500", "503"])
def test_what_passes_is_retried(endpoint: Endpoint, act: str) -> None:
    """Rate limits and server errors are waited out."""
    endpoint.script = [act, act]
    assert model(endpoint).encode(["a"]).shape == (1, 3)
    assert len(endpoint.seen) == 3


@pytest.mark.parametrize("act", ["nonsense", "short", "400"])
def test_wrong_answers_are_typed_errors(endpoint: Endpoint, act: str) -> None:
    """An answer that is no embedding of what was asked is never passed on."""
    endpoint.script = [act]
    with pytest.raises(UnavailableError):
        model(endpoint).encode(["a", "b"])
    assert len(endpoint.seen) == 1


def test_a_changed_dimension_is_refused(endpoint: Endpoint) -> None:
    """An endpoint that switches its model under the same name would mix two spaces."""
    embedder = model(endpoint)
    embedder.encode(["a"])
    endpoint.script = ["wide"]
    with pytest.raises(UnavailableError, match="from 3 to 5"):
        embedder.encode(["a"])


def test_a_refused_key_says_so(endpoint: Endpoint) -> None:
    """Not retried: it will not get better."""
    endpoint.script = ["401"]
    with pytest.raises(UnauthenticatedError):
        model(endpoint).encode(["a"])


def test_slow_and_dead_end_in_time(endpoint: Endpoint) -> None:
    """Every wait has a deadline."""
    endpoint.script = ["slow"]
    started = time.monotonic()
    with pytest.raises(DeadlineError):
        model(endpoint, 0.3).encode(["a"])
    embedder = model(endpoint, 0.5)
    endpoint.shutdown()
    endpoint.server_close()
    with pytest.raises((UnavailableError, DeadlineError)):
        embedder.encode(["a"])
    assert time.monotonic() - started < 4
