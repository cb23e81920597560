"""The gateway's client without Ray: what is kept, what fails at once, what is asked again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memcube.actors.embedding import client as module
from memcube.actors.embedding.cache import QueryCache
from memcube.actors.embedding.client import EmbedderClient
from memcube.actors.embedding.line import serve_embedder_line
from memcube.model.errors import DeadlineError, UnavailableError


class Handle:
    """Stands where a Serve handle stands: one vector a text, (length, 1); or the error it is told to raise."""

    def __init__(self) -> None:
        self.model = "one"
        self.path = ""
        self.error: Exception | None = None
        self.delay_s = 0.0
        self.asked: list[str] = []
        self.probe = self.embed = self.embed_queries = self

    async def remote(self, texts: list[str] | None = None) -> Any:
        """What Serve's handles call their methods."""
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        if texts is None:
            return self.model, self.path
        self.asked += texts
        return self.model, np.array([[len(text), 1] for text in texts], np.float32).tobytes()


def run(body: Callable[[EmbedderClient, Handle], Any]) -> None:
    """Run a test's body with a client of ``Handle``."""

    async def whole() -> None:
        handle = Handle()
        client = EmbedderClient(100, lambda: handle)
        try:
            await body(client, handle)
        finally:
            await client.close()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe often."""
    monkeypatch.setattr(module, "WATCH_EVERY_S", 0.05)
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.05)


def test_queries_are_kept_by_tenant_and_text() -> None:
    """The same question is not asked twice, unless another tenant asks it."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        for tenant, text in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "yy"), ("a", "x")):
            model, vector = await client.embed_query(tenant, text)
            assert (model, vector.tolist()) == ("one", [len(text), 1])
        assert handle.asked == ["x", "x", "yy"]
        _, matrix = await client.embed_queries("a", ["x", "yy"])
        assert matrix.tolist() == [[1, 1], [2, 1]]
        assert handle.asked == ["x", "x", "yy"]

    run(body)


def test_a_changed_model_is_noticed_without_asking() -> None:
    """Kept vectors of the old model are not used once a probe has seen the new one."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        await client.embed_query("a", "x")
        await asyncio.sleep(0.1)
        handle.model = "two"
        await asyncio.sleep(0.2)
        assert client.state().model == "two"
        assert (await client.embed_query("a", "x"))[0] == "two"
        assert handle.asked == ["x", "x"]

    run(body)


def test_after_a_failure_calls_fail_at_once_until_it_answers() -> None:
    """Nobody waits for an embedder that is known to be away; kept queries still get their vectors."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        await client.embed_query("a", "kept")
        handle.error = RuntimeError("replica is gone")
        with pytest.raises(UnavailableError, match="replica is gone"):
            await client.embed_query("a", "x")
        assert client.state().state == "degraded"
        handle.delay_s = 0.3
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(UnavailableError, match="replica is gone"):
                await client.embed(["x"])
        assert time.monotonic() - began < 1.0
        assert (await client.embed_query("a", "kept"))[1].tolist() == [4, 1]
        handle.error, handle.delay_s = None, 0.0
        await asyncio.sleep(1.0)
        assert client.state().state == "ready"
        assert (await client.embed_query("a", "x"))[1].tolist() == [1, 1]

    run(body)


def test_every_wait_has_a_deadline() -> None:
    """An embedder that hangs is a DeadlineError with the time that was given."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        handle.delay_s = 5
        with pytest.raises(DeadlineError) as caught:
            await client.embed(["x"], 0.1)
        assert caught.value.timeout_s == 0.1

    run(body)


def test_a_timeout_of_the_replica_is_not_ours() -> None:
    """The replica's own TimeoutError is a failure of the embedder, not the end of our waiting."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        handle.error = TimeoutError("upstream")
        with pytest.raises(UnavailableError, match="upstream"):
            await client.embed(["x"], 5)

    run(body)


def test_nothing_embeds_to_nothing() -> None:
    """An empty list asks for the model only."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        model, matrix = await client.embed([])
        assert (model, len(matrix), handle.asked) == ("one", 0, [])

    run(body)


def test_queries_take_the_direct_line_and_bulk_does_not(tmp_path: Path) -> None:
    """Once a probe has said where it is; when it is gone, the handle is asked within the same call."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        texts: list[str] = []

        async def embed(asked: list[str]) -> tuple[str, bytes]:
            texts.extend(asked)
            return "one", np.array([[len(text), 2] for text in asked], np.float32).tobytes()

        server = await serve_embedder_line(tmp_path / "line", embed)
        handle.path = str(tmp_path / "line")
        while not client.is_direct():
            client.state()
            await asyncio.sleep(0.01)
        assert (await client.embed_query("a", "x"))[1].tolist() == [1, 2]
        assert (await client.embed(["bulk"]))[1].tolist() == [[4, 1]]
        assert (texts, handle.asked) == (["x"], ["bulk"])
        assert (await client.embed_query("a", "x"))[1].tolist() == [1, 2]
        assert texts == ["x"]

        handle.path = ""
        server.close()
        await client._line.close()  # type: ignore[union-attr]  # as the end of the replica's process would
        assert (await client.embed_query("a", "yy"))[1].tolist() == [2, 1]
        assert not client.is_direct()
        assert client.state().state == "ready"

    run(body)


def test_a_line_that_breaks_under_a_query_is_replaced_by_the_handle(tmp_path: Path) -> None:
    """The replica's process ended in between: the same call still gets its vectors."""

    async def body(client: EmbedderClient, handle: Handle) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(8)
            writer.close()

        server = await asyncio.start_unix_server(hang_up, tmp_path / "line")
        handle.path = str(tmp_path / "line")
        while not client.is_direct():
            client.state()
            await asyncio.sleep(0.01)
        assert (await client.embed_query("a", "x"))[1].tolist() == [1, 1]
        assert handle.asked == ["x"]
        server.close()

    run(body)


def test_a_line_that_hangs_meets_the_deadline_and_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped replica keeps its socket: the client hangs up and asks Serve anew."""
    monkeypatch.setattr(module, "QUERY_TIMEOUT_S", 0.2)

    async def body(client: EmbedderClient, handle: Handle) -> None:
        async def embed(asked: list[str]) -> tuple[str, bytes]:
            await asyncio.sleep(60)
            raise AssertionError("never")

        server = await serve_embedder_line(tmp_path / "line", embed)
        handle.path = str(tmp_path / "line")
        while not client.is_direct():
            client.state()
            await asyncio.sleep(0.01)
        handle.path = ""
        with pytest.raises(DeadlineError):
            await client.embed_query("a", "x")
        while client.state().state != "ready":
            await asyncio.sleep(0.01)
        assert (await client.embed_query("a", "x"))[1].tolist() == [1, 1]
        server.close()

    run(body)


def test_no_application_is_starting() -> None:
    """Before the first answer the state is "starting", and says why."""

    def find() -> Any:
        raise LookupError("no such application")

    async def body() -> None:
        client = EmbedderClient(find_handle=find)
        with pytest.raises(UnavailableError, match="no such application"):
            await client.embed_query("a", "x")
        state = client.state()
        assert (state.state, state.model) == ("starting", "")
        assert "no such application" in state.detail
        await client.close()

    asyncio.run(body())


def test_the_cache_lets_go_of_what_was_unused_longest() -> None:
    """It never holds more than its size."""
    cache = QueryCache(2)
    vector = np.ones(2, np.float32)
    cache.put("t", "m", "a", vector)
    cache.put("t", "m", "b", vector)
    assert cache.get("t", "m", "a") is not None
    cache.put("t", "m", "c", vector)
    assert [text for text in "abc" if cache.get("t", "m", text) is not None] == ["a", "c"]
    assert cache.get("other", "m", "a") is None
    assert cache.get("t", "other", "a") is None
