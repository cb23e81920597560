"""Keeps watch over one incarnation of one frame: brings it up, pings it, and tells the table what it hears."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from memcube.actors.directory import events as ev
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.placement import FrameReport
from memcube.actors.directory.wire import Fleet
from memcube.model.errors import MemCubeError

__all__ = ["FrameMinder"]

logger = logging.getLogger(__name__)
RETRY_S = 0.1
LAST_RETRY_S = 2.0


class FrameMinder:
    """Made by the directory for each StartFrame effect; ``end`` when the incarnation is over."""

    def __init__(
        self,
        frame: str,
        incarnation: int,
        fleet: Fleet,
        config: DirectoryConfig,
        emit: Callable[[ev.Event], None],
    ) -> None:
        self.incarnation = incarnation
        self.task: asyncio.Task[None] | None = None
        self._frame = frame
        self._fleet = fleet
        self._config = config
        self._emit = emit
        self._ping: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    async def run(self, *, clear: bool, after: asyncio.Task[None] | None = None) -> None:
        """Bring the frame up, once the kill of its last process (``after``) is done; ping it until ``end``."""
        if after is not None:
            await asyncio.wait((after,))
        report = await self._bring_up(clear)
        self._unwatch = self._fleet.watch(self._frame, report.pid, lambda: self._lost(gone=True))
        self._emit(ev.FrameStarted(self._frame, self.incarnation, report))
        # The table may have given up on an adopted frame meanwhile; then this is the news that it answers.
        self._emit(ev.Reported(self._frame, self.incarnation, report))
        while True:
            await self.probe()
            # Jitter keeps the pings of many frames from coming all at once.
            await asyncio.sleep(self._config.ping_interval_s * random.uniform(0.8, 1.2))

    async def probe(self) -> None:
        """Hear from the frame, or not within ``ping_deadline_s``; the table knows when this returns."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.get_running_loop().create_task(self._ping_once())
        # A ping that is late goes on in the background: its answer says that the frame is back.
        await asyncio.wait((self._ping,), timeout=self._config.ping_deadline_s + RETRY_S)

    def end(self) -> None:
        """Stop watching; what the frame still says of this incarnation is ignored."""
        if self.task is not None:
            self.task.cancel()
        if self._unwatch is not None:
            self._unwatch()

    async def _bring_up(self, clear: bool) -> FrameReport:
        pause_s = RETRY_S
        while True:
            try:
                async with asyncio.timeout(self._config.start_deadline_s):
                    await self._fleet.start(self._frame)
                    if clear:
                        await self._fleet.send(self._frame, "clear", False)
                    report: FrameReport = await self._fleet.send(self._frame, "hosting")
                    return report
            except TimeoutError:
                logger.warning("%s did not start within %g s", self._frame, self._config.start_deadline_s)
                await self._fleet.kill(self._frame, restart=True)
            except MemCubeError as error:
                logger.info("%s is not up yet: %s", self._frame, error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_RETRY_S)

    async def _ping_once(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._config.ping_deadline_s
        while True:
            answer: asyncio.Future[FrameReport] = self._fleet.send(self._frame, "heartbeat", time.monotonic())
            try:
                await asyncio.wait((answer,), timeout=max(0.0, deadline_s - loop.time()))
                if not answer.done():
                    logger.warning("%s does not answer; its cubes go to other frames", self._frame)
                    self._lost(gone=False)
                self._emit(ev.Reported(self._frame, self.incarnation, await answer))
                return
            except MemCubeError as error:
                # Lost messages are no lost frame: until the deadline it may answer reads, so nobody else gets its
                # cubes. A process that really ended is seen by ``watch`` at once.
                if loop.time() >= deadline_s:
                    logger.info("%s is gone: %s", self._frame, error)
                    self._lost(gone=True)
                    return
            await asyncio.sleep(min(RETRY_S, max(0.0, deadline_s - loop.time())))

    def _lost(self, *, gone: bool) -> None:
        self._emit(ev.FrameLost(self._frame, self.incarnation, gone=gone))
