"""A router's knowledge of where cubes are: what the directory said, as long as it holds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

from memcube.actors.directory.config import RouterConfig
from memcube.actors.directory.placement import Placement, Usage
from memcube.actors.directory.question import Question, pack_question, unpack_resolved
from memcube.actors.directory.wire import DIRECTORY, Wire
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError
from memcube.model.ids import CubeRef

__all__ = ["Compass"]

USED_KEPT = 1024
DOUBTS_KEPT = 1024


class Compass:
    """Placements by cube key, and the questions to the directory. Used by ``CubeRouter`` in its event loop."""

    def __init__(self, wire: Wire, config: RouterConfig) -> None:
        self._wire = wire
        self._config = config
        self._known: OrderedDict[str, tuple[CubeRef, Placement]] = OrderedDict()
        self._doubts: dict[str, tuple[Placement, bool]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._used: dict[str, None] = {}
        self._busy: Counter[str] = Counter()
        self._version = 0

    @contextmanager
    def using(self, ref: CubeRef) -> Iterator[None]:
        """Marks the cube as in use, for the directory to spare it."""
        key = ref.key
        self._busy[key] += 1
        self._used[key] = None
        if len(self._used) > USED_KEPT:
            del self._used[next(iter(self._used))]
        try:
            yield
        finally:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]

    async def locate(self, ref: CubeRef, create: bytes | None, deadline_s: float) -> Placement:
        """Where the cube is; has it paged in if it is nowhere, made if ``create`` says how.

        Raises what ``CubeDirectory.resolve`` raises, and DeadlineError.
        """
        known = self._known.get(ref.key)
        if known is not None:
            return known[1]
        turn = self._turns.setdefault(ref.key, asyncio.Lock())
        async with turn:
            known = self._known.get(ref.key)
            if known is not None:
                return known[1]
            return await self._resolve(ref, create, deadline_s, self._doubts.pop(ref.key, None))

    async def confirm(self, ref: CubeRef, placement: Placement, create: bytes | None, deadline_s: float) -> Placement:
        """Where the cube is now, given that this placement is silent."""
        return await self._resolve(ref, create, deadline_s, (placement, False))

    def doubt(self, ref: CubeRef, placement: Placement, *, absent: bool) -> None:
        """The placement did not work; ``absent`` when the frame itself denied hosting the cube."""
        known = self._known.get(ref.key)
        if known is not None and known[1] == placement:
            del self._known[ref.key]
            # To be asked about with the next call; callers that never come back leave theirs here.
            self._doubts.pop(ref.key, None)
            self._doubts[ref.key] = (placement, absent)
            if len(self._doubts) > DOUBTS_KEPT:
                del self._doubts[next(iter(self._doubts))]

    def ref_of(self, tenant: str, key: str) -> CubeRef | None:
        """The cube of this key if a placement of it is known."""
        known = self._known.get(key)
        return known[0] if known is not None and known[0].tenant == tenant else None

    def forget(self, ref: CubeRef) -> None:
        """Ask the directory about this cube next time."""
        self._known.pop(ref.key, None)

    def forget_all(self) -> None:
        """Ask the directory about every cube next time."""
        self._known.clear()

    async def ask(self, method: str, timeout_s: float, *args: Any, retried: list[MemCubeError] | None = None) -> Any:
        """Call the directory, again while it restarts, within ``timeout_s``; ``retried`` collects failed attempts."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        pause_s = self._config.first_backoff_s
        while True:
            answer = self._wire.send(DIRECTORY, method, *args)
            try:
                await asyncio.wait((answer,), timeout=max(0.0, deadline_s - loop.time()))
                if not answer.done():
                    raise DeadlineError("the directory", timeout_s)
                return answer.result()
            except UnavailableError as error:
                if loop.time() + pause_s >= deadline_s:
                    raise
                if retried is not None:
                    retried.append(error)
            finally:
                answer.cancel()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, self._config.last_backoff_s)

    async def _resolve(
        self, ref: CubeRef, create: bytes | None, deadline_s: float, doubt: tuple[Placement, bool] | None
    ) -> Placement:
        timeout_s = deadline_s - asyncio.get_running_loop().time()
        if timeout_s <= 0:
            raise DeadlineError(f"paging in cube {ref.cube_id}", 0.0)
        usage = Usage(tuple(self._used), tuple(self._busy))
        self._used.clear()
        distrust, absent = doubt if doubt is not None else (None, False)
        question = Question(ref, create, usage, self._version, timeout_s, distrust, absent)
        resolved = unpack_resolved(await self.ask("resolve", timeout_s, pack_question(question)))
        if resolved.departed is None:
            self._known.clear()
        else:
            for key in resolved.departed:
                self._known.pop(key, None)
        self._version = resolved.version
        self._known[ref.key] = (ref, resolved.placement)
        if len(self._known) > self._config.cached_placements:
            self._known.popitem(last=False)
        return resolved.placement
