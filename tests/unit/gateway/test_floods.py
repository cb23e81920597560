"""Requests made to take long: refused for what they are, in little time, and by key before anything is read of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from memcube.actors.gateway.add_body import AddBody
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.metrics import Metrics
from memcube.actors.gateway.queries import AT_ONCE, Queries
from memcube.actors.gateway.wire import parse
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

MANY = 200_000


@contextmanager
def little_time() -> Iterator[None]:
    """CPU of this thread, so that a busy machine fails nothing; what is refused late took 5 s and more."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < 1.5


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"user_id":"a","messages":[' + "1," * MANY + "1]}", "body"),
        ('{"user_id":"a","messages":[' + "1," * 2_000 + "1]}", "messages"),
        ('{"user_id":"a","messages":"x","tags":[' + "1," * 2_000 + "1]}", "tags"),
        ('{"user_id":"a","messages":"x","metadata":{"m":[' + "[]," * MANY + "[]]}}", "body"),
        ("{" + ",".join(f'"f{n}":1' for n in range(MANY)) + "}", "body"),
        ('{"user_id":"a","messages":[' + '{"contents":1},' * 900 + "1]}", "messages[0].contents"),
    ],
    ids=["numbers", "many messages", "many tags", "many values", "many fields", "every message wrong"],
)
async def test_a_body_of_many_parts_is_refused_at_its_first(start: Any, body: str, field: str) -> None:
    """By the field or the whole; no error is made for each part."""
    async with start() as running:
        with little_time():
            answer = await running.http.post("/v1/memories", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["facts"]["field"] == field


async def test_without_a_key_no_body_is_read(start: Any, keys: Any) -> None:
    """Whoever sends no key hears of that, whatever else is wrong; what needs no key needs none."""
    async with start(keys=keys) as running:
        for content in ("{", '{"nothing":1}', "[" * 100_000):
            answer = await running.http.post(
                "/v1/memories", content=content, headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["error"]["type"]) == (401, "UnauthenticatedError")
        for path in ("/health", "/metrics", "/docs", "/openapi.json"):
            assert (await running.http.get(path)).status_code == 200


def test_the_field_to_blame_is_looked_for_among_so_many() -> None:
    """Beyond, the request as a whole is to blame."""
    good = pb.AddRequest(messages=[pb.Message(content="a")]).SerializeToString()
    bad = pb.AddRequest(messages=[pb.Message(content="@@")]).SerializeToString().replace(b"@@", b"a\xff")
    with pytest.raises(InvalidArgumentError) as near:
        parse(pb.AddRequest, good * 100 + bad)
    assert near.value.field == "messages[100].content"
    with little_time(), pytest.raises(InvalidArgumentError) as far:
        parse(pb.AddRequest, good * 1_000_000 + bad)
    assert far.value.field == "request"


class Slow:
    """An embedder that notes how many texts come at once, and says who else would have had to wait."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def embed_queries(self, tenant: str, texts: list[str]) -> tuple[str, Any]:
        """A row a text: its number."""
        self.sizes.append(len(texts))
        return "m", np.array([[float(text)] for text in texts], np.float32)


async def test_a_batch_is_embedded_in_parts() -> None:
    """Others' queries come in between; the rows stay in order."""
    embedder: Any = Slow()
    query = await Queries(embedder, Metrics()).embed("t", [str(n) for n in range(20)], 10.0)
    assert np.frombuffer(query.vector, "<f4").tolist() == list(range(20))
    assert embedder.sizes == [AT_ONCE, AT_ONCE, 20 - 2 * AT_ONCE]


def test_a_damaged_file_is_named_without_its_folder() -> None:
    """Which file it is, not where this machine keeps its files."""
    error = as_error(DamagedError("/home/ann/.memcube/vault/cubes/t/ab/abcd.db", "cut short"), "get")
    assert error.facts == {"path": "t/ab/abcd.db", "problem": "cut short"}


def test_the_bounds_let_a_full_add_pass() -> None:
    """1,000 messages with every field."""
    full = {"content": "x", "role": "user", "name": "Ann", "id": "1", "time": 1}
    body = AddBody.model_validate({"user_id": "a", "messages": [full] * 1_000, "tags": ["t"] * 64})
    assert len(body.request("").messages) == 1_000


async def test_a_filter_that_is_too_large_reaches_no_cube(start: Any) -> None:
    """Not of a search, a listing or a deletion: a frame serves others too. There is no cube here that could refuse."""
    much = [filter_pb2.Filter(all=filter_pb2.FilterList()) for _ in range(2_000)]
    huge = filter_pb2.Filter(all=filter_pb2.FilterList(filters=much))
    scope = pb.Scope(user_id="nobody")
    async with start() as running:
        for verb, request in (
            ("Search", pb.SearchRequest(scope=scope, query="x", filter=huge)),
            ("List", pb.ListRequest(scope=scope, filter=huge)),
            ("DeleteAll", pb.DeleteAllRequest(scope=scope, filter=huge)),
        ):
            with pytest.raises(InvalidArgumentError) as caught:
                await running.caller().call(verb, request)
            assert caught.value.field.startswith("filter")
