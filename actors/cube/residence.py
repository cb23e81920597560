"""One cube while it is in a frame: its commit lane, its reads, and its background work (vectors, checkpoints).

All methods are called in the frame's event loop; what touches the disk runs in one thread, in order. Whoever gets an
error out of ``mutate``, ``read`` or ``verify`` other than StorageFullError must drop the residence: what is in memory
may not be what is on disk.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from memcube.actors.cube.call import SLOW_READS, Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.cube.known_model import KnownModel
from memcube.actors.cube.offering import Offering, TakesOffers
from memcube.actors.cube.plan import Plan
from memcube.actors.vault.base import Commit, CubeStore, Vault
from memcube.model.errors import MemCubeError, NotResidentError, StorageFullError
from memcube.model.ids import CubeRef

__all__ = ["Residence"]

T = TypeVar("T")
logger = logging.getLogger(__name__)
SMALL_BYTES = 16_384
"""Requests of a batch that are planned and committed in the event loop; larger ones would keep readers waiting."""


class Residence:
    """A cube attached to this process. Made by ``attach``; ended by ``close``."""

    def __init__(
        self,
        store: CubeStore,
        generation: int,
        thread: Executor,
        config: FrameConfig,
        embedder: KnownModel | None,
        on_lost: Callable[[Residence, Exception], None],
        scheduler: TakesOffers | None = None,
    ) -> None:
        self.ref = store.ref
        self.epoch = store.epoch
        self.generation = generation
        self.commits = 0
        self.used_s = time.monotonic()
        self.purged = False
        """Whether an erasure was committed here: the cube's files are others now, and this has to be dropped."""
        self._store = store
        self._thread = thread
        self._config = config
        self._embedder = embedder
        self._on_lost = on_lost
        self._offers = Offering(store.ref, scheduler) if scheduler is not None else None
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._written = False
        self._closed = False
        self._cube: Cube | None = None
        self._file_bytes = 0
        loop = asyncio.get_running_loop()
        self._loading: asyncio.Future[Cube] = loop.run_in_executor(thread, self._load)
        self._work: asyncio.Task[None] | None = loop.create_task(self._background())

    @classmethod
    async def attach(
        cls,
        vault: Vault,
        ref: CubeRef,
        create: bytes | None,
        generation: int,
        thread: Executor,
        config: FrameConfig,
        embedder: KnownModel | None,
        on_lost: Callable[[Residence, Exception], None],
        scheduler: TakesOffers | None = None,
    ) -> Residence:
        """Become the cube's writer. Raises what the vault raises; ``on_lost`` hears of background failures.

        The cube is loaded while the news of the attach travels; its first calls wait for that, and get its error.
        """
        store = await asyncio.get_running_loop().run_in_executor(thread, vault.attach, ref, create)
        return cls(store, generation, thread, config, embedder, on_lost, scheduler)

    @property
    def memory_bytes(self) -> int:
        """What the cube takes in this process, estimated; by its file while it is being loaded."""
        return self._file_bytes if self._cube is None else self._cube.memory_bytes()

    @property
    def empty(self) -> bool:
        """Whether no write was ever committed to the cube."""
        return self._store.head == 0

    async def mutate(self, calls: Sequence[Call]) -> list[Answer]:
        """Commit a batch, then answer each of its calls. Batches take turns in the order of their coming.

        Readers are shown the commit right after the answer has left: in the event loop that comes before any call
        that could know of the answer, and the caller does not wait for the indexes.
        """
        self.used_s = time.monotonic()
        await self._turn.acquire()
        try:
            cube = await self._loaded()
            if any(call.verb == "erase" for call in calls):
                return await self._erase(cube, calls)
            if self._config.slots == 1 and sum(len(call.request) for call in calls) <= SMALL_BYTES:
                # A frame of one cube has little else to do meanwhile, and a thread hop costs half a commit.
                plan = self._plan_and_commit(cube, calls)
            else:
                plan = await self._in_thread(lambda: self._plan_and_commit(cube, calls))
        except BaseException as error:
            self._turn.release()
            if isinstance(error, asyncio.CancelledError):
                # The thread commits all the same, and what is in memory would lag behind it for good.
                self._on_lost(self, NotResidentError(self.ref.cube_id))
            raise
        asyncio.get_running_loop().call_soon(self._show, cube, plan)
        return plan.answers

    async def _erase(self, cube: Cube, calls: Sequence[Call]) -> list[Answer]:
        """Commit a batch with an erasure in it, and purge: the residence is at its end then (``purged``)."""

        def work() -> list[Answer]:
            return cube.purge(calls, self._plan_and_commit(cube, calls).answers)

        answers = await self._in_thread(work)
        # Whatever came of it: what was committed is shown by whoever attaches the cube next.
        self.purged = True
        self._turn.release()
        return answers

    def _show(self, cube: Cube, plan: Plan) -> None:
        try:
            cube.apply(plan)
            if self._offers is not None and plan.tasks:
                self._offers.add(plan.tasks.values())
            if not plan.empty:
                self._note_commit()
        except Exception as error:  # noqa: BLE001 - what is in memory is not to be trusted any more
            self._on_lost(self, error)
        finally:
            self._turn.release()

    async def read(self, call: Call) -> Answer:
        """Answer a read: from memory, on the state as of the last commit, or from the journal on disk."""
        self.used_s = time.monotonic()
        cube = self._cube if self._cube is not None and not self._closed else await self._loaded()
        if call.verb not in SLOW_READS:
            return cube.read(call)
        # In turn with commits: the store is one connection, and half a commit is nobody's business.
        async with self._turn:
            cube = await self._loaded()
            return await self._in_thread(lambda: cube.slow_read(call))

    async def verify(self) -> None:
        """Raise StaleEpochError if another frame attached the cube since."""
        async with self._turn:
            self._check_open()
            await self._in_thread(self._store.verify_epoch)

    def wake(self) -> None:
        """There may be texts to embed, or another model to embed them with."""
        if self._embedder is not None:
            self._wake.set()

    async def close(self, *, keep: bool = True) -> None:
        """Let go of the cube after the calls in progress. ``keep`` folds the log into the file; without it the next
        attach does. Never raises for a cube that someone else owns by now."""
        if self._closed:
            return
        self._closed = True
        # The cancelled task keeps its frames, and they keep this: without the link back no collector is needed.
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            del work
        if self._offers is not None:
            self._offers.close()
        if keep:
            await self._embed_leaving()
        async with self._turn:
            await asyncio.wait((self._loading,))
            # Asked for, or asyncio logs a failure that whoever attached the cube since has made moot.
            _ = self._loading.cancelled() or self._loading.exception()
            if keep and self._cube is not None:
                await self._in_thread(self._cube.close)
            else:
                await self._in_thread(lambda: self._store.close(checkpoint=False))

    def _load(self) -> Cube:
        self._file_bytes = self._store.file_bytes()
        model = self._embedder.model if self._embedder is not None else ""
        return Cube.open(self._store, model, config=self._config)

    async def _loaded(self) -> Cube:
        self._check_open()
        if self._cube is None:
            cube = await asyncio.shield(self._loading)
            self._check_open()
            self._cube = self._cube or cube
        return self._cube

    def _check_open(self) -> None:
        if self._closed:
            raise NotResidentError(self.ref.cube_id)

    def _plan_and_commit(self, cube: Cube, calls: Sequence[Call]) -> Plan:
        plan = cube.plan(calls)
        if plan.empty:
            # Refusals and repeated answers rest on what is in memory: true only while the cube is ours.
            self._store.verify_epoch()
        else:
            self._store.commit(plan.commit)
        return plan

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _note_commit(self) -> None:
        self.commits += 1
        self._written = True
        self.wake()

    # --- background ----------------------------------------------------------------------------------------------

    async def _background(self) -> None:
        await asyncio.wait((self._loading,))
        if self._loading.cancelled() or self._loading.exception() is not None:
            # The first call is to hear of it, and ends the residence.
            return
        try:
            if self._offers is not None:
                self._offers.add((await self._loaded()).view.tasks.unfinished.values())
            # Texts may be waiting since before, and the model may have become known while the cube was being loaded.
            self.wake()
            while not self._closed:
                try:
                    async with asyncio.timeout(self._config.checkpoint_idle_s):
                        await self._wake.wait()
                except TimeoutError:
                    await self._checkpoint()
                    continue
                self._wake.clear()
                await self._follow_model()
                await self._embed_pending()
        except Exception as error:  # noqa: BLE001 - the frame drops the cube and logs what happened
            self._on_lost(self, error)

    async def _checkpoint(self) -> None:
        if self._written:
            async with self._turn:
                cube = await self._loaded()
                try:
                    await self._in_thread(cube.settle_pending)
                    await self._in_thread(self._store.checkpoint)
                except StorageFullError as error:
                    # The log holds all of it. Letting go of the cube would end its reads: an attach writes too.
                    logger.warning("cube %s is not checkpointed, and will be: %s", self.ref.key, error)
                    return
                self._written = False

    async def _embed_pending(self) -> None:
        if self._embedder is None:
            return
        failures = 0
        await asyncio.sleep(self._config.embed_delay_s)
        while pending := (await self._loaded()).pending_texts(self._config.embed_batch):
            try:
                matrix = await self._embedder.embed([text for _, text in pending])
                await self._keep_vectors(self._embedder.model, [content for content, _ in pending], matrix)
                failures = 0
            except _NotKeptError as error:
                raise error.cause from error
            except MemCubeError as error:
                failures += 1
                (await self._loaded()).note_embed_failure(error.message)
            if failures:
                pause_s = min(self._config.first_backoff_s * 2 ** (failures - 1), self._config.last_backoff_s)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))

    async def _embed_leaving(self) -> None:
        """Make the vectors of what was just written, as far as they fit into one batch: a cube that is let go of as soon
        as it was used would else never get them, however often it comes back."""
        cube, embedder = self._cube, self._embedder
        if cube is None or embedder is None or embedder.failing or not cube.view.unembedded:
            return
        model = cube.view.model
        pending = cube.pending_texts(self._config.embed_batch)
        try:
            async with asyncio.timeout(self._config.embed_leaving_s):
                matrix = await embedder.embed([text for _, text in pending])
        except (TimeoutError, MemCubeError) as error:
            embedder.note_failure()
            logger.info("cube %s leaves with texts that have no vector: %s", self.ref.key, error)
            return
        if embedder.model != model:
            return
        contents = [content for content, _ in pending]
        async with self._turn:
            try:
                commit = cube.plan_vectors(model, contents, matrix)
                await self._in_thread(lambda: self._store.commit(commit))
            except MemCubeError as error:
                # A disk that is full, or a newer owner: what is being let go of says nothing more.
                logger.info("cube %s leaves without its last vectors: %s", self.ref.key, error)
                return
            cube.apply_vectors(model, contents, matrix)

    async def _follow_model(self) -> bool:
        """Rank with the embedder's present model from now on; whether that is another one than before."""
        model = self._embedder.model if self._embedder is not None else ""
        if not model or model == (await self._loaded()).view.model:
            return False
        async with self._turn:
            # Reloading builds the index of the new model aside, while reads go on with the old one.
            self._cube = await self._in_thread(lambda: Cube.open(self._store, model, config=self._config))
        return True

    async def _keep_vectors(self, model: str, contents: list[bytes], matrix: npt.NDArray[np.float32]) -> None:
        if await self._follow_model():
            return
        async with self._turn:
            cube = await self._loaded()
            commit: Commit = cube.plan_vectors(model, contents, matrix)
            try:
                await self._in_thread(lambda: self._store.commit(commit))
            except StorageFullError:
                raise
            except MemCubeError as error:
                raise _NotKeptError(error) from error
            cube.apply_vectors(model, contents, matrix)
            self._written = True


class _NotKeptError(Exception):
    """The vault refused the vectors: unlike a failure of the embedder, the residence is over."""

    def __init__(self, cause: MemCubeError) -> None:
        super().__init__(cause)
        self.cause = cause
