"""MemOS says that it deleted or updated, and did not."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.model.errors import NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb

SCOPE = pb.Scope(user_id="alice")


def test_2331_a_deleted_memory_is_found_no_more(mind: Any) -> None:
    """MemOS leaves the vectors of deleted memories in Qdrant; here words, vectors, derived memories and all are gone."""
    added = mind.say("My password hint is the blue heron", "I like tea", session_id="s")
    mind.work(added.task_id)
    mind.embed()
    assert len(mind.found("blue heron")) > 1
    mind.delete(added.items[0].id)
    for reopened in (False, True):
        if reopened:
            mind.crash()
        assert not any("heron" in text for text in mind.found("blue heron", top_k=100))
        assert not any("heron" in text for text in mind.found("zzz", top_k=100))
        assert not any("heron" in text for text in mind.texts())
        with pytest.raises(NotFoundError):
            mind.get(added.items[0].id)


@pytest.mark.anyio
async def test_588_delete_is_there_wherever_add_is(start: Any) -> None:
    """MemOS' playground could add and not delete; here REST and gRPC have one memory's, a filter's, a cube's delete."""
    async with start() as running:
        caller = running.caller()
        one, two, three = [await caller.add(text) for text in ("one", "two", "three")]
        assert (await running.http.delete(f"/v1/memories/{one.id}")).status_code == 200
        assert (await running.http.get(f"/v1/memories/{one.id}")).status_code == 404
        await caller.call("Delete", pb.DeleteRequest(id=two.id))
        assert (await running.http.get(f"/v1/memories/{two.id}")).status_code == 404
        cleared = await running.http.request("DELETE", "/v1/memories", params={"user_id": "alice"})
        assert cleared.json()["deleted"] == 1
        assert (await running.http.get(f"/v1/memories/{three.id}")).status_code == 404
        assert (await running.http.delete("/v1/cubes/user:alice")).status_code == 200


@pytest.mark.anyio
async def test_section_1a_a_delete_that_fails_is_an_error(start: Any) -> None:
    """MemOS answers a failed delete with HTTP 200; here with its error, and a version that moved on is refused."""
    async with start() as running:
        item = await running.caller().add("one")
        gone = await running.http.delete(f"/v1/memories/{item.id[:-1]}x")
        assert (gone.status_code, gone.json()["error"]["type"]) == (404, "NotFoundError")
        stale = await running.http.delete(f"/v1/memories/{item.id}", params={"expected_version": 7})
        assert stale.status_code == 409
        assert (await running.http.get(f"/v1/memories/{item.id}")).json()["memory"] == "one"


@pytest.mark.anyio
async def test_section_1a_a_delete_by_filter_stays_in_its_cube(start: Any, keys: Any) -> None:
    """MemOS' delete by filter needs no cube and reaches other tenants; here it has one, and nobody else's."""
    async with start(keys=keys) as running:
        alice, admin, mallory = (running.caller(f"mck_{name}") for name in ("alice", "admin", "mallory"))
        await alice.add("mine")
        other = await admin.add("hers", user_id="bobby")
        foreign = await mallory.add("theirs")
        answer = await alice.call("DeleteAll", pb.DeleteAllRequest(scope=SCOPE))
        assert answer.deleted == 1
        assert (await admin.call("Get", pb.GetRequest(id=other.id))).item.memory == "hers"
        assert (await mallory.call("Get", pb.GetRequest(id=foreign.id))).item.memory == "theirs"


def test_section_1a_an_update_that_says_so_took_place(mind: Any) -> None:
    """MemOS' MCP update reports success and does nothing; here the new text is found, the old one is history."""
    item_id = mind.say("I live in Lisbon").items[0].id
    mind.correct(item_id, "I live in Porto")
    assert mind.found("Porto") == ["I live in Porto"]
    assert mind.found("Lisbon") == ["I live in Porto"] or mind.found("Lisbon") == []
    events = mind.do(mind.call("history", pb.HistoryRequest(id=item_id)), pb.HistoryResponse).events
    assert [event.item.memory for event in events] == ["I live in Lisbon", "I live in Porto"]
