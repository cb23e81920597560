"""``load`` and ``dump`` as methods of ``Memory`` and ``AsyncMemory``.

The interchange library is imported with the first call: who only remembers and recalls does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from memcube.client.channel import Connection
from memcube.client.prepare import Prepared
from memcube.model.errors import MemCubeError

if TYPE_CHECKING:
    from memcube.client.async_channel import AsyncConnection
    from memcube.client.loading import Dump, Load
    from memcube.interchange.report import Report

__all__ = ["AsyncMoving", "Moving"]

Plain = dict[str, Any]
Told = Callable[["Report"], None]


class Moving:
    """What ``Memory`` takes from here; it has ``push``, ``pull`` and ``bundle_key`` from ``Bundles``."""

    _connection: Connection

    def load(
        self,
        source: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        format: str = "",
        dry_run: bool = False,
        trust: Sequence[str] = (),
        progress: Told | None = None,
    ) -> Plain:
        """Take in memories that another system, or a cube, was dumped as; returns the report of what became of it.

        ``source`` is a file, a folder, an archive, or an address (``s3://``, ``oci://``, ``hf://``). Its format is
        found by what it says, unless ``format`` names it: mem0, pam, oamp, af, mcp, memos, chatgpt, claude, markdown,
        mip. Times, types, tags and metadata stay; each memory's source says where it came from, and what has no place
        in a memory goes along for a dump. Loading the same again adds nothing; after a kill it goes on where it was.
        ``dry_run`` reads everything and changes nothing. Bundles are taken whole or not at all, if they are signed by this
        tenant's key or one of ``trust`` ("ed25519:…").
        """
        from memcube.client.loading import Load

        one = Load.of(
            source,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            format=format,
            dry_run=dry_run,
            trust=trust,
        )
        return self._move(one.steps(), one, progress)

    def dump(
        self,
        target: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        format: str = "mip",
        filters: Mapping[str, Any] | None = None,
        memory_types: Sequence[str] | None = None,
        since: object = None,
        until: object = None,
        archived: bool = True,
        progress: Told | None = None,
    ) -> Plain:
        """Write a cube's memories, or those selected, to a folder, a file or an address; returns the report.

        ``format`` "mip" makes a bundle, signed with the tenant's key (``bundle_key``), the others are as in ``load``; what came from a format and is dumped in it again is as it was. ``since`` and ``until`` are times in
        the world. The report says what the format has no place for.
        """
        from memcube.client.loading import Dump

        one = Dump.of(
            target,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            format=format,
            filters=filters,
            memory_types=memory_types,
            since=since,
            until=until,
            archived=archived,
        )
        return self._move(one.steps(), one, progress)

    def _move(self, steps: Generator[Any, Any, None], one: Load | Dump, progress: Told | None) -> Plain:
        from memcube.client import loading
        from memcube.interchange.steps import Adds, Archive, BundleKey, Head, PullBundle, PushBundle

        first, bundles = one.listing(), cast("Any", self)
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                if progress is not None:
                    progress(one.report)
                if isinstance(step, Adds):
                    answer = list(self._connection.add_stream(loading.adds_of(step)))
                elif isinstance(step, Archive):
                    answer = self._archived(loading.archive_calls(step))
                elif isinstance(step, BundleKey):
                    answer = bundles.bundle_key()
                elif isinstance(step, Head):
                    answer = self._connection.call(loading.head_of(one))
                elif isinstance(step, PushBundle):
                    answer = bundles.push(step.path, **one.push())
                elif isinstance(step, PullBundle):
                    answer = bundles.pull(step.folder, **one.pull())
                else:
                    answer = self._connection.call(loading.request_of(step, first))
        except StopIteration:
            if progress is not None:
                progress(one.report)
            return one.report.to_plain()
        finally:
            steps.close()

    def _archived(self, calls: Sequence[Prepared[Any]]) -> bool:
        from memcube.client.loading import cannot_archive

        for call in calls:
            try:
                self._connection.call(call)
            except MemCubeError as error:
                if cannot_archive(error):
                    return False
        return bool(calls)


class AsyncMoving:
    """What ``AsyncMemory`` takes from here: the same, awaited; files are read and written in a thread."""

    def _connected(self) -> Coroutine[Any, Any, AsyncConnection]:
        raise NotImplementedError

    async def load(
        self,
        source: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        format: str = "",
        dry_run: bool = False,
        trust: Sequence[str] = (),
        progress: Told | None = None,
    ) -> Plain:
        """See ``Memory.load``."""
        from memcube.client.loading import Load

        one = Load.of(
            source,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            format=format,
            dry_run=dry_run,
            trust=trust,
        )
        return await self._move(one.steps(), one, progress)

    async def dump(
        self,
        target: str | Path,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        format: str = "mip",
        filters: Mapping[str, Any] | None = None,
        memory_types: Sequence[str] | None = None,
        since: object = None,
        until: object = None,
        archived: bool = True,
        progress: Told | None = None,
    ) -> Plain:
        """See ``Memory.dump``."""
        from memcube.client.loading import Dump

        one = Dump.of(
            target,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            format=format,
            filters=filters,
            memory_types=memory_types,
            since=since,
            until=until,
            archived=archived,
        )
        return await self._move(one.steps(), one, progress)

    async def _move(self, steps: Generator[Any, Any, None], one: Load | Dump, progress: Told | None) -> Plain:
        from memcube.client import loading
        from memcube.interchange.steps import Adds, Archive, BundleKey, Head, PullBundle, PushBundle

        connection = await self._connected()
        first, bundles = one.listing(), cast("Any", self)
        answer: Any = None
        try:
            while (step := await asyncio.to_thread(_next, steps, answer)) is not _END:
                if progress is not None:
                    progress(one.report)
                if isinstance(step, Adds):
                    answer = [result async for result in connection.add_stream(loading.adds_of(step))]
                elif isinstance(step, Archive):
                    answer = await self._archived(connection, loading.archive_calls(step))
                elif isinstance(step, BundleKey):
                    answer = await bundles.bundle_key()
                elif isinstance(step, Head):
                    answer = await connection.call(loading.head_of(one))
                elif isinstance(step, PushBundle):
                    answer = await bundles.push(step.path, **one.push())
                elif isinstance(step, PullBundle):
                    answer = await bundles.pull(step.folder, **one.pull())
                else:
                    answer = await connection.call(loading.request_of(step, first))
        finally:
            await asyncio.to_thread(steps.close)
        if progress is not None:
            progress(one.report)
        return one.report.to_plain()

    async def _archived(self, connection: AsyncConnection, calls: Sequence[Prepared[Any]]) -> bool:
        from memcube.client.loading import cannot_archive

        for call in calls:
            try:
                await connection.call(call)
            except MemCubeError as error:
                if cannot_archive(error):
                    return False
        return bool(calls)


_END = object()


def _next(steps: Generator[Any, Any, None], answer: Any) -> Any:
    """The next step; ``_END`` after the last one, since StopIteration can't leave a thread."""
    try:
        return steps.send(answer)
    except StopIteration:
        return _END
