"""A group in use: what its subscribers ask for and answer, made durable together before it counts.

Used by the store's event loop; the journal is written in a thread. Memory is ahead of the journal only within one
round, and nobody is told of it before the journal has it; a round that fails is forgotten, by reading the journal anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from memcube.actors.store.clock import Clock
from memcube.actors.store.group import Group, Step
from memcube.actors.store.journal import Journal
from memcube.model.errors import DamagedError, MemCubeError, NotFoundError, UnavailableError

__all__ = ["GroupLane", "Work"]

logger = logging.getLogger("memcube.store")

Work = Callable[[Group, float], tuple[Any, Sequence[Step]]]
"""What is wanted of a group at a time: the answer, and the steps that are durable when it is given."""


class GroupLane:
    """One group of one source."""

    def __init__(self, path: Path, name: str, incarnation: bytes, clock: Clock) -> None:
        self.path = path
        self.name = name
        self.incarnation = incarnation
        self.version = 0
        """Raised whenever there may be something to take: events, answers."""
        self._clock = clock
        self._watching: set[asyncio.Future[None]] = set()
        self._group: Group | None = None
        self._journal: Journal | None = None
        self.used_s = 0.0
        """When something was last asked of it (monotonic)."""
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def group(self) -> Group | None:
        """Its state, where it is loaded."""
        return self._group

    async def load(self, make: Group | None = None) -> Group:
        """Its state; made where there is none, or one of an earlier source of the name, and ``make`` is given.

        Raises NotFoundError("group"), DamagedError.
        """
        if self._group is None:
            async with self._turn:
                if self._group is None:
                    await asyncio.to_thread(self._read, make)
        assert self._group is not None
        return self._group

    def _read(self, make: Group | None) -> None:
        try:
            journal, entries = Journal.open(self.path)
        except FileNotFoundError:
            journal, entries = None, []
        if journal is None or entries[0][0] != self.incarnation:
            if journal is not None:
                journal.close()
            if make is None:
                raise NotFoundError("group", self.name) from None
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._journal = Journal.create(self.path, self._whole(make))
            self._group = make
            return
        try:
            group = Group.from_whole(entries[0][2:])
            for step in entries[1:]:
                group.apply(step)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            journal.close()
            raise DamagedError(str(self.path), f"it holds what is no step: {error!r}") from error
        group.settle_clock(self._clock.now_s())
        self._journal, self._group = journal, group

    def _whole(self, group: Group) -> list[Any]:
        return [self.incarnation, self.name, *group.whole()]

    def do(self, work: Work) -> asyncio.Future[Any]:
        """Have something done, after what was asked before; the group must have been loaded."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.used_s = monotonic()
        self._waiting.append((work, answer))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run())
        return answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                async with self._turn:
                    await self._round(batch)
        finally:
            self._worker = None

    async def _round(self, batch: list[tuple[Work, asyncio.Future[Any]]]) -> None:
        group, journal = self._group, self._journal
        if group is None or journal is None:
            for _, answer in batch:
                _fail(answer, UnavailableError(f"group {self.name}", 0.1))
            return
        now_s = self._clock.now_s()
        answers: list[tuple[asyncio.Future[Any], Any]] = []
        steps: list[Step] = []
        try:
            for work, answer in batch:
                try:
                    given, wanted = work(group, now_s)
                except MemCubeError as error:
                    _fail(answer, error)
                    continue
                for step in wanted:
                    group.apply(step)
                steps += wanted
                answers.append((answer, given))
            if steps:
                await asyncio.to_thread(journal.append, steps)
                if journal.grown:
                    await asyncio.to_thread(journal.rewrite, self._whole(group))
        except BaseException as error:
            self._forget()
            told = error if isinstance(error, MemCubeError) else UnavailableError(f"group {self.name}", 0.5)
            for _, answer in batch:
                _fail(answer, told)
            if not isinstance(error, MemCubeError):
                raise
            return
        for answer, given in answers:
            if not answer.done():
                answer.set_result(given)
        if any(step[0] in "nrscx" for step in steps):
            self.nudge()

    def nudge(self) -> None:
        """There may be something to take."""
        self.version += 1
        for watcher in self._watching:
            if not watcher.done():
                watcher.set_result(None)
        self._watching.clear()

    async def changed(self, version: int, wait_s: float) -> None:
        """Wait until ``version`` is another one, ``wait_s`` at most."""
        if self.version == version and wait_s > 0:
            watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watching.add(watcher)
            try:
                await asyncio.wait([watcher], timeout=wait_s)
            finally:
                self._watching.discard(watcher)

    @property
    def idle(self) -> bool:
        """Whether nobody is at it."""
        return not (self._waiting or self._worker or self._watching or self._turn.locked())

    def _forget(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._group = self._journal = None

    async def close(self) -> None:
        """Let go of the file once nothing is in progress."""
        async with self._turn:
            self._forget()

    async def delete(self) -> None:
        """Remove it."""
        async with self._turn:
            self._forget()
            self.path.unlink(missing_ok=True)


def _fail(answer: asyncio.Future[Any], error: MemCubeError) -> None:
    if not answer.done():
        answer.set_exception(error)
