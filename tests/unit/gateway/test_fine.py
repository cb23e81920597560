"""Modes of search and requests in words, with a real endpoint that is well, wrong, slow, busy or dead."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from memcube.actors.gateway.fine import LOW, fused, is_worth_it
from memcube.actors.llm import Bill, LLMConfig, Prompt, Reply
from memcube.actors.llm.client import ChatModel
from memcube.model.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError
from memcube.model.ids import Principal
from memcube.model.times import parse_time
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .test_composite import ALICE, TEAM, fill, search, texts

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from llm_fixtures import endpoint, running_endpoint

__all__ = ["endpoint", "running_endpoint"]

pytestmark = pytest.mark.anyio

FINE, MIXTURE = pb.SEARCH_MODE_FINE, pb.SEARCH_MODE_MIXTURE
QUESTION = "When is the launch and who is the cook?"
NOW = parse_time("now", "2026-03-05T12:00:00Z")


class Direct:
    """A scheduler that asks the endpoint at once, for everybody."""

    def __init__(self, url: str) -> None:
        self._model = ChatModel(LLMConfig(base_url=url, model="test"))
        self.prompts: list[Prompt] = []

    async def ask(self, principal: Principal, prompt: Prompt, within_s: float, bill: Bill | None = None) -> Reply:
        """The model's answer."""
        self.prompts.append(prompt)
        return await self._model.ask(prompt, within_s, None, bill)

    async def convert(self, principal: Principal, name: str, media_type: str, data: bytes, within_s: float) -> Any:
        """Nobody adds documents here."""
        raise AssertionError

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """Empty."""
        return pb.SchedulerStatus()


async def filled(running: Any) -> Any:
    """A caller with memories of a launch and a cook in two cubes, and much else in the first."""
    caller = running.caller()
    await fill(caller, ALICE, "The launch is on May 3rd", *[f"The launch pad {n} was painted" for n in range(12)])
    await fill(caller, TEAM, "Maria is the cook of the canteen", "Lunch is at noon")
    return caller


async def test_the_question_is_split_searched_in_parts_and_answered_with_citations(start: Any, endpoint: Any) -> None:
    """Two calls; each part's hits are among the first; what is cited is among the hits; what it took is told."""
    scheduler = Direct(endpoint.url)
    async with start(scheduler=scheduler) as running:
        caller = await filled(running)
        found = await caller.call("Search", search(QUESTION, TEAM, mode=FINE, top_k=4))
        fast = await caller.call("Search", search(QUESTION, TEAM, top_k=4))
    assert [prompt.purpose for prompt in scheduler.prompts] == ["query", "answer"]
    assert list(found.sub_questions) == [QUESTION, "When is the launch?", "who is the cook?"]
    assert {"The launch is on May 3rd", "Maria is the cook of the canteen"} <= set(texts(found))
    assert len(found.hits) == 4
    assert found.answer in texts(found)
    assert [hit.item.memory for hit in found.hits if hit.item.id in found.cited] == [found.answer]
    assert (found.spent.calls, found.spent.tokens_in) == (2, endpoint.tokens_in)
    assert found.spent.tokens_out == endpoint.tokens_out > 0
    assert found.degraded == ["embedder: none is configured; ranked by words only"]
    assert not fast.answer
    assert not fast.HasField("spent")


@pytest.mark.parametrize(
    ("behaviours", "words", "calls"),
    [
        ([{"kind": "wrong_shape"}] * 2, "sub_questions", 2),
        ([{"kind": "status", "status": 500}] * 3, "language model", 3),
        ([{"kind": "busy", "seconds": 60}], "Rate limit reached", 1),
        ([{"kind": "declined"}], "declines to answer", 1),
        ([{"kind": "hang"}], "no answer within", 1),
    ],
)
async def test_a_model_that_fails_leaves_the_fast_answer_and_says_so(
    start: Any, endpoint: Any, behaviours: list[dict[str, Any]], words: str, calls: int
) -> None:
    """Wrong, broken, busy, declining or silent: the same hits in the same order as in mode fast, in the call's time."""
    async with start(scheduler=Direct(endpoint.url)) as running:
        caller = await filled(running)
        fast = await caller.call("Search", search(QUESTION, TEAM))
        endpoint.then(*behaviours)
        began = monotonic()
        found = await caller.call("Search", search(QUESTION, TEAM, mode=FINE), timeout=1.5)
        assert monotonic() - began < 1.5
    assert texts(found) == texts(fast)
    assert [hit.score for hit in found.hits] == [hit.score for hit in fast.hits]
    assert not found.answer
    assert not found.sub_questions
    note = found.degraded[-1]
    assert words in note
    assert note.startswith("language model: ")
    assert note.endswith("; the answer is that of mode fast")
    assert 1 <= len(endpoint.requests) <= calls


async def test_a_dead_endpoint_and_none_at_all_are_told(start: Any, endpoint: Any) -> None:
    """Nobody listens, or nothing is configured: the hits are there."""
    dead = Direct("http://127.0.0.1:9/v1")
    for scheduler, words in ((dead, "not available"), (None, "none is configured")):
        async with start(scheduler=scheduler) as running:
            found = await (await filled(running)).call("Search", search(QUESTION, mode=FINE))
            assert found.hits[0].item.cube_id == "user:alice"
            assert words in found.degraded[-1]
            assert found.HasField("spent")


async def test_an_answer_that_cites_what_is_not_there_is_not_given(start: Any, endpoint: Any) -> None:
    """Checked against the hits, asked once more, then left out: the hits of all parts stay, and the answer says why."""
    async with start(scheduler=Direct(endpoint.url)) as running:
        caller = await filled(running)
        endpoint.then({"kind": "well"}, {"kind": "bad_ids"}, {"kind": "bad_ids"})
        found = await caller.call("Search", search(QUESTION, TEAM, mode=FINE))
    assert not found.answer
    assert not found.cited
    assert len(found.sub_questions) == 3
    assert "Maria is the cook of the canteen" in texts(found)
    assert found.degraded[-1].endswith("; the hits are there, an answer in words is not")
    assert len(endpoint.requests) == 3


async def test_what_the_caller_may_not_see_never_reaches_the_model(start: Any, endpoint: Any, keys: Any) -> None:
    """Neither a denied cube's hits nor its name's existence: the prompt holds the caller's own memories only."""
    scheduler = Direct(endpoint.url)
    async with start(scheduler=scheduler, keys=keys) as running:
        admin, alice = running.caller("mck_admin"), running.caller("mck_alice")
        await fill(admin, pb.Scope(user_id="bobby"), "the cook is the secret agent 007")
        await fill(alice, ALICE, "the launch is in May", "the cook is Maria")
        found = await alice.call("Search", search(QUESTION, pb.Scope(user_id="bobby"), mode=FINE))
        assert "cube user:bobby: not found" in found.degraded
        assert {hit.item.cube_id for hit in found.hits} == {"user:alice"}
        before = len(endpoint.requests)
        refusal = await running.refused(
            alice.call("Search", pb.SearchRequest(scope=pb.Scope(user_id="bobby"), query=QUESTION, mode=FINE))
        )
        assert isinstance(refusal, NotFoundError)
    assert not any("007" in request.text for request in endpoint.requests)
    assert len(endpoint.requests) <= before + 1


async def test_mixture_asks_the_model_only_where_the_rules_say_so(start: Any, endpoint: Any) -> None:
    """A plain question with a good hit is answered by mode fast; one that asks two things goes to the model."""
    scheduler = Direct(endpoint.url)
    async with start(scheduler=scheduler) as running:
        caller = await filled(running)
        plain = await caller.call("Search", search("Who is the cook of the canteen?", scope=TEAM, mode=MIXTURE))
        assert plain.hits
        assert not scheduler.prompts
        assert not plain.HasField("spent")
        both = await caller.call("Search", search(QUESTION, TEAM, mode=MIXTURE))
        assert [prompt.purpose for prompt in scheduler.prompts] == ["query", "answer"]
        assert both.answer
        none = await caller.call("Search", search("zebra crossing", scope=TEAM, mode=MIXTURE))
        assert not none.hits
        assert len(scheduler.prompts) == 2


def test_what_is_worth_a_model() -> None:
    """Several questions, a comparison, or weak hits; never an empty answer."""
    good, weak = [pb.Hit(score=LOW + 0.05)], [pb.Hit(score=LOW - 0.1)]
    one, two = "Where does Ana live?", "Where does Ana live and when did she move there?"
    assert not is_worth_it(one, NOW, good, 1)
    assert is_worth_it(two, NOW, good, 1)
    assert is_worth_it("Compare Ana's flat with Tom's house", NOW, good, 1)
    assert is_worth_it(one, NOW, weak, 1)
    assert not is_worth_it(one, NOW, weak, 2)
    assert not is_worth_it(two, NOW, [], 1)


def test_hits_of_several_questions_come_by_turns_each_once_with_its_best_score() -> None:
    """No question's hits push out another's."""

    def hit(name: str, score: float) -> pb.Hit:
        return pb.Hit(item=item_pb2.Item(id=name), score=score)

    rankings = [[hit("a", 0.9), hit("b", 0.8), hit("c", 0.7)], [hit("b", 0.85), hit("d", 0.2)], []]
    assert [(one.item.id, round(one.score, 2)) for one in fused(rankings)] == [
        ("a", 0.9),
        ("b", 0.85),
        ("d", 0.2),
        ("c", 0.7),
    ]


async def test_a_request_in_words_is_an_operation(start: Any, endpoint: Any) -> None:
    """By rules; by the model where it is asked for; by rules again, and saying so, where the model fails."""
    request = pb.UnderstandRequest(query="What did Ana and I decide about the launch last week?")
    request.reference_time.FromDatetime(NOW)
    async with start(scheduler=Direct(endpoint.url)) as running:
        caller = running.caller()
        read = await caller.call("Understand", request)
        assert (read.by, read.language, list(read.people)) == ("rules", "en", ["Ana"])
        assert "launch" in read.topics
        assert read.times[0].start.ToDatetime().isoformat() == "2026-02-23T00:00:00"
        assert not read.HasField("spent")
        assert not endpoint.requests
        request.fine = True
        answer = {
            "intent": "list", "memory_types": [], "topics": ["launch"], "people": ["Ana"], "time_spans": [],
            "sub_questions": [], "needs_memory": True, "query": "decisions about the launch", "confidence": 0.9,
        }  # fmt: skip
        endpoint.then({"kind": "json", "value": answer})
        bettered = await caller.call("Understand", request)
        assert (bettered.by, bettered.intent, bettered.rewritten) == ("llm", "list", "decisions about the launch")
        assert bettered.spent.calls == 1
        assert bettered.times == read.times
        endpoint.then({"kind": "json", "value": answer | {"people": ["Zoe"]}})
        kept = await caller.call("Understand", request)
        assert (kept.by, kept.intent) == ("rules", read.intent)
        assert "'Zoe' is not in the request" in kept.degraded[0]
        endpoint.always({"kind": "status", "status": 500})
        failed = await caller.call("Understand", request)
        assert failed.by == "rules"
        assert failed.degraded[0].startswith("language model: ")
        for wrong, field in ((pb.UnderstandRequest(), "query"), (pb.UnderstandRequest(query="x" * 20_000), "query")):
            refusal = await running.refused(caller.call("Understand", wrong))
            assert isinstance(refusal, InvalidArgumentError)
            assert refusal.facts["field"] == field


async def test_understanding_needs_a_role_and_no_cube(start: Any, keys: Any) -> None:
    """Whoever may search may ask what a request means; a key without roles may not."""
    roles = {**keys, "mck_nobody": Principal("acme", "nobody", (), ("*",))}
    async with start(keys=roles) as running:
        request = pb.UnderstandRequest(query="Who are you?")
        assert (await running.caller("mck_narrow").call("Understand", request)).by == "rules"
        refusal = await running.refused(running.caller("mck_nobody").call("Understand", request))
        assert isinstance(refusal, PermissionDeniedError)


async def test_rest_takes_what_grpc_takes(start: Any, endpoint: Any) -> None:
    """Cubes, kinds, modes and requests in words over HTTP; a wrong one is named."""
    async with start(scheduler=Direct(endpoint.url)) as running:
        await filled(running)
        body: dict[str, Any] = {"query": QUESTION, "user_ids": ["alice"], "cube_ids": ["team-a"], "mode": "fine"}
        found = (await running.http.post("/v1/search", json=body)).json()
        assert {hit["cube_id"] for hit in found["results"]} == {"user:alice", "team-a"}
        assert found["answer"]
        assert set(found["cited"]) <= {hit["id"] for hit in found["results"]}
        assert found["spent"]["calls"] == 2
        kinds = (
            await running.http.post("/v1/search", json=body | {"mode": "fast", "memory_types": ["SkillMemory"]})
        ).json()
        assert kinds["results"] == []
        assert kinds["spent"] is None
        for wrong, field in (({"mode": "finer"}, "mode"), ({"memory_types": ["Skill"]}, "memory_types[0]")):
            refused = await running.http.post("/v1/search", json=body | wrong)
            assert refused.status_code == 400
            assert field in json.dumps(refused.json())
        read = (await running.http.post("/v1/understand", json={"query": "When did Ana call?"})).json()
        assert (read["intent"], read["people"], read["by"]) == ("when", ["Ana"], "rules")
