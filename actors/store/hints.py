"""A router that tells who listens of what it committed: gateways at once, everybody else by the store.

A hint says that there may be something new, never what: the journal says that. One that gets lost costs a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.store.client import Store
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef

__all__ = ["HintingRouter", "Hints"]

GATHER_S = 0.02
TELL_S = 2.0


class HintingRouter:
    """A router (``gateway.seam.Router``) that calls ``touched`` after each mutation, whatever became of it."""

    def __init__(self, router: Any, touched: Callable[[CubeRef], None]) -> None:
        self._router = router
        self._touched = touched

    async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
        """See ``gateway.seam.Router``."""
        try:
            answer: bytes = await self._router.mutate(ref, call, create=create, timeout_s=timeout_s)
            return answer
        finally:
            self._touched(ref)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)


class Hints:
    """Tells the store of cubes that were committed to, many at once, for processes that are no gateway."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cubes: set[CubeRef] = set()
        self._telling: asyncio.Task[None] | None = None

    def touched(self, ref: CubeRef) -> None:
        """Something may have been committed to a cube."""
        self._cubes.add(ref)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while self._cubes:
                await asyncio.sleep(GATHER_S)
                rows = [[ref.tenant, ref.cube_id] for ref in self._cubes]
                self._cubes.clear()
                with contextlib.suppress(MemCubeError):
                    await self._store.ask("touch", rows, within_s=TELL_S)
        finally:
            self._telling = None
