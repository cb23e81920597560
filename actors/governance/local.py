"""A Governor in this process, without Ray: for tools that have no cluster, and for tests of what stands above it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from memcube.actors.governance.governor import Governor
from memcube.actors.governance.usage import Spent
from memcube.model.errors import DeadlineError
from memcube.model.ids import Principal

__all__ = ["LocalGovernor"]


class LocalGovernor:
    """See ``service.TakesChanges``; ``close`` lets go of the files."""

    def __init__(self, folder: Path) -> None:
        self._governor = Governor(folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="governor")

    async def perform(self, verb: str, principal: Principal, body: bytes, within_s: float) -> bytes:
        """See ``service.TakesChanges.perform``."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                return await loop.run_in_executor(self._thread, self._governor.perform, verb, principal, body)
        except TimeoutError as error:
            raise DeadlineError("governance", within_s) from error

    async def tell_usage(self, gateway: str, spent: Sequence[Spent], within_s: float) -> Sequence[Spent]:
        """See ``gateway.quotas.TellsUsage``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._governor.tell_usage, gateway, spent)

    def close(self) -> None:
        """End the thread and let go of the files."""
        self._thread.shutdown()
        self._governor.close()
