"""The wire with direct lines: calls on cubes, and what a page fault takes, go straight to the other's socket where it
is on this machine: from a router to a frame or to the directory, from the directory to a frame.

Everything else, and these calls too while there is no line (another machine, a frame that is starting), goes by Ray.
A router has one batch in flight for each cube, so that calls keep their order whichever way they go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from memcube.actors.directory.wire import Wire
from memcube.actors.line import Line
from memcube.model.errors import UnavailableError

__all__ = ["DIRECT", "DIRECT_METHODS", "LineWire"]

logger = logging.getLogger(__name__)
DIRECT = {"mutate": b"m", "read": b"r", "attach": b"a", "resolve": b"q"}
"""Methods that take one packet and return one, and how a message on the line says which."""
DIRECT_METHODS = {letter: method for method, letter in DIRECT.items()}
RECONNECT_S = 0.2


class LineWire:
    """See ``wire.Wire``. ``folder`` is where frames on this machine have their sockets, by their names."""

    def __init__(self, behind: Wire, folder: Path) -> None:
        self._behind = behind
        self._folder = folder
        self._lines: dict[str, Line] = {}
        self._tried_s: dict[str, float] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``."""
        if method not in DIRECT:
            return self._behind.send(actor, method, *args)
        line = self._lines.get(actor)
        if line is None or not line.alive:
            self._open_soon(actor)
            return self._behind.send(actor, method, *args)
        asked = line.ask(DIRECT[method] + args[0])
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def landed(asked: asyncio.Future[bytes]) -> None:
            if answer.done():
                return
            if asked.cancelled() or asked.exception() is not None:
                answer.set_exception(UnavailableError(actor, 0.05))
            else:
                answer.set_result(asked.result())

        asked.add_done_callback(landed)
        return answer

    def close(self) -> None:
        """See ``Wire.close``."""
        for task in self._opening.values():
            task.cancel()
        for line in self._lines.values():
            line.hang_up()
        self._behind.close()

    def _open_soon(self, actor: str) -> None:
        loop = asyncio.get_running_loop()
        if actor in self._opening or loop.time() - self._tried_s.get(actor, -RECONNECT_S) < RECONNECT_S:
            return
        self._tried_s[actor] = loop.time()
        task = self._opening[actor] = loop.create_task(self._open(actor))
        task.add_done_callback(lambda _: self._opening.pop(actor, None))

    async def _open(self, actor: str) -> None:
        # No socket there: the frame is on another machine, or not up yet. Ray carries its calls.
        with contextlib.suppress(OSError):
            self._lines[actor] = await Line.open(str(self._folder / actor))
