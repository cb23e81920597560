"""What one subscription waits for: something came, from whichever side. Used by one event loop."""

from __future__ import annotations

import asyncio

__all__ = ["Signal"]


class Signal:
    """Set by many, waited for by one; a set that nobody waited for is not lost."""

    __slots__ = ("_set", "_waiter")

    def __init__(self) -> None:
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Something came."""
        self._set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Until it is set, ``timeout_s`` at most."""
        if not self._set and timeout_s > 0:
            loop = asyncio.get_running_loop()
            self._waiter = waiter = loop.create_future()
            handle = loop.call_later(timeout_s, _end, waiter)
            try:
                await waiter
            finally:
                handle.cancel()
                self._waiter = None
        self._set = False


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
