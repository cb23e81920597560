"""The scheduler's core: what starts when, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.actors.llm import LLMConfig, Spent
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.job import Job, Offer, Outcome
from memcube.actors.scheduler.scheduler import Scheduler
from memcube.model.errors import ExhaustedError, InvalidArgumentError, UnavailableError
from memcube.model.ids import CubeRef

ALICE, BOB = CubeRef("acme", "user:alice"), CubeRef("other", "user:bob")
DOWN = Outcome(again_s=0.0, service_failure=True, error="connection refused")


class Core:
    """A scheduler and a clock that the test moves; both clocks are one."""

    def __init__(self, llm: LLMConfig | None = None, **settings: Any) -> None:
        llm = llm or LLMConfig("http://model/v1", "m", calls_at_once=100)
        self.core = Scheduler(SchedulerConfig(**settings), llm, frozenset({"mem_read", "mem_organize"}))
        self.now_s = 1000.0

    def offer(self, ref: CubeRef, *names: str, kind: str = "mem_read", due_s: float = 0.0) -> None:
        """Tasks of a cube."""
        self.core.offer(ref, [Offer(name, kind, due_s) for name in names], self.now_s, self.now_s)

    def ask(self, tenant: str = "acme", *, model: bool = True) -> Job:
        """Someone's question, or document."""
        kind = "ask" if model else "convert"
        job = Job(tenant, kind, kind, model)
        self.core.submit(job, self.now_s)
        return job

    def next(self) -> Job | None:
        """What may start now."""
        return self.core.next_job(self.now_s, self.now_s)

    def end(self, job: Job | None, outcome: Outcome | None = None) -> None:
        """It ended."""
        assert job is not None
        self.core.end(job, outcome or Outcome(spent=Spent(1, 80, 20)), self.now_s, self.now_s)

    def wait_s(self) -> float | None:
        """Until something changes by itself."""
        return self.core.wait_s(self.now_s, self.now_s)


def test_a_task_starts_when_it_is_due_and_once() -> None:
    """Offered again while it waits or runs, it is still one; after its end it may come again."""
    c = Core()
    c.offer(ALICE, "t", due_s=1010.0)
    c.offer(ALICE, "t", due_s=1010.0)
    assert c.next() is None
    assert c.wait_s() == 10.0
    c.now_s = 1010.0
    job = c.next()
    assert job is not None
    assert (job.ref, job.task_id) == (ALICE, "t")
    c.offer(ALICE, "t")
    assert c.next() is None
    assert c.core.knows(ALICE)
    c.end(job)
    assert not c.core.knows(ALICE)
    c.offer(ALICE, "t")
    assert c.next() is not None


def test_a_task_that_becomes_due_sooner_or_later_is_moved() -> None:
    """A window that fills is read at once; what is retried waits no longer."""
    c = Core()
    c.offer(ALICE, "t", due_s=2000.0)
    c.offer(ALICE, "t", due_s=0.0)
    c.offer(BOB, "u", due_s=0.0)
    c.offer(BOB, "u", due_s=2000.0)
    job = c.next()
    assert job is not None
    assert job.task_id == "t"
    assert c.next() is None
    c.now_s = 2000.0
    later = c.next()
    assert later is not None
    assert later.task_id == "u"
    assert c.next() is None


def test_a_failed_task_comes_again_when_its_cube_says() -> None:
    """The pause is the cube's; accounts count it when it has ended, its tokens at once."""
    c = Core()
    c.offer(ALICE, "t")
    c.end(c.next(), Outcome(ok=False, again_s=1005.0, spent=Spent(2, 100, 50), error="nonsense"))
    status = c.core.status("acme", c.now_s)
    assert (status.waiting, status.completed, status.failed, status.spent.tokens_out) == (1, 0, 0, 50)
    assert c.next() is None
    c.now_s = 1005.0
    c.end(c.next(), Outcome(ok=False, spent=Spent(2, 100, 50)))
    status = c.core.status("acme", c.now_s)
    assert (status.waiting, status.running, status.failed, status.spent.calls) == (0, 0, 1, 4)
    assert status.spent_by_kind["mem_read"].calls == 4
    assert c.core.status("other", c.now_s).spent.calls == 0


def test_someone_who_waits_goes_before_background_work() -> None:
    """And a tenant with thousands of tasks takes nothing of another's turn."""
    c = Core()
    c.offer(ALICE, *(f"t{number}" for number in range(1000)))
    c.offer(BOB, "only")
    question = c.ask("other")
    assert c.next() is question
    started = [c.next() for _ in range(3)]
    assert "only" in [job.task_id for job in started if job]


def test_calls_that_fail_together_are_one_outage() -> None:
    """A dozen on their way when the model goes put the next probe off by no more than the first pause."""
    c = Core()
    c.offer(ALICE, *(f"t{number}" for number in range(12)))
    jobs = [c.next() for _ in range(12)]
    for job in jobs:
        c.end(job, Outcome(again_s=c.now_s, service_failure=True, error="connection refused"))
    assert c.next() is None
    c.now_s += 2.0
    probe = c.next()
    assert probe is not None
    assert c.next() is None
    c.end(probe)
    assert c.next() is not None


def test_a_model_that_is_down_is_probed_and_nothing_fails_meanwhile() -> None:
    """Tasks wait; questions are refused at once with a hint; one probe after the other, then all goes on."""
    c = Core()
    c.offer(ALICE, *(f"t{number}" for number in range(10)))
    for _ in range(3):
        c.end(c.next(), Outcome(ok=False, again_s=c.now_s, service_failure=True, error="connection refused"))
    assert c.next() is None
    assert c.core.status("acme", c.now_s).model_state == "down"
    assert c.core.status("acme", c.now_s).waiting == 10
    with pytest.raises(UnavailableError, match="connection refused"):
        c.ask()
    c.now_s += c.wait_s() or 0.0
    probe = c.next()
    assert probe is not None
    assert c.next() is None
    c.end(probe, Outcome(ok=False, again_s=c.now_s, service_failure=True, error="connection refused"))
    assert c.next() is None
    c.now_s += 100
    c.end(c.next())
    assert c.core.status("acme", c.now_s).model_state == "ready"
    assert len([job for _ in range(20) if (job := c.next())]) == 9


def test_a_question_probes_a_model_for_which_nothing_else_waits() -> None:
    """Without background work nobody else would find it back; one at a time, and another tenant hears no details."""
    c = Core()
    for _ in range(3):
        c.ask()
        c.end(c.next(), Outcome(ok=False, service_failure=True, error="it said: secret"))
    with pytest.raises(UnavailableError, match="secret"):
        c.ask("acme")
    with pytest.raises(UnavailableError, match="its last calls failed"):
        c.ask("other")
    assert c.core.status("other", c.now_s).model_detail == "its last calls failed"
    c.now_s += 3
    probe = c.ask("other")
    with pytest.raises(UnavailableError):
        c.ask("acme")
    assert c.next() is probe
    with pytest.raises(UnavailableError):
        c.ask("acme")
    c.end(probe)
    assert c.core.status("acme", c.now_s).model_state == "ready"
    assert c.next() is None
    c.ask("acme")


def test_someone_who_waits_goes_before_work_without_a_model_too() -> None:
    """Classes and ages hold over both kinds of work."""
    c = Core()
    documents = [c.ask(model=False) for _ in range(2)]
    c.offer(ALICE, *(f"t{n}" for n in range(20)), kind="tidy")
    question = c.ask("other")
    assert [c.next() for _ in range(3)] == [question, *documents]
    c.now_s += 200
    assert c.next() is not None
    assert c.ask() is not c.next()


def test_no_reader_is_started_for_a_tenant_without_tokens() -> None:
    """It could do nothing."""
    c = Core(tokens_per_day={"acme": 100})
    c.offer(ALICE, "a", "b")
    c.end(c.next())
    assert c.next() is None
    assert not c.core.ready(c.now_s, c.now_s)
    c.offer(BOB, "c")
    assert c.core.ready(c.now_s, c.now_s)


def test_documents_are_converted_while_the_model_is_away() -> None:
    """What needs no model waits for none."""
    c = Core(LLMConfig())
    c.offer(ALICE, "t")
    document = c.ask(model=False)
    assert c.next() is document
    assert c.next() is None
    assert c.core.status("acme", c.now_s).model_state == "off"
    assert c.core.status("acme", c.now_s).waiting == 1
    with pytest.raises(UnavailableError, match="none is configured"):
        c.ask()


def test_rates_hold_calls_back_and_a_busy_endpoint_is_left_alone() -> None:
    """Not as failures: whoever waits goes on when there is room."""
    c = Core(LLMConfig("http://model/v1", "m", requests_per_minute=2, calls_at_once=8))
    c.offer(ALICE, "a", "b", "c")
    first, second = c.next(), c.next()
    assert c.next() is None
    c.end(first)
    c.end(second, Outcome(ok=False, again_s=c.now_s, service_failure=True, busy_s=90.0, spent=Spent(1)))
    assert c.core.status("acme", c.now_s).model_state == "paced"
    c.now_s += 61
    assert c.next() is None
    c.now_s += 30
    assert c.next() is not None


def test_calls_at_once_bound_those_on_their_way() -> None:
    """However many readers there are."""
    c = Core(LLMConfig("http://model/v1", "m", calls_at_once=2))
    c.offer(ALICE, "a", "b", "c")
    first, _ = c.next(), c.next()
    assert c.next() is None
    assert not c.core.ready(c.now_s, c.now_s)
    assert c.wait_s() is None
    c.end(first)
    assert c.core.ready(c.now_s, c.now_s)


def test_a_daily_quota_stops_one_tenant_only() -> None:
    """Its tasks wait for the next day, its questions are refused with that hint; others do not notice."""
    c = Core(tokens_per_day={"acme": 5000})
    c.offer(ALICE, "a", "b")
    c.end(c.next(), Outcome(spent=Spent(1, 4000, 1500)))
    c.offer(BOB, "c")
    job = c.next()
    assert job is not None
    assert job.tenant == "other"
    assert c.next() is None
    with pytest.raises(ExhaustedError, match="tokens") as refused:
        c.ask("acme")
    assert refused.value.retry_after_s > 23 * 3600
    assert c.core.status("acme", c.now_s).model_state == "paced"
    assert c.core.status("other", c.now_s).model_state == "ready"
    c.now_s += 24 * 3600 + 1
    assert c.next() is not None


def test_a_full_queue_refuses_calls_with_a_hint() -> None:
    """And takes the next one as soon as one has started or was withdrawn."""
    c = Core(waiting_calls=2)
    first, second = c.ask(), c.ask()
    with pytest.raises(ExhaustedError, match="limit of 2") as refused:
        c.ask()
    assert refused.value.retry_after_s > 0
    assert c.next() is first
    third = c.ask()
    c.core.withdraw(second)
    c.ask()
    assert c.next() is third


def test_tasks_beyond_what_is_kept_in_mind_are_asked_for_later() -> None:
    """Not lost: their cube is named once there is room again, and no sweep looks at it in vain before."""
    c = Core(waiting_tasks=4)
    c.offer(ALICE, "a", "b", "c", "d")
    c.offer(BOB, "e")
    assert c.core.knows(BOB)
    assert c.core.forgotten() == []
    for _ in range(3):
        c.end(c.next())
    assert c.core.forgotten() == [BOB]
    assert c.core.forgotten() == []
    assert not c.core.knows(BOB)


def test_settings_that_make_no_sense_are_refused() -> None:
    """By name."""
    for settings in ({"max_readers": 0}, {"min_readers": 3}, {"weights": {"acme": 0.0}}):
        with pytest.raises(InvalidArgumentError, match="scheduler"):
            SchedulerConfig(**settings)


def test_documents_leave_readers_room_for_questions() -> None:
    """Documents that take a minute each had every place of the only reader, and questions waited for them."""
    c = Core(max_readers=1)
    documents = [c.ask("other", model=False) for _ in range(8)]
    assert {c.next(), c.next()} == set(documents[:2])
    assert c.next() is None and not c.core.ready(c.now_s, c.now_s)
    question = c.ask()
    assert c.next() is question
    c.end(documents[0])
    assert c.next() is documents[2]
