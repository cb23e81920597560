"""A topic in use: appends that wait together are made durable together; readers wait for what comes.

Used by the store's event loop; the disk is touched in a thread, one call at a time for each topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from memcube.actors.store.about import TopicAbout
from memcube.actors.store.clock import Clock
from memcube.actors.store.log import Append, Outcome, Staged, TopicLog
from memcube.actors.store.segment import Unit
from memcube.model.errors import MemCubeError, NotFoundError, UnavailableError

__all__ = ["Lane"]

logger = logging.getLogger("memcube.store")
BATCH_BYTES = 4 << 20
T = TypeVar("T")


@dataclass(slots=True)
class _Waiting:
    append: Append
    size: int
    answer: asyncio.Future[Outcome]


class Lane:
    """One topic. ``changed`` is told of every change of its head or low."""

    def __init__(self, folder: Path, about: TopicAbout, clock: Clock, changed: Callable[[], None]) -> None:
        self.folder = folder
        self.about = about
        self.waiting_bytes = 0
        self.users = 0
        self.gone = False
        self._clock = clock
        self._changed = changed
        self._log: TopicLog | None = None
        self._turn = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self._readers: set[asyncio.Future[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nobody is at it."""
        return not (self.users or self._waiting or self._readers or self._worker or self._turn.locked())

    @property
    def is_open(self) -> bool:
        """Whether its files are open."""
        return self._log is not None

    async def log(self) -> TopicLog:
        """Its log, opened if need be. Raises DamagedError, NotFoundError once it is deleted."""
        if self._log is None:
            async with self._turn:
                await self._opened()
        assert self._log is not None
        return self._log

    async def _opened(self) -> TopicLog:
        if self.gone:
            raise NotFoundError("topic", self.about.name)
        if self._log is None:
            about = self.about
            self._log = await asyncio.to_thread(
                TopicLog.open, self.folder, about.incarnation, about.kept, about.low_seq, self._now_us()
            )
        return self._log

    def append(self, append: Append) -> asyncio.Future[Outcome]:
        """Append, in the order of calls; the answer comes when it is durable."""
        size = sum(map(len, append.events))
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(append, size, answer))
        self.waiting_bytes += size
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._next_batch()
                try:
                    async with self._turn:
                        outcomes = await self._commit(batch)
                except MemCubeError as error:
                    for one in batch:
                        _settle(one.answer, error)
                except BaseException as error:
                    for one in [*batch, *self._waiting]:
                        _settle(one.answer, UnavailableError(f"topic {self.about.name} ({type(error).__name__})"))
                    self.waiting_bytes -= sum(one.size for one in self._waiting)
                    self._waiting.clear()
                    raise
                else:
                    for one, outcome in zip(batch, outcomes, strict=True):
                        _settle(one.answer, outcome)
                finally:
                    self.waiting_bytes -= sum(one.size for one in batch)
        finally:
            self._worker = None

    def _next_batch(self) -> list[_Waiting]:
        size = count = 0
        while count < len(self._waiting) and (not count or size + self._waiting[count].size <= BATCH_BYTES):
            size += self._waiting[count].size
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _commit(self, batch: list[_Waiting]) -> list[Outcome | MemCubeError]:
        log = await self._opened()
        now_us = self._now_us()

        def write() -> Staged:
            log.roll_if_full(now_us)
            staged = log.stage([one.append for one in batch], now_us)
            log.write(staged)
            return staged

        try:
            staged = await asyncio.to_thread(write)
        except BaseException:
            # What is in memory is ahead of the disk: the next use reads the disk again.
            self._close()
            raise
        log.apply(staged)
        if staged.rows:
            self._wake()
        return staged.outcomes

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)
        self._readers.clear()
        self._changed()

    async def read(self, from_seq: int, max_bytes: int, wait_s: float) -> tuple[int, int, list[Unit]]:
        """(low, head, units from ``from_seq`` on); none below low. Where there are none yet, ``wait_s`` is waited."""
        log = await self.log()
        if from_seq > log.head_seq and wait_s > 0:
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.add(reader)
            try:
                await asyncio.wait([reader], timeout=wait_s)
            finally:
                self._readers.discard(reader)
            log = await self.log()
        if from_seq > log.head_seq or from_seq < log.low_seq:
            return log.low_seq, log.head_seq, []
        if log.in_last(from_seq):
            units = log.read(from_seq, max_bytes)
        else:
            async with self._turn:
                log = await self._opened()
                if from_seq < log.low_seq:  # let go of while this waited for its turn
                    return log.low_seq, log.head_seq, []
                units = await asyncio.to_thread(log.read, from_seq, max_bytes)
        return log.low_seq, log.head_seq, units

    async def in_turn(self, work: Callable[[TopicLog], T]) -> T:
        """Something that touches the disk, in a thread, while nothing else does."""
        async with self._turn:
            log = await self._opened()
            return await asyncio.to_thread(work, log)

    async def retain(self) -> int:
        """Let go of what is over the topic's bounds; returns how many segments went. Raises what the disk does."""
        kept = self.about.kept
        if not (kept.max_age_s or kept.max_bytes or kept.max_events):
            return 0
        async with self._turn:
            log = await self._opened()
            now_us = self._now_us()

            def cut_off() -> tuple[TopicAbout, int]:
                if log.is_aged(now_us):
                    log.roll(now_us)
                count = log.to_drop(now_us)
                about = self.about
                if count:
                    about = about.with_low(log.low_after(count))
                    about.save(self.folder)
                return about, count

            try:
                self.about, count = await asyncio.to_thread(cut_off)
            except BaseException:
                self._close()  # a segment may have been begun that memory does not know of
                raise
            if count:
                log.drop(count)
                logger.info("topic %s keeps events from %d on", self.about.name, log.low_seq)
        if count:
            self._wake()
        return count

    async def end(self) -> None:
        """The topic is being deleted: whoever waits for it hears so."""
        self.gone = True
        await self.close()
        self._wake()

    async def close(self) -> None:
        """Let go of the files once nothing is in progress."""
        async with self._turn:
            self._close()

    def _close(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def _now_us(self) -> int:
        return int(self._clock.now_s() * 1e6)


def _settle(answer: asyncio.Future[Outcome], outcome: Outcome | MemCubeError) -> None:
    if answer.done():
        return
    if isinstance(outcome, MemCubeError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
