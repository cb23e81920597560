"""An OpenAI-compatible endpoint that is well, slow, wrong, rate-limited or dead; each over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest

from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.embedder.openai_model import OpenAIModel
from memcube.model.errors import DeadlineError, UnavailableError

WELL = json.dumps({"data": [{"index": 0, "embedding": [3.0, 4.0]}]}).encode()


def model(endpoint: Any, **settings: Any) -> OpenAIModel:
    """The model of a test's endpoint."""
    return OpenAIModel(EmbedderConfig(kind="openai", model="small", base_url=endpoint.url, **settings))


def test_vectors_come_in_order_and_of_length_one(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go by their index whatever order they came in; the key comes from the environment."""
    monkeypatch.setenv("MY_KEY", "secret")
    texts = ["x" * n for n in range(150)]
    vectors = model(endpoint, api_key_env="MY_KEY").encode(texts)
    assert vectors.shape == (150, 3)
    assert vectors.dtype == np.float32
    assert np.abs(vectors[:, 0] / vectors[:, 1] - np.arange(150)).max() < 1e-3
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
    assert [len(asked["input"]) for asked, _ in endpoint.requests] == [64, 64, 22]
    asked, headers = endpoint.requests[0]
    assert asked["model"] == "small"
    assert headers["authorization"] == "Bearer secret"


def test_no_key_no_header(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server needs none."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model(endpoint).encode(["a"])
    assert "authorization" not in endpoint.requests[0][1]


def test_nothing_asks_nothing(endpoint: Any) -> None:
    """An empty list needs no request."""
    assert len(model(endpoint).encode([])) == 0
    assert endpoint.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(endpoint: Any, status: int) -> None:
    """Two refusals, then an answer."""
    endpoint.behave = lambda _, number: (status, {}, b"busy") if number < 2 else (200, {}, WELL)
    assert model(endpoint).encode(["a"])[0].tolist() == pytest.approx([0.6, 0.8])
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(endpoint: Any, form: str) -> None:
    """The next try comes no sooner than the endpoint asked."""
    times: list[float] = []

    def behave(_: object, number: int) -> tuple[int, dict[str, str], bytes]:
        times.append(time.monotonic())
        if number:
            return 200, {}, WELL
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        return 429, {"retry-after": "1" if form == "seconds" else when}, b""

    endpoint.behave = behave
    model(endpoint).encode(["a"])
    assert times[1] - times[0] >= 0.9


def test_a_wait_beyond_the_time_left_is_not_begun(endpoint: Any) -> None:
    """The caller hears at once, with the endpoint's own hint."""
    endpoint.behave = lambda *_: (429, {"retry-after": "90"}, b"")
    began = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        model(endpoint, timeout_s=20).encode(["a"])
    assert time.monotonic() - began < 5
    assert caught.value.retry_after_s >= 90
    assert "429" in caught.value.what


def test_a_slow_endpoint_meets_the_deadline(endpoint: Any) -> None:
    """It has the time it was given and no more, be it in silence or drop by drop."""

    def behave(*_: object) -> tuple[int, dict[str, str], bytes]:
        time.sleep(1.5)
        return 200, {}, WELL

    endpoint.behave = behave
    began = time.monotonic()
    with pytest.raises(DeadlineError) as caught:
        model(endpoint, timeout_s=30).encode(["a"], 0.3)
    assert time.monotonic() - began < 1.4
    assert caught.value.timeout_s == 0.3


def test_a_dripping_answer_meets_the_deadline() -> None:
    """Bytes that keep coming do not put the end off."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
                try:
                    for _ in range(40):
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        config = EmbedderConfig(kind="openai", model="m", base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")
        began = time.monotonic()
        with pytest.raises(DeadlineError):
            OpenAIModel(config).encode(["a"], 0.3)
        assert time.monotonic() - began < 1.4
        thread.join()


def test_a_dead_endpoint_is_unavailable() -> None:
    """Nobody listens: tried for the time given, then typed and retryable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = EmbedderConfig(kind="openai", model="m", base_url=f"http://127.0.0.1:{port}/v1", timeout_s=0.6)
    with pytest.raises(UnavailableError, match="ConnectError") as caught:
        OpenAIModel(config).encode(["a"])
    assert caught.value.RETRYABLE


def test_a_refused_key_names_the_variable_and_not_the_key(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once; what the endpoint quotes of the key stays out of the message."""
    monkeypatch.setenv("MY_KEY", "sk-1234")
    endpoint.behave = lambda *_: (401, {}, json.dumps({"error": {"message": "bad key sk-1234"}}).encode())
    with pytest.raises(UnavailableError, match="MY_KEY") as caught:
        model(endpoint, api_key_env="MY_KEY").encode(["a"])
    assert "sk-1234" not in str(caught.value)
    assert len(endpoint.requests) == 1


def test_a_refused_request_is_not_repeated(endpoint: Any) -> None:
    """An unknown model will not become known: the endpoint's words are passed on."""
    endpoint.behave = lambda *_: (404, {}, json.dumps({"error": {"message": "no model small"}}).encode())
    with pytest.raises(UnavailableError, match="no model small"):
        model(endpoint).encode(["a"])
    assert len(endpoint.requests) == 1


def test_redirects_are_not_followed(endpoint: Any) -> None:
    """They would carry the key to somewhere else."""
    endpoint.behave = lambda *_: (307, {"location": "http://127.0.0.1:9/v1/embeddings"}, b"")
    with pytest.raises(UnavailableError, match="307"):
        model(endpoint).encode(["a"])


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"data": [{"embedding": [1]}]}',
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 7, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": [1, NaN]}]}',
        b'{"data": [{"index": 0, "embedding": "AAAA"}]}',
        b'{"data": [{"index": 0, "embedding": [1, 2, 3]}]}',
    ],
    ids=["html", "list", "no index", "none", "too many", "wrong index", "nan", "text", "dimension"],
)
def test_nonsense_is_refused(endpoint: Any, answer: bytes) -> None:
    """An answer that is no vector for each text, of the configured size, is typed; nothing of it gets through."""
    endpoint.behave = lambda *_: (200, {}, answer)
    with pytest.raises(UnavailableError):
        model(endpoint, dimension=2).encode(["a"])


def test_the_dimension_may_not_change(endpoint: Any) -> None:
    """The first answer sets it where the configuration does not."""
    endpoint.behave = lambda _, number: (
        200,
        {},
        json.dumps({"data": [{"index": 0, "embedding": [1.0] * (2 + number)}]}).encode(),
    )
    used = model(endpoint)
    used.encode(["a"])
    with pytest.raises(UnavailableError, match="3 numbers, not 2"):
        used.encode(["b"])
