"""The SDK against a real system: every method, in mem0's shapes, and errors as their own types."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from local_system import LocalSystem

from memcube.client import AsyncMemory, Memory
from memcube.model.errors import (
    IdempotencyConflictError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    VersionConflictError,
)

MAY = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)


def test_add_search_get_update_delete_history(memory: Memory, user: str) -> None:
    """The life of one memory: its id is stable, each change a version, and its history outlives it."""
    added = memory.add("I moved to Lisbon in March", user_id=user, metadata={"n": 3}, tags=["home"])
    [one] = added["results"]
    assert (one["event"], one["memory"], one["user_id"]) == ("ADD", "I moved to Lisbon in March", user)
    found = memory.search("where did I move?", user_id=user)
    [hit] = found["results"]
    assert hit["id"] == one["id"]
    assert hit["metadata"] == {"n": 3}
    assert 0 <= hit["score"] <= 1
    assert hit["score_parts"]
    assert hit["sources"]
    assert found["tokens"] == hit["tokens"] > 0
    changed = memory.update(one["id"], "I moved to Porto in June", metadata={"n": 4}, expected_version=1)
    assert (changed["id"], changed["version"], changed["memory"]) == (one["id"], 2, "I moved to Porto in June")
    assert memory.get(one["id"])["metadata"] == {"n": 4}
    with pytest.raises(VersionConflictError) as conflict:
        memory.update(one["id"], "too late", expected_version=1)
    assert conflict.value.actual == 2
    assert memory.delete(one["id"])["message"]
    with pytest.raises(NotFoundError):
        memory.get(one["id"])
    assert memory.search("Porto", user_id=user)["results"] == []
    history = memory.history(one["id"])
    assert [row["event"] for row in history] == ["ADD", "UPDATE", "DELETE"]
    assert [row["new_memory"] for row in history] == ["I moved to Lisbon in March", "I moved to Porto in June", None]
    assert history[2]["old_memory"] == "I moved to Porto in June"


def test_messages_keep_speaker_and_time(memory: Memory, user: str) -> None:
    """What was said, by whom and when comes back in the sources, and a time filter sees it."""
    memory.add(
        [
            {"role": "user", "name": "Ann", "content": "The train leaves at six", "id": "m1", "timestamp": MAY},
            {"role": "assistant", "content": "Noted, six it is", "timestamp": MAY + timedelta(days=40)},
        ],
        user_id=user,
        session_id="trip",
    )
    listed = memory.get_all(user_id=user, filters={"valid_from": {"lt": "2026-06-01T00:00:00Z"}})
    [one] = listed["results"]
    assert (one["session_id"], one["valid_from"]) == ("trip", "2026-05-06T09:30:00Z")
    assert (one["sources"][0]["speaker"], one["sources"][0]["id"]) == ("Ann", "m1")


def test_pages_cover_everything_once(memory: Memory, user: str) -> None:
    """Following ``next`` yields each memory exactly once, newest first."""
    memory.add([f"memory number {i}" for i in range(25)], user_id=user)
    seen, token = [], None
    while True:
        page = memory.get_all(user_id=user, top_k=10, page_token=token)
        assert page["total"] == 25
        seen += [row["memory"] for row in page["results"]]
        token = page["next"]
        if token is None:
            break
    assert sorted(seen) == sorted(f"memory number {i}" for i in range(25))


def test_filters_behave_the_same_in_every_verb(memory: Memory, user: str) -> None:
    """search, get_all and delete_all select the same memories by the same filter."""
    for number in range(6):
        memory.add(
            f"note {number} about tea", user_id=user, metadata={"n": number}, tags=["even"] if number % 2 == 0 else []
        )
    chosen = {"OR": [{"n": {"gte": 4}}, {"AND": [{"tags": {"contains": "even"}}, {"NOT": {"n": 0}}]}]}
    searched = {hit["metadata"]["n"] for hit in memory.search("tea", user_id=user, filters=chosen)["results"]}
    listed = {row["metadata"]["n"] for row in memory.get_all(user_id=user, filters=chosen)["results"]}
    assert searched == listed == {2, 4, 5}
    assert memory.delete_all(user_id=user, filters=chosen)["deleted"] == 3
    assert {row["metadata"]["n"] for row in memory.get_all(user_id=user)["results"]} == {0, 1, 3}
    assert memory.delete_all(user_id=user)["deleted"] == 3
    assert memory.get_all(user_id=user)["total"] == 0


def test_one_may_look_before_anything_was_added(system: LocalSystem, memory: Memory, user: str) -> None:
    """Agents search first: of a user, agent or run not known yet there are no results, at once; a cube that is named
    and isn't there is an error."""
    began = time.monotonic()
    for whose in ({"user_id": user}, {"agent_id": user}, {"run_id": user}, {"filters": {"user_id": user}}):
        assert memory.search("tea", **whose)["results"] == []
        assert memory.get_all(**whose) == {"results": [], "total": 0, "next": None}
    assert time.monotonic() - began < 2.0, "nobody waits for vectors that will not come"
    for wrong in ({"cube_id": f"user:{user}"}, {"filters": {"cube_id": f"user:{user}"}}):
        with pytest.raises(NotFoundError):
            memory.search("tea", **wrong)
        with pytest.raises(NotFoundError):
            memory.get_all(**wrong)

    async def work() -> None:
        async with AsyncMemory(system.grpc) as client:
            assert (await client.search("tea", user_id=user))["results"] == []
            with pytest.raises(NotFoundError):
                await client.search("tea", cube_id=f"user:{user}")

    asyncio.run(work())


def test_ids_inside_filters(memory: Memory, user: str) -> None:
    """mem0's newer way to say whose memory, and a second id that selects within the first's."""
    memory.add("Ann's bot likes jazz", user_id=user, agent_id="bot")
    memory.add("Ann likes tea", user_id=user)
    both = memory.search("likes", filters={"AND": [{"user_id": user}, {"agent_id": "bot"}]})
    assert [hit["memory"] for hit in both["results"]] == ["Ann's bot likes jazz"]
    assert memory.get_all(filters={"user_id": user})["total"] == 2


def test_a_retry_has_one_effect(memory: Memory, user: str) -> None:
    """The same key and request: one memory, the first answer; the same key for another request is refused."""
    first = memory.add("only once", user_id=user, idempotency_key=f"key-{user}")
    assert memory.add("only once", user_id=user, idempotency_key=f"key-{user}") == first
    assert memory.get_all(user_id=user)["total"] == 1
    with pytest.raises(IdempotencyConflictError):
        memory.add("something else", user_id=user, idempotency_key=f"key-{user}")


def test_bulk_adds_keep_order_and_report_each(memory: Memory, user: str) -> None:
    """A stream of adds: answers in order, a refused one does not stop the others."""
    adds = [{"messages": f"line {i}", "user_id": user} for i in range(30)]
    adds[7]["messages"] = "x" * (2 * 2**20)
    answers = list(memory.add_many(adds))
    assert isinstance(answers[7], TooLargeError)
    texts = [answer["results"][0]["memory"] for answer in answers if not isinstance(answer, MemCubeError)]
    assert texts == [f"line {i}" for i in range(30) if i != 7]
    assert memory.get_all(user_id=user)["total"] == 29


def test_expired_memories_stay_away(memory: Memory, user: str) -> None:
    """Past its time a memory is not returned, unless asked for."""
    memory.add("The wifi password is sardine", user_id=user, expiration_date=datetime.now(UTC) - timedelta(minutes=1))
    assert memory.search("wifi password", user_id=user)["results"] == []
    assert memory.search("wifi password", user_id=user, show_expired=True)["results"]


def test_a_token_budget_is_kept(memory: Memory, user: str) -> None:
    """Hits are packed until the budget; what is said to be spent is what the hits need."""
    memory.add([f"fact {i}: the garden has {i} old apple trees along the wall" for i in range(20)], user_id=user)
    found = memory.search("apple trees in the garden", user_id=user, token_budget=60, top_k=20)
    assert 0 < found["tokens"] <= 60
    assert found["tokens"] == sum(hit["tokens"] for hit in found["results"])


def test_cubes_are_made_listed_and_deleted(memory: Memory, user: str) -> None:
    """A cube by its own id: made, used, described, listed, its journal read, removed."""
    cube_id = f"team:{user}"
    assert memory.create_cube(cube_id, description="ours")["description"] == "ours"
    memory.add("standup moves to ten", cube_id=cube_id, user_id=user)
    assert memory.get_cube(cube_id)["items"] == 1
    assert [event["kind"] for event in memory.events(cube_id)] == ["cube_created", "item_added"]
    token, names = None, []
    while True:
        page = memory.cubes(limit=50, page_token=token)
        names += [row["id"] for row in page["results"]]
        token = page["next"]
        if token is None:
            break
    assert names.count(cube_id) == 1
    memory.delete_cube(cube_id)
    with pytest.raises(NotFoundError):
        memory.get_cube(cube_id)


def test_bad_input_is_named_and_changes_nothing(memory: Memory, user: str) -> None:
    """Each fault is a typed error with the field, and the cube is as before."""
    memory.add("the only one", user_id=user)
    faults = [
        (lambda: memory.add("", user_id=user), "messages"),
        (lambda: memory.add("x" * (10 * 2**20), user_id=user), "messages[0].content"),
        (lambda: memory.add("bad \ud800", user_id=user), "messages"),
        (lambda: memory.add("a", user_id=user, timestamp="2026-01-01T00:00:00"), "timestamp"),
        (lambda: memory.search("a", user_id=user, filters={"n": {"near": 3}}), "filters.n.near"),
        (lambda: memory.search("a", user_id=user, top_k=-1), "top_k"),
        (lambda: memory.search("", user_id=user), "query"),
        (lambda: memory.search("a"), "user_id"),
    ]
    for call, field in faults:
        with pytest.raises(InvalidArgumentError) as caught:
            call()
        assert caught.value.field == field
    for call in (lambda: memory.get("nonsense"), lambda: memory.search("a", cube_id=f"no-{user}")):
        with pytest.raises(NotFoundError):
            call()
    assert memory.get_all(user_id=user)["total"] == 1


def test_status_tells_the_parts(memory: Memory, user: str) -> None:
    """Every part has a state, and a named cube its own figures."""
    memory.add("hello", user_id=user)
    status = memory.status(user_id=user)
    assert {part["name"] for part in status["components"]} >= {"gateway", "directory", "embedder"}
    assert status["cube"]["items"] == 1
    assert status["embedding_model"]


def test_threads_share_a_client(memory: Memory, user: str) -> None:
    """Eight threads over one client: nothing lost, nothing mixed up."""
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                text = f"thread {number} turn {turn}"
                [one] = memory.add(text, user_id=f"{user}-{number}")["results"]
                assert memory.get(one["id"])["memory"] == text
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert [memory.get_all(user_id=f"{user}-{number}")["total"] for number in range(8)] == [5] * 8


def test_the_async_client_does_the_same(system: LocalSystem, user: str) -> None:
    """AsyncMemory: many calls at once on one connection, streams, and the same errors."""

    async def work() -> None:
        async with AsyncMemory(system.grpc) as memory:
            await asyncio.gather(*[memory.add(f"async note {i}", user_id=user) for i in range(10)])
            assert (await memory.get_all(user_id=user))["total"] == 10
            streamed = [
                answer async for answer in memory.add_many({"messages": f"s{i}", "user_id": user} for i in range(5))
            ]
            assert len(streamed) == 5
            found = await memory.search("async note 3", user_id=user)
            assert found["results"][0]["memory"] == "async note 3"
            events = [event["seq"] async for event in memory.events(f"user:{user}")]
            assert events == list(range(1, len(events) + 1))
            with pytest.raises(NotFoundError):
                await memory.get("nonsense")
        with pytest.raises(InvalidArgumentError):
            await memory.get("nonsense")

    asyncio.run(work())


def test_a_system_that_is_not_there_is_said_soon() -> None:
    """A wrong address fails within ``connect_s``, by name; a closed client says that it is closed."""
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        Memory("127.0.0.1:9", connect_s=0.5)


def test_a_closed_client_says_so(system: LocalSystem) -> None:
    """Using it after ``close`` is the caller's fault, not the server's."""
    memory = Memory(system.grpc)
    memory.close()
    memory.close()
    with pytest.raises(InvalidArgumentError, match="closed"):
        memory.status()


def test_the_audit_log_is_still_how_it_began(system: LocalSystem, user: str) -> None:
    """A head that was kept proves that nothing before it was changed; one of another log does not."""
    with Memory(system.grpc) as memory:
        memory.add("I moved to Lisbon", user_id=user)
        head = memory.audit.head()
        memory.add("I moved to Porto", user_id=user)
        assert memory.audit.consistency(head)["verified"] is True
        other = dict(head, root="00" * 32)
        assert memory.audit.consistency(other)["verified"] is False
