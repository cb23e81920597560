"""Searches over several cubes at the gateway: one ranking, one budget, one embedding, and nothing told of what is denied."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.actors.gateway import composite
from memcube.actors.gateway.part import verb_of
from memcube.actors.governance import VERBS
from memcube.actors.recall import estimate_tokens
from memcube.model.errors import DamagedError, InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .test_queries import Letters

pytestmark = pytest.mark.anyio

ALICE, TEAM, BOB = pb.Scope(user_id="alice"), pb.Scope(cube_id="team-a"), pb.Scope(user_id="bob")


def search(query: str, *more: pb.Scope, scope: pb.Scope = ALICE, **fields: Any) -> pb.SearchRequest:
    """A search of Alice's cube and of further ones."""
    return pb.SearchRequest(scope=scope, query=query, more=more, **fields)


async def fill(caller: Any, scope: pb.Scope, *texts: str, **fields: Any) -> list[str]:
    """Texts into a cube; their ids."""
    messages = [pb.Message(content=text) for text in texts]
    return [
        item.id for item in (await caller.call("Add", pb.AddRequest(scope=scope, messages=messages, **fields))).items
    ]


def texts(found: pb.SearchResponse) -> list[str]:
    """The hits' texts, best first."""
    return [hit.item.memory for hit in found.hits]


async def test_several_cubes_are_one_ranking_and_each_hit_says_where_it_is_from(start: Any) -> None:
    """Best first whatever the cube; a cube named twice, or that is the main one, is searched once."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, "The launch is in May", "My cat is called Miso")
        await fill(caller, TEAM, "We decided to move the launch of the rocket to June", "Lunch is at noon")
        await fill(caller, BOB, "The launch of the rocket was moved from May to June by the board")
        asked: list[str] = []
        read = running.router.read

        async def counted(ref: CubeRef, call: Any, *, timeout_s: float) -> bytes:
            asked.append(ref.cube_id)
            return bytes(await read(ref, call, timeout_s=timeout_s))

        running.router.read = counted
        found = await caller.call("Search", search("When is the launch of the rocket?", TEAM, BOB, TEAM, ALICE))
        assert sorted(asked) == ["team-a", "user:alice", "user:bob"]
        assert {hit.item.cube_id for hit in found.hits} == {"user:alice", "team-a", "user:bob"}
        assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
        assert len({hit.item.id for hit in found.hits}) == len(found.hits)
        assert found.hits[0].item.cube_id != "user:alice"
        assert found.tokens == sum(hit.tokens for hit in found.hits)
        assert found.degraded == ["embedder: none is configured; ranked by words only"]
        alone = await caller.call("Search", search("When is the launch of the rocket?"))
        assert {hit.item.cube_id for hit in alone.hits} == {"user:alice"}


async def test_near_duplicates_of_two_cubes_come_once_and_the_budget_holds_for_all(start: Any) -> None:
    """What both cubes hold takes one place and its tokens once; further hits fill the places up to top_k."""
    async with start() as running:
        caller = running.caller()
        same = [f"The launch number {number} is on day {number} of the month" for number in range(6)]
        await fill(caller, ALICE, *same)
        await fill(caller, TEAM, *same, "The launch party is on the roof")
        found = await caller.call("Search", search("launch", TEAM, top_k=7))
        assert len(texts(found)) == len(set(texts(found))) == 7
        budget = 2 * (estimate_tokens(same[0]) + 4)
        packed = await caller.call("Search", search("launch", TEAM, top_k=7, token_budget=budget))
        assert 0 < len(packed.hits) <= 3
        assert packed.tokens <= budget


async def test_a_question_for_many_cubes_is_embedded_once(start: Any) -> None:
    """The same vector goes to each of them."""
    embedder = Letters()
    async with start(embedder=embedder) as running:
        caller = running.caller()
        for scope in (ALICE, TEAM, BOB):
            await fill(caller, scope, "abc")
        await caller.call("Search", search("abba", TEAM, BOB))
    assert embedder.asked == [["abba"]]


async def test_a_denied_cube_is_told_exactly_as_a_missing_one(start: Any, keys: Any) -> None:
    """Word for word and in the request's order, and none of its hits comes; the main cube's absence is an error."""
    async with start(keys=keys) as running:
        admin, alice = running.caller("mck_admin"), running.caller("mck_alice")
        await fill(admin, pb.Scope(user_id="bobby"), "the secret launch code is 1234")
        await fill(admin, ALICE, "the launch is in May")
        told = []
        for hidden, absent in (("user:bobby", "team-x"), ("user:nobod", "team-x"), ("team-x", "user:bobby")):
            more = [pb.Scope(cube_id=hidden), pb.Scope(cube_id=absent)]
            found = await alice.call("Search", search("launch code", *more))
            assert texts(found) == ["the launch is in May"]
            assert found.degraded[1:] == [f"cube {hidden}: not found", f"cube {absent}: not found"]
            told.append(found.degraded[1:])
        assert told[0][0].replace("bobby", "nobod") == told[1][0]
        for main in (pb.Scope(user_id="bobby"), pb.Scope(cube_id="team-x")):
            refusal = await running.refused(alice.call("Search", search("launch", ALICE, scope=main)))
            assert isinstance(refusal, NotFoundError)
        other = running.caller("mck_mallory")
        await fill(other, ALICE, "nothing")
        foreign = await other.call("Search", search("launch code", pb.Scope(user_id="bobby")))
        assert foreign.degraded[1:] == ["cube user:bobby: not found"]


async def test_a_cube_in_trouble_is_told_and_the_others_answer(start: Any) -> None:
    """A further cube that is damaged costs its own hits only, and the answer says what is wrong with it."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, "the launch is in May")
        await fill(caller, TEAM, "the launch is in June")
        read = running.router.read

        async def failing(ref: CubeRef, call: Any, *, timeout_s: float) -> bytes:
            if ref.cube_id == "team-a":
                raise DamagedError("/vault/x/team.db", "a page is not what was written")
            return bytes(await read(ref, call, timeout_s=timeout_s))

        running.router.read = failing
        found = await caller.call("Search", search("launch", TEAM))
        assert texts(found) == ["the launch is in May"]
        assert found.degraded[1].startswith("cube team-a: ")
        assert "a page is not what was written" in found.degraded[1]
        main = await running.refused(caller.call("Search", search("launch", ALICE, scope=TEAM)))
        assert isinstance(main, DamagedError)


async def test_what_is_wrong_with_a_further_cube_is_named(start: Any) -> None:
    """Too many, or one that names nothing: refused before anything is asked."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, "x")
        many = await running.refused(
            caller.call("Search", search("x", *[pb.Scope(user_id=f"u{n}") for n in range(16)]))
        )
        assert isinstance(many, TooLargeError)
        assert many.facts["field"] == "more"
        empty = await running.refused(caller.call("Search", search("x", TEAM, pb.Scope())))
        assert isinstance(empty, InvalidArgumentError)
        assert empty.facts["field"].startswith("more[1].")


async def test_hits_of_many_cubes_fit_into_a_message(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cube sends what it has room for, the answer holds what a message takes, and both say what they left out."""
    monkeypatch.setattr(composite, "FOUND_BYTES", 3_900)
    monkeypatch.setattr(composite, "LEAST_ROOM_BYTES", 2_600)
    async with start() as running:
        caller = running.caller()
        for scope in (ALICE, TEAM):
            await fill(caller, scope, *[f"launch {scope.cube_id} {number} " + "word " * 150 for number in range(4)])
        found = await caller.call("Search", search("launch", TEAM))
        assert found.ByteSize() < 4_400
        told = [note.split(" hits")[0] for note in found.degraded[1:]]
        assert told == ["cube user:alice: answer: 2 of 4", "cube team-a: answer: 2 of 4", "answer: 3 of 4"]


async def test_only_the_kinds_that_are_asked_for_are_ranked(start: Any) -> None:
    """memory_types selects before ranking, in every cube; a kind that does not exist is named."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, *[f"tea is tea is tea {number}" for number in range(30)])
        await fill(caller, ALICE, "Alice prefers tea", memory_type=item_pb2.MEMORY_TYPE_PREFERENCE)
        await fill(caller, TEAM, "The team prefers coffee to tea", memory_type=item_pb2.MEMORY_TYPE_PREFERENCE)
        kinds = [item_pb2.MEMORY_TYPE_PREFERENCE, item_pb2.MEMORY_TYPE_SKILL]
        found = await caller.call("Search", search("tea", TEAM, top_k=2, memory_types=kinds))
        assert sorted(texts(found)) == ["Alice prefers tea", "The team prefers coffee to tea"]
        wrong = pb.SearchRequest(scope=ALICE, query="tea")
        wrong.memory_types.extend([item_pb2.MEMORY_TYPE_SKILL, 77])  # type: ignore[list-item]
        assert (await running.refused(caller.call("Search", wrong))).facts["field"] == "memory_types[1]"


async def test_a_batch_keeps_to_the_fast_mode_and_one_cube_each(start: Any) -> None:
    """What a batch does not do is refused by its field's name, and the rest of the batch is answered."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, "tea")
        fields: list[dict[str, Any]] = [
            {"mode": pb.SEARCH_MODE_FINE},
            {"mode": pb.SEARCH_MODE_MIXTURE},
            {"rerank": True},
            {"preferences": 3},
            {"more": [TEAM]},
            {"mode": pb.SEARCH_MODE_FAST},
        ]
        batch = pb.BatchSearchRequest(requests=[pb.SearchRequest(scope=ALICE, query="tea", **one) for one in fields])
        results = (await caller.call("BatchSearch", batch)).results
        refused = [one.error.facts[0].text for one in results if one.HasField("error")]
        assert refused == ["mode", "mode", "rerank", "preferences", "more"]
        assert texts(results[-1].found) == ["tea"]


def test_no_write_can_name_several_cubes() -> None:
    """MemOS #1705 fanned each write out to all cubes: here no writing verb's request has a place for a second one."""
    for method in pb.DESCRIPTOR.services_by_name["MemCubeService"].methods:
        if "reader" in VERBS.get(verb_of(method.name), ()):
            continue
        scopes = [
            field
            for field in method.input_type.fields
            if field.name in ("cube_id", "id") or (field.message_type and field.message_type.name == "Scope")
        ]
        assert len(scopes) <= 1, method.name
        assert not any(field.is_repeated for field in scopes), method.name


async def test_preferences_come_with_the_hits_and_their_failure_costs_no_hit(start: Any) -> None:
    """Those of the main cube, as the verb itself gives them; where they can't be had, the answer says why."""
    async with start() as running:
        caller = running.caller()
        await fill(caller, ALICE, "I'm vegetarian and I never eat fish.", "The launch dinner is on Friday")
        await fill(caller, TEAM, "I prefer tea over coffee.", "The launch dinner of the team is at noon")
        question = "What should I eat at the launch dinner?"
        found = await caller.call("Search", search(question, TEAM, preferences=3))
        alone = await caller.call("Preferences", pb.PreferencesRequest(scope=ALICE, query=question, top_k=3))
        assert found.preferences
        assert [one.item.cube_id for one in found.preferences] == ["user:alice"] * len(found.preferences)
        assert list(found.preferences) == list(alone.preferences)
        assert found.preference_block == alone.block != ""
        assert len(found.hits) >= 2
        read = running.router.read

        async def failing(ref: CubeRef, call: Any, *, timeout_s: float) -> bytes:
            if call.verb == "preferences":
                raise RuntimeError("a defect of its own")
            return bytes(await read(ref, call, timeout_s=timeout_s))

        running.router.read = failing
        without = await caller.call("Search", search(question, TEAM, preferences=3))
        assert texts(without) == texts(found)
        assert not without.preferences
        assert without.degraded[-1].startswith("preferences: internal error")
        assert without.degraded[-1].endswith("; the hits come without them")
        many = await running.refused(caller.call("Search", search(question, preferences=21)))
        assert many.facts["field"] == "preferences"


async def test_planted_texts_of_several_cubes_do_not_fill_an_answer(start: Any) -> None:
    """The cap on what is from outside holds over all cubes together, and the harder one where it is asked for; every
    hit says where its words come from."""
    async with start() as running:
        caller = running.caller()
        said = [f"Rosebud opens the safe, Ann told me on day {n}" for n in range(5)]
        await fill(caller, ALICE, *said, *[f"On day {n} we had lunch, and Rex barked" for n in range(60)])
        for scope, word in ((TEAM, "hedge"), (BOB, "river")):
            planted = [f"The code word of the safe is {word} {n}" for n in range(6)]
            others = [f"Note {n}: the {word} was green, and a boat went by at noon" for n in range(60)]
            await fill(caller, scope, *planted, *others, source_kind="web")
        question = "what is the code word of the safe"
        usual = await caller.call("Search", search(question, TEAM, BOB, top_k=5))
        assert sum(hit.origin == "outside" for hit in usual.hits) < 5
        strict = await caller.call("Search", search(question, TEAM, BOB, top_k=5, strict_sources=True))
        assert [hit.origin for hit in strict.hits].count("outside") == 1, "they are of one source"
        assert {hit.origin for hit in strict.hits} == {"outside", "said"}
