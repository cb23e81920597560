"""The gateway's side of the store: feeds of topics, news of cubes, the table of mounts, the key of cursors.

One task listens to the store while anybody needs it. Hints that get lost, because the store was away, are made up for
by looking at the cubes that have subscribers: each every second, or less often where there are many.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Any

from memcube.actors.store.client import Store
from memcube.actors.store.cube_feed import CubeFeed
from memcube.actors.store.feed import Feeds
from memcube.actors.store.mounts import Mount, rows_of
from memcube.actors.store.signal import Signal
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.model.ids import CubeRef

__all__ = ["Hub"]

logger = logging.getLogger("memcube.store")
NEWS_S = 20.0
RETRY_S = 0.3
LOOK_S = 0.1
LOOKS_AT_ONCE = 2
"""Cubes that are looked at without a hint in each ``LOOK_S``: up to ten cubes each second, more of them in turns."""
LOOK_EVERY_S = 1.0
MOUNTS_S = 1.0


class Hub:
    """What one gateway knows of the store; used by its event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.feeds = Feeds(store)
        self._key = b""
        self._mounts: dict[tuple[str, str], list[Mount]] | None = None
        self._mounts_known = asyncio.Event()
        self._mounts_version = 0
        self._touched = -1
        self._cubes: dict[CubeRef, set[tuple[CubeFeed, Signal]]] = {}
        self._turns: deque[tuple[float, CubeRef]] = deque()
        self._listening: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def cursor_key(self) -> bytes:
        """The key that signs cursors; raises UnavailableError."""
        if not self._key:
            self._key = bytes((await self.store.ask("hello"))["cursor_key"])
        return self._key

    # Cubes that have subscribers

    def watch(self, ref: CubeRef, feed: CubeFeed, signal: Signal) -> None:
        """Have a subscriber told when something may have been committed to a cube."""
        self._listen()
        if ref not in self._cubes:
            self._cubes[ref] = set()
            self._turns.append((monotonic(), ref))
        self._cubes[ref].add((feed, signal))
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def unwatch(self, ref: CubeRef, feed: CubeFeed, signal: Signal) -> None:
        """Tell it no more."""
        watching = self._cubes.get(ref, set())
        watching.discard((feed, signal))
        if not watching:
            self._cubes.pop(ref, None)
        if not self._cubes and self._looking is not None:
            self._looking.cancel()
            self._looking = None
            self._turns.clear()

    def touched(self, ref: CubeRef) -> None:
        """Something may have been committed to a cube."""
        for feed, signal in self._cubes.get(ref, ()):
            feed.stale = True
            signal.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = monotonic()
            for _ in range(min(LOOKS_AT_ONCE, len(self._turns))):
                looked_s, ref = self._turns[0]
                if now_s - looked_s < LOOK_EVERY_S:
                    break
                self._turns.popleft()
                if ref in self._cubes:
                    self._turns.append((now_s, ref))
                    self.touched(ref)

    # Mounts

    async def mounts(self, ref: CubeRef) -> list[Mount]:
        """The mounts of a cube; raises UnavailableError where they are not known, as the store was never there."""
        self._listen()
        if self._mounts is None:
            try:
                async with asyncio.timeout(MOUNTS_S):
                    await self._mounts_known.wait()
            except TimeoutError:
                raise UnavailableError("the table of mounts") from None
        assert self._mounts is not None
        return self._mounts.get((ref.tenant, ref.cube_id), [])

    async def has_mounts(self, ref: CubeRef) -> bool:
        """Whether a cube has any, as far as is known."""
        try:
            return bool(await self.mounts(ref))
        except UnavailableError:
            return False

    async def mount(self, tenant: str, mount_id: str) -> Mount | None:
        """One mount, by its id; raises UnavailableError as ``mounts``."""
        await self.refresh()
        found = [one for mounts in (self._mounts or {}).values() for one in mounts]
        return next((one for one in found if (one.tenant, one.id) == (tenant, mount_id)), None)

    async def refresh(self) -> None:
        """Know what was just changed by a call of this gateway."""
        self._take_news(await self.store.ask("news", -1, 0, 0.0))

    # The store's news

    def _listen(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                news = await self.store.ask("news", self._touched, self._mounts_version, NEWS_S, within_s=NEWS_S + 10.0)
            except MemCubeError as error:
                logger.info("no news of the store: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            self._take_news(news)

    def _take_news(self, news: list[Any]) -> None:
        touched, cubes, version, rows = news
        if touched != self._touched:
            self._touched = touched
            for tenant, cube_id in [(ref.tenant, ref.cube_id) for ref in self._cubes] if cubes is None else cubes:
                self.touched(CubeRef(tenant, cube_id))
        if rows is not None:
            table: dict[tuple[str, str], list[Mount]] = {}
            for mount in rows_of(rows):
                table.setdefault((mount.tenant, mount.cube_id), []).append(mount)
            self._mounts, self._mounts_version = table, version
            self._mounts_known.set()

    async def close(self) -> None:
        """End what runs in the background."""
        tasks = [task for task in (self._listening, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
