"""Whether a subscriber may go on: asked when it opens, before each batch, and several times a second in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from memcube.actors.gateway.part import Callers
from memcube.actors.governance import Access
from memcube.actors.store.signal import Signal
from memcube.actors.store.source import SourceRef
from memcube.model.errors import MemCubeError, NotFoundError, UnauthenticatedError, UnavailableError
from memcube.model.ids import Principal

__all__ = ["Right", "Vigil", "may"]

logger = logging.getLogger("memcube.store")
CHECK_S = 0.25


def may(access: Access, principal: Principal, verb: str, source: SourceRef) -> bool:
    """Whether a principal may use a verb on a source. To subscribe to a cube is to read its events."""
    if source.tenant != principal.tenant:
        return False
    if source.is_cube:
        return access.allows(principal, "read_events", source.cube)
    return access.allows_topic(principal, verb, source.name)


class Right:
    """One subscriber's right to one source. ``check`` raises what its end is: no valid credentials any more, another
    principal behind them, or NotFoundError, as if the source were not there."""

    def __init__(self, callers: Callers, access: Access, verb: str, source: SourceRef) -> None:
        self.source = source
        self._callers = callers
        self._access = access
        self._verb = verb
        self._first = ""

    def check(self) -> Principal:
        """Who subscribes, and may, as of now."""
        self._access.look()
        principal = self._callers().principal
        if not self._first:
            self._first = principal.id
        elif self._first != principal.id:
            raise UnauthenticatedError("the key stands for another principal by now")
        if not may(self._access, principal, self._verb, self.source):
            raise NotFoundError(self.source.kind, self.source.name)
        return principal


class Vigil:
    """Looks after the rights of all streams of a gateway, so that an idle one ends too when its right does."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Callable[[], object], Callable[[MemCubeError], None], Signal]] = {}
        self._next = 0
        self._task: asyncio.Task[None] | None = None

    def keep(self, check: Callable[[], object], end: Callable[[MemCubeError], None], signal: Signal) -> int:
        """Call ``check`` again and again, and ``end`` with what it raises; returns what ``drop`` takes."""
        self._next += 1
        self._kept[self._next] = (check, end, signal)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return self._next

    def drop(self, number: int) -> None:
        """The stream is over."""
        self._kept.pop(number, None)
        if not self._kept and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            for check, end, signal in list(self._kept.values()):
                try:
                    check()
                except MemCubeError as error:
                    end(error)
                    signal.set()
                except Exception:
                    # A right that can't be asked for is none; the others' are looked after all the same.
                    logger.exception("a subscriber's right could not be looked at")
                    end(UnavailableError("the right to subscribe", 0.2))
                    signal.set()
