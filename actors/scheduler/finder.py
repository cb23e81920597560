"""Tasks of which the scheduler does not know, or that nobody has any more: found, and let wait again.

By the vault's list of pending cubes; each such cube is paged in and asked, a few at a time.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.cube.incident import incident
from memcube.actors.llm import Spent
from memcube.actors.reader.reader import Cubes, ended_outcome, worker_of
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.job import Job, Offer, Outcome
from memcube.model.errors import MemCubeError, NotFoundError, TaskStateError
from memcube.model.ids import CubeRef, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2, work_pb2

__all__ = ["Finder"]

log = logging.getLogger(__name__)

CUBE_S = 30.0
PAGE = 1000


class Finder:
    """Used in the scheduler's event loop."""

    def __init__(
        self,
        config: SchedulerConfig,
        cubes: Cubes,
        pending: Callable[[], Iterable[CubeRef]],
        knows: Callable[[CubeRef], bool],
        has: Callable[[str], bool],
        offer: Callable[[CubeRef, Sequence[Offer]], None],
    ) -> None:
        """``knows``: whether tasks of a cube are known; ``has``: whether a living reader has a task; ``offer``: where
        what is found goes."""
        self._config = config
        self._cubes = cubes
        self._pending = pending
        self._knows = knows
        self._has = has
        self._offer = offer
        self._looking: set[CubeRef] = set()
        self._looks = asyncio.Semaphore(config.cubes_at_once)
        self._work: set[asyncio.Task[None]] = set()
        self._closing = False

    def close(self) -> None:
        """Look for nothing more."""
        self._closing = True
        for one in self._work:
            one.cancel()

    async def give_back(self, job: Job) -> Outcome:
        """End the lease of a lost reader: take it over by its key, and let the task wait again. One that it had not
        taken yet waits as it did."""
        assert job.ref is not None
        look = Call("get_task", pb.GetTaskRequest(id=job.task_id).SerializeToString(), worker_of(job.tenant))
        take = work_pb2.TakeTaskRequest(id=job.task_id, worker=job.worker, lease_s=self._config.lease_s)
        try:
            there = pb.GetTaskResponse.FromString(await self._cubes.read(job.ref, look, timeout_s=CUBE_S)).task
            if there.state != task_pb2.TASK_STATE_IN_PROGRESS:
                return ended_outcome(there, Spent())
            body = await self._mutate(job.ref, "take_task", take, job.take_key)
            task = work_pb2.TakeTaskResponse.FromString(body).task
            if task.state == task_pb2.TASK_STATE_IN_PROGRESS:
                task = await self._fail(job.ref, task, "the process that had it was lost")
            return ended_outcome(task, Spent())
        except (NotFoundError, TaskStateError) as error:
            # It was finished before its reader went, or is another's: the cube tells what is left to do.
            self.look(job.ref)
            return Outcome(error=error.message)
        except MemCubeError as error:
            return Outcome(ok=False, again_s=time.time() + self._config.lease_s, error=error.message)

    async def _fail(self, ref: CubeRef, task: task_pb2.Task, why: str) -> task_pb2.Task:
        request = work_pb2.FinishTaskRequest(id=task.id, attempt=task.attempts, error=why, retryable=True)
        body = await self._mutate(ref, "finish_task", request, new_idempotency_key())
        return work_pb2.FinishTaskResponse.FromString(body).task

    async def sweep(self) -> None:
        """Ask the cubes that have unfinished tasks, and of which nothing is known here; again and again."""
        while not self._closing:
            try:
                found = await asyncio.to_thread(lambda: [*self._pending()])
            except Exception as error:  # noqa: BLE001 - whatever keeps the list from being read may pass
                log.warning("the vault does not say which cubes have tasks: %s", error)
                found = []
            for ref in found:
                if not self._knows(ref):
                    self.look(ref)
            await asyncio.sleep(self._config.sweep_s * random.uniform(0.9, 1.1))

    def look(self, ref: CubeRef) -> None:
        """Ask a cube for its tasks, in the background; it is paged in for that."""
        if ref not in self._looking and not self._closing:
            self._looking.add(ref)
            task = asyncio.get_running_loop().create_task(self._ask_cube(ref))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _ask_cube(self, ref: CubeRef) -> None:
        try:
            async with self._looks:
                token = ""
                while True:
                    states = [task_pb2.TASK_STATE_WAITING, task_pb2.TASK_STATE_IN_PROGRESS]
                    request = pb.ListTasksRequest(states=states, page_size=PAGE, page_token=token)
                    call = Call("list_tasks", request.SerializeToString(), worker_of(ref.tenant))
                    page = pb.ListTasksResponse.FromString(await self._cubes.read(ref, call, timeout_s=CUBE_S))
                    for task in page.tasks:
                        await self._take_note(ref, task)
                    token = page.next_page_token
                    if not token:
                        return
        except NotFoundError:
            return
        except MemCubeError as error:
            log.warning("cube %s does not tell its tasks, and is asked later: %s", ref.key, error)
        except Exception as error:  # noqa: BLE001 - one cube's defect is not the others' concern
            incident(log, error, f"asking cube {ref.key} for its tasks")
        finally:
            self._looking.discard(ref)

    async def _take_note(self, ref: CubeRef, task: task_pb2.Task) -> None:
        if task.state == task_pb2.TASK_STATE_IN_PROGRESS and not self._has(task.id):
            # Taken by a reader of which nobody knows any more: the whole system was killed.
            with suppress(NotFoundError, TaskStateError):
                task = await self._fail(ref, task, "the system was stopped while it was being done")
        until = task.leased_until if task.state == task_pb2.TASK_STATE_IN_PROGRESS else task.not_before
        if task.state in (task_pb2.TASK_STATE_WAITING, task_pb2.TASK_STATE_IN_PROGRESS):
            self._offer(ref, [Offer(task.id, task.kind, until.ToNanoseconds() / 1e9)])

    async def _mutate(self, ref: CubeRef, verb: str, request: Any, key: str) -> bytes:
        call = Call(verb, request.SerializeToString(), worker_of(ref.tenant), key)
        return await self._cubes.mutate(ref, call, create=False, timeout_s=CUBE_S)
