"""The scheduler at work: keeps readers busy with what the core says is next. Plain asyncio; ``actor.py`` is its shell.

Nothing that matters is in here only. Tasks are in their cubes: those that nobody told of, or that were forgotten, are
found by sweeps over the vault's list of pending cubes. A reader that is lost has its tasks given back at once, because
the scheduler knows under which key each was taken; and a scheduler that starts gives back what no living reader has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Protocol

from memcube.actors.cube.incident import incident
from memcube.actors.llm import LLMConfig, Prompt, Reply
from memcube.actors.llm.refusal import is_busy
from memcube.actors.reader.reader import Asked, Cubes, TaskJob, longest_s
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.finder import Finder
from memcube.actors.scheduler.job import ASK, CONVERT, Job, Offer, Outcome
from memcube.actors.scheduler.ledger import Ledger
from memcube.actors.scheduler.scheduler import Scheduler
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError
from memcube.model.ids import CubeRef, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Crew", "Desk"]

log = logging.getLogger(__name__)

START_S = 60.0
"""Bound of a reader's start."""
FIRST_START_PAUSE_S, LAST_START_PAUSE_S = 0.5, 60.0
"""Pause after a start that failed; doubled each time."""
PING_S = 5.0
GRACE_S = 15.0
"""A reader that is so late with a job's end is not waited for any longer: it is ended."""
GIVEN_UP_S = 0.5
"""So much longer than its caller's time a call that runs is waited for: its reader ends it in time, and says what it cost."""
IDLE_LOOK_S = 5.0
LEDGER_S = 1.0
"""How often the tokens of the day are written where they changed: so much of them a kill may lose."""
TRIES = 2
"""Readers that a call is given to, one after the other, when they are lost with it."""


class Crew(Protocol):
    """Readers as processes."""

    async def running(self) -> list[str]:
        """Names of the readers that exist, whoever started them."""

    async def start(self, name: str) -> None:
        """Start one; calls wait until it is there."""

    async def end(self, name: str) -> None:
        """End one at once, also one that hangs."""

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """Call a reader; UnavailableError when it is gone."""


class _Reader:
    """What is known of a reader."""

    def __init__(self, name: str, now_s: float) -> None:
        self.name = name
        self.load = 0
        self.idle_since_s = now_s


class Desk:
    """Used in one event loop. Calls raise MemCubeError only."""

    def __init__(
        self,
        config: SchedulerConfig,
        llm: LLMConfig,
        kinds: frozenset[str],
        cubes: Cubes,
        crew: Crew,
        pending: Callable[[], Iterable[CubeRef]],
        ledger: Ledger | None = None,
    ) -> None:
        """``kinds`` are the kinds of tasks that are done with the language model; ``pending`` is ``Vault.pending``;
        ``ledger`` is where the tokens of the day are kept, None = nowhere."""
        self._config = config
        self._llm = llm
        self._core = Scheduler(config, llm, kinds)
        self._ledger = ledger
        self._crew = crew
        self._readers: dict[str, _Reader] = {}
        self._starting: set[str] = set()
        self._failed_starts = 0
        self._next_name = 0
        self._adopted: dict[str, set[str]] = {}
        """Tasks that readers had when this scheduler started: their own to finish."""
        self._finder = Finder(config, cubes, pending, self._core.knows, self._has, self.offer)
        self._wake = asyncio.Event()
        self._work: set[asyncio.Task[Any]] = set()
        self._closing = False

    # --- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take over the readers that run, and begin. Returns at once; what is to be done is found in the background."""
        if self._ledger is not None:
            self._core.load_quotas(self._ledger.load(), time.monotonic(), time.time())
            self._background(self._keep_ledger())
        self._background(self._begin())

    async def _keep_ledger(self) -> None:
        while not self._closing:
            await asyncio.sleep(LEDGER_S)
            await self._write_ledger()

    async def _write_ledger(self) -> None:
        if self._ledger is not None and self._core.quotas_changed:
            taken = self._core.quotas(time.monotonic(), time.time())
            await asyncio.to_thread(self._ledger.save, taken)

    async def _begin(self) -> None:
        for name in await self._found():
            self._next_name = max(self._next_name, _number(name) + 1)
            try:
                async with asyncio.timeout(PING_S):
                    self._adopted[name] = set(await self._crew.send(name, "tasks"))
                # One that has tasks of before is not idle until their leases are over.
                busy_s = self._config.lease_s if self._adopted[name] else 0.0
                self._readers[name] = _Reader(name, time.monotonic() + busy_s)
            except (MemCubeError, TimeoutError) as error:
                log.warning("reader %s does not answer, and is ended: %s", name, error)
                await self._crew.end(name)
        self._background(self._drive())
        self._background(self._finder.sweep())

    async def _found(self) -> list[str]:
        while True:
            try:
                return await self._crew.running()
            except MemCubeError as error:
                log.warning("which readers run is not known yet: %s", error)
                await asyncio.sleep(1.0)

    async def stop(self) -> None:
        """Start nothing more, let readers give their tasks back (bounded), end them."""
        self._closing = True
        self._finder.close()
        self._wake.set()
        names = [*self._readers]
        with suppress(TimeoutError):
            async with asyncio.timeout(PING_S):
                await asyncio.gather(*(self._crew.send(name, "stop") for name in names), return_exceptions=True)
        for one in self._work:
            one.cancel()
        await self._write_ledger()
        for name in (*names, *self._starting):
            with suppress(MemCubeError):
                await self._crew.end(name)

    # --- in -------------------------------------------------------------------------------------------------------

    def offer(self, ref: CubeRef, offers: Iterable[Offer]) -> None:
        """A cube tells what it has to be done."""
        self._core.offer(ref, offers, time.monotonic(), time.time())
        self._wake.set()

    async def ask(self, tenant: str, prompt: Prompt, within_s: float) -> Reply:
        """A language model's reply, when it is this call's turn. Raises UnavailableError, ExhaustedError,
        DeadlineError, or what the model's client raises."""
        asked = await self.asked(tenant, prompt, within_s)
        if asked.reply is None:
            raise asked.error or UnavailableError("the scheduler")
        return asked.reply

    async def asked(self, tenant: str, prompt: Prompt, within_s: float) -> Asked:
        """The same with what it cost, whatever came of it: errors are values here."""
        try:
            asked: Asked = await self._asked(tenant, prompt, within_s)
            return asked
        except MemCubeError as error:
            return Asked(None, error)

    async def _asked(self, tenant: str, prompt: Prompt, within_s: float) -> Any:
        ends_s = time.monotonic() + within_s

        async def run(reader: str) -> tuple[Any, Outcome]:
            left_s = max(0.1, ends_s - time.monotonic())
            asked: Asked = await self._send(reader, left_s + GRACE_S, "ask", prompt, left_s)
            error = asked.error
            # Late is a failure of the model's only where it had all of its time: who asks may be in haste.
            late = isinstance(error, DeadlineError) and left_s >= self._llm.timeout_s
            service = late or isinstance(error, UnavailableError)
            busy_s = float(error.facts["retry_after_s"]) if error is not None and is_busy(error) else 0.0
            outcome = Outcome(error is None, None, asked.spent, service, busy_s, error.message if error else "")
            return asked, outcome

        job = Job(tenant, ASK, prompt.purpose, True)
        return await self._call(job, run, within_s, f"the language model ({prompt.purpose})")

    async def convert(self, tenant: str, name: str, media_type: str, data: Any, within_s: float) -> Any:
        """What a document says, from a reader process. ``data`` are its bytes, or what the crew carries for them."""
        ends_s = time.monotonic() + within_s

        async def run(reader: str) -> tuple[Any, Outcome]:
            left_s = max(0.1, ends_s - time.monotonic())
            done = await self._send(reader, left_s + GRACE_S, "convert", name, media_type, data, left_s)
            return done.error or done.chunks, Outcome(done.error is None)

        return await self._call(Job(tenant, CONVERT, CONVERT, False), run, within_s, f"reading {name or 'a document'}")

    def status(self, tenant: str) -> pb.SchedulerStatus:
        """How it is, as a tenant may see it."""
        status = self._core.status(tenant, time.monotonic())
        status.workers, status.max_workers = len(self._readers), self._config.max_readers
        if self._failed_starts and not self._readers:
            status.model_state = "down"
            status.model_detail = f"{self._failed_starts} starts of readers failed; the log says why"
        return status

    async def _call(
        self, job: Job, run: Callable[[str], Coroutine[Any, Any, tuple[Any, Outcome]]], within_s: float, what: str
    ) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        job.work = (run, answer, TRIES)
        self._core.submit(job, time.monotonic())
        self._wake.set()
        try:
            done, _ = await asyncio.wait((answer,), timeout=within_s)
            if not done and self._core.runs(job):
                done, _ = await asyncio.wait((answer,), timeout=GIVEN_UP_S)
            if not done:
                raise DeadlineError(what, within_s)
            result = answer.result()
        finally:
            answer.cancel()
            self._core.withdraw(job)
        if isinstance(result, MemCubeError):
            raise result
        return result

    # --- out ------------------------------------------------------------------------------------------------------

    async def _drive(self) -> None:
        while not self._closing:
            self._wake.clear()
            pause_s = IDLE_LOOK_S
            try:
                self._dispatch()
                self._staff()
                for ref in self._core.forgotten():
                    self._finder.look(ref)
                wait_s = self._core.wait_s(time.monotonic(), time.time())
                pause_s = IDLE_LOOK_S if wait_s is None else min(wait_s, IDLE_LOOK_S)
            except Exception as error:  # noqa: BLE001 - without this loop nothing would ever be done again
                incident(log, error, "in the scheduler's loop")
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.01, pause_s)):
                    await self._wake.wait()

    def _dispatch(self) -> None:
        while reader := self._free():
            job = self._core.next_job(time.monotonic(), time.time())
            if job is None:
                return
            reader.load += 1
            self._background(self._do(reader, job))

    def _free(self) -> _Reader | None:
        """The reader with the least to do, if it has room."""
        reader = min(self._readers.values(), key=lambda one: one.load, default=None)
        return reader if reader is not None and reader.load < self._config.jobs_per_reader else None

    def _staff(self) -> None:
        """Start a reader where work waits for one; end one that has had nothing to do for long."""
        now_s = time.monotonic()
        count = len(self._readers) + len(self._starting)
        short = count < self._config.min_readers
        if not short and self._free() is None and not self._starting and count < self._config.max_readers:
            short = self._core.ready(now_s, time.time())
        if short:
            name = f"reader-{self._next_name}"
            self._next_name += 1
            self._starting.add(name)
            self._background(self._start_reader(name))
            return
        for reader in [*self._readers.values()]:
            idle = not reader.load and now_s - reader.idle_since_s > self._config.idle_s
            if idle and len(self._readers) > self._config.min_readers:
                del self._readers[reader.name]
                self._adopted.pop(reader.name, None)
                self._background(self._crew.end(reader.name))

    async def _start_reader(self, name: str) -> None:
        try:
            await self._crew.start(name)
            async with asyncio.timeout(START_S):
                await self._crew.send(name, "tasks")
            self._readers[name] = _Reader(name, time.monotonic())
            self._failed_starts = 0
        except (MemCubeError, TimeoutError) as error:
            self._failed_starts += 1
            log.warning("reader %s did not start, and is tried again: %s", name, error)
            with suppress(MemCubeError):
                await self._crew.end(name)
            await asyncio.sleep(min(FIRST_START_PAUSE_S * 2 ** min(self._failed_starts - 1, 10), LAST_START_PAUSE_S))
        finally:
            self._starting.discard(name)
            self._wake.set()

    async def _do(self, reader: _Reader, job: Job) -> None:
        outcome = Outcome(ok=False, again_s=time.time() + 5.0)
        try:
            outcome = await (self._do_task(reader, job) if job.is_task else self._do_call(reader, job))
        except Exception as error:  # noqa: BLE001 - the task is in its cube, and is tried again
            told = incident(log, error, f"in the scheduler, with {job.kind}")
            outcome = Outcome(ok=False, again_s=time.time() + self._config.lease_s, error=told.message)
            if not job.is_task and not job.work[1].done():
                job.work[1].set_result(told)
        finally:
            reader.load -= 1
            reader.idle_since_s = max(reader.idle_since_s, time.monotonic())
            self._core.end(job, outcome, time.monotonic(), time.time())
            self._wake.set()

    async def _do_task(self, reader: _Reader, job: Job) -> Outcome:
        assert job.ref is not None
        job.take_key, job.worker = f"take:{job.task_id}:{new_idempotency_key()}", reader.name
        lease_s = self._config.lease_s
        try:
            task = TaskJob(job.ref, job.task_id, job.take_key, lease_s)
            outcome: Outcome = await self._send(reader.name, longest_s(lease_s) + GRACE_S, "perform", task)
            return outcome
        except UnavailableError as error:
            await self._lose(reader, error)
            return await self._finder.give_back(job)

    async def _do_call(self, reader: _Reader, job: Job) -> Outcome:
        run, answer, tries = job.work
        if answer.done():
            return Outcome()
        try:
            result, outcome = await run(reader.name)
        except UnavailableError as error:
            await self._lose(reader, error)
            if tries > 1 and not answer.done():
                again = Job(job.tenant, job.kind, job.purpose, job.needs_model, work=(run, answer, tries - 1))
                with suppress(MemCubeError):
                    self._core.submit(again, time.monotonic())
                    return Outcome(ok=False)
            result, outcome = error, Outcome(ok=False, error=error.message)
        if not answer.done():
            answer.set_result(result)
        return Outcome(outcome.ok, None, outcome.spent, outcome.service_failure, outcome.busy_s, outcome.error)

    async def _send(self, reader: str, within_s: float, method: str, *args: Any) -> Any:
        """Call a reader; UnavailableError when it is gone, and when it does not answer in time."""
        try:
            async with asyncio.timeout(within_s):
                return await self._crew.send(reader, method, *args)
        except TimeoutError:
            raise UnavailableError(f"{reader} (silent)", 1.0) from None

    def _has(self, task_id: str) -> bool:
        """Whether a reader that lives has a task."""
        mine = any(job.task_id == task_id for job in self._core.running())
        return mine or any(task_id in ids for ids in self._adopted.values())

    async def _lose(self, reader: _Reader, error: MemCubeError) -> None:
        """A reader is gone, or as good as gone."""
        self._adopted.pop(reader.name, None)
        if self._readers.get(reader.name) is reader:
            del self._readers[reader.name]
            if not self._closing:
                log.warning("reader %s is lost: %s", reader.name, error)
            with suppress(MemCubeError):
                await self._crew.end(reader.name)

    def _background(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the scheduler's background work failed", exc_info=error)


def _number(name: str) -> int:
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
