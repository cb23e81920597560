"""``push``, ``pull`` and ``bundle_key`` as methods of ``Memory`` and ``AsyncMemory``: bundles over the service
Interchange, which go on where they were after whatever broke them off.

The interchange library is imported with the first call: who only remembers and recalls does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcube.client.async_channel import AsyncConnection
from memcube.client.channel import Connection
from memcube.client.prepare import Prepared
from memcube.client.retry import Attempts
from memcube.model.errors import MemCubeError, NotFoundError
from memcube.protos.memcube.v1 import mip_pb2 as mip

if TYPE_CHECKING:
    from memcube.client.carrying import Pull, Push

__all__ = ["AsyncBundles", "Bundles"]

Plain = dict[str, Any]
PATIENCE_S = 60.0
"""How long nothing may get through before a push or a pull is given up."""
WHOLE_S = 3600.0
"""The most that one stream may take: making and taking in a large bundle are part of it."""
_KEY: Prepared[str] = Prepared("Negotiate", mip.NegotiateRequest(), lambda answer: str(answer.key))


class Bundles:
    """What ``Memory`` takes from here."""

    _connection: Connection

    def bundle_key(self) -> str:
        """The public key that signs the bundles that are pulled from here: what a receiver has to trust."""
        return self._connection.call(_KEY)

    def push(
        self,
        bundle: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        trusted_keys: Sequence[str] = (),
        keep_ids: bool = False,
        idempotency_key: str | None = None,
    ) -> Plain:
        """Take the bundle in a folder or tar file into a cube, by default the one that it names: whole, or not at all.

        The server checks all of it first. It must be signed by the tenant's own key or one of ``trusted_keys``
        ("ed25519:…"), and be no older than what was taken in of that cube before. Memories of this very cube keep
        their ids and versions (of a bundle that another key signed only with ``keep_ids``); others get new ids, with
        their origin among their sources. Returns ``{"bundle", "cube_id", "added", "updated", "deleted", "unchanged",
        "withheld", "kept_layers", "seq", "sent_bytes"}``. Raises UntrustedError, InvalidArgumentError, TooLargeError,
        NotFoundError; what breaks the connection is waited for, and nothing that was acknowledged is sent again.
        """
        from memcube.client.carrying import Push

        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "cube_id": cube_id}
        with closing(Push(bundle, ids, trusted_keys, keep_ids, idempotency_key)) as push:
            return self._carried(push, self._push)

    def pull(
        self,
        folder: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        parent: str | None = None,
    ) -> Plain:
        """Get a cube, or what of it matches ``filters``, as a signed bundle in a folder.

        ``parent`` is the digest of a bundle that was pulled before: then only what changed since comes. A folder that
        an earlier pull of the same left unfinished is gone on with. Returns ``{"bundle", "items", "size_bytes",
        "received_bytes"}``. Raises NotFoundError for a cube, or a parent, that is not there.
        """
        from memcube.client.carrying import Pull

        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "cube_id": cube_id}
        return self._carried(Pull(folder, ids, filters, parent), self._pull)

    def _carried(self, what: Any, once: Callable[[Any], None]) -> Plain:
        attempts = Attempts(self._connection.retry, PATIENCE_S)
        while not what.done:
            moved = what.moved_bytes
            try:
                once(what)
            except MemCubeError as failure:
                if isinstance(failure, NotFoundError) and what.start_anew():
                    continue
                if what.moved_bytes > moved:
                    attempts = Attempts(self._connection.retry, PATIENCE_S)
                self._connection.pause(attempts.pause_s(failure))
        return dict(what.result)

    def _push(self, push: Push) -> None:
        for answer in self._connection.stream_of("Have", push.questions(), PATIENCE_S):
            push.note(answer)
        for ack in self._connection.stream_of("Push", push.frames(), WHOLE_S):
            push.take(ack)

    def _pull(self, pull: Pull) -> None:
        for frame in self._connection.stream_of("Pull", pull.request(), WHOLE_S):
            pull.take(frame)


class AsyncBundles:
    """What ``AsyncMemory`` takes from here: the same, awaited."""

    def _connected(self) -> Coroutine[Any, Any, AsyncConnection]:
        raise NotImplementedError

    async def bundle_key(self) -> str:
        """See ``Memory.bundle_key``."""
        return await (await self._connected()).call(_KEY)

    async def push(
        self,
        bundle: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        trusted_keys: Sequence[str] = (),
        keep_ids: bool = False,
        idempotency_key: str | None = None,
    ) -> Plain:
        """See ``Memory.push``."""
        from memcube.client.carrying import Push

        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "cube_id": cube_id}
        with closing(await asyncio.to_thread(Push, bundle, ids, trusted_keys, keep_ids, idempotency_key)) as push:
            return await self._carried(push, self._push)

    async def pull(
        self,
        folder: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        parent: str | None = None,
    ) -> Plain:
        """See ``Memory.pull``."""
        from memcube.client.carrying import Pull

        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "cube_id": cube_id}
        return await self._carried(await asyncio.to_thread(Pull, folder, ids, filters, parent), self._pull)

    async def _carried(self, what: Any, once: Callable[[AsyncConnection, Any], Coroutine[Any, Any, None]]) -> Plain:
        connection = await self._connected()
        attempts = Attempts(connection.retry, PATIENCE_S)
        while not what.done:
            moved = what.moved_bytes
            try:
                await once(connection, what)
            except MemCubeError as failure:
                if isinstance(failure, NotFoundError) and what.start_anew():
                    continue
                if what.moved_bytes > moved:
                    attempts = Attempts(connection.retry, PATIENCE_S)
                await asyncio.sleep(attempts.pause_s(failure))
        return dict(what.result)

    async def _push(self, connection: AsyncConnection, push: Push) -> None:
        async for answer in connection.stream_of("Have", _fed(push.questions()), PATIENCE_S):
            push.note(answer)
        async for ack in connection.stream_of("Push", _fed(push.frames()), WHOLE_S):
            push.take(ack)

    async def _pull(self, connection: AsyncConnection, pull: Pull) -> None:
        async for frame in connection.stream_of("Pull", pull.request(), WHOLE_S):
            await asyncio.to_thread(pull.take, frame)


async def _fed(frames: Iterator[Any]) -> AsyncIterator[Any]:
    """Frames as they are made, by a thread: making them reads a disk."""
    while (frame := await asyncio.to_thread(next, frames, None)) is not None:
        yield frame
