"""The asynchronous SDK: ``Memory``, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from memcube.client import prepare
from memcube.client.async_channel import AsyncConnection
from memcube.client.local import ensure_running
from memcube.client.memory import VECTORS_POLL_S, VECTORS_S
from memcube.client.options import ClientOptions
from memcube.model.errors import InvalidArgumentError, MemCubeError

__all__ = ["AsyncMemory"]

Plain = dict[str, Any]


class AsyncMemory:
    """``Memory`` for one event loop; it connects at the first call, or at ``async with``.

    Arguments, results and errors are those of ``Memory``.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        home: str | None = None,
        start: bool = True,
        timeout_s: float = 30.0,
        connect_s: float = 10.0,
        start_s: float = 120.0,
        frames: int | None = None,
        embedder: str | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """See ``ClientOptions`` and ``Memory``."""
        self.options = ClientOptions(address, api_key, home, start, timeout_s, connect_s, start_s, frames, embedder)
        self._say = say
        self._connecting = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._closed = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A client from options by name; see ``ClientOptions``."""
        options = ClientOptions.from_mapping(config)
        return cls(**{name: getattr(options, name) for name in config})

    async def _connected(self) -> AsyncConnection:
        async with self._connecting:
            if self._closed:
                raise InvalidArgumentError("client", "is closed")
            if self._connection is None:
                target = self.options.address
                if target is None:
                    # Waits on files and processes: not in the event loop.
                    target = await asyncio.to_thread(ensure_running, self.options, self._say)
                connection = AsyncConnection(target, self.options.api_key, self.options.timeout_s)
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

    async def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        timestamp: object = None,
        expiration_date: object = None,
        infer: bool = True,
        memory_type: str | None = None,
        session_id: str | None = None,
        source_kind: str | None = None,
        idempotency_key: str | None = None,
    ) -> Plain:
        """Take in a text, a message or a list of them; returns ``{"results": [{"id", "memory", "event": "ADD"}]}``.

        When it returns, the memories are durable and can be found by their words. The cube is made when it is
        missing. ``timestamp`` (default: now) is when it was said, ``expiration_date`` until when it is returned:
        aware datetimes, RFC 3339 texts with a zone, or Unix seconds. ``infer`` is taken for mem0's sake: what was
        said is kept as it was said, and no LLM is needed.
        """
        call = prepare.add(
            messages,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            metadata=metadata,
            tags=tags,
            timestamp=timestamp,
            expiration_date=expiration_date,
            memory_type=memory_type,
            session_id=session_id,
            source_kind=source_kind,
            idempotency_key=idempotency_key,
        )
        return await (await self._connected()).call(call)

    async def add_many(self, adds: Iterable[Mapping[str, Any]]) -> AsyncIterator[Plain | MemCubeError]:
        """Many adds over one stream; each mapping holds the arguments of ``add``, ``messages`` included.

        Yields one result each, in order: as ``add`` returns it, or the error that the server answered to that one;
        the others go on. Arguments that no ``add`` would take raise before anything of their chunk is sent.
        """
        connection = await self._connected()
        async for result in connection.add_stream(prepare.add_of(one) for one in adds):
            yield result

    async def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        top_k: int = 10,
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
        threshold: float = 0.0,
        token_budget: int = 0,
        rerank: bool = False,
        explain: bool = True,
        reference_date: object = None,
        show_expired: bool = False,
    ) -> Plain:
        """Recall; returns ``{"results": [{"id", "memory", "score", "score_parts", "sources", …}], "tokens", …}``.

        At most ``top_k`` (or ``limit``) hits of ``threshold`` or more, packed into ``token_budget`` tokens where one
        is given. 'Yesterday' in the query counts from ``reference_date``, by default now. ``degraded`` in the answer
        says what could not be used. What was just added is found by its words at once and by its meaning a moment
        later: a search that finds nothing while vectors are still to come looks again for up to ``VECTORS_S``.
        """
        call = prepare.search(
            query,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            top_k=top_k if limit is None else limit,
            filters=filters,
            threshold=threshold,
            token_budget=token_budget,
            rerank=rerank,
            explain=explain,
            reference_date=reference_date,
            show_expired=show_expired,
        )
        connection = await self._connected()
        found = await connection.call(call)
        until = time.monotonic() + VECTORS_S
        while prepare.too_early(found) and time.monotonic() < until:
            await asyncio.sleep(VECTORS_POLL_S)
            found = await connection.call(call)
        return found

    async def get(self, memory_id: str) -> Plain:
        """One memory; NotFoundError where there is none for this caller."""
        return await (await self._connected()).call(prepare.get(memory_id))

    async def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 100,
        limit: int | None = None,
        page_token: str | None = None,
        show_expired: bool = False,
    ) -> Plain:
        """A page of a cube's memories, newest first: ``{"results": […], "total", "next"}``."""
        call = prepare.list_page(
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            top_k=top_k if limit is None else limit,
            page_token=page_token,
            show_expired=show_expired,
        )
        return await (await self._connected()).call(call)

    async def update(
        self,
        memory_id: str,
        text: str | None = None,
        *,
        data: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        expiration_date: object = None,
        expected_version: int = 0,
        idempotency_key: str | None = None,
    ) -> Plain:
        """Make a new version under the same id and return it; what is not given stays. ``data`` is ``text`` to mem0.

        With ``expected_version`` the change is refused (VersionConflictError) if the memory is at another one.
        """
        call = prepare.update(
            memory_id,
            new_text=text if data is None else data,
            metadata=metadata,
            tags=tags,
            expiration_date=expiration_date,
            expected_version=expected_version,
            idempotency_key=idempotency_key,
        )
        return await (await self._connected()).call(call)

    async def delete(self, memory_id: str, *, expected_version: int = 0, idempotency_key: str | None = None) -> Plain:
        """Delete one memory; its history stays."""
        call = prepare.delete(memory_id, expected_version=expected_version, idempotency_key=idempotency_key)
        return await (await self._connected()).call(call)

    async def delete_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Plain:
        """Delete all memories of one cube, or those that ``filters`` selects; ``deleted`` says how many."""
        call = prepare.delete_all(
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            idempotency_key=idempotency_key,
        )
        return await (await self._connected()).call(call)

    async def history(self, memory_id: str) -> list[Plain]:
        """All versions of one memory, oldest first, also of a deleted one."""
        return await (await self._connected()).call(prepare.history(memory_id))

    async def reset(self, *, idempotency_key: str | None = None) -> Plain:
        """Delete every cube of the tenant; needs the role admin."""
        return await (await self._connected()).call(prepare.reset(idempotency_key=idempotency_key))

    async def status(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
    ) -> Plain:
        """The state of the system, and of one cube where one is named."""
        call = prepare.status(user_id=user_id, agent_id=agent_id, run_id=run_id, cube_id=cube_id)
        return await (await self._connected()).call(call)

    async def create_cube(
        self,
        cube_id: str,
        *,
        description: str = "",
        config: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Plain:
        """Make an empty cube; ``add`` makes missing ones by itself."""
        call = prepare.create_cube(cube_id, description=description, config=config, idempotency_key=idempotency_key)
        return await (await self._connected()).call(call)

    async def get_cube(self, cube_id: str) -> Plain:
        """One cube: its owner, size and journal's head."""
        return await (await self._connected()).call(prepare.get_cube(cube_id))

    async def cubes(self, *, limit: int = 100, page_token: str | None = None) -> Plain:
        """A page of the cubes that this caller may see: ``{"results": […], "next"}``."""
        return await (await self._connected()).call(prepare.list_cubes(limit=limit, page_token=page_token))

    async def delete_cube(self, cube_id: str, *, idempotency_key: str | None = None) -> Plain:
        """Remove a cube with all that is in it, its history included."""
        return await (await self._connected()).call(prepare.delete_cube(cube_id, idempotency_key=idempotency_key))

    async def events(self, cube_id: str, *, from_seq: int = 0) -> AsyncIterator[Plain]:
        """The events of a cube from a sequence number on, up to its head."""
        connection = await self._connected()
        async for event in connection.stream(prepare.events(cube_id, from_seq=from_seq)):
            yield event
