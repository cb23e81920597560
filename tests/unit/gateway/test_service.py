"""The service over a real gRPC channel, on the real cube core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from memcube.actors.gateway.part import verb_of
from memcube.actors.governance import VERBS
from memcube.model.errors import (
    AlreadyExistsError,
    IdempotencyConflictError,
    InvalidArgumentError,
    TooLargeError,
    VersionConflictError,
)
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

ALICE = pb.Scope(user_id="alice")
RPCS = pb.DESCRIPTOR.services_by_name["MemCubeService"].methods


async def test_a_memory_lives_through_every_verb(start: Any) -> None:
    """Add, search, get, list, update, history, delete, and what is left after it."""
    async with start() as running:
        caller = running.caller()
        item = await caller.add("I moved to Lisbon in March")
        await caller.add("My cat is called Miso")
        found = await caller.call("Search", pb.SearchRequest(scope=ALICE, query="Where is Lisbon?"))
        assert found.hits[0].item.id == item.id
        assert found.hits[0].parts
        assert found.degraded == ["embedder: none is configured; ranked by words only"]
        status = await caller.call("Status", pb.StatusRequest())
        assert {part.name: part.state for part in status.components}["embedder"] == "off"
        assert (await caller.call("Get", pb.GetRequest(id=item.id))).item.memory == "I moved to Lisbon in March"
        listed = await caller.call("List", pb.ListRequest(scope=ALICE, page_size=1))
        assert listed.total == 2
        assert listed.items[0].memory == "My cat is called Miso"
        update = pb.UpdateRequest(id=item.id, memory="I moved to Porto", expected_version=1)
        assert (await caller.call("Update", update)).item.version == 2
        conflict = await running.refused(caller.call("Update", update))
        assert isinstance(conflict, VersionConflictError)
        assert conflict.facts == {"name": item.id, "expected": 1, "actual": 2}
        await caller.call("Delete", pb.DeleteRequest(id=item.id))
        gone = await running.refused(caller.call("Get", pb.GetRequest(id=item.id)))
        assert gone.facts == {"kind": "memory", "name": item.id}
        events = (await caller.call("History", pb.HistoryRequest(id=item.id))).events
        assert [event.cause for event in events] == ["add", "update", "delete"]
        assert {event.principal_id for event in events} == {"local"}
        deleted = await caller.call("DeleteAll", pb.DeleteAllRequest(scope=ALICE))
        assert deleted.deleted == 1


async def test_cubes_are_made_listed_page_by_page_and_deleted(start: Any) -> None:
    """CreateCube, GetCube, ListCubes, DeleteCube, Reset."""
    async with start() as running:
        caller = running.caller()
        for number in range(7):
            await caller.call("CreateCube", pb.CreateCubeRequest(cube_id=f"team-{number}", description="d"))
        again = await running.refused(caller.call("CreateCube", pb.CreateCubeRequest(cube_id="team-3")))
        assert isinstance(again, AlreadyExistsError)
        assert (await caller.call("GetCube", pb.GetCubeRequest(cube_id="team-3"))).cube.owner == "local"
        names, token, pages = [], "", 0
        while pages == 0 or token:
            page = await caller.call("ListCubes", pb.ListCubesRequest(page_size=3, page_token=token))
            names += [cube.id for cube in page.cubes]
            token, pages = page.next_page_token, pages + 1
        assert sorted(names) == [f"team-{number}" for number in range(7)]
        assert pages == 3
        request = pb.DeleteCubeRequest(cube_id="team-3", idempotency_key="once")
        await caller.call("DeleteCube", request)
        await caller.call("DeleteCube", request)
        other = pb.DeleteCubeRequest(cube_id="team-4", idempotency_key="once")
        assert isinstance(await running.refused(caller.call("DeleteCube", other)), IdempotencyConflictError)
        missing = await running.refused(caller.call("GetCube", pb.GetCubeRequest(cube_id="team-3")))
        assert missing.facts == {"kind": "cube", "name": "team-3"}
        assert (await caller.call("Reset", pb.ResetRequest())).cubes_deleted == 6
        assert not (await caller.call("ListCubes", pb.ListCubesRequest())).cubes


async def test_a_retry_has_one_effect_and_the_first_answer(start: Any) -> None:
    """Same key, same request: same answer; another request under it is refused."""
    async with start() as running:
        caller = running.caller()
        first = await caller.add("once", key="k")
        assert await caller.add("once", key="k") == first
        assert isinstance(await running.refused(caller.add("twice", key="k")), IdempotencyConflictError)
        assert (await caller.call("List", pb.ListRequest(scope=ALICE))).total == 1


async def test_adds_of_a_stream_are_answered_in_order_with_their_own_errors(start: Any) -> None:
    """A failed one does not stop the others; order of arrival is order in the cube."""
    async with start(stream_window=8) as running:
        caller = running.caller()

        def requests() -> list[pb.AddRequest]:
            texts = [f"memory number {number}" if number % 10 else "" for number in range(200)]
            return [
                pb.AddRequest(scope=pb.Scope(user_id=f"u{number % 2}"), messages=[pb.Message(content=text)])
                for number, text in enumerate(texts)
            ]

        answers = await caller.add_stream(requests())
        assert len(answers) == 200
        for number, answer in enumerate(answers):
            if number % 10:
                assert answer.added.items[0].memory == f"memory number {number}"
            else:
                assert answer.error.type == "InvalidArgumentError"
                assert answer.error.facts[0].text == "messages[0].content"
        items = [item async for item in caller.stream("ListStream", pb.ListRequest(scope=pb.Scope(user_id="u1")))]
        assert [item.memory for item in reversed(items)] == [f"memory number {n}" for n in range(200) if n % 2]


async def test_a_stream_takes_no_more_than_its_window(start: Any) -> None:
    """While nothing is read from a stuck cube, the sender is held back."""

    class Stuck:
        """A router whose cubes never answer."""

        async def mutate(self, ref: Any, call: Any, *, create: bool, timeout_s: float) -> bytes:
            await asyncio.sleep(3600)
            raise AssertionError

        async def status(self) -> Any:
            raise AssertionError("nobody asks")

    async with start(router=Stuck(), stream_window=8) as running:
        sent = 0

        async def endless() -> AsyncIterator[pb.AddRequest]:
            nonlocal sent
            while True:
                sent += 1
                yield pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x" * 100_000)])

        call = running.caller().stub.AddStream(endless(), timeout=60)
        reading = asyncio.ensure_future(call.read())
        await asyncio.sleep(0.5)
        before = sent
        await asyncio.sleep(0.5)
        assert sent == before
        assert sent < 200
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_events_and_items_stream_over_pages(start: Any) -> None:
    """More than a page of each, in order, without gaps."""
    async with start() as running:
        caller = running.caller()
        for part in range(6):
            messages = [pb.Message(content=f"message {part}-{number}") for number in range(200)]
            await caller.call("Add", pb.AddRequest(scope=ALICE, messages=messages))
        items = [item.id async for item in caller.stream("ListStream", pb.ListRequest(scope=ALICE))]
        assert len(items) == len(set(items)) == 1200
        assert items == sorted(items, reverse=True)
        request = pb.ReadEventsRequest(cube_id="user:alice", from_seq=3)
        seqs = [event.seq async for event in caller.stream("ReadEvents", request)]
        assert seqs == list(range(3, 1202))


async def test_a_batch_of_searches_over_cubes_keeps_its_order(start: Any) -> None:
    """Each with its own answer or error, whatever cube it is in."""
    async with start() as running:
        caller = running.caller()
        for user in ("a", "b"):
            await caller.add(f"{user} likes tea", user_id=user)

        def search(user: str, query: str) -> pb.SearchRequest:
            return pb.SearchRequest(scope=pb.Scope(user_id=user), query=query)

        requests = [search("a", "tea"), search("b", "tea"), search("c", "tea"), search("a", ""), search("a", "likes")]
        results = (await caller.call("BatchSearch", pb.BatchSearchRequest(requests=requests))).results
        assert [one.WhichOneof("result") for one in results] == ["found", "found", "error", "error", "found"]
        assert [results[place].found.hits[0].item.memory for place in (0, 1, 4)] == [
            "a likes tea",
            "b likes tea",
            "a likes tea",
        ]
        assert results[2].error.type == "NotFoundError"
        assert results[3].error.facts[0].text == "query"
        assert not (await caller.call("BatchSearch", pb.BatchSearchRequest())).results


def _condition(op: int) -> filter_pb2.Filter:
    return filter_pb2.Filter(condition=filter_pb2.Condition(field="score", op=op))  # type: ignore[arg-type]


BAD_REQUESTS: list[tuple[str, Any, type[InvalidArgumentError], str | None]] = [
    ("Add", pb.AddRequest(scope=ALICE), InvalidArgumentError, "messages"),
    ("Add", pb.AddRequest(messages=[pb.Message(content="x")]), InvalidArgumentError, "user_id"),
    ("Add", pb.AddRequest(scope=ALICE, messages=[pb.Message()]), InvalidArgumentError, "messages[0].content"),
    (
        "Add",
        pb.AddRequest(scope=ALICE, messages=[pb.Message(content="ok"), pb.Message(content="x" * 10_000_000)]),
        TooLargeError,
        "messages[1].content",
    ),
    (
        "Add",
        pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], idempotency_key="k" * 129),
        TooLargeError,
        "idempotency_key",
    ),
    ("Add", pb.AddRequest(scope=pb.Scope(user_id="a\nb")), InvalidArgumentError, "user_id"),
    ("Search", pb.SearchRequest(scope=ALICE), InvalidArgumentError, "query"),
    ("Search", pb.SearchRequest(scope=ALICE, query="x" * 100_000), TooLargeError, "query"),
    ("Search", pb.SearchRequest(scope=ALICE, query="x", top_k=1001), InvalidArgumentError, "top_k"),
    ("Search", pb.SearchRequest(scope=ALICE, query="x", threshold=float("nan")), InvalidArgumentError, "threshold"),
    ("Search", pb.SearchRequest(scope=ALICE, query="x", filter=_condition(99)), InvalidArgumentError, None),
    ("Search", pb.SearchRequest(scope=ALICE, query="x", filter=_condition(0)), InvalidArgumentError, None),
    ("List", pb.ListRequest(scope=ALICE, page_size=1001), InvalidArgumentError, "page_size"),
    ("ListCubes", pb.ListCubesRequest(page_size=1001), InvalidArgumentError, "page_size"),
    ("ListCubes", pb.ListCubesRequest(page_token="../x"), InvalidArgumentError, "page_token"),
    ("Get", pb.GetRequest(), InvalidArgumentError, "id"),
    ("CreateCube", pb.CreateCubeRequest(), InvalidArgumentError, "cube_id"),
    ("CreateCube", pb.CreateCubeRequest(cube_id="x" * 257), InvalidArgumentError, "cube_id"),
    (
        "BatchSearch",
        pb.BatchSearchRequest(requests=[pb.SearchRequest()] * 257),
        TooLargeError,
        "requests",
    ),
]


async def test_bad_input_is_refused_by_the_name_of_its_field(start: Any) -> None:
    """Typed, and nothing changes: neither the cube nor the list of cubes."""
    async with start() as running:
        caller = running.caller()
        await caller.add("something")
        for rpc, request, kind, field in BAD_REQUESTS:
            error = await running.refused(caller.call(rpc, request))
            assert type(error) is kind, (rpc, error)
            assert error.facts["field"] == field or field is None, (rpc, error)
        status = await caller.call("Status", pb.StatusRequest(scope=ALICE))
        assert status.cube.cube.head == 2
        assert len((await caller.call("ListCubes", pb.ListCubesRequest())).cubes) == 1


async def test_bytes_that_are_no_request_are_refused_by_field_too(start: Any) -> None:
    """The transport would say INTERNAL; we say which text is not UTF-8."""
    async with start() as running:
        body = pb.AddRequest(scope=ALICE, messages=[pb.Message(content="abc@")]).SerializeToString()
        error = await running.refused(running.caller().raw("Add", body.replace(b"@", b"\xff")))
        assert error.facts == {"field": "messages[0].content", "problem": "is not valid UTF-8"}
        error = await running.refused(running.caller().raw("Add", b"\xff\xff\xff"))
        assert error.facts["field"] == "request"
        assert not (await running.caller().call("ListCubes", pb.ListCubesRequest())).cubes


async def test_a_refused_add_makes_no_cube(start: Any) -> None:
    """Bad input to a new user leaves nothing behind."""
    async with start() as running:
        caller = running.caller()
        for bad in (
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content=" ")]),
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], tags=[""]),
            pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")], idempotency_key="k" * 200),
        ):
            assert isinstance(await running.refused(caller.call("Add", bad)), InvalidArgumentError)
        assert not (await caller.call("ListCubes", pb.ListCubesRequest())).cubes


async def test_every_rpc_has_a_verb_in_the_policy(start: Any) -> None:
    """A new rpc must be given its roles."""
    of_streams = {"add_stream": "add", "list_stream": "list"}
    async with start() as running:
        services = [part.service for part in running.server.door.parts]
    names = [*(rpc.name for rpc in RPCS), *(rpc.name for service in services for rpc in service.methods)]
    assert len(names) == len({*names})
    assert {of_streams.get(verb, verb) for verb in map(verb_of, names)} == set(VERBS)


async def test_times_outside_the_calendar_are_refused_by_name(start: Any) -> None:
    """Wire timestamps can be any number."""
    async with start() as running:
        request = pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")])
        request.messages[0].time.seconds = 10**15
        error = await running.refused(running.caller().call("Add", request))
        assert error.facts["field"] == "messages[0].time"
        request.messages[0].time.CopyFrom(to_timestamp(datetime(2026, 1, 1, tzinfo=UTC)))
        assert (await running.caller().call("Add", request)).items[0].valid_from == request.messages[0].time


@pytest.mark.parametrize(
    ("rpc", "request_", "field"),
    [
        ("CreateCube", pb.CreateCubeRequest(cube_id="new", description="d" * 70_000), "description"),
        (
            "Add",
            pb.AddRequest(scope=pb.Scope(cube_id="new"), messages=[pb.Message(content=" ")]),
            "messages[0].content",
        ),
        (
            "Add",
            pb.AddRequest(scope=pb.Scope(cube_id="new"), messages=[pb.Message(content="x" * 900_000)] * 3),
            "messages",
        ),
        (
            "Add",
            pb.AddRequest(scope=pb.Scope(cube_id="new"), messages=[pb.Message(content="x")], memory_type=88),  # type: ignore[arg-type]
            "memory_type",
        ),
    ],
    ids=["description", "blank", "whole-add", "type"],
)
async def test_a_refused_first_call_leaves_no_cube(start: Any, rpc: str, request_: Any, field: str) -> None:
    """Bad input changes nothing: not even the cube that the call would have made."""
    async with start() as running:
        caller = running.caller()
        refused = await running.refused(caller.call(rpc, request_))
        assert isinstance(refused, InvalidArgumentError)
        assert refused.facts["field"] == field
        assert not (await caller.call("ListCubes", pb.ListCubesRequest())).cubes
