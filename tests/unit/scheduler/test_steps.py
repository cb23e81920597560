"""Tasks that are done in steps, by real readers: to the end whatever is killed, and not a memory twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.cube.task_bulk import CHANGED
from memcube.actors.llm import LLMConfig
from memcube.model.ids import CubeRef, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

from .conftest import ALICE, Site

pytestmark = pytest.mark.anyio
REF = CubeRef("t", "user:alice")
Start = Callable[..., Any]


async def asked_for(s: Site) -> str:
    """A change of many memories; the task that waits."""
    await s.add(*(f"fact {n}" for n in range(6 * CHANGED)))
    change = task_pb2.BulkChange(add_tags=["seen"])
    request = pb.UpdateAllRequest(scope=pb.Scope(user_id="alice"), change=change)
    call = Call("update_all", request.SerializeToString(), ALICE, new_idempotency_key())
    body = await s.router.mutate(REF, call, create=False, timeout_s=10)
    task = pb.UpdateAllResponse.FromString(body).task
    assert task.state == task_pb2.TASK_STATE_WAITING
    return task.id


async def test_a_reader_goes_on_where_a_killed_one_stopped(site: Start) -> None:
    """Without a language model, found by the sweep: each memory is changed once."""
    async with site(begin=False) as s:
        s.new_desk(LLMConfig())
        task_id = await asked_for(s)
        await s.desk.start()

        async def begun() -> bool:
            return bool((await s.task(task_id)).progress.changed > CHANGED)

        await s.until(begun)
        for name in list(s.crew.readers):
            s.crew.kill(name)
        task = await s.ended(task_id)
        assert task.progress.changed == 6 * CHANGED
        found = await s.read("list", pb.ListRequest(page_size=1000), pb.ListResponse)
        assert {item.version for item in found.items} == {2}
        await s.quiet()
        assert s.desk.status("t").done_by_kind["mem_update"] == 1


async def test_a_cancelled_one_is_let_go_of(site: Start) -> None:
    """At its next step, and the reader has nothing more to do with it."""
    async with site(begin=False) as s:
        task_id = await asked_for(s)
        cancel = Call("cancel_task", pb.CancelTaskRequest(id=task_id).SerializeToString(), ALICE, "cancel")
        await s.desk.start()
        await s.router.mutate(REF, cancel, create=False, timeout_s=10)
        await s.quiet()
        await asyncio.sleep(0.05)
        assert (await s.task(task_id)).state == task_pb2.TASK_STATE_CANCELLED
