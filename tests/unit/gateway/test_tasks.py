"""The verbs on tasks through both transports: looked at, waited for, watched, cancelled and tried anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from typer.testing import CliRunner

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.task_reads import MOST_WAITED_FOR
from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.waiting import outcome
from memcube.actors.llm import LLMConfig, Spent
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.job import Job, Outcome
from memcube.actors.scheduler.scheduler import Scheduler
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client import AsyncMemory
from memcube.client.cli.app import app
from memcube.model.errors import InvalidArgumentError, NotFoundError, TaskStateError, TooLargeError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2, work_pb2

pytestmark = pytest.mark.anyio
ALICE = pb.Scope(user_id="alice")
WAITING, COMPLETED, CANCELLED = (
    task_pb2.TASK_STATE_WAITING,
    task_pb2.TASK_STATE_COMPLETED,
    task_pb2.TASK_STATE_CANCELLED,
)


@pytest.fixture
def router(tmp_path: Path) -> LocalRouter:
    """Cubes whose adds are read finely, by nobody until a test does it."""
    return LocalRouter(SqliteVault(tmp_path / "vault"), frame=FrameConfig(fine_reading=True))


async def add(running: Any, text: str = "I moved to Lisbon", key: str = "", session: str = "s") -> str:
    """One message of alice's; its task."""
    request = pb.AddRequest(scope=ALICE, session_id=session, messages=[pb.Message(content=text)])
    return str((await running.caller(key).call("Add", request)).task_id)


async def work(router: LocalRouter, task_id: str, tenant: str = "local", error: str = "") -> None:
    """What a reader does with a task."""
    who, ref = Principal(tenant, "memcube", ("admin",)), CubeRef(tenant, "user:alice")

    async def mutate(verb: str, request: Any) -> bytes:
        call = Call(verb, request.SerializeToString(), who, new_idempotency_key())
        return await router.mutate(ref, call, create=False, timeout_s=10)

    taken = work_pb2.TakeTaskResponse.FromString(
        await mutate("take_task", work_pb2.TakeTaskRequest(id=task_id, worker="w"))
    )
    finish = work_pb2.FinishTaskRequest(id=task_id, attempt=taken.task.attempts, error=error)
    if not error:
        finish.drafts.add(memory="Alice lives in Lisbon", derived_from=[taken.items[0].id])
    await mutate("finish_task", finish)


async def tenant_of(running: Any) -> str:
    """The tenant of whoever calls without a key."""
    return str(running.server.door.principal({}).tenant)


async def test_a_task_is_looked_at_cancelled_and_tried_anew(start: Any, router: LocalRouter) -> None:
    """By its id alone, or in its cube's list; what can't be done to it is refused with its state."""
    async with start(router=router) as running:
        caller, tenant = running.caller(), await tenant_of(running)
        task_id = await add(running)
        task = (await caller.call("GetTask", pb.GetTaskRequest(id=task_id))).task
        assert (task.kind, task.state, task.cube_id) == ("mem_read", WAITING, "user:alice")
        listed = await caller.call("ListTasks", pb.ListTasksRequest(scope=ALICE, states=[WAITING]))
        assert [one.id for one in listed.tasks] == [task_id]
        cancel = pb.CancelTaskRequest(id=task_id, idempotency_key="c")
        assert (await caller.call("CancelTask", cancel)).task.state == CANCELLED
        assert (await caller.call("RetryTask", pb.RetryTaskRequest(id=task_id))).task.state == WAITING
        assert (await caller.call("CancelTask", cancel)).task.state == CANCELLED, "a retry gets the first answer"
        assert (await caller.call("GetTask", pb.GetTaskRequest(id=task_id))).task.state == WAITING
        await work(router, task_id, tenant)
        for rpc, request in (("CancelTask", pb.CancelTaskRequest), ("RetryTask", pb.RetryTaskRequest)):
            refused = await running.refused(caller.call(rpc, request(id=task_id)))
            assert isinstance(refused, TaskStateError)
            assert refused.state == "completed"


async def test_who_may_not_learns_nothing_of_a_task(start: Any, router: LocalRouter, keys: Any) -> None:
    """Another tenant, another cube's user, a reader who would change it: as if it did not exist."""
    async with start(router=router, keys=keys) as running:
        task_id = await add(running, key="mck_alice")
        for key in ("mck_alice", "mck_reader", "mck_admin"):
            assert (await running.caller(key).call("GetTask", pb.GetTaskRequest(id=task_id))).task.id == task_id
        missing = NotFoundError("task", task_id)
        for key, rpc, request in (
            ("mck_mallory", "GetTask", pb.GetTaskRequest(id=task_id)),
            ("mck_mallory", "CancelTask", pb.CancelTaskRequest(id=task_id)),
            ("mck_reader", "CancelTask", pb.CancelTaskRequest(id=task_id)),
            ("mck_reader", "RetryTask", pb.RetryTaskRequest(id=task_id)),
        ):
            refused = await running.refused(running.caller(key).call(rpc, request))
            assert refused.facts == missing.facts
        for rpc in ("ListTasks", "WaitTasks"):
            request = getattr(pb, f"{rpc}Request")(scope=ALICE)
            refused = await running.refused(running.caller("mck_mallory").call(rpc, request))
            assert refused.facts == {"kind": "cube", "name": "user:alice"}


async def test_a_wait_ends_with_the_tasks_or_with_the_time(start: Any, router: LocalRouter) -> None:
    """Named or not; a call whose deadline comes first is answered before it; a strange id is refused."""
    async with start(router=router) as running:
        caller, tenant = running.caller(), await tenant_of(running)
        first, second = await add(running, session="a"), await add(running, session="b")
        timed_out = await caller.call("WaitTasks", pb.WaitTasksRequest(scope=ALICE, timeout_s=0.05))
        assert timed_out.timed_out
        assert {task.id for task in timed_out.tasks} == {first, second}
        in_time = await caller.call("WaitTasks", pb.WaitTasksRequest(scope=ALICE, timeout_s=600), timeout=0.5)
        assert in_time.timed_out
        waiting = asyncio.ensure_future(caller.call("WaitTasks", pb.WaitTasksRequest(scope=ALICE, timeout_s=10)))
        await asyncio.sleep(0.05)
        await work(router, first, tenant)
        assert not waiting.done()
        await work(router, second, tenant, error="no")
        done = await waiting
        assert not done.timed_out
        assert {task.id: task.error for task in done.tasks} == {first: "", second: "no"}
        nothing = await caller.call("WaitTasks", pb.WaitTasksRequest(scope=ALICE, timeout_s=10))
        assert not nothing.tasks
        assert not nothing.timed_out
        for bad, kind in (
            (pb.WaitTasksRequest(scope=ALICE, task_ids=["nothing"]), NotFoundError),
            (pb.WaitTasksRequest(scope=ALICE, timeout_s=601), InvalidArgumentError),
            (pb.WaitTasksRequest(scope=ALICE, task_ids=["x"] * 1001), TooLargeError),
        ):
            assert isinstance(await running.refused(caller.call("WaitTasks", bad)), kind)


async def test_more_tasks_than_an_answer_holds_are_waited_for() -> None:
    """A thousand at a time, the oldest first: one that came later is not taken for ended."""
    waiting = [f"t{n:04}" for n in range(2 * MOST_WAITED_FOR + 5)]
    asked: list[int] = []

    async def ask(task_ids: Sequence[str]) -> pb.WaitTasksResponse:
        asked.append(len(task_ids))
        if not task_ids:
            some = [task_pb2.Task(id=name, state=WAITING) for name in waiting[:MOST_WAITED_FOR]]
            return pb.WaitTasksResponse(tasks=some)
        done = [task_pb2.Task(id=name, state=COMPLETED) for name in task_ids]
        del waiting[: len(done)]
        return pb.WaitTasksResponse(tasks=done)

    ended = await outcome(ask, [], monotonic() + 10)
    assert asked == [0, 1000, 0, 1000, 0, 5]
    assert not ended.timed_out
    assert len(ended.tasks) == 2005


async def test_a_watch_tells_every_change(start: Any, router: LocalRouter) -> None:
    """How it is at first, each change, the end; over gRPC and over REST, a line each."""
    async with start(router=router) as running:
        caller, tenant = running.caller(), await tenant_of(running)
        task_id = await add(running)
        states = []
        async for task in caller.stream("WatchTasks", pb.WaitTasksRequest(scope=ALICE, timeout_s=10)):
            states.append(task.state)
            if len(states) == 1:
                await work(router, task_id, tenant)
        assert states[0] == WAITING
        assert states[-1] == COMPLETED
        other = await add(running, session="t")
        async with running.http.stream("GET", "/v1/tasks/watch", params={"user_id": "alice"}) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines = []
            async for line in answer.aiter_lines():
                lines.append(json.loads(line))
                if len(lines) == 1:
                    await work(router, other, tenant)
        assert [lines[0]["state"], lines[-1]["state"]] == ["waiting", "completed"]
        assert {one["id"] for one in lines} == {other}


async def test_tasks_over_rest(start: Any, router: LocalRouter) -> None:
    """The same verbs with names for states, and plain objects."""
    async with start(router=router) as running:
        http, tenant = running.http, await tenant_of(running)
        body = {"messages": "I moved to Lisbon", "user_id": "alice", "session_id": "s"}
        task_id = (await http.post("/v1/memories", json=body)).json()["task_id"]
        task = (await http.get(f"/v1/tasks/{task_id}")).json()
        assert (task["state"], task["kind"], task["leased_until"]) == ("waiting", "mem_read", None)
        assert task["not_before"].endswith("Z")
        page = (await http.get("/v1/tasks", params={"user_id": "alice", "states": ["waiting", "failed"]})).json()
        assert (page["total"], page["next"], page["results"][0]["id"]) == (1, None, task_id)
        refused = await http.get("/v1/tasks", params={"user_id": "alice", "states": "sleeping"})
        assert refused.status_code == 400
        assert refused.json()["error"]["facts"]["field"] == "states[0]"
        assert (await http.post(f"/v1/tasks/{task_id}/cancel")).json()["state"] == "cancelled"
        assert (await http.post(f"/v1/tasks/{task_id}/retry")).json()["state"] == "waiting"
        await work(router, task_id, tenant)
        waited = (await http.post("/v1/tasks/wait", json={"user_id": "alice", "task_ids": [task_id]})).json()
        assert (waited["timed_out"], waited["results"][0]["state"]) == (False, "completed")
        assert len(waited["results"][0]["result_ids"]) == 1
        assert (await http.post(f"/v1/tasks/{task_id}/cancel")).status_code == 409
        assert (await http.get("/v1/tasks/nothing")).status_code == 404


async def test_the_clients_wait_watch_and_show(start: Any, router: LocalRouter) -> None:
    """The SDK, awaited or not, and the command: the same tasks, waited for longer than a call may take."""
    async with start(router=router) as running:
        tenant, server = await tenant_of(running), running.server.grpc_address
        async with AsyncMemory(server, timeout_s=0.4) as memory:
            added = await memory.add("I moved to Lisbon", user_id="alice", session_id="s")
            task_id = added["task_id"]
            assert (await memory.task(task_id))["state"] == "waiting"
            assert (await memory.tasks(user_id="nobody"))["results"] == []
            assert (await memory.wait(user_id="alice", timeout_s=0.05))["timed_out"]
            waiting = asyncio.ensure_future(memory.wait(user_id="alice", timeout_s=20))
            await asyncio.sleep(0.8)
            assert not waiting.done()
            await work(router, task_id, tenant, error="no")
            done = await waiting
            assert (done["timed_out"], done["results"][0]["error"]) == (False, "no")
            assert (await memory.retry_task(task_id))["state"] == "waiting"
            seen = []
            async for task in memory.watch(user_id="alice", timeout_s=20):
                seen.append(task["state"])
                if len(seen) == 1:
                    await memory.cancel_task(task_id)
            assert seen == ["waiting", "cancelled"]

        def command(*arguments: str) -> tuple[int, str]:
            result = CliRunner().invoke(app, ["tasks", *arguments, "--server", server])
            return result.exit_code, result.output

        code, shown = await asyncio.to_thread(command, "list", "--user", "alice")
        assert code == 0
        assert "cancelled" in shown
        assert task_id in shown
        code, shown = await asyncio.to_thread(command, "retry", task_id, "--json")
        assert json.loads(shown)["state"] == "waiting"
        code, shown = await asyncio.to_thread(command, "wait", "--user", "alice", "--for", "0.01", "--json")
        assert (code, json.loads(shown)["timed_out"]) == (4, True)
        code, shown = await asyncio.to_thread(command, "status", task_id)
        assert "mem_read" in shown
        code, shown = await asyncio.to_thread(command, "cancel", task_id)
        assert "cancelled" in shown
        code, shown = await asyncio.to_thread(command, "watch", "--user", "alice")
        assert (code, shown) == (0, "")


class Away:
    """A scheduler that can't be reached."""

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """See ``seam.Scheduler``."""
        raise ConnectionError("gone")


class There:
    """The scheduler's core, asked directly."""

    def __init__(self) -> None:
        self.core = Scheduler(SchedulerConfig(), LLMConfig("http://model/v1", "tiny"), frozenset({"mem_read"}))
        job = Job("local", "ask", "query", True)
        self.core.submit(job, 0.0)
        assert self.core.next_job(0.0, 0.0) is job
        self.core.end(job, Outcome(spent=Spent(1, 30, 4)), 0.0, 0.0)

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """See ``seam.Scheduler``."""
        return self.core.status("local", 0.0)


async def test_status_tells_of_the_scheduler_and_the_cubes_tasks(start: Any, router: LocalRouter) -> None:
    """What waits and why, what was spent; a scheduler that is away is a component that is down."""
    async with start(router=router, scheduler=There()) as running:
        await add(running)
        status = (await running.http.get("/v1/status", params={"user_id": "alice"})).json()
        part = next(one for one in status["components"] if one["name"] == "scheduler")
        assert part["state"] == "ready"
        assert "model tiny" in part["detail"]
        assert status["scheduler"]["spent_by_kind"] == {"query": {"calls": 1, "tokens_in": 30, "tokens_out": 4}}
        reading = next(one for one in status["cube"]["tasks"] if one["kind"] == "mem_read")
        assert (reading["waiting"], reading["in_progress"], reading["failed"]) == (1, 0, 0)
    again = LocalRouter(router._vault)
    async with start(router=again, scheduler=Away()) as running:
        status = (await running.http.get("/v1/status")).json()
        assert next(one for one in status["components"] if one["name"] == "scheduler")["state"] == "down"
        assert status["scheduler"] is None
