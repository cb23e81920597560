"""Queries embedded beside the gateway: here when it can be, through Serve when it cannot or should not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from memcube.actors.embedding.client import EmbedderClient
from memcube.actors.embedding.near import NearEmbedder, NearModel

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class Far:
    """Stands where a Serve handle stands."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.asked: list[str] = []
        self.probe = self.embed = self.embed_queries = self

    async def remote(self, texts: list[str] | None = None) -> Any:
        """What Serve's handles call their methods."""
        if texts is None:
            return self.model, ""
        self.asked += texts
        return self.model, np.full((len(texts), 2), 7, np.float32).tobytes()


class Here:
    """A model that says what it encoded, and can be held up."""

    model_id = "one"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def encode(self, texts: Sequence[str]) -> Matrix:
        """(length, 1) a text."""
        assert self.go_on.wait(5)
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32)


def run(body: Callable[[NearEmbedder, Here, Far], Any], model: str = "one", broken: bool = False) -> None:
    """Run a test's body with an embedder whose model is loaded (or failed to)."""
    here, far = Here(), Far(model)

    def load() -> NearModel:
        if broken:
            raise OSError("no model file")
        return here

    async def whole() -> None:
        near = NearEmbedder(load, EmbedderClient(0, lambda: far))
        await asyncio.to_thread(near._loading.exception)
        try:
            assert await near.model_id() == model
            await body(near, here, far)
        finally:
            here.go_on.set()
            await near.close()

    asyncio.run(whole())


def test_a_query_is_encoded_here_once_for_each_tenant() -> None:
    """No hop; the same question of the same tenant is not encoded again."""

    async def body(near: NearEmbedder, here: Here, far: Far) -> None:
        for tenant, text in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "yy")):
            model, vector = await near.embed_query(tenant, text)
            assert (model, vector.tolist()) == ("one", [len(text), 1])
        assert here.asked == ["x", "x", "yy"]
        assert far.asked == []

    run(body)


def test_what_comes_meanwhile_goes_to_serve() -> None:
    """Two queries at once: the second does not wait for the first."""

    async def body(near: NearEmbedder, here: Here, far: Far) -> None:
        here.go_on.clear()
        first = asyncio.create_task(near.embed_query("a", "slow"))
        await asyncio.sleep(0.01)
        _, vector = await near.embed_query("a", "quick")
        assert vector.tolist() == [7, 7]
        here.go_on.set()
        assert (await first)[1].tolist() == [4, 1]
        assert (await near.embed_queries("a", ["p", "q"]))[1].tolist() == [[7, 7], [7, 7]]
        assert far.asked == ["quick", "p", "q"]

    run(body)


def test_another_model_in_serve_is_followed() -> None:
    """After a change of the embedder, the old model's vectors would match no memory."""

    async def body(near: NearEmbedder, here: Here, far: Far) -> None:
        assert (await near.embed_query("a", "x"))[0] == "two"
        assert here.asked == []

    run(body, model="two")


def test_a_model_that_does_not_load_is_no_loss() -> None:
    """Queries then go to Serve, all of them."""

    async def body(near: NearEmbedder, here: Here, far: Far) -> None:
        assert (await near.embed_query("a", "x"))[1].tolist() == [7, 7]

    run(body, broken=True)
