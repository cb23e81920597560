"""Watches through gRPC and the SDK: each event once and in order, whatever breaks; gaps told; rights held to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from memcube.model.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    TooLargeError,
    UnauthenticatedError,
    VersionConflictError,
)
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import memstore_pb2 as pb

pytestmark = pytest.mark.anyio

KEYS = {
    "mck_writer": Principal("acme", "ann", ("writer",), ("topic:*", "user:*")),
    "mck_reader": Principal("acme", "bob", ("reader",), ("topic:news", "user:ann")),
    "mck_other": Principal("other", "eve", ("admin",), ("*",)),
}


async def read(watch: Any, count: int) -> list[Any]:
    """So many of what a watch gives."""
    async with asyncio.timeout(20):
        return [await anext(watch) for _ in range(count)]


async def test_events_come_in_order_with_what_was_published(served: Any) -> None:
    """Text, bytes, JSON and attributes; numbers from 1 on; published once though sent twice."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("news", description="of the day")
        event = {"data": {"ok": True}, "type": "build", "subject": "main", "attributes": {"sha": "abc"}}
        assert await topics.publish("news", ["hello", b"\xff", event]) == {
            "first_seq": 1, "last_seq": 3, "duplicate": False,
        }  # fmt: skip
        for duplicate in (False, True):
            answer = await topics.publish("news", "again", idempotency_key="k")
            assert answer == {"first_seq": 4, "last_seq": 4, "duplicate": duplicate}
        async with topics.watch("news", start="earliest") as watch:
            first, second, third, fourth = await read(watch, 4)
        assert [one["data"] for one in (first, second, fourth)] == ["hello", b"\xff", "again"]
        assert third["seq"] == 3
        assert {name: third[name] for name in event} == event
        assert third["principal"] == "local"
        with pytest.raises(AlreadyExistsError):
            await topics.create("news")
        with pytest.raises(VersionConflictError):
            await topics.publish("news", "x", expected_head_seq=3)
        assert [one["name"] for one in (await topics.list())["results"]] == ["news"]


async def test_a_watch_goes_on_behind_its_cursor_even_in_the_midst_of_a_batch(served: Any) -> None:
    """By another client, after restarts of gateway and store: nothing twice, nothing left out."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        await topics.publish("t", [str(number) for number in range(1, 11)])
        watch = topics.watch("t", start="earliest")
        assert [one["seq"] for one in await read(watch, 4)] == [1, 2, 3, 4]
        cursor = watch.cursor
        await watch.close()
        await s.stop_gateway()
        await s.stop_store()
        await s.start()
        async with s.memory().topics.watch("t", cursor=cursor) as watch:
            assert [one["seq"] for one in await read(watch, 6)] == [5, 6, 7, 8, 9, 10]
            end = watch.cursor
        assert "~" not in end
        fetched = await topics.fetch("t", cursor=end)
        assert fetched["results"] == []
        await topics.publish("t", "11")
        fetched = await topics.fetch("t", cursor=fetched["cursor"], wait_s=5)
        assert [one["seq"] for one in fetched["results"]] == [11]


async def test_watches_and_publishers_outlive_store_and_gateway(served: Any) -> None:
    """Each restarted again and again in the midst: every event once, in order, at every watcher."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        seen: list[list[int]] = [[], [], []]
        total = 600

        async def follow(mine: list[int]) -> None:
            async with s.memory().topics.watch("t", start="earliest", max_events=7) as watch:
                async for event in watch:
                    mine.append(int(event["data"]))
                    if len(mine) == total:
                        return

        async def publish() -> None:
            async with topics.publisher("t") as publisher:
                for number in range(0, total, 3):
                    await publisher.send([str(number), str(number + 1), str(number + 2)])
                    await asyncio.sleep(0.003)

        async def harm() -> None:
            for number in range(6):
                await asyncio.sleep(0.1)
                if number % 2:
                    await s.stop_store()
                    await asyncio.sleep(0.05)
                    await s.start_store()
                else:
                    await s.stop_gateway()
                    await s.start_gateway()

        async with asyncio.timeout(60):
            await asyncio.gather(publish(), harm(), *map(follow, seen))
        assert seen == [list(range(total))] * 3
        assert (await topics.get("t"))["head_seq"] == total


async def test_what_retention_took_is_told_as_a_gap(served: Any) -> None:
    """At the start and for one who lags; then it goes on with what is there."""
    async with served() as s:
        topics = s.memory().topics
        stub = (await s.memory()._connected())._stub
        retention = pb.Retention(max_events=50, segment_bytes=4096)
        await stub.CreateTopic(pb.CreateTopicRequest(name="t", retention=retention))
        await topics.publish("t", "first")
        cursor = (await topics.fetch("t", start="earliest"))["cursor"]
        for _ in range(10):
            await topics.publish("t", [{"data": b"x" * 90}] * 40)
        while (low := (await topics.get("t"))["low_seq"]) == 1:
            await asyncio.sleep(0.02)
        async with topics.watch("t", cursor=cursor) as watch:
            gap, event = await read(watch, 2)
            assert gap == {"gap": {"from_seq": 2, "to_seq": event["seq"] - 1, "reason": "retention"}}
            assert event["seq"] >= low
            rest = await read(watch, 401 - event["seq"])
            assert [one["seq"] for one in rest] == list(range(event["seq"] + 1, 402))


async def test_selections_pass_over_and_bookmarks_move_on(served: Any) -> None:
    """Only what is wanted comes, and the cursor still moves over the rest."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        async with topics.watch("t", select={"types": ["build.*"], "attributes": {"arch": "arm"}}) as watch:
            await asyncio.sleep(0.05)
            await topics.publish(
                "t",
                [
                    {"type": "build.done", "attributes": {"arch": "arm"}},
                    {"type": "build.done"},
                    {"type": "deploy", "attributes": {"arch": "arm"}},
                ],
            )
            await topics.publish("t", [{"type": "other"}] * 5)
            assert [one["seq"] for one in await read(watch, 1)] == [1]
            before = watch.cursor
            waiting = asyncio.ensure_future(anext(watch))
            async with asyncio.timeout(10):
                while watch.cursor == before:
                    await asyncio.sleep(0.05)
            waiting.cancel()
        with pytest.raises(InvalidArgumentError):
            await topics.fetch("t", cursor=watch.cursor)
        for select, field in (({"kinds": ["item_added"]}, "selection.kinds"), ({"x": 1}, "select.x")):
            with pytest.raises(InvalidArgumentError) as caught:
                await topics.fetch("t", select=select)
            assert caught.value.field == field


async def test_what_was_published_together_comes_in_one_batch(served: Any) -> None:
    """Whatever the size of batches, and with credit for less; and no batch comes without credit."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        for size in (1, 5, 3, 40):
            await topics.publish("t", ["x"] * size)
        stub = (await s.memory()._connected())._stub
        given: asyncio.Queue[pb.SubscribeRequest] = asyncio.Queue()

        async def requests() -> Any:
            while True:
                yield await given.get()

        opened = pb.SubscribeRequest.Open(topic="t", start=pb.START_EARLIEST, max_events=4, progress_s=0.2)
        given.put_nowait(pb.SubscribeRequest(open=opened))
        call = stub.Subscribe(requests(), timeout=20)
        assert (await call.read()).WhichOneof("kind") == "opened"
        assert (await call.read()).WhichOneof("kind") == "progress"
        sizes = []
        for _ in range(4):
            given.put_nowait(pb.SubscribeRequest(credit=pb.SubscribeRequest.Credit(events=2, bytes=1000)))
            while (frame := await call.read()).WhichOneof("kind") == "progress":
                given.put_nowait(pb.SubscribeRequest(credit=pb.SubscribeRequest.Credit(events=2, bytes=1000)))
            sizes.append(len(frame.batch.events))
        assert sizes == [1, 5, 3, 40]
        call.cancel()


async def test_bad_requests_are_refused_by_the_name_of_their_field(served: Any) -> None:
    """Before anything is stored; the topic is as it was."""
    async with served() as s:
        memory = s.memory()
        topics = memory.topics
        await topics.create("t")
        await topics.publish("t", "x")
        big = "x" * 1000
        cases: list[tuple[Any, type[Exception], str]] = [
            (topics.publish("t", []), InvalidArgumentError, "events"),
            (topics.publish("t", [{"data": "x"}] * 600), InvalidArgumentError, "events"),
            (topics.publish("t", [{"data": b"x" * (300 << 10)}]), TooLargeError, "events"),
            (topics.publish("t", {"type": big}), TooLargeError, "events[0].type"),
            (topics.publish("t", {"colour": "red"}), InvalidArgumentError, "events[0].colour"),
            (topics.publish("t", {"data": object()}), InvalidArgumentError, "events[0].data"),
            (topics.publish("t", {"attributes": {"a": big * 2}}), TooLargeError, "events[0].attributes.a"),
            (topics.create("a\nb"), InvalidArgumentError, "name"),
            (topics.create("c", max_age_s=-1), InvalidArgumentError, "max_age_s"),
            (topics.fetch("t", cursor="forged"), InvalidArgumentError, "cursor"),
            (topics.fetch("t", cursor="x~y"), InvalidArgumentError, "cursor"),
            (topics.fetch("t", wait_s=61), InvalidArgumentError, "wait_s"),
            (topics.seek("g", 99, "t"), InvalidArgumentError, "seq"),
            (topics.seek("g", 1, "t"), NotFoundError, ""),
        ]
        for call, kind, field in cases:
            with pytest.raises(kind) as caught:
                await call
            if field:
                assert caught.value.field == field  # type: ignore[attr-defined]
        assert (await topics.get("t"))["head_seq"] == 1


async def test_denied_and_missing_look_alike(served: Any) -> None:
    """A topic of another tenant, one that the key does not match, and none: the same error for every verb."""
    async with served(keys=KEYS) as s:
        await s.memory("mck_writer").topics.create("secret")
        await s.memory("mck_writer").topics.create("news")
        for key in ("mck_reader", "mck_other"):
            topics = s.memory(key).topics
            for name in ("secret", "absent"):
                calls = [
                    topics.get(name), topics.publish(name, "x"), topics.fetch(name), topics.delete(name),
                    topics.groups(name), topics.dead("g", name), anext(topics.watch(name)),
                ]  # fmt: skip
                for call in calls:
                    with pytest.raises(NotFoundError) as caught:
                        await call
                    assert caught.value.args == ("topic", name)
            assert [one["name"] for one in (await topics.list())["results"]] == (
                ["news"] if key == "mck_reader" else []
            )
        with pytest.raises(NotFoundError):
            await s.memory("mck_reader").topics.publish("news", "readers only read")


async def test_a_cursor_is_its_principals_own(served: Any) -> None:
    """Handed on to another one, it is refused."""
    async with served(keys=KEYS) as s:
        writer = s.memory("mck_writer").topics
        await writer.create("news")
        await writer.publish("news", "x")
        cursor = (await writer.fetch("news", start="earliest"))["cursor"]
        assert (await writer.fetch("news", cursor=cursor))["results"] == []
        with pytest.raises(InvalidArgumentError) as caught:
            await s.memory("mck_reader").topics.fetch("news", cursor=cursor)
        assert caught.value.field == "cursor"


async def test_a_right_that_is_taken_away_ends_the_stream(served: Any) -> None:
    """Within a second, idle or busy, without a single event of those that came after; and it cannot be resumed."""
    async with served(keys=KEYS) as s:
        writer = s.memory("mck_writer").topics
        await writer.create("news")
        for narrowed in (None, Principal("acme", "bob", ("reader",), ("topic:other",))):
            s.set_keys(KEYS)
            await asyncio.sleep(1.1)
            head = (await writer.publish("news", "before"))["last_seq"]
            watch = s.memory("mck_reader").topics.watch("news", start="earliest")
            assert (await read(watch, head))[-1]["data"] == "before"
            cursor = watch.cursor
            keys = {**KEYS, **({"mck_reader": narrowed} if narrowed else {})}
            if narrowed is None:
                del keys["mck_reader"]
            s.set_keys(keys)
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(1.0)
            published = asyncio.ensure_future(writer.publish("news", "after"))
            with pytest.raises((UnauthenticatedError, NotFoundError)):
                while True:
                    event = await read(watch, 1)
                    assert event[0]["data"] != "after"
            assert asyncio.get_running_loop().time() - began < 1.5
            await published
            await watch.close()
            with pytest.raises((UnauthenticatedError, NotFoundError)):
                await s.memory("mck_reader").topics.fetch("news", cursor=cursor)


async def test_a_deleted_topic_ends_its_watches_and_its_cursors(served: Any) -> None:
    """Also where another one of the same name is made at once."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        await topics.publish("t", "old")
        watch = topics.watch("t", start="earliest")
        await read(watch, 1)
        cursor = watch.cursor
        await topics.delete("t")
        await topics.create("t")
        await topics.publish("t", ["new", "new"])
        with pytest.raises(NotFoundError):
            await read(watch, 1)
        await watch.close()
        with pytest.raises(InvalidArgumentError, match="expired"):
            await topics.fetch("t", cursor=cursor)
        assert (await topics.fetch("t", start="earliest"))["results"][0]["data"] == "new"
