"""The model, loaded once, and an embeddings endpoint that behaves as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from memcube.deployments.embedder.onnx_model import OnnxMiniLM

Reply = tuple[int, dict[str, str], bytes]
Behaviour = Callable[[dict[str, Any], int], Reply]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ONNX files."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def minilm(cache: Path) -> OnnxMiniLM:
    """The default model."""
    return OnnxMiniLM(1, cache)


class Endpoint:
    """A real HTTP server; ``behave`` gets each request's JSON and its number from 0, and returns the reply."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda asked, _: (200, {}, json.dumps(embeddings(asked["input"])).encode())
        self.requests: list[tuple[dict[str, Any], dict[str, str]]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.requests.append((asked, {name.lower(): value for name, value in self.headers.items()}))
                status, headers, body = endpoint.behave(asked, len(endpoint.requests) - 1)
                self.send_response(status if self.path == "/v1/embeddings" else 404)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except BrokenPipeError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def embeddings(texts: list[str], numbers: int = 3) -> dict[str, Any]:
    """What an endpoint answers, last first: (length of text, 1, 0, ...) for each."""
    rows = [{"index": i, "embedding": [float(len(text)), 1.0] + [0.0] * (numbers - 2)} for i, text in enumerate(texts)]
    return {"object": "list", "data": rows[::-1]}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A running endpoint that does what it should, until the test changes ``behave``."""
    running = Endpoint()
    yield running
    running.close()
