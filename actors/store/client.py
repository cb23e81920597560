"""How gateways and readers reach the store: by a direct line where it is on this machine, by its actor's name else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from memcube.actors.line import Line
from memcube.actors.store.codec import pack_asked, unpack_answer
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["STORE", "LocalStore", "Store", "StoreClient"]

STORE = "store"
"""Name of its actor, and of its line."""
NAMESPACE = "memcube"
RETRY_S = 0.2


class Store(Protocol):
    """The store's operations, by name; see ``desk.StoreDesk``."""

    async def ask(self, operation: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """Its answer. Raises MemCubeError: the operation's own, UnavailableError where the store is not there (what
        was asked may have been done), DeadlineError."""


class LocalStore:
    """A store in this process, for tests and tools."""

    def __init__(self, answer: Callable[[str, list[Any]], Awaitable[Any]]) -> None:
        self._answer = answer

    async def ask(self, operation: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """See ``Store``."""
        try:
            async with asyncio.timeout(within_s):
                return await self._answer(operation, list(arguments))
        except TimeoutError as error:
            if isinstance(error, MemCubeError):
                raise
            raise DeadlineError("the store", within_s) from error


class StoreClient:
    """See ``Store``; used in one event loop, imports ray lazily."""

    def __init__(self, line_folder: Callable[[], Path] | None = None) -> None:
        self._folder = line_folder or _line_folder
        self._line: Line | None = None
        self._tried_s = 0.0
        self._opening: asyncio.Lock | None = None
        self._actor: Any = None

    async def ask(self, operation: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """See ``Store``."""
        message = pack_asked(operation, arguments)
        try:
            async with asyncio.timeout(within_s):
                line = await self._direct()
                if line is not None:
                    return unpack_answer(await line.ask(message))
                return unpack_answer(await self._by_ray(message))
        except ConnectionError as error:
            raise UnavailableError("the store", RETRY_S) from error
        except TimeoutError as error:
            if isinstance(error, MemCubeError):
                raise
            raise DeadlineError("the store", within_s) from error

    async def _direct(self) -> Line | None:
        if self._line is not None and self._line.alive:
            return self._line
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._line is not None and self._line.alive:
                return self._line
            loop = asyncio.get_running_loop()
            if loop.time() - self._tried_s < RETRY_S:
                return None
            self._tried_s = loop.time()
            try:
                self._line = await Line.open(str(self._folder() / STORE))
            except OSError:
                # No socket there: the store is on another machine, or not up yet. Ray carries the call.
                return None
            return self._line

    async def _by_ray(self, message: bytes) -> bytes:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            if self._actor is None:
                self._actor = await asyncio.to_thread(ray.get_actor, STORE, NAMESPACE)
            answer: bytes = await self._actor.answer_bytes.remote(message)
            return answer
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise UnavailableError(f"the store ({error.cause!r})", RETRY_S) from error
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._actor = None
            raise UnavailableError("the store", RETRY_S) from error


def _line_folder() -> Path:
    from memcube.actors.cube.actor import line_folder

    return line_folder()
