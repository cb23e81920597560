"""The scheduler at work: tasks found, done once, and given back when whoever had them is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from memcube.actors.llm import LLMConfig, Prompt
from memcube.actors.reader.organize import organize
from memcube.model.errors import DeadlineError, ExhaustedError, InternalError, UnavailableError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

pytestmark = pytest.mark.anyio
Start = Callable[..., Any]
REF = CubeRef("t", "user:alice")
FAILED, WAITING = task_pb2.TASK_STATE_FAILED, task_pb2.TASK_STATE_WAITING
IN_PROGRESS = task_pb2.TASK_STATE_IN_PROGRESS


async def test_an_offered_task_is_read_and_finished(site: Start) -> None:
    """By a reader that was started for it; the account says whose it was."""
    async with site(sweep_s=60.0) as s:
        assert s.crew.started == []
        added = await s.add("I moved to Lisbon", "My dog is Rex")
        s.offer(REF, added.task_id)
        task = await s.ended(added.task_id)
        assert s.crew.started == ["reader-0"]
        assert await s.texts() == [
            "Alice said: I moved to Lisbon",
            "Alice said: My dog is Rex",
            "I moved to Lisbon",
            "My dog is Rex",
        ]
        assert task.spent.calls == 1
        await s.quiet()
        status = s.desk.status("t")
        assert (status.completed, status.waiting, status.running, status.workers) == (1, 0, 0, 1)
        assert status.spent_by_kind["mem_read"].tokens_in == 10
        assert s.desk.status("another").completed == 0


async def test_tasks_that_nobody_told_of_are_found(site: Start) -> None:
    """Frames that could not reach the scheduler, or were killed before: the vault knows which cubes have tasks."""
    async with site(begin=False) as s:
        names = [(await s.add(f"I am {user}", user=user)).task_id for user in ("alice", "bob", "carol")]
        await s.desk.start()
        await s.ended(names[0])

        async def all_done() -> bool:
            return bool(s.desk.status("t").completed == 3)

        await s.until(all_done)


async def test_a_killed_reader_loses_no_task_and_does_none_twice(site: Start) -> None:
    """Its task is given back at once, with the reason; the next reader does it."""
    async with site(max_readers=1, sweep_s=60.0) as s:
        s.model.gate.clear()
        added = await s.add("I moved to Lisbon")
        s.offer(REF, added.task_id)
        await s.ended(added.task_id, IN_PROGRESS)
        s.crew.kill("reader-0")
        task = await s.ended(added.task_id, WAITING)
        assert "was lost" in task.error
        s.model.gate.set()
        task = await s.ended(added.task_id)
        assert (task.attempts, task.error) == (2, "")
        assert s.crew.started == ["reader-0", "reader-1"]
        assert await s.texts() == ["Alice said: I moved to Lisbon", "I moved to Lisbon"]


async def test_a_scheduler_that_comes_back_goes_on(site: Start) -> None:
    """It takes over the readers, leaves them what they have, and finds the rest by itself."""
    async with site(max_readers=1) as s:
        s.model.gate.clear()
        first = await s.add("I moved to Lisbon")
        await s.ended(first.task_id, IN_PROGRESS)
        before = s.desk
        await s.new_desk().start()
        before._closing = True
        second = await s.add("My dog is Rex")
        s.offer(REF, second.task_id)
        s.model.gate.set()
        for name in (first.task_id, second.task_id):
            assert (await s.ended(name)).attempts == 1
        assert s.crew.started == ["reader-0"]
        assert len(await s.texts()) == 4


async def test_after_a_kill_of_everything_no_lease_is_waited_for(site: Start) -> None:
    """No reader lives that could have the task: it is given back, and done by a new one."""
    async with site(max_readers=1, lease_s=3600.0) as s:
        s.model.gate.clear()
        added = await s.add("I moved to Lisbon")
        await s.ended(added.task_id, IN_PROGRESS)
        s.desk._closing = True
        s.desk._finder.close()
        for work in s.desk._work:
            work.cancel()
        s.crew.kill("reader-0")
        s.model.gate.set()
        assert (await s.task(added.task_id)).state == IN_PROGRESS
        await s.new_desk().start()
        task = await s.ended(added.task_id)
        assert task.attempts == 2
        assert await s.texts() == ["Alice said: I moved to Lisbon", "I moved to Lisbon"]


async def test_a_stopped_system_gives_its_tasks_back(site: Start) -> None:
    """In order, with the reason, and without wearing out their patience: the next start goes on with them."""
    async with site() as s:
        s.model.gate.clear()
        added = await s.add("I moved to Lisbon")
        await s.ended(added.task_id, IN_PROGRESS)
        await s.desk.stop()
        task = await s.task(added.task_id)
        assert task.state == WAITING
        assert "stopped" in task.error
        assert s.crew.readers == {}


async def test_a_model_that_is_down_fails_no_task(site: Start) -> None:
    """They wait, the status says why, questions are refused at once; when it is back they are done."""
    async with site(sweep_s=60.0) as s:
        s.model.error = UnavailableError("the language model (connection refused)", 0.05)
        names = []
        for number in range(4):
            added = await s.add(f"message {number}", user=f"user{number}")
            names.append(added.task_id)
            s.offer(CubeRef("t", f"user:user{number}"), added.task_id)

        async def down() -> bool:
            return bool(s.desk.status("t").model_state == "down")

        await s.until(down)
        status = s.desk.status("t")
        assert "connection refused" in status.model_detail
        assert status.failed == 0
        with pytest.raises(UnavailableError, match="connection refused"):
            await s.desk.ask("t", Prompt((), "decompose"), 5.0)


async def test_a_handler_that_breaks_is_the_tasks_failure(site: Start) -> None:
    """Visible with an incident, and tried again; a kind that nobody knows is given up at once."""
    async with site(sweep_s=60.0) as s:

        async def broken(work: Any, chat: Any, now: Any) -> Any:
            raise ZeroDivisionError

        s.handlers["mem_read"] = broken
        added = await s.add("I moved to Lisbon")
        s.offer(REF, added.task_id)
        task = await s.ended(added.task_id, WAITING)

        async def failed_once() -> bool:
            return bool((await s.task(added.task_id)).error)

        await s.until(failed_once)
        task = await s.task(added.task_id)
        assert "internal error" in task.error
        assert task.HasField("not_before")


async def test_questions_share_readers_and_answer_in_time_or_not_at_all(site: Start) -> None:
    """A reply; a deadline; the model's own error; a full queue."""
    async with site(max_readers=1, waiting_calls=2, jobs_per_reader=1) as s:
        reply = await s.desk.ask("t", Prompt((), "decompose"), 5.0)
        assert reply.text == "about decompose"
        assert s.desk.status("t").spent_by_kind["decompose"].calls == 1
        s.model.error = InternalError("x")
        with pytest.raises(InternalError):
            await s.desk.ask("t", Prompt((), "decompose"), 5.0)
        s.model.error = None
        s.model.gate.clear()
        running = asyncio.ensure_future(s.desk.ask("t", Prompt((), "first"), 5.0))
        await asyncio.sleep(0.02)
        waiting = [asyncio.ensure_future(s.desk.ask("t", Prompt((), "next"), 0.1)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(ExhaustedError, match="calls waiting"):
            await s.desk.ask("t", Prompt((), "one too many"), 5.0)
        for one in waiting:
            with pytest.raises(DeadlineError, match="next"):
                await one
        s.model.gate.set()
        assert (await running).text == "about first"
        assert [prompt.purpose for prompt in s.model.asked][-1] == "first"


async def test_who_asks_in_haste_does_not_take_the_model_down(site: Start) -> None:
    """For everyone: a model that was late is down only where it had all of its time."""
    async with site(max_readers=1) as s:
        s.model.error = DeadlineError("the language model", 0.5)
        for _ in range(4):
            with pytest.raises(DeadlineError):
                await s.desk.ask("t", Prompt((), "decompose"), 5.0)
        assert s.desk.status("t").model_state == "ready"
        for _ in range(3):
            with pytest.raises(DeadlineError):
                await s.desk.ask("t", Prompt((), "decompose"), LLMConfig().timeout_s + 5.0)
        assert s.desk.status("t").model_state == "down"


async def test_a_defect_in_the_loop_does_not_end_it(site: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged, and what waits is done."""
    async with site(sweep_s=60.0, min_readers=1) as s:
        forgotten, broken = s.desk._core.forgotten, [True]

        def fails_once() -> list[CubeRef]:
            if broken.pop() if broken else False:
                raise ZeroDivisionError
            return forgotten()

        monkeypatch.setattr(s.desk._core, "forgotten", fails_once)
        added = await s.add("I moved to Lisbon")
        s.offer(REF, added.task_id)
        await s.ended(added.task_id)
        assert not broken


async def test_a_reader_that_is_taken_over_with_a_task_is_not_idle(site: Start) -> None:
    """A scheduler that starts anew ends no reader amid what it had before."""
    async with site(sweep_s=60.0, idle_s=0.05) as s:
        s.model.gate.clear()
        added = await s.add("I moved to Lisbon")
        s.offer(REF, added.task_id)
        await s.ended(added.task_id, IN_PROGRESS)
        second = s.new_desk()
        await second.start()
        await asyncio.sleep(0.2)
        second._wake.set()
        await asyncio.sleep(0.05)
        assert s.crew.readers
        s.model.gate.set()
        assert (await s.ended(added.task_id)).attempts == 1


async def test_a_question_outlives_the_reader_that_had_it(site: Start) -> None:
    """Whoever asks does not notice more than the time that it takes."""
    async with site(max_readers=1) as s:
        s.model.gate.clear()
        asking = asyncio.ensure_future(s.desk.ask("t", Prompt((), "decompose"), 10.0))

        async def asked() -> bool:
            return bool(s.model.asked)

        await s.until(asked)
        s.crew.kill("reader-0")
        s.model.gate.set()
        assert (await asking).text == "about decompose"
        assert s.crew.started == ["reader-0", "reader-1"]


async def test_without_a_model_documents_are_read_and_nothing_else_runs(site: Start) -> None:
    """No reader until the first document; no look at any cube."""
    async with site(begin=False) as s:
        s.convert = lambda name, media_type, data, within_s: [f"{name}: {data.decode()}"]
        await s.add("I moved to Lisbon")
        await s.new_desk(LLMConfig()).start()
        await asyncio.sleep(0.1)
        assert s.crew.started == []
        assert await s.desk.convert("t", "a.txt", "text/plain", b"words", 5.0) == ["a.txt: words"]
        assert s.crew.started == ["reader-0"]
        with pytest.raises(UnavailableError, match="none is configured"):
            await s.desk.ask("t", Prompt((), "decompose"), 5.0)
        assert s.desk.status("t").model_state == "off"


async def test_readers_that_do_not_start_are_told_of_and_tried_again(site: Start) -> None:
    """With growing pauses; the tasks wait, the status says so, and when one starts they are done."""
    async with site(sweep_s=60.0) as s:
        start, s.crew.start = s.crew.start, broken_start
        added = await s.add("I moved to Lisbon")
        s.offer(REF, added.task_id)

        async def told() -> bool:
            return "starts of readers failed" in s.desk.status("t").model_detail

        await s.until(told)
        assert (await s.task(added.task_id)).attempts == 0
        s.crew.start = start
        await s.ended(added.task_id)
        assert s.desk.status("t").model_state == "ready"


async def broken_start(name: str) -> None:
    """No process comes of it."""
    raise UnavailableError(name)


async def test_readers_come_with_work_and_go_without(site: Start) -> None:
    """Up to the bound while jobs wait, down to the least after a while of nothing."""
    async with site(max_readers=2, jobs_per_reader=2, idle_s=0.05, sweep_s=60.0) as s:
        s.model.gate.clear()
        for number in range(8):
            added = await s.add(f"message {number}", user=f"user{number}")
            s.offer(CubeRef("t", f"user:user{number}"), added.task_id)

        async def full() -> bool:
            return bool(s.desk.status("t").running == 4)

        await s.until(full)
        assert len(s.crew.readers) == 2
        s.model.gate.set()

        async def gone() -> bool:
            s.desk._wake.set()
            return not s.crew.readers

        await s.until(gone)
        assert s.desk.status("t").completed == 8


async def test_memories_that_say_the_same_become_one(site: Start) -> None:
    """Without a model: what two conversations made is compared by words, and the newer one stays."""

    async def merge(work: Any, chat: Any, now: Any) -> Any:
        return organize(work)

    async with site(sweep_s=60.0) as s:
        s.router._frame = replace(s.frame, organizing=True)
        s.handlers["mem_organize"] = merge
        for text in ("I moved to Lisbon in the spring of last year", "I moved to Lisbon in the spring of last year"):
            added = await s.add(text)
            s.offer(REF, added.task_id)
            await s.ended(added.task_id)
        found = await s.read("list_tasks", pb.ListTasksRequest(kinds=["mem_organize"]), pb.ListTasksResponse)
        for task in found.tasks:
            s.offer(REF, task.id, "mem_organize")
            await s.ended(task.id)
        said = [text for text in await s.texts() if text.startswith("Alice said")]
        assert len(said) == 1


async def test_similar_memories_of_other_sessions_are_handed_to_the_reader(site: Start) -> None:
    """So that it does not say them again."""
    seen: list[list[str]] = []

    async with site(sweep_s=60.0) as s:
        done = s.handlers["mem_read"]

        async def watching(work: Any, chat: Any, now: Any) -> Any:
            seen.append([item.memory for item in work.known])
            return await done(work, chat, now)

        s.handlers["mem_read"] = watching
        for text in ("I moved to Lisbon", "Lisbon it is, I moved there"):
            added = await s.add(text)
            s.offer(REF, added.task_id)
            await s.ended(added.task_id)
        assert seen == [[], ["Alice said: I moved to Lisbon"]]
