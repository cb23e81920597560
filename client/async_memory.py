"""The asynchronous SDK: ``Memory``, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self

from memcube.client import prepare
from memcube.client.async_channel import AsyncConnection
from memcube.client.async_topics import AsyncTopics
from memcube.client.audit import Audit
from memcube.client.bundles import AsyncBundles
from memcube.client.local import ensure_running
from memcube.client.moving import AsyncMoving
from memcube.client.prepare import Prepared
from memcube.client.prepare_tasks import Waiting
from memcube.client.privacy import Privacy
from memcube.client.verbs import VECTORS_POLL_S, VECTORS_S, Plain, Verbs
from memcube.model.errors import InvalidArgumentError, MemCubeError

__all__ = ["AsyncMemory"]

Arguments = ParamSpec("Arguments")


class AsyncMemory(AsyncBundles, AsyncMoving, Verbs[Coroutine[Any, Any, Plain]]):
    """``Memory`` for one event loop; it connects at the first call, or at ``async with``.

    Arguments, results and errors are those of ``Memory``; every verb is to be awaited.
    """

    def _open(self) -> None:
        self._connecting = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._closed = False
        self.audit: Audit[Coroutine[Any, Any, Plain]] = Audit(self._ask)
        """The audit log, and where memories come from; see ``Audit``."""
        self.privacy: Privacy[Coroutine[Any, Any, Plain]] = Privacy(self._ask)
        """Erasure, legal holds, retention; see ``Privacy``."""
        self.topics = AsyncTopics(self._connected)
        """Publish and subscribe; see ``AsyncTopics``."""

    async def _connected(self) -> AsyncConnection:
        async with self._connecting:
            if self._closed:
                raise InvalidArgumentError("client", "is closed")
            if self._connection is None:
                target = self.options.address
                if target is None:
                    # Waits on files and processes: not in the event loop.
                    target = await asyncio.to_thread(ensure_running, self.options, self._say)
                options = self.options
                connection = AsyncConnection(target, options.api_key, options.timeout_s, pems=options.pems())
                await connection.wait_ready(self.options.connect_s)
                self._connection = connection
            return self._connection

    async def close(self) -> None:
        """Let go of the connection; the system goes on. Closing twice is fine."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()

    async def __aenter__(self) -> Self:
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def add_many(self, adds: Iterable[Mapping[str, Any]]) -> AsyncIterator[Plain | MemCubeError]:
        """Many adds over one stream; each mapping holds the arguments of ``add``, ``messages`` included.

        Yields one result each, in order: as ``add`` returns it, or the error that the server answered to that one;
        the others go on. Arguments that no ``add`` would take raise before anything of their chunk is sent.
        """
        connection = await self._connected()
        async for result in connection.add_stream(prepare.add_of(one) for one in adds):
            yield result

    async def history(self, memory_id: str) -> list[Plain]:
        """All versions of one memory, oldest first, also of a deleted one."""
        return await (await self._connected()).call(prepare.history(memory_id))

    async def wait(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        task_ids: Sequence[str] | None = None,
        timeout_s: float = 30.0,
    ) -> Plain:
        """Wait until tasks have ended, or for ``timeout_s`` (600 at most): ``{"results": [task, …], "timed_out"}``.

        Those of ``task_ids``, or all of the cube that have not ended when the call comes. The wait may be longer than
        a call may take: it is made of several.
        """
        waiting = Waiting(
            self.options.timeout_s,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            task_ids=task_ids,
            timeout_s=timeout_s,
        )
        connection = await self._connected()
        while (call := waiting.next_wait()) is not None:
            waiting.take((await connection.call(call))["results"])
        return waiting.result

    async def watch(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        task_ids: Sequence[str] | None = None,
        timeout_s: float = 30.0,
    ) -> AsyncIterator[Plain]:
        """Each task that ``wait`` would wait for: as it is now, and again every time that it has changed."""
        waiting = Waiting(
            self.options.timeout_s,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            task_ids=task_ids,
            timeout_s=timeout_s,
        )
        connection = await self._connected()
        while (call := waiting.next_watch()) is not None:
            async for task in connection.stream(call):
                for news in waiting.take([task]):
                    yield news

    async def events(self, cube_id: str, *, from_seq: int = 0) -> AsyncIterator[Plain]:
        """The events of a cube from a sequence number on, up to its head."""
        connection = await self._connected()
        async for event in connection.stream(prepare.events(cube_id, from_seq=from_seq)):
            yield event

    async def _ask(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        # Prepared in here: wrong arguments raise where the call is awaited, as every other failure.
        call = make(*args, **named)
        return await (await self._connected()).call(call)

    async def _look(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        call = make(*args, **named)
        connection = await self._connected()
        found = await connection.call(call)
        until = time.monotonic() + VECTORS_S
        while prepare.too_early(found) and time.monotonic() < until:
            await asyncio.sleep(VECTORS_POLL_S)
            found = await connection.call(call)
        return found
