"""A reader: does jobs that take long, many at a time. Plain asyncio; ``actor.py`` makes it a Ray actor.

A task is taken from its cube, handed to the handler of its kind, and finished, all by way of the reader's own router:
whatever becomes of the scheduler meanwhile, a task that was done is kept. Errors come back as values with what was
spent, because failures are paid for too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from memcube.actors.cube.call import Call
from memcube.actors.cube.incident import incident
from memcube.actors.llm import Bill, Prompt, Reply, Spent
from memcube.actors.reader.failing import failed
from memcube.actors.scheduler.job import Outcome
from memcube.model.errors import (
    DeadlineError,
    ExhaustedError,
    MemCubeError,
    NotConfiguredError,
    NotFoundError,
    TaskStateError,
    UnavailableError,
)
from memcube.model.ids import CubeRef, Principal
from memcube.model.task import MEM_ORGANIZE, MEM_READ
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import filter_pb2, item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Asked", "Converted", "Cubes", "Handler", "Reader", "TaskJob", "ended_outcome", "longest_s", "worker_of"]

log = logging.getLogger(__name__)

CUBE_S = 30.0
"""Bound of one call on a cube: a frame may have to be started."""
HANDLER_SHARE = 0.8
"""Part of a lease that a handler may take, so that its work is kept before another reader takes the task."""
BUSY_S = 5.0
"""How long an endpoint that has too much to do is left alone, if it does not say."""
SIMILAR = 10
SIMILAR_CHARS = 1000
READ_TOGETHER = MEM_READ
"""Tasks whose items are one text; those of others are looked for one by one."""
MOST_QUERIES = 64
COMPARED = frozenset({MEM_READ, MEM_ORGANIZE})
"""Kinds of tasks that want to know what says the same already."""


class Cubes(Protocol):
    """The way to the cubes: ``actors.directory.router.CubeRouter``."""

    async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
        """See ``CubeRouter``."""

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """See ``CubeRouter``."""


class Chat(Protocol):
    """A language model: ``actors.llm.client.ChatModel``."""

    async def ask(self, prompt: Prompt, within_s: float, check: Any = None, bill: Bill | None = None) -> Reply:
        """See ``ChatModel``."""


Handler: TypeAlias = Callable[[work_pb2.TakeTaskResponse, Any, datetime], Awaitable[work_pb2.FinishTaskRequest]]
"""Does a task of one kind with the language model, which is None where none is configured."""


@dataclass(frozen=True, slots=True)
class TaskJob:
    """A task to be done. ``take_key`` is the take's idempotency key: who knows it can take the same lease again."""

    ref: CubeRef
    task_id: str
    take_key: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply, or why there is none; with what it cost."""

    reply: Reply | None
    error: MemCubeError | None = None
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Converted:
    """What a document became, or why it did not."""

    chunks: Any
    error: MemCubeError | None = None


def longest_s(lease_s: float) -> float:
    """How long a task may take its reader, whatever it meets: the take, similar memories, the handler, and the finish
    with the one that says why a cube refused it; or steps until the lease is over, and the last one's call."""
    return max(HANDLER_SHARE, 1.0) * lease_s + 4 * CUBE_S


def worker_of(tenant: str) -> Principal:
    """In whose name tasks are taken and finished; what they change is in the name of who caused them."""
    return Principal(tenant, "memcube", ("admin",))


class Reader:
    """Used in one event loop. Every method returns; none raises for what a job meets."""

    def __init__(
        self,
        name: str,
        cubes: Cubes,
        chat: Chat | None,
        handlers: Mapping[str, Handler],
        convert: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self._cubes = cubes
        self._chat = chat
        self._handlers = handlers
        self._convert = convert
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}
        self._handling: set[asyncio.Future[work_pb2.FinishTaskRequest]] = set()
        self._stopping = False

    async def tasks(self) -> list[str]:
        """Ids of the tasks that it has now."""
        return [*self._tasks]

    async def perform(self, job: TaskJob) -> Outcome:
        """Do a task to its end, unless another worker has it or it has ended."""
        doing = asyncio.ensure_future(self._perform(job))
        self._tasks[job.task_id] = doing
        try:
            # Not ended by the asker's going away.
            return await asyncio.shield(doing)
        finally:
            if self._tasks.get(job.task_id) is doing:
                del self._tasks[job.task_id]

    async def stop(self) -> None:
        """Give its tasks back: they wait again, and nothing of them is lost."""
        self._stopping = True
        # Takes and finishes on their way are not stopped: who knows what the cube made of them.
        for handling in self._handling:
            handling.cancel()
        doing = [*self._tasks.values()]
        if doing:
            await asyncio.wait(doing, timeout=CUBE_S)

    async def ask(self, prompt: Prompt, within_s: float) -> Asked:
        """A model's reply."""
        bill = Bill()
        try:
            if self._chat is None:
                raise NotConfiguredError("the language model")
            reply = await self._chat.ask(prompt, within_s, None, bill)
            return Asked(reply, spent=bill.spent)
        except MemCubeError as error:
            return Asked(None, error, bill.spent)
        except Exception as error:  # noqa: BLE001 - a defect, reported with its incident
            return Asked(None, incident(log, error, f"asking for {prompt.purpose}"), bill.spent)

    async def convert(self, name: str, media_type: str, data: bytes, within_s: float) -> Converted:
        """What a document's bytes say. Blocking work runs in a thread."""
        try:
            if self._convert is None:
                raise UnavailableError("reading documents", 60.0)
            chunks = await asyncio.to_thread(self._convert, name, media_type, data, within_s)
            return Converted(chunks)
        except MemCubeError as error:
            return Converted(None, error)
        except Exception as error:  # noqa: BLE001 - a defect, reported with its incident
            return Converted(None, incident(log, error, "converting a document"))

    async def _perform(self, job: TaskJob) -> Outcome:
        try:
            work = await self._take(job)
        except (NotFoundError, TaskStateError) as error:
            # Its cube is gone, or it has ended, or another worker has it: not ours any more.
            return Outcome(error=error.message)
        except MemCubeError as error:
            # A damaged cube is looked at again with the next sweep, not every second.
            return Outcome(ok=False, again_s=_soon(error) if error.RETRYABLE else None, error=error.message)
        if work.task.state != task_pb2.TASK_STATE_IN_PROGRESS:
            return ended_outcome(work.task, Spent())
        if work.task.HasField("bulk"):
            return await self._go_on(job, work.task)
        handling = asyncio.ensure_future(self._handle(job, work))
        self._handling.add(handling)
        try:
            if self._stopping:
                handling.cancel()
            request = await handling
        except asyncio.CancelledError:
            if not self._stopping:
                handling.cancel()
                raise
            request = work_pb2.FinishTaskRequest(
                error="the system was stopped meanwhile", retryable=True, service_failure=True
            )
        finally:
            self._handling.discard(handling)
        return await self._finish(job, work.task, request)

    async def _take(self, job: TaskJob) -> work_pb2.TakeTaskResponse:
        take = work_pb2.TakeTaskRequest(id=job.task_id, worker=self.name, lease_s=job.lease_s)
        work = work_pb2.TakeTaskResponse.FromString(await self._mutate(job.ref, "take_task", take, job.take_key))
        if work.items and work.task.kind in COMPARED:
            await self._add_similar(job.ref, work)
        return work

    async def _add_similar(self, ref: CubeRef, work: work_pb2.TakeTaskResponse) -> None:
        """Memories made before, in other sessions too, that may say what the items say."""
        first = work.items[0]
        scope = pb.Scope(cube_id=ref.cube_id, user_id=first.user_id, agent_id=first.agent_id, run_id=first.run_id)
        derived = filter_pb2.Filter()
        derived.condition.field = "derived_from"
        derived.condition.op = filter_pb2.OPERATOR_EXISTS
        derived.condition.value.bool_value = True
        texts = [item.memory for item in work.items]
        if work.task.kind == READ_TOGETHER:
            texts = ["\n".join(texts)]
        request = pb.BatchSearchRequest()
        for text in texts[:MOST_QUERIES]:
            request.requests.add(scope=scope, query=text[:SIMILAR_CHARS], top_k=SIMILAR, filter=derived)
        call = Call("batch_search", request.SerializeToString(), worker_of(ref.tenant))
        try:
            found = pb.BatchSearchResponse.FromString(await self._cubes.read(ref, call, timeout_s=CUBE_S))
        except MemCubeError as error:
            log.info("task %s goes without similar memories: %s", work.task.id, error)
            return
        there: set[str] = {item.id for item in (*work.items, *work.known)}
        hits = [hit.item for result in found.results for hit in result.found.hits]
        similar: dict[str, item_pb2.Item] = {item.id: item for item in hits if item.id not in there}
        work.known.extend(similar.values())

    async def _handle(self, job: TaskJob, work: work_pb2.TakeTaskResponse) -> work_pb2.FinishTaskRequest:
        handler = self._handlers.get(work.task.kind)
        if handler is None:
            problem = f"nobody here knows tasks of kind {work.task.kind!r}"
            return work_pb2.FinishTaskRequest(error=problem, retryable=False)
        within_s = job.lease_s * HANDLER_SHARE
        try:
            async with asyncio.timeout(within_s):
                return await handler(work, self._chat, utc_now())
        except TimeoutError:
            return failed(work, DeadlineError(f"task {work.task.id}", within_s))
        except MemCubeError as error:
            return failed(work, error)
        except Exception as error:  # noqa: BLE001 - a defect is the task's failure, and visible in it
            return failed(work, incident(log, error, f"in task {work.task.id}"))

    async def _go_on(self, job: TaskJob, task: task_pb2.Task) -> Outcome:
        """Do a task in steps, each a commit of its cube that also says how far it is: whoever comes next goes on there."""
        ends_s = time.monotonic() + job.lease_s
        while task.state == task_pb2.TASK_STATE_IN_PROGRESS:
            if self._stopping or time.monotonic() > ends_s:
                why = "the system was stopped meanwhile" if self._stopping else "others are to have their turn"
                paused = work_pb2.FinishTaskRequest(error=why, retryable=True, service_failure=True)
                return await self._finish(job, task, paused)
            step = work_pb2.StepTaskRequest(id=task.id, attempt=task.attempts, lease_s=job.lease_s)
            key = f"step:{task.id}:{task.attempts}:{task.progress.done}"
            try:
                body = await self._mutate(job.ref, "step_task", step, key)
            except (NotFoundError, TaskStateError) as error:
                # It was cancelled, or is another's.
                return Outcome(error=error.message)
            except MemCubeError as error:
                return await self._finish(job, task, failed(work_pb2.TakeTaskResponse(task=task), error))
            task = work_pb2.StepTaskResponse.FromString(body).task
        return ended_outcome(task, Spent())

    async def _finish(self, job: TaskJob, task: task_pb2.Task, request: work_pb2.FinishTaskRequest) -> Outcome:
        request.id, request.attempt = task.id, task.attempts
        request.ClearField("idempotency_key")
        spent = Spent(request.spent.calls, request.spent.tokens_in, request.spent.tokens_out)
        key = f"finish:{task.id}:{task.attempts}"
        try:
            try:
                body = await self._mutate(job.ref, "finish_task", request, key)
            except (NotFoundError, TaskStateError, UnavailableError, DeadlineError, ExhaustedError):
                raise
            except MemCubeError as error:
                # The cube does not take what was made of it: the task has to say so.
                refused = failed(work_pb2.TakeTaskResponse(task=task), error)
                refused.retryable = False
                refused.spent.CopyFrom(request.spent)
                body = await self._mutate(job.ref, "finish_task", refused, f"{key}:refused")
        except (NotFoundError, TaskStateError) as error:
            return Outcome(spent=spent, error=error.message)
        except MemCubeError as error:
            # Whether it was kept is not known: the cube knows, and the task is looked at when its lease is over.
            return Outcome(ok=False, again_s=utc_now().timestamp() + job.lease_s, spent=spent, error=error.message)
        ended = work_pb2.FinishTaskResponse.FromString(body).task
        busy_s = (request.retry_after_s or BUSY_S) if request.busy else 0.0
        outcome = ended_outcome(ended, spent, request.service_failure, busy_s)
        made = sum(draft.memory_type == item_pb2.MEMORY_TYPE_PREFERENCE for draft in request.drafts)
        return replace(outcome, preferences=made if outcome.ok else 0)

    async def _mutate(self, ref: CubeRef, verb: str, request: Any, key: str) -> bytes:
        call = Call(verb, request.SerializeToString(), worker_of(ref.tenant), key)
        return await self._cubes.mutate(ref, call, create=False, timeout_s=CUBE_S)


def ended_outcome(task: task_pb2.Task, spent: Spent, service_failure: bool = False, busy_s: float = 0.0) -> Outcome:
    """What the state of a task after an attempt means to the scheduler."""
    waits = task.state == task_pb2.TASK_STATE_WAITING
    again_s = task.not_before.ToNanoseconds() / 1e9 if waits else None
    ok = task.state in (task_pb2.TASK_STATE_COMPLETED, task_pb2.TASK_STATE_CANCELLED)
    return Outcome(ok, again_s, spent, service_failure, busy_s, task.error)


def _soon(error: MemCubeError) -> float:
    return utc_now().timestamp() + max(1.0, float(error.facts.get("retry_after_s", 0.0)))
