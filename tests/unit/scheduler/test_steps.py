"""Tasks that are done in steps, by real readers: to the end whatever is killed, and not a memory twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.cube.task_bulk import CHANGED
from memcube.actors.llm import LLMConfig
from memcube.actors.reader.reader import CUBE_S, HANDLER_SHARE, longest_s
from memcube.model.ids import CubeRef, new_idempotency_key
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

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


async def test_preferences_that_a_reading_made_are_counted_by_their_name(site: Start) -> None:
    """As pref_add, beside the mem_read that made them."""

    async def prefers(work: work_pb2.TakeTaskResponse, chat: Any, now: Any) -> work_pb2.FinishTaskRequest:
        request = work_pb2.FinishTaskRequest()
        for kind in (item_pb2.MEMORY_TYPE_PREFERENCE, item_pb2.MEMORY_TYPE_USER):
            request.drafts.add(memory=f"of kind {kind}", memory_type=kind, derived_from=[work.items[0].id])
        return request

    async with site() as s:
        s.handlers["mem_read"] = prefers
        await s.ended((await s.add("I like tea")).task_id)
        await s.quiet()
        done = s.desk.status("t").done_by_kind
        assert (done["mem_read"], done["pref_add"]) == (1, 1)


def test_a_reader_has_all_the_time_that_its_bounds_add_up_to() -> None:
    """Take, similar memories, handler, finish and the finish that tells of a refused one: it is not ended before."""
    for lease_s in (1.0, 300.0, 3600.0):
        assert longest_s(lease_s) >= CUBE_S + CUBE_S + HANDLER_SHARE * lease_s + 2 * CUBE_S
