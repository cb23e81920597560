"""A router that runs cubes in its own process, without Ray: same seam, same order, same durability.

For tools that open one cube, and for tests of what stands above the router. It ranks by words only (no embedding in
the background), and only one process may use a vault through it at a time: another one fences this one's cubes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import SLOW_READS, Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.directory.lane import Queues
from memcube.actors.directory.listing import list_cubes, remove_unborn
from memcube.actors.vault.base import CubeHead, Vault
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import DeadlineError, MemCubeError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["LocalRouter", "LocalStatus"]

T = TypeVar("T")

MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """``frames`` is always 1: this process."""

    frames: int
    resident: int


@dataclass(slots=True)
class _Lane:
    """One cube's mutations in order; at most one batch of them is on its way."""

    waiting: list[tuple[Call, bool, asyncio.Future[Answer]]] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whatever attaches, commits, reads the journal of, or lets go of the cube."""


class LocalRouter:
    """Cubes of one vault, up to ``max_resident`` of them open. Used by one event loop; ``close`` ends it.

    A mutation that the caller stops waiting for may still take effect: retry with the same idempotency key.
    """

    def __init__(self, vault: Vault, *, max_resident: int = 64, frame: FrameConfig | None = None) -> None:
        self._vault = vault
        self._frame = frame or FrameConfig()
        self._max_resident = max_resident
        self._cubes: OrderedDict[CubeRef, Cube] = OrderedDict()
        self._lanes: dict[CubeRef, _Lane] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memcube-local")
        self._closed = False

    async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
        """See ``gateway.seam.Router``: the call enters its cube's lane before anything is awaited."""
        self._check_open()
        lane = self._lane(ref)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        lane.waiting.append((call, create, answer))
        if lane.worker is None:
            lane.worker = asyncio.create_task(self._work(ref, lane))
        return _body_of(await self._within(call.verb, timeout_s, asyncio.shield(answer)))

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """See ``gateway.seam.Router``."""
        self._check_open()

        async def answer() -> Answer:
            lane = self._lane(ref)
            if call.verb in SLOW_READS:
                async with lane.turn:
                    cube = await self._open(ref)
                    return await self._in_thread(lambda: cube.slow_read(call))
            if ref not in self._cubes:
                async with lane.turn:
                    await self._open(ref)
            self._cubes.move_to_end(ref)
            return self._cubes[ref].read(call)

        return _body_of(await self._within(call.verb, timeout_s, answer()))

    async def find(self, tenant: str, key: str, allows: Callable[[CubeRef], bool]) -> CubeRef:
        """See ``gateway.seam.Router``."""
        self._check_open()
        for ref in self._cubes:
            if ref.tenant == tenant and ref.key == key and allows(ref):
                return ref
        found = await self._in_thread(lambda: self._vault.find(tenant, key))
        if found is None or not allows(found):
            raise NotFoundError("cube", key)
        return found

    async def cubes(self, tenant: str, after_key: str, limit: int) -> list[CubeHead]:
        """See ``gateway.seam.Router``."""
        self._check_open()
        return await self._in_thread(lambda: list_cubes(self._vault, tenant, after_key, limit))

    async def delete(self, ref: CubeRef) -> None:
        """See ``gateway.seam.Router``."""
        self._check_open()
        async with self._lane(ref).turn:
            await self._let_go(ref)
            await self._in_thread(lambda: self._vault.delete(ref))

    async def reset(self, tenant: str) -> int:
        """See ``gateway.seam.Router``."""
        count = 0
        while heads := await self.cubes(tenant, "", 100):
            for head in heads:
                await self.delete(head.ref)
                count += 1
        return count

    async def status(self) -> LocalStatus:
        """See ``gateway.seam.Router``."""
        self._check_open()
        return LocalStatus(1, len(self._cubes))

    @property
    def queues(self) -> Queues:
        """See ``gateway.seam.Router``."""
        lengths = [len(lane.waiting) for lane in self._lanes.values() if lane.worker is not None]
        return Queues(sum(lengths), max(lengths, default=0), len(lengths))

    async def close(self) -> None:
        """Finish what is in the lanes, let go of every cube; further calls raise UnavailableError."""
        self._closed = True
        await asyncio.gather(*[lane.worker for lane in self._lanes.values() if lane.worker is not None])
        for ref in list(self._cubes):
            await self._let_go(ref)
        self._thread.shutdown()

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError("this router", 1.0)

    def _lane(self, ref: CubeRef) -> _Lane:
        return self._lanes.setdefault(ref, _Lane())

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _within(self, verb: str, timeout_s: float, answer: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise DeadlineError(verb, timeout_s) from error

    async def _work(self, ref: CubeRef, lane: _Lane) -> None:
        while lane.waiting:
            batch, lane.waiting = lane.waiting[:MAX_BATCH], lane.waiting[MAX_BATCH:]
            calls = [call for call, _, _ in batch]
            create = any(create for _, create, _ in batch)
            try:
                async with lane.turn:
                    answers = await self._commit(ref, calls, create)
            except MemCubeError as error:
                for _, _, future in batch:
                    _settle(future, error)
                continue
            except BaseException as error:
                for _, _, future in [*batch, *lane.waiting]:
                    _settle(future, error)
                lane.worker = None
                raise
            for (_, _, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        lane.worker = None
        await self._trim()

    async def _commit(self, ref: CubeRef, calls: list[Call], create: bool) -> list[Answer]:
        cube = await self._open(ref, create=create)
        try:
            plan = await self._in_thread(lambda: cube.plan(calls))
            if not plan.empty:
                await self._in_thread(lambda: cube.view.store.commit(plan.commit))
            if any(call.verb == "erase" for call in calls):
                answers = await self._in_thread(lambda: cube.purge(calls, plan.answers))
                await self._let_go(ref, keep=False)
                return answers
            return cube.apply(plan)
        except BaseException:
            # What the store holds now is for the next attach to find out.
            await self._let_go(ref)
            raise

    async def _open(self, ref: CubeRef, *, create: bool = False) -> Cube:
        """The cube, opened if need be; the caller holds its lane's turn."""
        if ref in self._cubes:
            self._cubes.move_to_end(ref)
            return self._cubes[ref]
        about = new_about(ref) if create else None
        cube = await self._in_thread(lambda: Cube.open(self._vault.attach(ref, about), config=self._frame))
        self._cubes[ref] = cube
        await self._trim()
        return cube

    async def _trim(self) -> None:
        """Let go of the cubes used longest ago that nobody is at, down to ``max_resident``."""
        for ref in list(self._cubes):
            if len(self._cubes) <= self._max_resident:
                break
            if not self._lane(ref).turn.locked():
                await self._let_go(ref)

    async def _let_go(self, ref: CubeRef, *, keep: bool = True) -> None:
        cube = self._cubes.pop(ref, None)
        if cube is not None:
            await self._in_thread(lambda: self._close(cube) if keep else cube.view.store.close(checkpoint=False))

    def _close(self, cube: Cube) -> None:
        cube.close()
        if cube.view.head == 0:
            remove_unborn(self._vault, cube.view.ref)


def _settle(future: asyncio.Future[Answer], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _body_of(answer: Answer) -> bytes:
    if answer.ok:
        return answer.body
    raise detail_to_error(error_pb2.ErrorDetail.FromString(answer.body))
