"""Groups through gRPC and the SDK: nothing lost, redelivered in time, dead letters after exactly their limit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from memcube.model.errors import InvalidArgumentError, NotFoundError

pytestmark = pytest.mark.anyio

WAIT_S = 0.4


async def test_a_group_shares_the_work(served: Any) -> None:
    """Two members: each event to one of them, all of them done; another group gets them all too."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        done: Counter[int] = Counter()

        async def member() -> None:
            async with s.memory().topics.work("g", "t", max_events=3) as worker:
                async for event in worker:
                    assert event["attempt"] == 1
                    done[event["seq"]] += 1
                    await worker.ack(event)
                    if len(done) == 60:
                        break
                assert await worker.flush() == []

        members = [asyncio.create_task(member()) for _ in range(2)]
        for _ in range(20):
            await topics.publish("t", ["a", "b", "c"])
        async with asyncio.timeout(20):
            await asyncio.wait(members, return_when=asyncio.FIRST_COMPLETED)
        for one in members:
            one.cancel()
        await asyncio.gather(*members, return_exceptions=True)
        assert done == Counter({seq: 1 for seq in range(1, 61)})
        [group] = (await topics.groups("t"))["results"]
        assert (group["next_seq"], group["open"], group["dead"]) == (61, 0, 0)
        async with topics.work("other", "t", idle_s=0.3) as worker:
            assert len([event async for event in worker]) == 60


async def test_what_a_dead_member_had_comes_again_within_its_deadline_and_a_second(served: Any) -> None:
    """It took three and acknowledged one; the others are delivered again, and its late answer is told to be late."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        await topics.publish("t", ["a", "b", "c"])
        gone = topics.work("g", "t", ack_wait_s=WAIT_S)
        taken = [await anext(gone) for _ in range(3)]
        began = time.monotonic()
        await gone.ack(taken[0])
        await gone.flush()
        await gone.close()
        async with s.memory().topics.work("g", "t") as worker:
            again = [await anext(worker), await anext(worker)]
            assert time.monotonic() - began < WAIT_S + 1.0
            assert [(event["seq"], event["attempt"]) for event in again] == [(2, 2), (3, 2)]
            late = await topics.settle("g", "t", acks=taken)
            assert (late["settled"], [one["seq"] for one in late["stale"]]) == (0, [1, 2, 3])
            await worker.extend(again[0], for_s=5)
            await worker.ack(again[1])
            await worker.flush()
            await asyncio.sleep(WAIT_S + 0.3)
            assert (await topics.fetch("t", group="g"))["results"] == []


async def test_a_poison_message_is_dead_after_exactly_its_limit(served: Any) -> None:
    """Through restarts of the store; the others are done meanwhile; redriven, it is delivered anew."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        await topics.publish("t", ["good", "poison", "good"])
        deliveries: list[int] = []
        good: set[int] = set()
        async with topics.work("g", "t", ack_wait_s=10, max_deliver=4, backoff_s=[0.0, 0.05]) as worker:
            while len(deliveries) < 4 or len(good) < 2:
                async with asyncio.timeout(20):
                    event = await anext(worker)
                if event["data"] == "good":
                    good.add(event["seq"])
                    await worker.ack(event)
                    continue
                deliveries.append(event["attempt"])
                await worker.nack(event, reason="cannot")
                await worker.flush()
                if len(deliveries) == 2:
                    await s.stop_store()
                    await s.start_store()
            async with asyncio.timeout(10):
                while (dead := await topics.dead("g", "t"))["total"] == 0:
                    await asyncio.sleep(0.02)
            assert deliveries == [1, 2, 3, 4]
            [letter] = dead["results"]
            assert (letter["seq"], letter["attempts"], letter["reason"]) == (2, 4, "cannot")
            assert letter["event"]["data"] == "poison"
            assert await topics.redrive("g", "t") == {"redriven": 1}
            async with asyncio.timeout(10):
                event = await anext(worker)
            assert (event["seq"], event["attempt"]) == (2, 1)
            await worker.ack(event)
            await worker.flush()
        assert (await topics.dead("g", "t"))["total"] == 0


async def test_nothing_is_lost_when_everything_restarts(served: Any) -> None:
    """Store and gateway, in the midst of delivering and answering: every event is done, each perhaps more than once."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        total = 300
        for _ in range(total // 10):
            await topics.publish("t", ["x"] * 10)
        done: Counter[int] = Counter()

        async def member() -> None:
            async with s.memory().topics.work("g", "t", max_events=8, ack_wait_s=1.0, max_deliver=50) as worker:
                async for event in worker:
                    await asyncio.sleep(0.002)
                    done[event["seq"]] += 1
                    await worker.ack(event)

        async def harm() -> None:
            for number in range(4):
                await asyncio.sleep(0.15)
                await (s.stop_store() if number % 2 else s.stop_gateway())
                await (s.start_store() if number % 2 else s.start_gateway())

        members = [asyncio.create_task(member()) for _ in range(3)]
        async with asyncio.timeout(40):
            await harm()
            while True:
                [group] = (await topics.groups("t"))["results"]
                if group["next_seq"] == total + 1 and not group["open"]:
                    break
                await asyncio.sleep(0.05)
        for one in members:
            one.cancel()
        await asyncio.gather(*members, return_exceptions=True)
        assert set(done) == set(range(1, total + 1))
        assert group["dead"] == 0


async def test_a_gateway_that_has_not_heard_of_events_passes_none_over(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store deals out what it has; a feed that lags behind must not take it for something that nobody wants."""

    async def deaf(self: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("memcube.actors.store.feed.TopicFeed._run", deaf)
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        async with topics.work("g", "t") as worker:
            for _ in range(5):
                await topics.publish("t", ["a", "b"])
            async with asyncio.timeout(10):
                assert [(await anext(worker))["seq"] for _ in range(10)] == list(range(1, 11))


async def test_groups_are_moved_listed_and_forgotten(served: Any) -> None:
    """To a number, a time, an end; and settings that a later member gives."""
    async with served() as s:
        topics = s.memory().topics
        await topics.create("t")
        await topics.publish("t", ["a", "b", "c"])
        assert len((await topics.fetch("t", group="g"))["results"]) == 3
        assert (await topics.seek("g", 2, "t"))["next_seq"] == 2
        assert [one["seq"] for one in (await topics.fetch("t", group="g"))["results"]] == [2, 3]
        assert (await topics.seek("g", "latest", "t"))["next_seq"] == 4
        assert (await topics.seek("g", "2020-01-01T00:00:00Z", "t"))["next_seq"] == 1
        async with topics.work("g", "t", ack_wait_s=7, select={"types": ["none"]}, idle_s=0.3) as worker:
            assert [event async for event in worker] == []
        [group] = (await topics.groups("t"))["results"]
        assert (group["name"], group["ack_wait_s"], group["next_seq"], group["open"]) == ("g", 7, 4, 0)
        await topics.delete_group("g", "t")
        assert (await topics.groups("t"))["results"] == []
        with pytest.raises(NotFoundError):
            await topics.dead("g", "t")
        for wrong in ({"ack_wait_s": 0.01}, {"max_deliver": 2000}):
            with pytest.raises(InvalidArgumentError):
                await anext(topics.work("h", "t", **wrong))
