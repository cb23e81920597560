"""What MemOS' users miss in what it gives back: sources, tags, whole listings, a hit that outlives a failing part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from memcube.model.errors import UnavailableError
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = pb.Scope(user_id="alice")


def test_998_tags_are_few_short_and_whole(mind: Any, answered: Any) -> None:
    """MemOS' tags are poor and noisy; here they are each once, bounded in number and length, and never empty."""
    tags = ["home", "home", "", "x" * 500, *(f"tag{n}" for n in range(10))]
    fact = {"text": "The user lives in Lisbon.", "title": "Home", "tags": tags, "when": "", "sources": [1]}
    said = mind.say("I live in Lisbon", session_id="s")
    (made,) = mind.work(said.task_id, answered(facts=[fact])).result_ids
    kept = list(mind.get(made).tags)
    assert kept[0] == "home"
    assert len(kept) == len(set(kept)) <= 8
    assert all(0 < len(tag) <= 64 for tag in kept)


def test_1281_tool_and_skill_memories_name_their_sources(mind: Any, answered: Any) -> None:
    """MemOS' tool and skill memories lack sources; here each names the messages that it was made of, and they resolve."""
    call = pb.ToolCall(id="c1", name="search", arguments=json.dumps({"query": "flats"}))
    said = mind.say(
        pb.Message(role="assistant", tool_calls=[call]),
        pb.Message(role="tool", tool_call_id="c1", content="error: no city given"),
        "I asked again with the city, opened the list, and booked a visit.",
        session_id="s",
    )
    behaviour = answered(
        experiences=[
            {"when": "search is asked for flats", "then": "name the city, else error", "tool": "search",
             "success": False, "sources": [1, 2]}
        ],
        skills=[{"name": "Book a visit", "when": "a flat is wanted", "steps": ["asked with the city", "opened the list"],
                 "sources": [3]}],
    )  # fmt: skip
    made = [mind.get(item_id) for item_id in mind.work(said.task_id, behaviour).result_ids]
    kinds = {item_pb2.MEMORY_TYPE_TOOL_TRAJECTORY, item_pb2.MEMORY_TYPE_SKILL}
    assert {item.memory_type for item in made} == kinds
    for item in made:
        assert item.derived_from
        assert len(item.sources) >= 1
        assert all(mind.get(source).memory for source in item.derived_from)


def test_2401_a_listing_has_everything(mind: Any) -> None:
    """MemOS cut listings at 500 rows; here pages go on to the last, and the total is of all."""
    for start in range(0, 1_200, 400):
        mind.say(*(f"note {start + n}" for n in range(400)), verbatim=True)
    found: list[str] = []
    token = ""
    while True:
        page = mind.do(mind.call("list", pb.ListRequest(scope=ALICE, page_size=500, page_token=token)), pb.ListResponse)
        assert page.total == 1_200
        found += [item.memory for item in page.items]
        token = page.next_page_token
        if not token:
            break
    assert sorted(found) == sorted(f"note {n}" for n in range(1_200))


def test_1401_what_matters_is_not_aged_away(mind: Any) -> None:
    """MemOS lets important memories sink or go; here nothing decays: after five years it is found before later noise."""
    mind.say("My mother is allergic to penicillin", verbatim=True)
    mind.later(5 * 365 * 24 * 3600)
    mind.say(*(f"It rained on day {n}" for n in range(200)), verbatim=True)
    assert mind.found("What is my mother allergic to?")[0] == "My mother is allergic to penicillin"


@pytest.mark.anyio
async def test_1505_the_examples_of_the_api_work(start: Any) -> None:
    """MemOS' Swagger example is refused by its server; here every example of the document is taken by the call it is in."""
    async with start() as running:
        stored = await running.caller().add("I like tea")
        document = (await running.http.get("/openapi.json")).json()
        tried = 0
        for path, methods in document["paths"].items():
            for method, call in methods.items():
                content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
                schema = document["components"]["schemas"].get(
                    content.get("schema", {}).get("$ref", "").rpartition("/")[2], {}
                )
                for name, field in schema.get("properties", {}).items():
                    places = [field, *field.get("anyOf", ())]
                    for example in [one for place in places for one in place.get("examples", ())]:
                        body = {"user_id": "alice", "messages": "x", "query": "tea", "feedback": "x", "add_tags": ["x"]}
                        body[name] = example
                        known = {key: value for key, value in body.items() if key in schema["properties"]}
                        answer = await running.http.request(
                            method.upper(), path.replace("{memory_id}", stored.id), json=known
                        )
                        assert answer.status_code == 200, (path, name, answer.text)
                        tried += 1
        assert tried >= 2


class Broken:
    """A reranker that is away."""

    async def rerank(self, tenant: str, query: str, texts: Sequence[str], within_s: float) -> Sequence[float]:
        """Fails."""
        raise UnavailableError("the reranker")


@pytest.mark.anyio
async def test_section_4_a_failing_reranker_keeps_the_hits(start: Any) -> None:
    """MemOS scores 0.0 when its reranker fails, and its relevance filter then empties the answer; here the order stays."""
    async with start(reranker=Broken()) as running:
        caller = running.caller()
        for text in ("I like tea", "I like tea with milk", "I like cake"):
            await caller.add(text)
        plain = await caller.call("Search", pb.SearchRequest(scope=ALICE, query="tea"))
        found = await caller.call("Search", pb.SearchRequest(scope=ALICE, query="tea", rerank=True))
        assert [hit.item.id for hit in found.hits] == [hit.item.id for hit in plain.hits]
        assert len(found.hits) >= 2
        assert any("reranker" in note for note in found.degraded)


@pytest.mark.anyio
async def test_section_4_fine_mode_gives_the_memories_themselves(start: Any, direct: Any) -> None:
    """MemOS' fine mode has a model rewrite the hits, and their ids are lost; here they are the stored ones, cited by id."""
    async with start(scheduler=direct) as running:
        caller = running.caller()
        stored = {}
        for text in ("The launch is in May", "Maria is the cook"):
            item = await caller.add(text)
            stored[item.id] = text
        request = pb.SearchRequest(scope=ALICE, query="When is the launch and who cooks?", mode=pb.SEARCH_MODE_FINE)
        found = await caller.call("Search", request)
    assert {hit.item.id: hit.item.memory for hit in found.hits}.items() <= stored.items()
    assert set(found.cited) <= stored.keys()
    assert found.cited


def test_section_4_a_hit_says_why(mind: Any) -> None:
    """MemOS explains no result; here the parts of a score add up to it, and the hit names its source and version."""
    mind.say(pb.Message(content="I like tea", name="Alice"), verbatim=True)
    mind.embed()
    (hit,) = mind.search("Who likes tea?").hits
    assert {part.name for part in hit.parts} >= {"lexical", "dense"}
    assert 0 < hit.score <= 1
    assert hit.item.sources[0].speaker == "Alice"
    assert hit.item.version == 1


def test_section_4_the_index_is_never_stale(mind: Any) -> None:
    """MemOS' BM25 corpora are cached and never invalidated; here what was just added, changed, deleted shows at once."""
    one = mind.say("the heron is blue", verbatim=True).items[0].id
    assert mind.found("heron", vector=False) == ["the heron is blue"]
    mind.correct(one, "the stork is white")
    assert mind.found("heron", vector=False) == []
    assert mind.found("stork", vector=False) == ["the stork is white"]
    mind.delete(one)
    assert mind.found("stork", vector=False) == []
