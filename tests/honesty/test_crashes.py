"""MemOS crashes on input and settings that are legal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.embedder.openai_model import OpenAIModel
from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import filter_pb2, item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

QUERIES = [
    "message_id om_x100b544a390604b8c3e1b7d8641f08e 我要测试",
    '"unbalanced',
    "a AND (b OR",
    "NEAR(a b, 3) NOT *",
    "'; DROP TABLE items; --",
    "col:value ^2 -minus",
    "()",
    "\u200b",
    "🙂",
    "a" * 5000,
    "\x00null",
    "？",
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_1247_no_query_is_a_syntax_error(mind: Any, query: str) -> None:
    """MemOS' full-text search fails on its operators and returns nothing (#1722 too); here a query is words, whatever it holds."""
    mind.say("我要测试 the search", "unbalanced words", verbatim=True)
    mind.embed()
    for vector in (True, False):
        mind.search(query, vector=vector)
    assert mind.found("我要测试", vector=False)[0] == "我要测试 the search"


@pytest.mark.anyio
async def test_214_every_argument_of_a_search_is_taken(start: Any) -> None:
    """MemOS' general_text.search calls itself with an argument that it does not have; here all of them go together."""
    async with start() as running:
        caller = running.caller()
        await caller.add("I like tea")
        condition = filter_pb2.Condition(field="role", op=filter_pb2.OPERATOR_NE)
        condition.value.string_value = "x"
        request = pb.SearchRequest(
            scope=pb.Scope(user_id="alice"),
            query="tea",
            top_k=5,
            filter=filter_pb2.Filter(condition=condition),
            threshold=0.01,
            token_budget=100,
            include_expired=True,
            more=[pb.Scope(user_id="bob")],
            memory_types=[item_pb2.MEMORY_TYPE_USER, item_pb2.MEMORY_TYPE_LONG_TERM],
            mode=pb.SEARCH_MODE_MIXTURE,
            rerank=True,
            preferences=3,
            strict_sources=True,
        )
        request.reference_time.GetCurrentTime()
        set_fields = {field.name for field, _ in request.ListFields()}
        assert set_fields == {field.name for field in pb.SearchRequest.DESCRIPTOR.fields}
        found = await caller.call("Search", request)
        assert [hit.item.memory for hit in found.hits] == ["I like tea"]
        assert found.degraded


def test_1722_an_empty_or_unembedded_cube_is_searched(mind: Any) -> None:
    """MemOS' memory_search ends in an error where nothing is there yet; here it ends in no hits, or goes by words."""
    first = mind.say("to be deleted").items[0].id
    mind.delete(first)
    assert mind.found("anything") == []
    mind.say("I like tea")
    assert mind.found("tea") == ["I like tea"]


def test_1682_vectors_are_kept_as_wide_as_they_are(mind: Any) -> None:
    """MemOS' plugin cut vectors to 384 numbers; here two that differ only beyond are told apart, after a restart too."""
    mind.say("zzz one", "zzz two", verbatim=True)
    mind.open(model="wide")
    matrix = np.zeros((2, 2_048), np.float32)
    matrix[:, 0] = 0.5
    matrix[0, 2_000] = matrix[1, 1_000] = 0.866
    contents = [content for content, _ in mind.cube.pending_texts(10)]
    mind.cube.view.store.commit(mind.cube.plan_vectors("wide", contents, matrix))
    mind.open(model="wide")
    for row, text in enumerate(("zzz one", "zzz two")):
        request = pb.SearchRequest(scope=pb.Scope(user_id="alice"), query="nothing in common")
        call = mind.call("search", request)
        call = type(call)("search", call.request, call.principal, vector=matrix[row].tobytes(), model="wide")
        assert mind.do(call, pb.SearchResponse).hits[0].item.memory == text


def test_2177_another_number_of_dimensions_is_refused_and_named(mind: Any) -> None:
    """MemOS ignored embedding_dims and wrote what did not fit; here it is part of the model's name, and checked."""
    config = EmbedderConfig(kind="openai", model="small", base_url="http://x/v1", dimension=8)
    plain = EmbedderConfig(kind="openai", model="small", base_url="http://x/v1")
    assert OpenAIModel(config).model_id != OpenAIModel(plain).model_id
    mind.say("one", "two", "three", verbatim=True)
    mind.embed()
    mind.say("four", verbatim=True)
    contents = [content for content, _ in mind.cube.pending_texts(10)]
    with pytest.raises(InvalidArgumentError, match="vectors"):
        mind.cube.plan_vectors("letters", contents, np.ones((1, 8), np.float32))
    assert mind.embed() == 1


def test_section_1a_no_vector_is_better_than_a_wrong_one(mind: Any) -> None:
    """MemOS stores zero vectors when its embedder fails; here none is stored, the text waits, and status says why."""
    mind.say("I like tea", verbatim=True)
    for bad in (np.full((1, 26), np.nan, np.float32), np.zeros((2, 26), np.float32)):
        contents = [content for content, _ in mind.cube.pending_texts(10)]
        with pytest.raises(InvalidArgumentError):
            mind.cube.plan_vectors("letters", contents, bad)
    mind.cube.note_embed_failure("the embedder is not available")
    status = mind.read("cube_status", pb.StatusRequest(scope=pb.Scope(user_id="alice")), pb.CubeStatus)
    (task,) = [one for one in status.tasks if one.kind == "embed"]
    assert (task.waiting, task.last_error) == (1, "the embedder is not available")
    assert status.vector_coverage == 0.0
    assert mind.found("tea", vector=False) == ["I like tea"]
