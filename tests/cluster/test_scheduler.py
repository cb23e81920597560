"""Tasks on real Ray: readers, scheduler and frames are killed in the midst of them; none is lost, none done twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.config import RouterConfig
from memcube.actors.llm import Bill, LLMConfig, Prompt
from memcube.actors.scheduler.actor import SchedulerRecipe, start_scheduler
from memcube.actors.scheduler.client import SchedulerClient
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.deployments.reading import KINDS_WITH_MODEL, reader_recipe
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from llm_endpoint import Endpoint
from llm_fixtures import endpoint, running_endpoint

__all__ = ["endpoint", "running_endpoint"]

ALICE = Principal("t", "alice", ("admin",))
COMPLETED = task_pb2.TASK_STATE_COMPLETED


class Reading:
    """A paging system with a scheduler whose readers ask a real endpoint."""

    def __init__(self, paging: Any, endpoint: Endpoint, actor: Any) -> None:
        self.paging = paging
        self.endpoint = endpoint
        self.actor = actor
        self.client = SchedulerClient()

    async def add(self, name: str, *texts: str) -> pb.AddResponse:
        """Add messages to a cube."""
        request = pb.AddRequest(session_id="s", messages=[pb.Message(content=text, role="user") for text in texts])
        call = Call("add", request.SerializeToString(), ALICE, new_idempotency_key())
        body = await self.paging.router.mutate(CubeRef("t", name), call, create=True, timeout_s=30)
        return pb.AddResponse.FromString(body)

    async def tasks(self, name: str) -> list[task_pb2.Task]:
        """All tasks of a cube."""
        call = Call("list_tasks", pb.ListTasksRequest(page_size=1000).SerializeToString(), ALICE)
        body = await self.paging.router.read(CubeRef("t", name), call, timeout_s=30)
        return list(pb.ListTasksResponse.FromString(body).tasks)

    async def until(self, condition: Callable[[], Any], within_s: float = 60.0) -> Any:
        """Wait for something to become true."""
        ends_s = time.monotonic() + within_s
        while not (found := await condition()):
            assert time.monotonic() < ends_s
            await asyncio.sleep(0.05)
        return found

    async def all_completed(self, name: str) -> list[task_pb2.Task]:
        """The tasks of a cube once all are done."""

        async def done() -> list[task_pb2.Task] | None:
            found = [task for task in await self.tasks(name) if task.kind == "mem_read"]
            return found if found and all(task.state == COMPLETED for task in found) else None

        found: list[task_pb2.Task] = await self.until(done)
        return found

    async def asked(self) -> bool:
        """Whether the endpoint has a request that it does not answer yet."""
        return bool(self.endpoint.requests)


def kill(kind: str) -> None:
    """kill -9 the one process of our cluster whose title, as Ray sets it, names this class of actors."""
    (victim,) = [
        one for one in psutil.Process().children(recursive=True) if " ".join(one.cmdline()).startswith(f"ray::{kind}")
    ]
    victim.kill()


@pytest.fixture
def reading(paged: Callable[..., Any], endpoint: Endpoint, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``async with reading() as r``: a system that reads finely, and ends with the block."""

    @contextlib.asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Reading]:
        frame = FrameConfig(fine_reading=True, read_settle_s=0.05, read_window=4)
        llm = LLMConfig(endpoint.url, "tiny", timeout_s=30.0)
        config = SchedulerConfig(**{"sweep_s": 1.0, "lease_s": 60.0, "max_readers": 1, **settings})
        recipe = SchedulerRecipe(
            partial(SqliteVault, tmp_path / "vault"),
            reader_recipe(RouterConfig(), llm),
            KINDS_WITH_MODEL,
            llm,
            config,
        )
        async with paged(frame=frame, open_scheduler=SchedulerClient, max_frames=2) as paging:
            actor = start_scheduler(recipe)
            try:
                yield Reading(paging, endpoint, actor)
            finally:
                await asyncio.to_thread(ray.get, actor.drain.remote(), timeout=30)
                ray.kill(actor, no_restart=True)

    yield start


async def said_and_changed(r: Reading) -> None:
    """Feedback that a model judges, and a change of more memories than one step takes, of a cube of their own."""
    name, scope = "user:told", pb.Scope(user_id="told")
    added = await r.add(name, *(f"fact {number} of the flat in Paris" for number in range(60)))
    first = added.items[0].id
    feedback = pb.FeedbackRequest(scope=scope, feedback="No, I moved to Berlin", memory_ids=[first])
    change = pb.UpdateAllRequest(scope=scope, change=task_pb2.BulkChange(add_tags=["flat"]))
    for verb, request in (("feedback", feedback), ("update_all", change)):
        call = Call(verb, request.SerializeToString(), ALICE, new_idempotency_key())
        await r.paging.router.mutate(CubeRef("t", name), call, create=False, timeout_s=30)

    async def done() -> bool:
        tasks = [task for task in await r.tasks(name) if task.kind in ("mem_feedback", "mem_update")]
        return len(tasks) == 2 and all(task.state == COMPLETED for task in tasks)

    await r.until(done)
    call = Call("get", pb.GetRequest(id=first).SerializeToString(), ALICE)
    item = pb.GetResponse.FromString(await r.paging.router.read(CubeRef("t", name), call, timeout_s=30)).item
    assert (item.memory, list(item.tags), item.version) == ("I moved to Berlin", ["flat"], 3)


def test_a_task_outlives_its_reader_its_scheduler_and_its_frame(reading: Callable[..., Any]) -> None:
    """Each is killed while a model is asked: the message is read all the same, and its facts are there once."""

    async def scenario() -> None:
        async with reading() as r:
            for victim in ("reader", "scheduler", "frame"):
                r.endpoint.reset()
                r.endpoint.always({"kind": "hang"})
                name = f"user:{victim}"
                added = await r.add(name, "I moved to Lisbon in March.")
                assert added.task_id
                await r.until(r.asked)
                if victim == "reader":
                    kill("Reader")
                elif victim == "scheduler":
                    kill("MemScheduler")
                else:
                    _, pid = await r.paging.host_of(name)
                    os.kill(pid, signal.SIGKILL)
                r.endpoint.reset()
                (task,) = await r.all_completed(name)
                texts = await r.paging.texts(name)
                assert len(texts) == len(set(texts)) == 1 + len(task.result_ids)
                assert task.result_ids
                assert task.attempts == (2 if victim == "reader" else 1)

    asyncio.run(scenario())


def test_a_cube_may_be_paged_out_while_its_task_is_done(reading: Callable[..., Any]) -> None:
    """More cubes than frames, a task each: all are read; questions and documents go through the same readers."""

    async def scenario() -> None:
        async with reading(max_readers=2) as r:
            names = [f"user:{number}" for number in range(6)]
            for name in names:
                await r.add(name, f"I am {name}. My dog is Rex.")
            for name in names:
                (task,) = await r.all_completed(name)
                assert task.spent.calls == 1
            await said_and_changed(r)
            bill = Bill()
            reply = await r.client.ask(ALICE, Prompt((), "query"), 20.0, bill)
            assert reply.text and bill.spent.calls == 1
            done = await r.client.convert(ALICE, "notes.md", "text/markdown", b"# Plans\n\nLisbon in May.", 30.0)
            assert "Lisbon in May." in done.text
            status = await r.client.status("t")
            assert status.completed >= len(names)
            assert status.spent_by_kind["mem_read"].calls >= len(names)
            assert status.done_by_kind["mem_feedback"] == status.done_by_kind["mem_update"] == 1
            assert status.model_state == "ready"
            assert (await r.client.status("another")).completed == 0

    asyncio.run(scenario())


def test_a_model_that_comes_back_finds_the_tasks_waiting(reading: Callable[..., Any]) -> None:
    """Down for a while: the status says so, nothing fails, and all is read afterwards."""

    async def scenario() -> None:
        async with reading() as r:
            r.endpoint.always({"kind": "status", "status": 503})
            for number in range(3):
                await r.add(f"user:{number}", "I moved to Lisbon in March.")

            async def down() -> bool:
                with contextlib.suppress(MemCubeError):
                    return (await r.client.status("t")).model_state == "down"
                return False

            await r.until(down)
            r.endpoint.reset()
            for number in range(3):
                await r.all_completed(f"user:{number}")
            assert (await r.client.status("t")).failed == 0

    asyncio.run(scenario())
