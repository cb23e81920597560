"""MemCube: the frame that hosts one cube at a time (or several), as a plain asyncio class.

``actor.py`` makes it a Ray actor; tests run it without Ray. Every method is called in one event loop. Answers carry
errors as bytes (``packet``), because an exception through Ray costs more than the call.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from memcube.actors.cube.call import Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.incident import incident
from memcube.actors.cube.known_model import EmbedsTexts, KnownModel
from memcube.actors.cube.offering import TakesOffers
from memcube.actors.cube.packet import pack_answers, pack_refusal, refused, unpack_calls
from memcube.actors.cube.residence import Residence
from memcube.actors.directory.placement import FrameReport, HostedCube
from memcube.actors.directory.question import pack_attached, pack_failure, unpack_attach
from memcube.actors.vault.base import Vault
from memcube.model.errors import MemCubeError, NotResidentError, StaleEpochError, StorageFullError
from memcube.model.ids import CubeRef

__all__ = ["MemCube"]

logger = logging.getLogger(__name__)
MAX_THREADS = 4
GENERATIONS_KEPT = 4096
CLOSE_AFTER_S = 0.01
"""A cube that made room is closed so much later: whoever waits for the other one comes first."""


class MemCube:
    """A frame. The directory attaches and detaches cubes; routers send it calls on the cube that it hosts."""

    def __init__(
        self,
        vault: Vault,
        embedder: EmbedsTexts | None = None,
        config: FrameConfig | None = None,
        scheduler: TakesOffers | None = None,
    ) -> None:
        self._vault = vault
        self._scheduler = scheduler
        self._config = config or FrameConfig()
        self._model = (
            KnownModel(embedder, self._config.embed_deadline_s, self._wake_all) if embedder is not None else None
        )
        self._model_watch: asyncio.Task[None] | None = None
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=f"commit-{n}") for n in range(min(self._config.slots, MAX_THREADS))
        ]
        self._next_thread = itertools.cycle(self._threads)
        self._hosted: dict[str, Residence] = {}
        self._moves: set[asyncio.Future[None]] = set()
        self._generations: OrderedDict[int, None] = OrderedDict()
        self._pinged_s = 0.0
        self._stale_refused = 0
        self._commits_before = 0
        self._process = psutil.Process()

    async def attach(self, packet: bytes) -> bytes:
        """Become a cube's writer; answers with what it takes (``question.pack_attached``) or the failure.

        Called by the directory only, which packs what to attach. Fails with NotFoundError (and ``create`` is None),
        DamagedError, StorageFullError; NotResidentError for an attach that was undone already, which Ray delivered
        once more.
        """
        try:
            residence = await self._attach(*unpack_attach(packet))
            return pack_attached(residence.memory_bytes, residence.empty)
        except MemCubeError as error:
            return pack_failure(error)

    async def _attach(
        self, ref: CubeRef, create: bytes | None, generation: int, evict: tuple[str, int] | None
    ) -> Residence:
        self._watch_model()
        there = self._hosted.get(ref.key)
        if there is not None and there.generation == generation:
            return there
        if generation in self._generations:
            raise NotResidentError(ref.cube_id)
        self._generations[generation] = None
        if len(self._generations) > GENERATIONS_KEPT:
            self._generations.popitem(last=False)
        out = self._hosted.get(evict[0]) if evict is not None else None
        if out is not None and evict is not None and out.generation == evict[1]:
            self._unhost(out)
        else:
            out = None
        with _Move(self._moves):
            if there is not None:
                await self._let_go(there)
            while len(self._hosted) >= self._config.slots:
                # The directory counts slots; what it does not know of is a leftover of a lost message.
                await self._let_go(min(self._hosted.values(), key=lambda residence: residence.generation))
            try:
                residence = await Residence.attach(
                    self._vault,
                    ref,
                    create,
                    generation,
                    next(self._next_thread),
                    self._config,
                    self._model,
                    self._lost,
                    self._scheduler,
                )
            finally:
                # The cube that makes room is closed while the answer travels: nobody waits for that.
                if out is not None:
                    self._in_background(self._let_go_later(out))
            self._hosted[ref.key] = residence
            return residence

    async def detach(self, key: str, generation: int, keep: bool = True) -> None:
        """Let go of a cube after its calls in progress; nothing happens if that attach is over already."""
        residence = self._hosted.get(key)
        if residence is None or residence.generation != generation:
            return
        with _Move(self._moves):
            await self._let_go(residence, keep=keep)

    async def clear(self, keep: bool = True) -> None:
        """Let go of every cube. ``keep`` folds their logs into their files: on the way down. Without it: when the
        directory gave this frame up for a while, and its cubes are elsewhere."""
        for residence in list(self._hosted.values()):
            await self._let_go(residence, keep=keep)

    def _watch_model(self) -> None:
        if self._model is not None and self._model_watch is None:
            self._model_watch = asyncio.get_running_loop().create_task(self._model.watch())

    def _wake_all(self) -> None:
        for residence in self._hosted.values():
            residence.wake()

    async def mutate(self, packet: bytes) -> bytes:
        """Commit a batch of mutations of one cube (``packet.pack_calls``); the answers, or a refusal of them all."""
        key, calls = unpack_calls(packet)
        residence = self._hosted.get(key)
        if residence is None:
            return pack_refusal(NotResidentError(key))
        try:
            answers = await residence.mutate(calls)
            if residence.purged:
                await self._let_go(residence, keep=False)
            return pack_answers(answers)
        except (StorageFullError, NotResidentError) as error:
            return pack_refusal(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the cube in memory is not to be trusted
            return pack_refusal(await self._fail(residence, error))

    async def read(self, packet: bytes) -> bytes:
        """Answer reads of one cube."""
        key, calls = unpack_calls(packet)
        residence = self._hosted.get(key)
        if residence is None:
            return pack_refusal(NotResidentError(key))
        try:
            if time.monotonic() - self._pinged_s > self._config.lease_s:
                await residence.verify()
            return pack_answers([await self._read(residence, call) for call in calls])
        except NotResidentError as error:
            return pack_refusal(error)
        except MemCubeError as error:
            return pack_refusal(await self._fail(residence, error))

    async def _read(self, residence: Residence, call: Call) -> Answer:
        try:
            return await residence.read(call)
        except MemCubeError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect, reported with its incident
            # A read changes nothing: a defect in one leaves the cube, and the other reads, as they are.
            return refused(incident(logger, error))

    async def heartbeat(self, sent_s: float) -> FrameReport:
        """The directory's own ping: it renews the right to answer reads without asking the vault.

        That counts from ``sent_s``, when the directory sent it (the node's monotonic clock): one that waited while
        this process was frozen renews nothing.
        """
        self._pinged_s = max(self._pinged_s, sent_s)
        return self._report()

    async def ping(self) -> FrameReport:
        """The frame's report, for anyone who asks."""
        return self._report()

    async def hosting(self) -> FrameReport:
        """The report once every attach and detach in progress is over: what a restarted directory builds on."""
        self._watch_model()
        while self._moves:
            await asyncio.wait(self._moves)
        return self._report()

    def _report(self) -> FrameReport:
        now_s = time.monotonic()
        return FrameReport(
            os.getpid(),
            self._process.memory_info().rss,
            tuple(
                HostedCube(r.ref, r.generation, r.epoch, r.memory_bytes, now_s - r.used_s)
                for r in self._hosted.values()
            ),
            self._stale_refused,
            self._commits_before + sum(r.commits for r in self._hosted.values()),
        )

    async def _let_go(self, residence: Residence, *, keep: bool = True) -> None:
        self._unhost(residence)
        try:
            await residence.close(keep=keep)
        except StaleEpochError:
            self._stale_refused += 1
        except MemCubeError as error:
            # What was acknowledged is in the file or its log; whoever attaches the cube next sees what is wrong.
            logger.warning("cube %s was let go uncleanly: %s", residence.ref.key, error)

    async def _let_go_later(self, residence: Residence) -> None:
        await asyncio.sleep(CLOSE_AFTER_S)
        await self._let_go(residence)

    def _unhost(self, residence: Residence) -> None:
        """From now on calls on the cube are refused here."""
        if self._hosted.get(residence.ref.key) is residence:
            del self._hosted[residence.ref.key]
            self._commits_before += residence.commits

    def _in_background(self, move: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(move)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)

    async def _fail(self, residence: Residence, error: Exception) -> MemCubeError:
        """Drop a cube that failed; what its caller is told."""
        told = error if isinstance(error, MemCubeError) else incident(logger, error)
        if isinstance(error, StaleEpochError):
            self._stale_refused += 1
            told = NotResidentError(residence.ref.cube_id)
        await self._let_go(residence, keep=False)
        return told

    def _lost(self, residence: Residence, error: Exception) -> None:
        """A cube's background work met an error that ends its residence."""
        if not isinstance(error, StaleEpochError):
            logger.error("cube %s is dropped", residence.ref.key, exc_info=error)
        self._in_background(self._drop(residence, error))

    async def _drop(self, residence: Residence, error: Exception) -> None:
        await self._fail(residence, error)


class _Move:
    """Marks an attach or detach in progress for ``hosting``."""

    def __init__(self, moves: set[asyncio.Future[None]]) -> None:
        self._moves = moves
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> None:
        self._moves.add(self._done)

    def __exit__(self, *_: object) -> None:
        self._moves.discard(self._done)
        self._done.set_result(None)
