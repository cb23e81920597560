"""CubeRouter: the gateway's way to the cubes. It knows where they are, keeps their order, and retries.

A cube's mutations go through its lane: one batch in flight, and what arrives meanwhile is the next batch, so calls
take effect in the order in which ``mutate`` was called, and many share one hop and one fsync. A call that fails in
transit is sent again with the same idempotency key, to wherever the cube is then, until its deadline: the cube
recognises the key, so that it takes effect once. Used by one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import Answer, Call
from memcube.actors.cube.incident import incident
from memcube.actors.cube.packet import error_of, pack_calls, unpack_answers
from memcube.actors.directory.compass import Compass
from memcube.actors.directory.config import RouterConfig
from memcube.actors.directory.lane import Lane, Queues, Waiting
from memcube.actors.directory.placement import DirectoryStatus, Placement
from memcube.actors.directory.wire import Wire
from memcube.actors.vault.base import CubeHead
from memcube.model.errors import (
    DeadlineError,
    ExhaustedError,
    MemCubeError,
    NotFoundError,
    NotResidentError,
    StaleEpochError,
    UnavailableError,
)
from memcube.model.ids import CubeRef

__all__ = ["CubeRouter"]

logger = logging.getLogger(__name__)
CATALOG_TIMEOUT_S = 30.0
RESET_TIMEOUT_S = 600.0


class CubeRouter:
    """Where calls on cubes go in. Every method raises MemCubeError only."""

    def __init__(self, wire: Wire, config: RouterConfig | None = None) -> None:
        self._config = config or RouterConfig()
        self._wire = wire
        self._compass = Compass(wire, self._config)
        self._lanes: dict[str, Lane] = {}
        self._waiting = 0
        self._waiting_bytes = 0
        self._reads = asyncio.Semaphore(self._config.reads_in_flight)
        self._reads_waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Let go of the connections to frames; calls in flight fail or are retried until their deadlines."""
        self._wire.close()

    @property
    def queues(self) -> Queues:
        """What waits here now, whether or not the directory can be reached."""
        lengths = [len(lane) for lane in self._lanes.values()]
        return Queues(sum(lengths), max(lengths, default=0), len(lengths), self._waiting_bytes, self._reads_waiting)

    # --- calls on one cube ---------------------------------------------------------------------------------------

    async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
        """Let the call take effect once, and return its serialized response.

        ``create`` makes the cube if it is missing. Besides the verb's own errors: NotFoundError (no such cube),
        ExhaustedError (a queue is full; nothing was sent), DeadlineError (it may or may not have taken effect),
        DamagedError, StorageFullError.
        """
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(ref.key)
        if lane is None:  # not "or": a lane whose batch is on its way is empty, and empty is false
            lane = Lane(ref)
        self._check_room(lane, call)
        self._lanes[ref.key] = lane
        waiting = Waiting(call, create, loop.create_future(), timeout_s, loop.time() + timeout_s)
        lane.put(waiting)
        self._waiting += 1
        self._waiting_bytes += waiting.size_bytes
        timer = loop.call_at(waiting.deadline_s, _expire, waiting, ref)
        if not lane.running:
            lane.running = True
            self._spawn(lane)
        try:
            return await waiting.answer
        finally:
            timer.cancel()
            self._waiting -= 1
            self._waiting_bytes -= waiting.size_bytes

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """The serialized response of a read; it sees every mutation that was answered before it began.

        Raises NotFoundError, ExhaustedError, DeadlineError, DamagedError, or the verb's own errors.
        """
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        if self._reads.locked():
            if self._reads_waiting >= self._config.reads_waiting:
                raise ExhaustedError("reads waiting", self._config.reads_waiting, 0.5)
            self._reads_waiting += 1
            try:
                async with asyncio.timeout(timeout_s):
                    await self._reads.acquire()
            except TimeoutError as error:
                raise DeadlineError(f"{call.verb} on cube {ref.cube_id}", timeout_s) from error
            finally:
                self._reads_waiting -= 1
        else:
            await self._reads.acquire()
        try:
            return await self._read(ref, call, timeout_s, deadline_s)
        finally:
            self._reads.release()

    async def _read(self, ref: CubeRef, call: Call, timeout_s: float, deadline_s: float) -> bytes:
        packet = pack_calls(ref.key, (call,))
        attempt = 0
        while True:
            try:
                with self._compass.using(ref):
                    answer = (await self._hop(ref, "read", packet, None, deadline_s))[0]
                if answer.ok:
                    return answer.body
                raise error_of(answer)
            except (UnavailableError, StaleEpochError) as error:
                attempt = await self._back_off(error, attempt, deadline_s)
            except DeadlineError:
                raise DeadlineError(f"{call.verb} on cube {ref.cube_id}", timeout_s) from None

    # --- lanes ---------------------------------------------------------------------------------------------------

    def _check_room(self, lane: Lane, call: Call) -> None:
        config = self._config
        if len(lane) >= config.lane_calls:
            raise ExhaustedError(f"calls waiting for cube {lane.ref.cube_id}", config.lane_calls, 0.2)
        if self._waiting >= config.waiting_calls:
            raise ExhaustedError("calls waiting for cubes", config.waiting_calls, 0.5)
        if self._waiting and self._waiting_bytes + len(call.request) > config.waiting_bytes:
            raise ExhaustedError("bytes waiting for cubes", config.waiting_bytes, 0.5)

    def _spawn(self, lane: Lane) -> None:
        task = asyncio.get_running_loop().create_task(self._drive(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive(self, lane: Lane) -> None:
        """Send the lane's batches, one after the other, until none waits."""
        while batch := lane.take(self._config.batch_calls, self._config.batch_bytes):
            try:
                with self._compass.using(lane.ref):
                    await self._deliver(lane.ref, batch)
            except MemCubeError as error:
                _fail(lane.ref, batch, error)
            except Exception as error:  # noqa: BLE001 - a defect must not leave callers waiting for their deadlines
                told = incident(logger, error, f"in the lane of cube {lane.ref.key}")
                _fail(lane.ref, [*batch, *lane.take_all()], told)
            except BaseException:
                _fail(lane.ref, [*batch, *lane.take_all()], UnavailableError("the router"))
                lane.running = False
                raise
        lane.running = False
        if self._lanes.get(lane.ref.key) is lane:
            del self._lanes[lane.ref.key]

    async def _deliver(self, ref: CubeRef, batch: list[Waiting]) -> None:
        """Repeat the batch until each of its calls is answered or its caller is gone."""
        attempt = 0
        while batch := [waiting for waiting in batch if not waiting.answer.done()]:
            deadline_s = max(waiting.deadline_s for waiting in batch)
            create = new_about(ref) if any(waiting.create for waiting in batch) else None
            packet = pack_calls(ref.key, [waiting.call for waiting in batch])
            problem: MemCubeError | None = None
            try:
                answers = await self._hop(ref, "mutate", packet, create, deadline_s)
            except (UnavailableError, StaleEpochError) as error:
                problem = error
            else:
                problem = _settle(batch, answers)
            if problem is not None:
                attempt = await self._back_off(problem, attempt, deadline_s)

    # --- one hop -------------------------------------------------------------------------------------------------

    async def _hop(
        self, ref: CubeRef, method: str, packet: bytes, create: bytes | None, deadline_s: float
    ) -> Sequence[Answer]:
        """Send the packet to the cube's frame; page the cube in first if need be.

        A frame that is silent is asked about at the directory every ``probe_after_s``: when the cube has moved, its
        answer is not waited for any longer.
        """
        loop = asyncio.get_running_loop()
        placement = await self._compass.locate(ref, create, deadline_s)
        answer = self._wire.send(placement.frame, method, packet)
        try:
            await asyncio.wait((answer,), timeout=min(self._config.probe_after_s, deadline_s - loop.time()))
            while not answer.done():
                left_s = deadline_s - loop.time()
                if left_s <= 0:
                    raise DeadlineError(f"cube {ref.cube_id}", 0.0)
                if not await self._still_there(ref, placement, answer, create, deadline_s):
                    raise NotResidentError(ref.cube_id)
                await asyncio.wait((answer,), timeout=min(self._config.probe_after_s, max(0.0, left_s)))
            return unpack_answers(answer.result())
        except NotResidentError:
            self._compass.doubt(ref, placement, absent=True)
            raise
        except UnavailableError:
            self._compass.doubt(ref, placement, absent=False)
            raise
        finally:
            answer.cancel()

    async def _still_there(
        self, ref: CubeRef, placement: Placement, answer: asyncio.Future[bytes], create: bytes | None, deadline_s: float
    ) -> bool:
        """Whether the directory still has the cube in that frame; true as well as soon as the answer is there."""
        asked = asyncio.ensure_future(self._compass.confirm(ref, placement, create, deadline_s))
        try:
            await asyncio.wait((asked, answer), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return True
            return asked.result() == placement
        except UnavailableError:
            return True
        finally:
            asked.cancel()

    async def _back_off(self, error: MemCubeError, attempt: int, deadline_s: float) -> int:
        """Wait before the next attempt, not at all before the first; raises ``error``'s deadline when time is up."""
        left_s = deadline_s - asyncio.get_running_loop().time()
        if left_s <= 0:
            raise DeadlineError(str(error), 0.0)
        if attempt:
            pause_s = min(self._config.first_backoff_s * 2 ** (attempt - 1), self._config.last_backoff_s)
            await asyncio.sleep(min(pause_s * random.uniform(0.5, 1.5), left_s))
        return attempt + 1

    # --- the catalog ---------------------------------------------------------------------------------------------

    async def find(self, tenant: str, key: str, allows: Callable[[CubeRef], bool]) -> CubeRef:
        """The cube with this key, if the caller may have it; raises NotFoundError.

        Asks the directory only where no placement is known; and for whatever is refused, missing or not, resident or
        not: how long a refusal takes is not to tell them apart.
        """
        known = self._compass.ref_of(tenant, key)
        if known is not None and allows(known):
            return known
        found: CubeRef | None = await self._compass.ask("find", CATALOG_TIMEOUT_S, tenant, key)
        if found is None or not allows(found):
            raise NotFoundError("cube", key)
        return found

    async def cubes(self, tenant: str, after_key: str, limit: int) -> list[CubeHead]:
        """Cubes of a tenant in the order of their keys, those after ``after_key``."""
        heads: list[CubeHead] = await self._compass.ask("cubes", CATALOG_TIMEOUT_S, tenant, after_key, limit)
        return heads

    async def delete(self, ref: CubeRef) -> None:
        """Delete a cube; raises NotFoundError."""
        attempts: list[MemCubeError] = []
        try:
            await self._compass.ask(
                "delete", CATALOG_TIMEOUT_S, ref.tenant, ref.cube_id, CATALOG_TIMEOUT_S, retried=attempts
            )
        except NotFoundError:
            # An attempt whose answer was lost may have been the one that deleted it.
            if not attempts:
                raise
        finally:
            self._compass.forget(ref)

    async def reset(self, tenant: str) -> int:
        """Delete every cube of a tenant and return how many there were."""
        deleted: int = await self._compass.ask("reset", RESET_TIMEOUT_S, tenant, RESET_TIMEOUT_S)
        self._compass.forget_all()
        return deleted

    async def status(self) -> DirectoryStatus:
        """The pool of frames; raises UnavailableError or DeadlineError while the directory is not there."""
        status: DirectoryStatus = await self._compass.ask("status", 5.0)
        return status


def _settle(batch: Sequence[Waiting], answers: Sequence[Answer]) -> MemCubeError | None:
    """Hand out the answers; the error of a call that is to be repeated, if there is one."""
    problem: MemCubeError | None = None
    for waiting, answer in zip(batch, answers, strict=True):
        if waiting.answer.done():
            continue
        if answer.ok:
            waiting.answer.set_result(answer.body)
            continue
        error = error_of(answer)
        if isinstance(error, UnavailableError | StaleEpochError):
            problem = error
        else:
            waiting.answer.set_exception(error)
    return problem


def _late(waiting: Waiting, ref: CubeRef) -> DeadlineError:
    return DeadlineError(f"{waiting.call.verb} on cube {ref.cube_id}", waiting.timeout_s)


def _expire(waiting: Waiting, ref: CubeRef) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(_late(waiting, ref))


def _fail(ref: CubeRef, batch: Sequence[Waiting], error: MemCubeError) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(_late(waiting, ref) if isinstance(error, DeadlineError) else error)
