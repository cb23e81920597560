"""MemOS' scheduler is opaque: alive, doing nothing, counting 0; full queues drop the oldest without a word."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.actors.llm import LLMConfig, Spent
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.job import Job, Offer, Outcome
from memcube.actors.scheduler.scheduler import Scheduler
from memcube.model.errors import ExhaustedError, UnavailableError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

SCOPE = pb.Scope(user_id="alice")
ALICE = CubeRef("acme", "user:alice")
MODEL = LLMConfig("http://model/v1", "m", calls_at_once=100)


def scheduler(llm: LLMConfig = MODEL, **settings: Any) -> Scheduler:
    """The core that decides what is next."""
    return Scheduler(SchedulerConfig(**settings), llm, frozenset({"mem_read"}))


def test_1395_counts_are_those_of_the_tasks(mind: Any) -> None:
    """MemOS' counts are 0 without Redis while tasks pile up; here they are counted where the tasks are, whoever works."""
    for number in range(3):
        mind.say(f"fact {number}", session_id=f"s{number}")
    taken = mind.say("fact 3", session_id="s3").task_id
    mind.take(taken)
    failed = mind.say("fact 4", session_id="s4").task_id
    mind.work(failed, *[{"kind": "text", "text": "no"}] * 2)
    status = mind.read("cube_status", pb.StatusRequest(scope=SCOPE), pb.CubeStatus)
    (reading,) = [one for one in status.tasks if one.kind == "mem_read"]
    assert (reading.waiting, reading.in_progress, reading.failed) == (3, 1, 1)
    assert reading.last_error
    waited = mind.read("wait_tasks", pb.WaitTasksRequest(scope=SCOPE), pb.WaitTasksResponse)
    assert waited.timed_out
    assert len(waited.tasks) == 4


def test_1395_a_scheduler_that_processes_nothing_says_why() -> None:
    """MemOS' looks alive and does nothing; here status says that the model is down, or paced, and how much waits."""
    s = scheduler()
    s.offer(ALICE, [Offer(f"t{n}", "mem_read", 0.0) for n in range(5)], 0.0, 0.0)
    for _ in range(3):
        job = s.next_job(0.0, 0.0)
        assert job is not None
        s.end(job, Outcome(again_s=0.0, service_failure=True, error="connection refused"), 0.0, 0.0)
    assert s.next_job(0.0, 0.0) is None
    status = s.status("acme", 0.0)
    assert (status.model_state, status.model_detail, status.waiting) == ("down", "connection refused", 5)


def test_1266_tasks_need_no_broker(mind: Any) -> None:
    """MemOS' queue is in memory unless Redis is really used; here it is in the cube's file, and a crash loses nothing."""
    names = [mind.say(f"fact {number}", session_id=f"s{number}").task_id for number in range(4)]
    mind.take(names[0])
    mind.crash()
    states = [mind.task(name).state for name in names]
    assert states == [task_pb2.TASK_STATE_IN_PROGRESS] + [task_pb2.TASK_STATE_WAITING] * 3
    assert list(mind.vault.pending()) == [mind.ref]
    mind.later(61)
    assert mind.take(names[0]).task.attempts == 2


def test_section_5_a_full_queue_drops_nothing() -> None:
    """MemOS drops the oldest of 200 silently; here a full scheduler asks its cubes again, and refuses calls with a hint."""
    s = scheduler(waiting_tasks=4, waiting_calls=2)
    s.offer(ALICE, [Offer(f"t{n}", "mem_read", 0.0) for n in range(6)], 0.0, 0.0)
    done = []
    for _ in range(4):
        job = s.next_job(0.0, 0.0)
        assert job is not None
        done.append(job.task_id)
        s.end(job, Outcome(spent=Spent(1, 10, 10)), 0.0, 0.0)
    assert s.forgotten() == [ALICE]
    s.offer(ALICE, [Offer(f"t{n}", "mem_read", 0.0) for n in (4, 5)], 0.0, 0.0)
    while (job := s.next_job(0.0, 0.0)) is not None:
        done.append(job.task_id)
        s.end(job, Outcome(spent=Spent(1, 10, 10)), 0.0, 0.0)
    assert done == [f"t{n}" for n in range(6)]
    for _ in range(2):
        s.submit(Job("acme", "ask", "ask", True), 0.0)
    with pytest.raises(ExhaustedError) as refusal:
        s.submit(Job("acme", "ask", "ask", True), 0.0)
    assert refusal.value.facts["retry_after_s"] > 0


def test_section_5_nobody_starves() -> None:
    """MemOS serves the first stream greedily, and its priorities and quotas are TODO; here tenants take turns."""
    s = scheduler()
    s.offer(ALICE, [Offer(f"t{n}", "mem_read", 0.0) for n in range(500)], 0.0, 0.0)
    s.offer(CubeRef("small", "user:bob"), [Offer("only", "mem_read", 0.0)], 0.0, 0.0)
    first = [s.next_job(0.0, 0.0) for _ in range(3)]
    assert "only" in [job.task_id for job in first if job]


def test_2353_a_model_is_asked_no_faster_than_allowed() -> None:
    """MemOS 2.0.31 has no throttling per model; here calls and tokens a minute hold over all tenants together."""
    s = scheduler(LLMConfig("http://model/v1", "m", requests_per_minute=10, calls_at_once=100))
    for tenant in ("a", "b"):
        s.offer(CubeRef(tenant, "user:x"), [Offer(f"t{n}", "mem_read", 0.0) for n in range(50)], 0.0, 0.0)
    started: list[float] = []
    for second in range(120):
        while (job := s.next_job(float(second), float(second))) is not None:
            started.append(second)
            s.end(job, Outcome(spent=Spent(1, 10, 10)), float(second), float(second))
    assert all(sum(at <= other < at + 60 for other in started) <= 10 for at in started)
    assert len(started) >= 20


def test_2353_a_busy_model_is_left_alone_as_long_as_it_asks() -> None:
    """Nor is it asked before the time that its 429 names; its tenants' questions hear when to come back."""
    s = scheduler()
    s.offer(ALICE, [Offer("t", "mem_read", 0.0), Offer("u", "mem_read", 0.0)], 0.0, 0.0)
    job = s.next_job(0.0, 0.0)
    assert job is not None
    s.end(job, Outcome(again_s=0.0, service_failure=True, busy_s=30.0, error="429"), 0.0, 0.0)
    assert s.next_job(29.0, 29.0) is None
    assert s.status("acme", 29.0).model_state == "paced"
    assert s.next_job(30.0, 30.0) is not None


def test_claude_mem_3848_what_memory_costs_is_told(mind: Any) -> None:
    """Users of all rivals ask what ingestion costs (EverOS#56, nemori#11, mem0#2820); here each task and tenant says it."""
    said = mind.say("I like tea", "I like cake", "I live in Lisbon", "I have a dog", session_id="s")
    task = mind.work(said.task_id)
    assert task.spent.calls == 1
    assert (task.spent.tokens_in, task.spent.tokens_out) == (mind.endpoint.tokens_in, mind.endpoint.tokens_out)
    failing = mind.say("I like rain", session_id="t")
    failed = mind.work(failing.task_id, *[{"kind": "text", "text": "no"}] * 2)
    assert failed.spent.calls == 2
    s = scheduler()
    s.offer(ALICE, [Offer("t", "mem_read", 0.0)], 0.0, 0.0)
    job = s.next_job(0.0, 0.0)
    assert job is not None
    s.end(job, Outcome(spent=Spent(1, 70, 7)), 0.0, 0.0)
    assert s.status("acme", 0.0).spent_by_kind["mem_read"].tokens_in == 70
    assert not s.status("other", 0.0).spent.calls


def test_section_5_a_model_that_is_down_refuses_at_once() -> None:
    """MemOS lets callers wait for a dead model; here a question is refused with the reason and when to retry."""
    s = scheduler()
    for n in range(3):
        job = Job("acme", "ask", f"ask{n}", True)
        s.submit(job, 0.0)
        assert s.next_job(0.0, 0.0) is job
        s.end(job, Outcome(ok=False, service_failure=True, error="connection refused"), 0.0, 0.0)
    with pytest.raises(UnavailableError, match="connection refused"):
        s.submit(Job("acme", "ask", "ask", True), 0.0)
