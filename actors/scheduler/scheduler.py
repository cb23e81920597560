"""The scheduler's core: which job is next, whether it may start, and what its end means. Plain Python, no waiting.

The shell (``actor.py``) puts in offers of tasks and calls, asks ``next_job`` whenever a reader has room, and reports
each ``Outcome``. Tasks are only hints: their cubes have them, so any of them may be forgotten here, and is asked for
again by the shell, which is told by ``forgotten`` of which cubes. Two clocks: ``now_s`` is monotonic, ``unix_s`` the
time of day, in which tasks say when they are due.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import TypeVar

from memcube.actors.llm import LLMConfig
from memcube.actors.llm.bill import spending_of
from memcube.actors.scheduler.accounts import Accounts
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.fair_queue import FairQueue
from memcube.actors.scheduler.job import CONVERT, Job, Offer, Outcome
from memcube.actors.scheduler.limits import Breaker, Pace, Span
from memcube.model.errors import ExhaustedError, NotConfiguredError, UnavailableError
from memcube.model.ids import CubeRef
from memcube.model.task import PREF_ADD
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Scheduler"]

T = TypeVar("T")

DAY_S = 24 * 3600.0
FIRST_TOKENS = 2000
"""What a job is expected to take before one of its kind has been seen."""
REFUSED_RETRY_S = 5.0
DOCUMENTS_PER_READER = 2
"""At most half of a reader's jobs: documents may take a minute each, and questions are not to wait for them."""
MODEL = "the language model"
NO_QUOTA = Span(0, DAY_S)
WORTH_OF_A_SECOND = 100.0
"""Of a reader's time, in a tenant's share; a document counts as one more when it begins."""


class Scheduler:
    """One a cluster. ``kinds_with_model`` are the kinds of tasks that need the language model."""

    def __init__(self, config: SchedulerConfig, llm: LLMConfig, kinds_with_model: frozenset[str]) -> None:
        self._config = config
        self._llm = llm
        self._kinds_with_model = kinds_with_model
        self._with_model = FairQueue(config.weight)
        self._without = FairQueue(config.weight)
        self._documents = FairQueue(config.weight)
        self._most_documents = config.max_readers * max(1, min(DOCUMENTS_PER_READER, config.jobs_per_reader // 2))
        self._tasks: dict[tuple[str, str, str], Job] = {}
        self._of_cube: Counter[CubeRef] = Counter()
        self._of_tenant: Counter[str] = Counter()
        self._later: list[tuple[float, int, Job]] = []
        self._running: set[Job] = set()
        self._numbers = count()
        self._calls = 0
        self._pace = Pace(llm)
        self._breaker = Breaker()
        self._failed_for = ""
        self._quotas: dict[str, Span] = {}
        self._expected: dict[str, float] = {}
        self._accounts = Accounts()
        self._forgotten: dict[CubeRef, None] = {}
        self.quotas_changed = False
        """Whether tokens of a tenant with a quota were taken since ``quotas`` was asked."""

    # --- in -----------------------------------------------------------------------------------------------------

    def offer(self, ref: CubeRef, offers: Iterable[Offer], now_s: float, unix_s: float) -> None:
        """A cube has these tasks to be done; said anew, when they are due is as said last."""
        for offer in offers:
            name = (ref.tenant, ref.key, offer.task_id)
            job = self._tasks.get(name)
            if job is not None and (job in self._running or job.due_s == offer.due_s):
                # Of one that runs its end will tell.
                continue
            if job is not None:
                self._drop(job)
            elif len(self._tasks) >= self._config.waiting_tasks:
                self._forgotten[ref] = None
                continue
            needs_model = offer.kind in self._kinds_with_model
            job = Job(ref.tenant, offer.kind, offer.kind, needs_model, ref, offer.task_id, offer.due_s)
            self._tasks[name] = job
            self._of_cube[ref] += 1
            self._of_tenant[ref.tenant] += 1
            self._enqueue(job, now_s, unix_s)

    def submit(self, job: Job, now_s: float) -> None:
        """A call that someone waits for. Raises ExhaustedError when too many wait, UnavailableError while the model
        that it needs is down or not there, or its tenant has no tokens left today."""
        if job.needs_model:
            if not self._llm.configured:
                raise NotConfiguredError(MODEL)
            wait_s = self._breaker.wait_s(now_s)
            # Where nothing else waits for the model, a question is the probe: nobody else would find it back.
            if self._breaker.down and (wait_s != 0.0 or self._with_model.has_for(self._within_quota(now_s))):
                raise UnavailableError(f"{MODEL} ({self._problem(job.tenant)})", wait_s or 1.0)
            quota = self._config.quota(job.tenant)
            if quota is not None and (wait_s := self._quota_wait_s(job.tenant, now_s)):
                raise ExhaustedError("your tokens of language models today", quota, wait_s)
        if self._calls >= self._config.waiting_calls:
            raise ExhaustedError("calls waiting for readers", self._config.waiting_calls, REFUSED_RETRY_S)
        job.since_s = now_s
        job.tokens = self._tokens_of(job)
        self._calls += 1
        self._queue_of(job).put(job)

    def withdraw(self, job: Job) -> None:
        """Nobody waits for this call any more; one that runs is not stopped."""
        if self._queue_of(job).remove(job):
            self._calls -= 1

    def knows(self, ref: CubeRef) -> bool:
        """Whether a task of this cube is known here, or will be asked for when there is room: no need to look."""
        return ref in self._of_cube or ref in self._forgotten

    def forgotten(self) -> list[CubeRef]:
        """Cubes whose tasks did not find room; empty while there is still none. They are the caller's to ask then."""
        if len(self._tasks) >= self._config.waiting_tasks // 2:
            return []
        found, self._forgotten = [*self._forgotten], {}
        return found

    # --- out ----------------------------------------------------------------------------------------------------

    def next_job(self, now_s: float, unix_s: float) -> Job | None:
        """The job that may start now; it runs from here on, until ``end``."""
        self._wake(now_s, unix_s)
        turns: list[tuple[FairQueue, Callable[[str], bool]]] = [(self._without, lambda tenant: True)]
        if self._room_for_documents():
            turns.append((self._documents, lambda tenant: True))
        if self._model_wait_s(now_s) == 0.0:
            turns.append((self._with_model, self._within_quota(now_s)))
        turns.sort(key=lambda turn: turn[0].rank(now_s))
        job = next((job for queue, allows in turns if (job := queue.take(now_s, allows)) is not None), None)
        if job is None:
            return None
        self._calls -= not job.is_task
        self._running.add(job)
        job.began_s = now_s
        self._accounts.started(job.tenant)
        if job.needs_model:
            job.probe = self._breaker.start()
            job.counted = self._pace.start(now_s, job.tokens), self._quota_of(job.tenant).add(now_s, job.tokens)
        return job

    def ready(self, now_s: float, unix_s: float) -> bool:
        """Whether a job could start now if a reader had room: what a new reader is started for."""
        self._wake(now_s, unix_s)
        if len(self._without) or (len(self._documents) and self._room_for_documents()):
            return True
        return self._model_wait_s(now_s) == 0.0 and self._with_model.has_for(self._within_quota(now_s))

    def wait_s(self, now_s: float, unix_s: float) -> float | None:
        """How long until ``next_job`` may have another answer by the mere passing of time; None = it will not."""
        waits = [max(0.0, self._later[0][0] - unix_s)] if self._later else []
        if len(self._with_model):
            model_s = self._model_wait_s(now_s)
            # Quotas and rates free up bit by bit; a second more or less is no matter.
            waits += [max(model_s, 1.0)] if model_s is not None else []
        return min(waits, default=None)

    def end(self, job: Job, outcome: Outcome, now_s: float, unix_s: float) -> None:
        """A job ended: its outcome is booked, and a task that is to be tried again waits."""
        self._running.discard(job)
        spent = outcome.spent
        tokens = spent.tokens_in + spent.tokens_out
        queue = self._queue_of(job)
        if job.needs_model:
            paced, quota = job.counted
            self._pace.end(now_s, paced, spent.calls, tokens)
            self._quota_of(job.tenant).settle(quota, now_s, tokens)
            self.quotas_changed |= bool(tokens) and job.tenant in self._quotas
            if spent.calls:
                known = self._expected.get(job.purpose)
                self._expected[job.purpose] = tokens if known is None else 0.8 * known + 0.2 * tokens
            self._judge(job, outcome, now_s)
        # What needs no model has its tenant's share by the time that it took.
        had = tokens if job.needs_model else WORTH_OF_A_SECOND * max(0.0, now_s - job.began_s)
        queue.charge(job.tenant, had - max(1, job.tokens))
        again = job.is_task and outcome.again_s is not None
        self._accounts.ended(job.tenant, job.purpose, spent, None if again else outcome.ok)
        if outcome.preferences:
            self._accounts.made(job.tenant, PREF_ADD, outcome.preferences)
        if job.is_task:
            self._drop(job)
            if outcome.again_s is not None and job.ref is not None:
                self.offer(job.ref, [Offer(job.task_id, job.kind, outcome.again_s)], now_s, unix_s)

    def load_quotas(self, taken: Mapping[str, Sequence[tuple[float, float]]], now_s: float, unix_s: float) -> None:
        """What ``quotas`` of an earlier scheduler gave: it counts on."""
        for tenant, entries in taken.items():
            if self._config.quota(tenant) is not None:
                for at_s, tokens in entries:
                    self._quota_of(tenant).add(min(now_s, now_s - (unix_s - at_s)), tokens)

    def quotas(self, now_s: float, unix_s: float) -> dict[str, list[tuple[float, float]]]:
        """The tokens of the last day by tenant, those with a quota: (Unix time, tokens), oldest first."""
        self.quotas_changed = False
        return {
            tenant: [(unix_s - (now_s - at_s), tokens) for at_s, tokens in span.within(now_s)]
            for tenant, span in self._quotas.items()
        }

    def runs(self, job: Job) -> bool:
        """Whether this job runs."""
        return job in self._running

    def running(self) -> Iterator[Job]:
        """The jobs that run."""
        return iter([*self._running])

    def status(self, tenant: str, now_s: float) -> pb.SchedulerStatus:
        """How it is, as a tenant may see it; the shell adds its readers."""
        account = self._accounts.of(tenant)
        running = sum(job.tenant == tenant and job.is_task for job in self._running)
        status = pb.SchedulerStatus(
            waiting=self._of_tenant[tenant] - running,
            running=account.running,
            completed=account.completed,
            failed=account.failed,
            model=self._llm.model,
            spent=spending_of(account.spent),
        )
        status.model_state, status.model_detail = self._model_state(tenant, now_s)
        for kind, spent in account.by_kind.items():
            status.spent_by_kind[kind].CopyFrom(spending_of(spent))
        for kind, done in account.done_by_kind.items():
            status.done_by_kind[kind] = done
        return status

    # --- inside -------------------------------------------------------------------------------------------------

    def _enqueue(self, job: Job, now_s: float, unix_s: float) -> None:
        if job.due_s > unix_s:
            heapq.heappush(self._later, (job.due_s, next(self._numbers), job))
            return
        job.since_s = now_s
        job.tokens = self._tokens_of(job)
        self._queue_of(job).put(job)

    def _wake(self, now_s: float, unix_s: float) -> None:
        while self._later and self._later[0][0] <= unix_s:
            _, _, job = heapq.heappop(self._later)
            if not job.gone:
                self._enqueue(job, now_s, unix_s)

    def _drop(self, job: Job) -> None:
        """Forget a task."""
        assert job.ref is not None
        job.gone = True
        self._tasks.pop((job.tenant, job.ref.key, job.task_id), None)
        self._queue_of(job).remove(job)
        _less(self._of_cube, job.ref)
        _less(self._of_tenant, job.tenant)

    def _queue_of(self, job: Job) -> FairQueue:
        if job.needs_model:
            return self._with_model
        return self._documents if job.kind == CONVERT else self._without

    def _room_for_documents(self) -> bool:
        return sum(job.kind == CONVERT for job in self._running) < self._most_documents

    def _tokens_of(self, job: Job) -> int:
        return int(self._expected.get(job.purpose, FIRST_TOKENS)) if job.needs_model else 0

    def _model_wait_s(self, now_s: float) -> float | None:
        """How long until a job may ask the model; None = until something else happens."""
        if not self._llm.configured:
            return None
        down_s = self._breaker.wait_s(now_s)
        paced_s = self._pace.wait_s(now_s, FIRST_TOKENS if not self._expected else int(max(self._expected.values())))
        return None if down_s is None or paced_s is None else max(down_s, paced_s)

    def _judge(self, job: Job, outcome: Outcome, now_s: float) -> None:
        if outcome.busy_s:
            # It is there, and busy.
            self._pace.pause(now_s, outcome.busy_s)
            self._breaker.ended(probe=job.probe)
        elif outcome.service_failure:
            if self._breaker.failed(now_s, outcome.error, probe=job.probe):
                self._failed_for = job.tenant
        elif outcome.spent.calls:
            self._breaker.succeeded()
        else:
            self._breaker.ended(probe=job.probe)

    def _problem(self, tenant: str) -> str:
        """Why the model is taken for down. An endpoint may quote what it was sent: whose call it was sees that."""
        return self._breaker.problem if tenant == self._failed_for else "its last calls failed"

    def _within_quota(self, now_s: float) -> Callable[[str], bool]:
        return lambda tenant: not self._quota_wait_s(tenant, now_s)

    def _quota_wait_s(self, tenant: str, now_s: float) -> float:
        return self._quotas[tenant].wait_s(now_s, 1) if tenant in self._quotas else 0.0

    def _quota_of(self, tenant: str) -> Span:
        quota = self._config.quota(tenant)
        if quota is None:
            return NO_QUOTA
        return self._quotas.setdefault(tenant, Span(quota, DAY_S))

    def _model_state(self, tenant: str, now_s: float) -> tuple[str, str]:
        if not self._llm.configured:
            return "off", "none is configured"
        if self._breaker.down:
            return "down", self._problem(tenant)
        if self._quota_wait_s(tenant, now_s):
            return "paced", "your tokens of today are used up"
        if paused_s := self._pace.paused_s(now_s):
            return "paced", f"it asks to be left alone for {paused_s:.0f} s"
        if self._pace.wait_s(now_s, 1):
            return "paced", "its rate is reached"
        return "ready", ""


def _less(counts: Counter[T], name: T) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
