"""The relay without Ray: texts of many cubes in one call, each cube its own rows, and nobody left waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from memcube.actors.embedding import actor as module
from memcube.actors.embedding.actor import EmbedderRelay
from memcube.actors.embedding.client import EmbedderClient
from memcube.model.errors import DeadlineError, ExhaustedError, UnavailableError


class Handle:
    """Stands where a Serve handle stands; "bad" among the texts makes a call fail."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.probe = self.embed = self

    async def remote(self, texts: list[str] | None = None) -> Any:
        """What Serve's handles call their methods."""
        if texts is None:
            return "m", ""
        await asyncio.sleep(0.02)
        self.calls.append(len(texts))
        if "bad" in texts:
            raise RuntimeError("bad text")
        return "m", np.array([[len(text), 1] for text in texts], np.float32).tobytes()


def relay() -> tuple[EmbedderRelay, EmbedderClient, Handle]:
    """A relay, its client, and where that leads."""
    handle = Handle()
    client = EmbedderClient(0, lambda: handle)
    return EmbedderRelay(client), client, handle


def test_cubes_share_a_call_and_get_their_own_rows() -> None:
    """Thirty cubes' texts take a few calls of at most 64 texts; a larger job goes by itself."""

    async def body() -> None:
        made, client, handle = relay()
        jobs = [["x" * (n + 1)] * (1 + n % 4) for n in range(30)] + [["long"] * 100]
        answers = await asyncio.gather(*(made.embed(job) for job in jobs))
        for job, (model, raw) in zip(jobs, answers, strict=True):
            assert model == "m"
            assert np.frombuffer(raw, np.float32).reshape(-1, 2)[:, 0].tolist() == [len(text) for text in job]
        assert sum(handle.calls) == sum(len(job) for job in jobs)
        assert len(handle.calls) <= 4
        await client.close()

    asyncio.run(body())


def test_a_failed_call_tells_all_who_wait_and_the_next_is_served() -> None:
    """Nobody waits for a deadline because a neighbour's texts failed."""

    async def body() -> None:
        made, client, _ = relay()
        answers = await asyncio.gather(made.embed(["bad"]), made.embed(["good"]), return_exceptions=True)
        assert [type(answer) for answer in answers] == [UnavailableError, UnavailableError]
        await asyncio.sleep(0.5)
        assert (await made.embed(["good"]))[0] == "m"
        await client.close()

    asyncio.run(body())


def test_a_job_given_up_is_not_embedded() -> None:
    """Its caller will come again: embedding it twice would only lengthen the queue."""

    async def body() -> None:
        made, client, handle = relay()
        first = asyncio.ensure_future(made.embed(["a"] * 64))
        await asyncio.sleep(0.01)
        with pytest.raises(DeadlineError):
            await made.embed(["given up"] * 64, 0.001)
        await first
        await made.embed(["b"])
        assert handle.calls == [64, 1]
        await client.close()

    asyncio.run(body())


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much is refused with a hint; what was accepted is served, and there is room again."""
    monkeypatch.setattr(module, "QUEUE_TEXTS", 100)

    async def body() -> None:
        made, client, _ = relay()
        accepted = asyncio.ensure_future(made.embed(["a"] * 90))
        await asyncio.sleep(0)
        with pytest.raises(ExhaustedError) as caught:
            await made.embed(["b"] * 11)
        assert caught.value.retry_after_s > 0
        await accepted
        await made.embed(["b"] * 100)
        await client.close()

    asyncio.run(body())
