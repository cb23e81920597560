"""The embedder on a real Ray: Serve, the relay, what callers see when parts of it die, and another model in its place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest
import ray

from memcube.actors.embedding.actor import EmbedderRelay
from memcube.actors.embedding.client import (
    APPLICATION,
    NAMESPACE,
    RELAY,
    EmbedderClient,
    RelayClient,
)
from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.embedder.onnx_model import OnnxMiniLM
from memcube.model.errors import DeadlineError, UnavailableError

T = TypeVar("T")

with warnings.catch_warnings():
    # Ray Serve's own models use what pydantic has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ray import serve

    from memcube.deployments.embedder.deployment import embedder_app

PATIENCE_S = 40.0


def serve_embedder(config: EmbedderConfig) -> None:
    """Run the application, or change its model."""
    serve.run(embedder_app(config), name=APPLICATION, route_prefix=None)


@pytest.fixture(scope="module")
def system(ray_cluster: None) -> Iterator[None]:
    """The embedder and its relay in the run's Ray."""
    serve.start(proxy_location="Disabled")
    serve_embedder(EmbedderConfig())
    relay = ray.remote(EmbedderRelay).options(name=RELAY, num_cpus=0, max_restarts=-1, max_task_retries=0).remote()
    yield
    del relay
    serve.shutdown()


@pytest.fixture(scope="module")
def minilm() -> OnnxMiniLM:
    """The same model in this process."""
    return OnnxMiniLM(1)


def run(body: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    """Run a test's body in an event loop, with a client in an actor of its own, as the gateway is."""
    client = ray.remote(EmbedderClient).options(num_cpus=0, max_concurrency=1000).remote()
    try:
        return asyncio.run(body(client))
    finally:
        ray.kill(client)


async def in_the_end(call: Callable[[], Awaitable[T]]) -> tuple[T, list[Exception]]:
    """Call again after typed, retryable errors until it succeeds; the answer, and those errors."""
    errors: list[Exception] = []
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await call(), errors
        except (UnavailableError, DeadlineError) as error:
            errors.append(error)
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


def replica_pid() -> int:
    """The process of the only replica: a descendant of this Ray's processes."""
    found = [
        process.pid
        for process in psutil.Process().children(recursive=True)
        if (title := " ".join(process.cmdline())).startswith("ray::") and APPLICATION in title
    ]
    (pid,) = found
    return pid


@pytest.mark.usefixtures("system")
class TestEmbedder:
    """In this order: the last ones change the model."""

    def test_queries_and_bulk_give_the_models_vectors(self, minilm: OnnxMiniLM) -> None:
        """Through Serve, through the relay, one or many: the numbers that the model gives here."""
        texts = [f"text {i} about the garden " * (1 + i % 5) for i in range(50)] + ["", "我喜欢绿茶"]
        expected = minilm.encode(texts)

        async def body(client: Any) -> None:
            model, vector = await client.embed_query.remote("acme", texts[3])
            assert model == minilm.model_id
            assert np.abs(vector - expected[3]).max() < 1e-5
            answers = await asyncio.gather(*(client.embed_query.remote("acme", text) for text in texts))
            assert np.abs(np.stack([row for _, row in answers]) - expected).max() < 1e-5
            assert np.abs((await client.embed_queries.remote("acme", texts))[1] - expected).max() < 1e-5
            assert np.abs((await client.embed.remote(texts))[1] - expected).max() < 1e-5
            assert (await client.embed.remote([]))[1].shape == (0, 0)
            assert (await client.state.remote()).state == "ready"
            assert await client.is_direct.remote()

            relay = RelayClient()
            assert await relay.model_id() == minilm.model_id
            assert (await relay.embed([]))[1].shape == (0, 0)
            parts = [texts[i::7] for i in range(7)]
            for part, (said, matrix) in zip(
                parts, await asyncio.gather(*(relay.embed(part) for part in parts)), strict=True
            ):
                assert said == minilm.model_id
                assert np.abs(matrix - minilm.encode(part)).max() < 1e-5

        run(body)

    def test_a_bulk_job_does_not_hold_up_queries(self) -> None:
        """While a thousand texts are encoded, queries are answered as they come."""

        async def body(client: Any) -> None:
            await client.embed_query.remote("acme", "warm")
            bulk = asyncio.ensure_future(client.embed.remote([f"a longer text, number {i} " * 6 for i in range(300)]))
            waits = []
            while not bulk.done():
                began = time.perf_counter()
                await client.embed_query.remote("acme", f"question {len(waits)}")
                waits.append(time.perf_counter() - began)
            assert (await bulk)[1].shape == (300, 384)
            assert len(waits) >= 10
            assert np.median(waits) < 0.2

        run(body)

    def test_a_killed_replica_is_typed_and_comes_back(self) -> None:
        """Calls under way get a retryable error of ours, at once; later ones find the next replica."""

        async def body(client: Any) -> None:
            await client.embed_query.remote("acme", "warm")
            killed = replica_pid()
            bulk = asyncio.ensure_future(client.embed.remote(["a text that takes its time " * 20] * 400, 30))
            await asyncio.sleep(0.3)
            os.kill(killed, signal.SIGKILL)
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await bulk
            assert time.monotonic() - began < 15
            state = await client.state.remote()
            assert (state.state, bool(state.detail)) == ("degraded", True)
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await client.embed_query.remote("acme", "a question in between")
            assert time.monotonic() - began < 1.5
            await in_the_end(lambda: client.embed_query.remote("acme", "a question after"))
            assert replica_pid() != killed
            assert await client.is_direct.remote()
            assert (await client.state.remote()).state == "ready"
            await in_the_end(lambda: RelayClient().embed(["after"]))

        run(body)

    def test_a_killed_relay_comes_back(self) -> None:
        """Frames get a retryable error of ours, then find it again."""

        async def body(_: Any) -> None:
            relay = RelayClient()
            await relay.embed(["warm"])
            ray.kill(ray.get_actor(RELAY, NAMESPACE), no_restart=False)
            (_, matrix), _ = await in_the_end(lambda: relay.embed(["after"], 10))
            assert matrix.shape == (1, 384)

        run(body)

    def test_another_model_takes_its_place(self) -> None:
        """A changed configuration changes id and vectors, for kept queries as well."""
        endpoint = Endpoint()

        async def body(client: Any) -> None:
            before, _ = await client.embed_query.remote("acme", "a question")
            small = f"openai:{endpoint.config.base_url}#small"
            await asyncio.to_thread(serve_embedder, endpoint.config)
            assert (await client.embed.remote(["x"]))[0] == small
            model, vector = await client.embed_query.remote("acme", "a question")
            assert before != model == small
            assert vector.tolist() == pytest.approx([0.6, 0.8])
            assert (await RelayClient().embed(["x"]))[0] == small

            endpoint.broken = True
            with pytest.raises((UnavailableError, DeadlineError)):
                await client.embed_query.remote("acme", "while it is broken")
            began = time.monotonic()
            with pytest.raises(UnavailableError, match="endpoint"):
                await client.embed_query.remote("acme", "still")
            assert time.monotonic() - began < 1.5
            endpoint.broken = False
            await in_the_end(lambda: client.embed_query.remote("acme", "mended"))

        try:
            run(body)
        finally:
            endpoint.close()

    def test_what_does_not_run_is_unavailable(self) -> None:
        """No application, no relay: typed, retryable, at once."""
        serve.delete(APPLICATION)

        async def body(client: Any) -> None:
            with pytest.raises(UnavailableError):
                await client.embed_query.remote("acme", "anyone there")
            assert (await client.state.remote()).state == "starting"
            ray.kill(ray.get_actor(RELAY, NAMESPACE), no_restart=True)
            with pytest.raises(UnavailableError):
                await RelayClient().embed(["anyone there"])

        run(body)


class Endpoint:
    """A real embeddings endpoint: (3, 4) for every text, or HTTP 500."""

    def __init__(self) -> None:
        endpoint = self
        self.broken = False

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                rows = [{"index": i, "embedding": [3.0, 4.0]} for i in range(len(asked["input"]))]
                body = b"{}" if endpoint.broken else json.dumps({"data": rows}).encode()
                self.send_response(500 if endpoint.broken else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.config = EmbedderConfig(
            kind="openai", model="small", base_url=f"http://127.0.0.1:{self._server.server_port}/v1", timeout_s=10
        )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
