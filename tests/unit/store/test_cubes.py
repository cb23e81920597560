"""Cubes as sources: their committed events as they come; and cubes that are found in another's searches."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.ids import Principal

pytestmark = pytest.mark.anyio

KEYS = {
    "mck_admin": Principal("acme", "root", ("admin",), ("*",)),
    "mck_bob": Principal("acme", "bob", ("writer",), ("user:bob", "team")),
    "mck_narrow": Principal("acme", "ned", ("reader",), ("user:bob",)),
}


async def test_a_cubes_events_come_as_they_are_committed(served: Any) -> None:
    """From its first one on, what one request changed in one batch, within a moment of the commit."""
    async with served() as s:
        memory = s.memory()
        await memory.add(["I like tea", "I live in Lisbon"], user_id="ann")
        async with memory.topics.watch(user_id="ann", start="earliest") as watch:
            first = [await anext(watch) for _ in range(3)]
            assert [one["type"] for one in first] == ["memcube.cube_created", *["memcube.item_added"] * 2]
            assert [one["seq"] for one in first] == [1, 2, 3]
            added = await memory.add("I like coffee", user_id="ann")
            began = time.monotonic()
            event = await anext(watch)
            assert time.monotonic() - began < 0.5
            assert event["memory"]["item"]["memory"] == "I like coffee"
            assert event["subject"] == added["results"][0]["id"]
            await memory.delete(added["results"][0]["id"])
            assert (await anext(watch))["type"] == "memcube.item_deleted"
            cursor = watch.cursor
        await memory.add("later", user_id="ann")
        fetched = await memory.topics.fetch(user_id="ann", cursor=cursor)
        assert [one["memory"]["item"]["memory"] for one in fetched["results"]] == ["later"]


async def test_a_lost_hint_costs_a_second(served: Any) -> None:
    """What is committed behind the gateway's back is found all the same."""
    async with served() as s:
        memory = s.memory()
        await memory.add("one", user_id="ann")
        s.hub.touched = lambda ref: None
        async with memory.topics.watch(user_id="ann") as watch:
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0.2)
            from memcube.actors.store.hub import Hub

            s.hub.touched = Hub.touched.__get__(s.hub)
            other = s.cubes
            await add_behind(other, "two")
            async with asyncio.timeout(3):
                assert (await waiting)["memory"]["item"]["memory"] == "two"


async def add_behind(router: Any, text: str) -> None:
    """An add that no gateway sees."""
    from memcube.actors.cube.call import Call
    from memcube.model.ids import CubeRef
    from memcube.protos.memcube.v1 import service_pb2 as pb

    request = pb.AddRequest(scope=pb.Scope(user_id="ann"), messages=[pb.Message(content=text)])
    call = Call("add", request.SerializeToString(), Principal("default", "x", ("admin",)), key=text)
    await router.mutate(CubeRef("default", "user:ann"), call, create=False, timeout_s=10)


async def test_selections_of_cubes(served: Any) -> None:
    """By kind, tag and the fields of the item after the change."""
    async with served() as s:
        memory = s.memory()
        await memory.add("tea", user_id="ann", tags=["drink"], metadata={"hot": True})
        await memory.add("cake", user_id="ann", tags=["food"])
        await memory.add("juice", user_id="ann", tags=["drink"], metadata={"hot": False})

        async def found(**select: Any) -> list[str]:
            page = await memory.topics.fetch(user_id="ann", start="earliest", select=select)
            return [one["memory"]["item"]["memory"] if one["memory"]["item"] else "-" for one in page["results"]]

        assert await found(kinds=["item_added"]) == ["tea", "cake", "juice"]
        assert await found(tags=["drink"], kinds=["item_added"]) == ["tea", "juice"]
        assert await found(filters={"hot": True}, kinds=["item_added"]) == ["tea"]
        assert await found(types=["memcube.cube_*"]) == ["-"]
        with pytest.raises(InvalidArgumentError):
            await memory.topics.fetch(user_id="ann", select={"attributes": {"a": "b"}})


async def test_a_group_works_off_a_cubes_events(served: Any) -> None:
    """Those that are not wanted are passed over for the whole group."""
    async with served() as s:
        memory = s.memory()
        await memory.add(["one", "two"], user_id="ann")
        async with memory.topics.work("g", user_id="ann", select={"kinds": ["item_added"]}, ack_wait_s=0.3) as worker:
            first, second = await anext(worker), await anext(worker)
            await worker.ack(first)
            await memory.add("three", user_id="ann")
            third = await anext(worker)
            await worker.ack(third)
            again = await anext(worker)
            assert (again["seq"], again["attempt"]) == (second["seq"], 2)
            await worker.ack(again)
            await worker.flush()
        [group] = (await memory.topics.groups(cube_id="user:ann"))["results"]
        assert (group["next_seq"], group["open"]) == (5, 0)


async def test_a_mounted_cube_is_found_until_it_is_unmounted(served: Any) -> None:
    """Its memories are marked, and carry their cube; nothing of them is in the subscriber's cube."""
    async with served() as s:
        memory = s.memory()
        await memory.add("The deploy key rotates on Mondays", cube_id="team")
        await memory.add("I like tea", user_id="bob")
        mounted = await memory.topics.mount("team", user_id="bob")
        assert (await memory.topics.mount("team", user_id="bob"))["id"] == mounted["id"]
        found = await memory.search("when does the deploy key rotate?", user_id="bob")
        [hit] = [one for one in found["results"] if one["cube_id"] == "team"]
        assert hit["visibility"] == "shared"
        assert (await memory.get_all(user_id="bob"))["total"] == 1
        await memory.add("The deploy key is in the vault", cube_id="team")
        found = await memory.search("deploy key", user_id="bob")
        assert sum(one["cube_id"] == "team" for one in found["results"]) == 2
        assert [one["source_cube_id"] for one in (await memory.topics.mounts(user_id="bob"))["results"]] == ["team"]
        await s.stop_store()
        await s.start_store()
        assert len((await memory.search("deploy key", user_id="bob"))["results"]) >= 2
        await memory.topics.unmount(mounted["id"])
        found = await memory.search("deploy key", user_id="bob")
        assert all(one["cube_id"] == "user:bob" for one in found["results"])
        with pytest.raises(NotFoundError):
            await memory.topics.unmount(mounted["id"])


async def test_a_mount_ends_by_itself(served: Any) -> None:
    """At its time, without anybody asking; one whose time is over is refused."""
    async with served() as s:
        memory = s.memory()
        await memory.add("The deploy key rotates", cube_id="team")
        await memory.add("I like tea", user_id="bob")
        with pytest.raises(InvalidArgumentError):
            await memory.topics.mount("team", user_id="bob", expires=time.time() - 1)
        await memory.topics.mount("team", user_id="bob", expires=time.time() + 1.0)
        assert [one["cube_id"] for one in (await memory.search("deploy key", user_id="bob"))["results"]] == ["team"]
        async with asyncio.timeout(5):
            while (await memory.search("deploy key", user_id="bob"))["results"]:
                await asyncio.sleep(0.1)


async def test_a_mount_gives_nobody_more_than_they_may_see(served: Any) -> None:
    """Asked for at each search: who may not search the source finds none of it, and is not told that it is there."""
    async with served(keys=KEYS) as s:
        admin, bob, ned = (s.memory(key) for key in KEYS)
        await admin.add("The deploy key rotates", cube_id="team")
        await admin.add("The salary list", cube_id="user:boss")
        await bob.add("I like tea", user_id="bob")
        await bob.topics.mount("team", user_id="bob")
        with pytest.raises(NotFoundError):
            await bob.topics.mount("user:boss", user_id="bob")
        with pytest.raises(NotFoundError):
            await bob.topics.mount("absent", user_id="bob")
        await admin.topics.mount("user:boss", user_id="bob")
        assert {one["cube_id"] for one in (await bob.search("deploy key salary", user_id="bob"))["results"]} == {"team"}
        hidden = await ned.search("deploy key salary", user_id="bob")
        assert hidden["results"] == []
        assert not any("team" in note or "boss" in note for note in hidden["degraded"])
        assert (await ned.topics.mounts(user_id="bob"))["results"] == []
        batch = await admin.search("salary", user_id="bob")
        assert [one["cube_id"] for one in batch["results"]] == ["user:boss"]
