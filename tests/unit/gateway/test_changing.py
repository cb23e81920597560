"""Feedback, and changes of many memories, through both transports, the SDK and the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.local import LocalRouter
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client import AsyncMemory
from memcube.client.cli.app import app
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

pytestmark = pytest.mark.anyio
ALICE = pb.Scope(user_id="alice")


async def add(caller: Any, *texts: str, scope: pb.Scope = ALICE) -> list[str]:
    """Some memories of alice's."""
    request = pb.AddRequest(scope=scope, messages=[pb.Message(content=text) for text in texts])
    return [item.id for item in (await caller.call("Add", request)).items]


async def test_what_feedback_is_about_is_searched_for(start: Any) -> None:
    """Nobody names an id: the gateway finds what is meant, the cube carries it out; a retry is the same request though a
    search would find something else by then."""
    async with start() as running:
        caller = running.caller()
        paris, *_ = await add(caller, "I live in Paris", *(f"fact number {n} about gardening" for n in range(30)))
        said = pb.FeedbackRequest(scope=ALICE, feedback="It's Berlin, not Paris", idempotency_key="k")
        told = await caller.call("Feedback", said)
        assert [(item.id, item.memory) for item in told.updated] == [(paris, "I live in Berlin")]
        await add(caller, "Paris is where Bob lives")
        assert await caller.call("Feedback", said) == told
        moved = await caller.call("Feedback", pb.FeedbackRequest(scope=ALICE, feedback="I moved to Rome"))
        assert [item.id for item in moved.archived] == [paris] and len(moved.added) == 1
        task = (await caller.call("GetTask", pb.GetTaskRequest(id=moved.task.id))).task
        assert (task.kind, task.state) == ("mem_feedback", task_pb2.TASK_STATE_COMPLETED)


async def test_feedback_makes_a_missing_cube_and_names_nobody_elses_memories(start: Any, keys: Any) -> None:
    """What is said is kept; ids of another cube, or of another tenant, are passed over as made-up ones are."""
    async with start(keys=keys) as running:
        theirs = await add(running.caller("mck_mallory"), "I live in Paris")
        alice = running.caller("mck_alice")
        request = pb.FeedbackRequest(scope=ALICE, feedback="No, I live in Rome", memory_ids=theirs)
        told = await alice.call("Feedback", request)
        assert [item.memory for item in told.added] == ["I live in Rome"] and not told.updated
        for key, scope in (("mck_alice", pb.Scope(user_id="bob")), ("mck_reader", ALICE)):
            refused = running.caller(key).call("Feedback", pb.FeedbackRequest(scope=scope, feedback="x"))
            assert isinstance(await running.refused(refused), NotFoundError)
        bad = running.caller("mck_alice").call("Feedback", pb.FeedbackRequest(scope=ALICE, feedback=" "))
        assert isinstance(await running.refused(bad), InvalidArgumentError)


async def test_rest_and_the_sdk_say_the_same(start: Any) -> None:
    """Feedback, archive, restore, change and archive of many: by JSON and by keyword arguments."""
    async with start() as running:
        async with AsyncMemory(running.server.grpc_address) as m:
            (one,) = (await m.add("I live in Paris", user_id="alice"))["results"]
            told = await m.feedback(
                "that's wrong, I moved to Berlin", user_id="alice", memory_ids=[one["id"]], history=["where do I live?"]
            )
            assert [(row["id"], row["event"]) for row in told["results"]] == [(one["id"], "UPDATE")]
            assert told["task"]["changes"][0]["event"] == "updated" and told["task_id"] == told["task"]["id"]
            assert (await m.archive(one["id"]))["status"] == "archived"
            assert (await m.get_all(user_id="alice"))["total"] == 0
            assert (await m.get_all(user_id="alice", filters={"status": "archived"}))["total"] == 1
            assert (await m.restore(one["id"]))["status"] == "activated"
            task = await m.update_all(user_id="alice", metadata={"home": True}, add_tags=["flat"], visibility="private")
            assert (task["kind"], task["state"], task["progress"]["changed"]) == ("mem_update", "completed", 1)
            task = await m.archive_all(user_id="alice", filters={"home": True})
            assert task["progress"]["changed"] == 1
            with pytest.raises(InvalidArgumentError):
                await m.update_all(user_id="alice")
            with pytest.raises(InvalidArgumentError):
                await m.archive_all(user_id="alice", unused_days=-1)
        post = running.http.post
        body = {"user_id": "bob", "feedback": "I have a cat", "history": ["hello"]}
        said = (await post("/v1/feedback", json=body)).json()
        (cat,) = said["results"]
        assert cat["event"] == "ADD" and cat["sources"][0]["kind"] == "feedback"
        assert (await post(f"/v1/memories/{cat['id']}/archive")).json()["status"] == "archived"
        assert (await post(f"/v1/memories/{cat['id']}/restore", json={})).json()["status"] == "activated"
        changed = {"user_id": "bob", "filters": {"memory": {"contains": "cat"}}, "add_tags": ["pet"]}
        assert (await post("/v1/memories/update-all", json=changed)).json()["progress"]["changed"] == 1
        archived = {"user_id": "bob", "filters": {"tags": {"contains": "pet"}}}
        assert (await post("/v1/memories/archive-all", json=archived)).json()["progress"]["changed"] == 1
        refused = await post("/v1/memories/archive-all", json={"user_id": "bob"})
        assert refused.status_code == 400 and refused.json()["error"]["facts"]["field"] == "rule"


async def test_the_command_line(start: Any, tmp_path: Path) -> None:
    """In words and as JSON; with a model that judges later it says where to look."""
    router = LocalRouter(SqliteVault(tmp_path / "vault"), frame=FrameConfig(fine_reading=True))
    async with start(router=router) as running:
        (paris,) = await add(running.caller(), "I live in Paris")

        async def run(*arguments: str) -> str:
            done = await asyncio.to_thread(
                CliRunner().invoke, app, [*arguments, "--server", running.server.grpc_address]
            )
            assert done.exit_code == 0, done.output
            return str(done.output)

        assert "updated: I live in Rome" in await run("feedback", "replace Paris by Rome", "--user", "alice")
        assert "memcube tasks status" in await run("feedback", "no, I moved", "--user", "alice", "--id", paris)
        assert "memory_ids" in await run("feedback", "forget that", "--user", "alice")
        assert "archived: I live in Rome" in await run("archive", paris)
        assert json.loads(await run("unarchive", paris, "--json"))["status"] == "activated"
        assert "changed 1 memory of 1" in await run("update-all", "--user", "alice", "--add-tag", "home")
        assert "archived 1 memory of 1" in await run(
            "archive-all", "--user", "alice", "--filter", '{"tags": {"contains": "home"}}'
        )
