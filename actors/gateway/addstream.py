"""AddStream: adds in the order sent, many on their way at once, answered in order; never more than a window unanswered.

The window is what pushes back: while it is full, no further request is read, and HTTP/2 stops the sender.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping

from memcube.actors.gateway.door import Door
from memcube.actors.gateway.failure import as_error, detail_of
from memcube.model.errors import MemCubeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["AddStream"]

WINDOW_BYTES = 16 * 1024 * 1024


class AddStream:
    """One stream. The router takes calls in the order in which they were started, so starting them in order is enough."""

    def __init__(self, door: Door, metadata: Mapping[str, str]) -> None:
        self._door = door
        self._metadata = metadata
        self._pending: deque[tuple[asyncio.Task[bytes], int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Condition()
        self._read_all = False

    async def answers(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Serialized AddStreamResponses, one for each request; raises MemCubeError when the caller may not call."""
        door = self._door
        with door.metrics.timed("add_stream", "grpc"):
            try:
                principal = door.principal(self._metadata)
                with door.limits.slot(principal):
                    reader = asyncio.create_task(self._read(requests))
                    try:
                        while (task := await self._next(reader)) is not None:
                            yield await task
                        await reader
                    finally:
                        await self._stop(reader)
            except Exception as failure:
                raise as_error(failure, "add_stream") from failure

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        """Start an add for each request as the window allows."""
        door = self._door
        try:
            async for body in requests:
                # Asked again for each: a key that was taken away ends the stream.
                principal = door.principal(self._metadata)
                await door.wait_for_rate(principal)
                async with self._changed:
                    await self._changed.wait_for(self._has_room)
                    task = asyncio.create_task(self._add(principal, body))
                    self._pending.append((task, len(body)))
                    self._bytes += len(body)
                    self._changed.notify_all()
        finally:
            async with self._changed:
                self._read_all = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._pending) < self._door.config.stream_window and (
            self._bytes < WINDOW_BYTES or not self._pending
        )

    async def _next(self, reader: asyncio.Task[None]) -> asyncio.Task[bytes] | None:
        """The oldest unanswered add, None after the last. It leaves the window when it is done."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pending or self._read_all)
            if not self._pending:
                return None
            task, size = self._pending[0]
        await asyncio.wait([task])
        async with self._changed:
            self._pending.popleft()
            self._bytes -= size
            self._changed.notify_all()
        return task

    async def _add(self, principal: Principal, body: bytes) -> bytes:
        try:
            added = pb.AddResponse.FromString(await self._door.add_one(principal, body))
            return pb.AddStreamResponse(added=added).SerializeToString()
        except MemCubeError as error:
            return pb.AddStreamResponse(error=detail_of(error)).SerializeToString()

    async def _stop(self, reader: asyncio.Task[None]) -> None:
        """End what is left when the caller goes away; adds that are in a lane already may still take effect."""
        tasks = [reader, *(task for task, _ in self._pending)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
