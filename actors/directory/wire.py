"""How the directory and its routers reach actors by name, as a seam: Ray's in ``actor.py``, an in-process one for
tests in ``tests/unit/directory``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["DIRECTORY", "NAMESPACE", "Fleet", "Wire"]

NAMESPACE = "memcube"
"""Ray namespace of every actor of the system."""
DIRECTORY = "directory"
"""Name of the directory's actor."""


class Wire(Protocol):
    """Calls to actors by name."""

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """Send a call now, in order. The future raises UnavailableError when the actor is gone or restarting (the call
        may or may not have run), or the MemCubeError that the method raised. Cancelling it only stops waiting."""

    def close(self) -> None:
        """Let go of what is open; the wire is not used any more."""


class Fleet(Wire, Protocol):
    """What the directory needs besides: frames as processes."""

    async def running(self) -> list[str]:
        """Names of the frames that exist, whoever started them."""

    async def start(self, frame: str) -> None:
        """Make sure that the frame exists. Calls to it may fail for a while until its process is up."""

    async def kill(self, frame: str, *, restart: bool) -> None:
        """End the frame's process, also one that hangs."""

    def watch(self, frame: str, pid: int, on_end: Callable[[], None]) -> Callable[[], None]:
        """Call ``on_end`` in the event loop as soon as this process of the frame is gone, if that can be seen from here; returns
        what ends the watch."""
