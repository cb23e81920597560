"""Query vectors on their way to the cube, and what happens without them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from memcube.actors.cube.call import Call
from memcube.actors.gateway.metrics import Metrics
from memcube.actors.gateway.queries import Queries, Query
from memcube.model.errors import UnavailableError
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio


@dataclass
class State:
    """What an embedder says of itself."""

    model: str = "letters"
    state: str = "ready"
    detail: str = ""


class Letters:
    """An embedder that counts letters; ``trouble`` is raised instead, ``pause_s`` waited first."""

    def __init__(self, trouble: Exception | None = None, pause_s: float = 0.0) -> None:
        self.trouble = trouble
        self.pause_s = pause_s
        self.asked: list[list[str]] = []

    async def embed_query(self, tenant: str, text: str) -> tuple[str, Any]:
        """One vector."""
        model, rows = await self.embed_queries(tenant, [text])
        return model, rows[0]

    async def embed_queries(self, tenant: str, texts: Sequence[str]) -> tuple[str, Any]:
        """A row a text."""
        self.asked.append(list(texts))
        await asyncio.sleep(self.pause_s)
        if self.trouble:
            raise self.trouble
        return "letters", vectors_of(texts)

    async def model_id(self) -> str:
        """Its name."""
        return "letters"

    def state(self) -> State:
        """All is well."""
        return State()


def vectors_of(texts: Sequence[str]) -> Any:
    """How often a, b and c are in each text; float64, not in row order, as an embedder might return it."""
    return np.asfortranarray([[float(text.count(letter)) for letter in "abc"] for text in texts])


class Recorder:
    """A router that notes what it is asked, and answers as many results as there were requests."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    async def read(self, ref: Any, call: Call, *, timeout_s: float) -> bytes:
        """Note the call under its cube."""
        self.calls[ref.cube_id] = call
        if call.verb == "search":
            return pb.SearchResponse().SerializeToString()
        texts = [one.query for one in pb.BatchSearchRequest.FromString(call.request).requests]
        found = [pb.BatchSearchResult(found=pb.SearchResponse(degraded=[text])) for text in texts]
        return pb.BatchSearchResponse(results=found).SerializeToString()

    async def status(self) -> Any:
        """Never asked for its figures here."""
        raise UnavailableError("figures")


def search(user: str, query: str) -> pb.SearchRequest:
    """A search in a user's cube."""
    return pb.SearchRequest(scope=pb.Scope(user_id=user), query=query)


async def test_a_query_travels_with_its_vector(start: Any) -> None:
    """Float32, little endian, with the model's id and the time that it took."""
    router, embedder = Recorder(), Letters()
    async with start(router=router, embedder=embedder) as running:
        await running.caller().call("Search", search("u", "abba"))
    call = router.calls["user:u"]
    assert np.frombuffer(call.vector, "<f4").tolist() == [2, 2, 0]
    assert (call.model, call.note) == ("letters", "")
    assert 0 < call.embed_ms < 5000


async def test_a_batch_is_embedded_in_one_call_and_each_cube_gets_its_rows(start: Any) -> None:
    """Requests of two cubes, mixed, one of them refused: vectors and answers stay with their queries."""
    router, embedder = Recorder(), Letters()
    requests = [search("u", "a"), search("v", "b"), search("u", ""), search("u", "aac"), search("v", "cc")]
    async with start(router=router, embedder=embedder) as running:
        results = (await running.caller().call("BatchSearch", pb.BatchSearchRequest(requests=requests))).results
    assert embedder.asked == [["a", "aac", "b", "cc"]]
    for user, texts in (("u", ["a", "aac"]), ("v", ["b", "cc"])):
        sent = np.frombuffer(router.calls[f"user:{user}"].vector, "<f4").reshape(2, 3)
        assert sent.tolist() == vectors_of(texts).tolist()
    answered = [list(one.found.degraded) for one in results]
    assert answered == [["a"], ["b"], [], ["aac"], ["cc"]]
    assert results[2].error.type == "InvalidArgumentError"


@pytest.mark.parametrize(
    ("embedder", "words"),
    [
        (None, "embedder: none is configured; ranked by words only"),
        (Letters(UnavailableError("the embedder", 2)), "the embedder is not available now"),
        (Letters(RuntimeError("a defect of its own")), "embedder: internal error"),
        (Letters(pause_s=5), "no answer within 0.2 s"),
    ],
)
async def test_without_a_vector_a_search_goes_on_by_words_and_says_so(embedder: Any, words: str) -> None:
    """No embedder, one that is away, broken or slow: a note, never a failure, within half the call's time."""
    began = asyncio.get_running_loop().time()
    query = await Queries(embedder, Metrics()).embed("t", ["x"], 0.4)
    assert words in query.note
    assert query.vector == b""
    assert "defect" not in query.note
    assert asyncio.get_running_loop().time() - began < 2


def test_rows_of_no_vectors_are_none() -> None:
    """A degraded batch is degraded for each cube."""
    assert Query(note="n").rows(1, 2, 3) == Query(note="n")
