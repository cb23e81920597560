"""MemOS mixes agents and cubes: it finds for one what another said, and writes where nobody asked it to."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.model.errors import NotFoundError
from memcube.model.marks import memory_block
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio


def add(text: str, **scope: str) -> pb.AddRequest:
    """One text."""
    return pb.AddRequest(scope=pb.Scope(**scope), messages=[pb.Message(content=text)])


async def texts(caller: Any, query: str, **scope: str) -> list[str]:
    """What a search finds."""
    found = await caller.call("Search", pb.SearchRequest(scope=pb.Scope(**scope), query=query, top_k=50))
    return [hit.item.memory for hit in found.hits]


async def test_1361_an_agent_does_not_find_what_another_one_was_told(start: Any) -> None:
    """MemOS shares memories between agents by default; here each agent has a cube of its own."""
    async with start() as running:
        caller = running.caller()
        await caller.call("Add", add("the plan is Alpha", agent_id="planner"))
        await caller.call("Add", add("the plan is unknown", agent_id="cook"))
        assert await texts(caller, "plan", agent_id="cook") == ["the plan is unknown"]
        assert await texts(caller, "plan", agent_id="planner") == ["the plan is Alpha"]


async def test_21_agents_that_share_a_cube_are_told_apart(start: Any) -> None:
    """MemOS' cloud plugin mixes agents of one user; here an agent's name in a shared cube narrows to what is its own."""
    async with start() as running:
        caller = running.caller()
        await caller.call("Add", add("the plan is Alpha", cube_id="team", agent_id="planner"))
        await caller.call("Add", add("the plan is soup", cube_id="team", agent_id="cook"))
        assert await texts(caller, "plan", cube_id="team", agent_id="cook") == ["the plan is soup"]
        assert len(await texts(caller, "plan", cube_id="team")) == 2


async def test_1318_what_is_stored_is_whose_key_stored_it(start: Any, keys: Any) -> None:
    """MemOS' plugin wrote one hard-coded owner; here cube and journal name the principal of the key."""
    async with start(keys=keys) as running:
        alice, admin = running.caller("mck_alice"), running.caller("mck_admin")
        await alice.add("one")
        item = await admin.add("two", user_id="alice")
        cube = (await alice.call("GetCube", pb.GetCubeRequest(cube_id="user:alice"))).cube
        assert cube.owner == "alice"
        events = (await alice.call("History", pb.HistoryRequest(id=item.id))).events
        assert [event.principal_id for event in events] == ["admin"]


async def test_1383_memories_that_were_shown_are_not_stored_again(start: Any) -> None:
    """MemOS stored injected memories anew, across agents, 65,908 rows a week; here our own block is cut out of a message."""
    async with start() as running:
        caller = running.caller()
        await caller.call("Add", add("the plan is Alpha", agent_id="planner"))
        shown = memory_block(await texts(caller, "plan", agent_id="planner"))
        for turn in range(3):
            answer = await caller.call("Add", add(f"{shown}\nTurn {turn}: what is for lunch?", agent_id="cook"))
            assert [one.reason for one in answer.skipped] == ["injected_memory"]
        assert not any("Alpha" in text for text in await texts(caller, "plan Alpha", agent_id="cook"))


async def test_1681_an_unknown_cube_is_not_found_and_a_written_one_is(start: Any) -> None:
    """MemOS took writes for unknown cubes that no read found again; here a write makes its cube, and reads of others say so."""
    async with start() as running:
        caller = running.caller()
        for request, rpc in (
            (pb.SearchRequest(scope=pb.Scope(cube_id="new"), query="x"), "Search"),
            (pb.ListRequest(scope=pb.Scope(cube_id="new")), "List"),
        ):
            assert isinstance(await running.refused(caller.call(rpc, request)), NotFoundError)
        await caller.call("Add", add("the plan is Alpha", cube_id="new"))
        assert await texts(caller, "plan", cube_id="new") == ["the plan is Alpha"]
        listed = await caller.call("ListCubes", pb.ListCubesRequest())
        assert [cube.id for cube in listed.cubes] == ["new"]


async def test_1705_a_write_goes_to_the_cube_that_it_names(start: Any) -> None:
    """MemOS fans each write out to all cubes; here no write can name several, and the others' journals stand still."""
    assert "more" not in {field.name for field in pb.AddRequest.DESCRIPTOR.fields}
    async with start() as running:
        caller = running.caller()
        for name in ("one", "two", "three"):
            await caller.call("Add", add(f"this is {name}", cube_id=name))
        await caller.call("Add", add("only here", cube_id="two"))
        await caller.call(
            "Search",
            pb.SearchRequest(scope=pb.Scope(cube_id="one"), more=[pb.Scope(cube_id="two")], query="here"),
        )
        items = {
            name: (await caller.call("GetCube", pb.GetCubeRequest(cube_id=name))).cube.items
            for name in ("one", "two", "three")
        }
        assert items == {"one": 1, "two": 2, "three": 1}
        assert await texts(caller, "only here", cube_id="one") == ["this is one"] or not await texts(
            caller, "only here", cube_id="one"
        )
