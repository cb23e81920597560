"""CubeDirectory: the async shell around the frame table. ``actor.py`` makes it the Ray actor "directory".

It turns questions into the table's events, carries out the table's effects on the frames, pings the frames, and does
the catalog's work (find, list, delete, reset) on the vault in threads.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from memcube.actors.cube.about import is_born
from memcube.actors.directory import events as ev
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.frames import FrameTable
from memcube.actors.directory.listing import list_cubes, remove_unborn
from memcube.actors.directory.minder import FrameMinder
from memcube.actors.directory.placement import DirectoryStatus, Placement, Resolved
from memcube.actors.directory.pool import FramePhase
from memcube.actors.directory.question import (
    Question,
    pack_attach,
    pack_failure,
    pack_resolved,
    unpack_attached,
    unpack_question,
)
from memcube.actors.directory.wire import Fleet
from memcube.actors.vault.base import CubeHead, Vault
from memcube.model.errors import DeadlineError, MemCubeError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef

__all__ = ["CubeDirectory"]

logger = logging.getLogger(__name__)
TICK_S = 0.5
BUSY_TICK_S = 0.01
DELETE_PAGE = 200
SWEEP_TIMEOUT_S = 5.0


class CubeDirectory:
    """Which frame holds which cube. Its public methods are called by ``CubeRouter`` through Ray."""

    def __init__(self, vault: Vault, fleet: Fleet, config: DirectoryConfig | None = None) -> None:
        self._vault = vault
        self._fleet = fleet
        self._config = config or DirectoryConfig()
        # Above every generation of an earlier directory: those counted up from an earlier time.
        self._table = FrameTable(self._config, first_generation=int(time.time() * 1000) << 10)
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._deleting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._minders: dict[str, FrameMinder] = {}
        self._kills: dict[str, asyncio.Task[None]] = {}
        self._unborn: dict[str, CubeRef] = {}
        """Cubes that may have been made for a first write that never came."""
        self._sweep: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over the frames that run already, start the spare ones, and keep watch from now on. May be called
        again; every other method calls it."""
        if self._started is None:
            self._started = self._spawn(self._run())
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """End the watch; the frames stay as they are."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- questions -----------------------------------------------------------------------------------------------

    async def resolve(self, packet: bytes) -> bytes:
        """The frame that holds the cube of a ``Question``, after paging it in if it is in none.

        Takes and returns what ``question`` packs, failures too: NotFoundError, DamagedError, StorageFullError,
        ExhaustedError, DeadlineError.
        """
        try:
            return pack_resolved(await self._resolve(unpack_question(packet)))
        except MemCubeError as error:
            return pack_failure(error)

    async def _resolve(self, question: Question) -> Resolved:
        if self._started is None:
            await self.start()
        ref = question.ref
        self._handle(ev.Used(question.usage.used, question.usage.busy))
        if question.distrust is not None:
            if question.absent:
                self._handle(ev.Dropped(ref, question.distrust))
            else:
                await self._probe(ref, question.distrust)
        asked = partial(ev.Asked, ref=ref, create=question.create)
        placement = await self._ask(asked, ref.cube_id, question.timeout_s)
        departures = self._table.pool.departures
        return Resolved(placement, departures.version, departures.since(question.since))

    async def find(self, tenant: str, key: str) -> CubeRef | None:
        """The cube with this key. None and no error where there is none: an error takes Ray longer, and would tell."""
        return await asyncio.to_thread(self._vault.find, tenant, key)

    async def cubes(self, tenant: str, after_key: str, limit: int) -> list[CubeHead]:
        """Cubes of a tenant in the order of their keys, those after ``after_key``."""
        return await asyncio.to_thread(list_cubes, self._vault, tenant, after_key, limit)

    async def delete(self, tenant: str, cube_id: str, timeout_s: float) -> None:
        """Take the cube off its frame and delete it; raises NotFoundError, DeadlineError."""
        await self.start()
        ref = CubeRef(tenant, cube_id)
        await self._alone(ref, partial(self._vault.delete, ref), timeout_s)

    async def _alone(self, ref: CubeRef, work: Callable[[], None], timeout_s: float) -> None:
        """Work on the files of a cube, in a thread, while it is in no frame and comes into none."""
        lock = self._deleting.setdefault(ref.key, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s):
                await lock.acquire()
                working: asyncio.Future[None] | None = None
                try:
                    # A frame that hangs is not waited for: deleting fences it.
                    await self._ask(partial(ev.Closed, ref=ref), ref.cube_id, timeout_s)
                    working = asyncio.get_running_loop().run_in_executor(None, work)
                    # Out of time, the thread goes on: the cube stays closed for as long, or what is made of it
                    # meanwhile would be removed.
                    working.add_done_callback(lambda _: self._reopen(ref, lock))
                    await asyncio.shield(working)
                finally:
                    if working is None:
                        self._reopen(ref, lock)
        except TimeoutError as error:
            raise DeadlineError(f"deleting cube {ref.cube_id}", timeout_s) from error

    def _reopen(self, ref: CubeRef, lock: asyncio.Lock) -> None:
        self._handle(ev.Reopened(ref))
        lock.release()

    async def reset(self, tenant: str, timeout_s: float) -> int:
        """Delete every cube of the tenant; returns how many."""
        deadline_s = time.monotonic() + timeout_s
        deleted = 0
        # Leftovers of cubes that never came to be go too, uncounted.
        while heads := await asyncio.to_thread(self._vault.list, tenant, "", DELETE_PAGE):
            for head in heads:
                try:
                    await self.delete(tenant, head.ref.cube_id, max(0.001, deadline_s - time.monotonic()))
                    deleted += is_born(head.about)
                except NotFoundError:
                    logger.info("cube %s was deleted meanwhile", head.ref.key)
        return deleted

    async def status(self) -> DirectoryStatus:
        """The pool as it is now."""
        await self.start()
        table = self._table
        phases = [frame.phase for frame in table.pool.frames.values()]
        reports = table.pool.reports()
        return DirectoryStatus(
            frames=phases.count(FramePhase.READY),
            starting=phases.count(FramePhase.STARTING) + phases.count(FramePhase.ADOPTING),
            suspect=phases.count(FramePhase.SUSPECT),
            resident=table.pool.resident,
            waiting=table.waiting,
            resident_bytes=table.pool.bytes_held,
            rss_bytes=sum(report.rss_bytes for report in reports),
            page_ins=table.page_ins,
            page_outs=table.page_outs,
            frames_lost=table.frames_lost,
            refused=table.refused,
            stale_refused=sum(report.stale_refused for report in reports),
        )

    async def _ask(self, question: Callable[[int], ev.Event], name: str, timeout_s: float) -> Any:
        ticket = next(self._tickets)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        self._handle(question(ticket))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise DeadlineError(f"paging in cube {name}", timeout_s) from error
        finally:
            del self._waiting[ticket]
            if not future.done() or future.cancelled():
                self._handle(ev.Withdrawn(ticket))

    async def _probe(self, ref: CubeRef, distrust: Placement) -> None:
        """Before the same placement is given out again, hear from its frame, or hear that it does not answer."""
        cube = self._table.pool.cubes.get(ref.key)
        minder = self._minders.get(distrust.frame)
        if cube is not None and cube.placement == distrust and minder is not None:
            await minder.probe()

    # --- effects -------------------------------------------------------------------------------------------------

    def _handle(self, event: ev.Event) -> None:
        for effect in self._table.handle(event, time.monotonic()):
            self._carry_out(effect)

    def _carry_out(self, effect: ev.Effect) -> None:
        match effect:
            case ev.Place(ticket, placement):
                self._answer(ticket, placement)
            case ev.Refuse(ticket, error):
                self._answer(ticket, error)
            case ev.Cleared(ticket):
                self._answer(ticket, None)
            case ev.Attach():
                self._spawn(self._attach(effect))
            case ev.Detach():
                self._spawn(self._detach(effect))
            case ev.StartFrame(frame, incarnation, clear):
                self._end_minder(frame)
                minder = FrameMinder(frame, incarnation, self._fleet, self._config, self._handle)
                self._minders[frame] = minder
                minder.task = self._spawn(minder.run(clear=clear, after=self._kills.pop(frame, None)))
            case ev.KillFrame(frame):
                self._kills[frame] = self._spawn(self._fleet.kill(frame, restart=True))
            case ev.StopFrame(frame):
                self._end_minder(frame)
                self._kills[frame] = self._spawn(self._fleet.kill(frame, restart=False))

    def _answer(self, ticket: int, answer: Placement | MemCubeError | None) -> None:
        future = self._waiting.get(ticket)
        if future is None or future.done():
            return
        if isinstance(answer, MemCubeError):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    async def _attach(self, effect: ev.Attach) -> None:
        ref = effect.ref
        if effect.create is not None:
            self._unborn[ref.key] = ref
        packet = pack_attach(ref, effect.create, effect.generation, effect.evict)
        try:
            async with asyncio.timeout(self._config.attach_deadline_s):
                memory_bytes, empty = unpack_attached(await self._fleet.send(effect.frame, "attach", packet))
        except TimeoutError:
            self._handle(ev.FrameLost(effect.frame, effect.incarnation, gone=False))
        except UnavailableError as error:
            await self._lost(effect.frame, effect.incarnation, error)
            self._handle(ev.AttachFailed(ref, effect.generation, error))
            if effect.evict is not None:
                await self._detach(ev.Detach(effect.frame, effect.incarnation, *effect.evict))
        except MemCubeError as error:
            self._handle(ev.AttachFailed(ref, effect.generation, error))
        else:
            if not empty:
                self._unborn.pop(ref.key, None)
            self._handle(ev.Attached(ref, effect.generation, memory_bytes))

    async def _detach(self, effect: ev.Detach) -> None:
        while True:
            keep = not self._table.closing(effect.ref)
            try:
                async with asyncio.timeout(self._config.attach_deadline_s):
                    await self._fleet.send(effect.frame, "detach", effect.ref.key, effect.generation, keep)
            except TimeoutError:
                self._handle(ev.FrameLost(effect.frame, effect.incarnation, gone=False))
                return
            except UnavailableError as error:
                # As long as it lives it may answer reads: it is asked until it lets go, or is known to be lost.
                if not await self._lost(effect.frame, effect.incarnation, error):
                    continue
                return
            except MemCubeError as error:
                logger.warning("%s let go of a cube with an error: %s", effect.frame, error)
            self._handle(ev.Detached(effect.ref, effect.generation))
            return

    async def _lost(self, frame: str, incarnation: int, error: MemCubeError) -> bool:
        """A call to a frame failed in transit: whether that incarnation is over, after the table knows."""
        logger.info("%s did not get a call: %s", frame, error)
        minder = self._minders.get(frame)
        if minder is not None and minder.incarnation == incarnation:
            await minder.probe()
        return not self._table.answers(frame, incarnation)

    def _end_minder(self, frame: str) -> None:
        minder = self._minders.pop(frame, None)
        if minder is not None:
            minder.end()

    # --- watch ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        running = await self._fleet.running()
        if running:
            logger.info("taking over %s", ", ".join(running))
            self._handle(ev.AdoptedFrames(tuple(running)))
        while True:
            self._handle(ev.Ticked())
            if self._unborn and (self._sweep is None or self._sweep.done()):
                self._sweep = self._spawn(self._remove_unborn())
            await asyncio.sleep(BUSY_TICK_S if self._table.waiting else TICK_S)

    async def _remove_unborn(self) -> None:
        """Look at the cubes that were attached to be made and are in no frame any more."""
        for ref in [ref for key, ref in self._unborn.items() if key not in self._table.pool.cubes]:
            self._unborn.pop(ref.key, None)
            try:
                await self._alone(ref, partial(remove_unborn, self._vault, ref), SWEEP_TIMEOUT_S)
            except MemCubeError as error:
                logger.warning("what may be left of cube %s that never came to be stays: %s", ref.key, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the directory's own work failed", exc_info=error)
