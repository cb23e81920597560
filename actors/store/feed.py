"""A topic as the gateway's subscribers read it: what is new is asked of the store once, and kept for all of them a while.

A subscriber that is behind what is kept reads from the store by itself; one that does not read at all costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from time import monotonic

from memcube.actors.store.client import Store
from memcube.actors.store.signal import Signal
from memcube.actors.store.source import SourceRef
from memcube.actors.store.wire import Unit, stamped
from memcube.model.errors import MemCubeError, NotFoundError, UnavailableError

__all__ = ["Feeds", "Page", "TopicFeed"]

logger = logging.getLogger("memcube.store")
KEPT_BYTES = 32 << 20
"""Of all feeds together."""
LEAST_KEPT_BYTES = 512 << 10
READ_BYTES = 512 << 10
POLL_S = 10.0
RETRY_S = 0.2
MISSED_S = 10.0
"""For so long a store may be away before its subscribers are told to come back later."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a read gave: events that are kept run from ``low`` to ``head``; units from the place that was asked for on."""

    low: int
    head: int
    units: list[Unit]


class TopicFeed:
    """One topic. ``attach`` it before use and ``detach`` it after."""

    def __init__(self, store: Store, source: SourceRef, incarnation: bytes, low: int, head: int, feeds: Feeds) -> None:
        self.source = source
        self.incarnation = incarnation
        self.low = low
        self.head = head
        self._store = store
        self._feeds = feeds
        self._signals: set[Signal] = set()
        self._units: deque[Unit] = deque()
        self._kept = 0
        self._pump: asyncio.Task[None] | None = None
        self._failed: MemCubeError | None = None

    def attach(self, signal: Signal) -> None:
        """Have a subscriber told of what comes."""
        self._signals.add(signal)
        self._feeds.keep(self)
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())

    def detach(self, signal: Signal) -> None:
        """Tell it no more; the last one ends the feed."""
        self._signals.discard(signal)
        if not self._signals and self._pump is not None:
            self._pump.cancel()
            self._pump = None
            self._feeds.drop(self)

    def check(self) -> None:
        """Raise what keeps the topic from being read, if that lasts."""
        if self._failed is not None:
            raise self._failed

    def has(self, seq: int) -> bool:
        """Whether a read from there would give something."""
        return seq <= self.head

    async def read(self, seq: int, max_bytes: int) -> Page:
        """Units from the one with ``seq`` on, about ``max_bytes``; none behind the head or below low."""
        if seq > self.head or seq < self.low:
            return Page(self.low, self.head, [])
        kept = self._kept_from(seq, max_bytes)
        if kept:
            return Page(self.low, self.head, kept)
        return await self._ask(seq, max_bytes, 0.0)

    async def find(self, seq: int, max_bytes: int) -> Page:
        """As ``read``, also where this feed has not heard yet that ``seq`` is there."""
        kept = self._kept_from(seq, max_bytes)
        return Page(self.low, self.head, kept) if kept else await self._ask(seq, max_bytes, 0.0)

    def _kept_from(self, seq: int, max_bytes: int) -> list[Unit]:
        units = self._units
        if not units or seq < units[0].first_seq or seq > units[-1].last_seq:
            return []
        found: list[Unit] = []
        size = 0
        at = bisect_left(units, seq, key=lambda unit: unit.last_seq)
        while at < len(units) and (not found or size + units[at].size <= max_bytes):
            found.append(units[at])
            size += units[at].size
            at += 1
        return found

    async def _ask(self, seq: int, max_bytes: int, wait_s: float) -> Page:
        source = self.source
        answer = await self._store.ask(
            "read", source.tenant, source.name, seq, max_bytes, wait_s, within_s=wait_s + 10.0
        )
        if answer[0] != self.incarnation:
            raise NotFoundError("topic", source.name)  # this one was deleted, and another made
        return Page(answer[1], answer[2], [stamped(*unit) for unit in answer[3]])

    async def _run(self) -> None:
        failing_s = 0.0
        while True:
            try:
                page = await self._ask(self.head + 1, READ_BYTES, POLL_S)
                failing_s, self._failed = 0.0, None
            except MemCubeError as error:
                failing_s = failing_s or monotonic()
                if not error.RETRYABLE or monotonic() - failing_s > MISSED_S:
                    self._failed = error
                    self._tell()
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:
                logger.exception("the feed of topic %s", self.source.name)
                self._failed = UnavailableError(f"topic {self.source.name}", RETRY_S)
                self._tell()
                await asyncio.sleep(RETRY_S)
                continue
            if page.units or page.low != self.low or page.head < self.head:
                self._take(page)

    def _take(self, page: Page) -> None:
        self.low = page.low
        if page.units:
            if self._units and self._units[-1].last_seq + 1 != page.units[0].first_seq:
                self._units.clear()
                self._kept = 0
            self._units.extend(page.units)
            self._kept += sum(unit.size for unit in page.units)
            room = self._feeds.room_bytes
            while self._kept > room and len(self._units) > 1:
                self._kept -= self._units.popleft().size
            self.head = page.units[-1].last_seq
        elif page.low > self.head + 1:
            # Everything up to there went before it was read here.
            self.head = page.low - 1
        self._tell()

    def _tell(self) -> None:
        for signal in self._signals:
            signal.set()


class Feeds:
    """The feeds of one gateway, one a topic that somebody reads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._feeds: dict[SourceRef, TopicFeed] = {}

    @property
    def room_bytes(self) -> int:
        """What a feed may keep."""
        return max(LEAST_KEPT_BYTES, KEPT_BYTES // max(1, len(self._feeds)))

    async def of(self, source: SourceRef) -> TopicFeed:
        """The feed of a topic as it is now; raises NotFoundError, UnavailableError."""
        shown = await self._store.ask("topic", source.tenant, source.name)
        feed = self._feeds.get(source)
        if feed is None or feed.incarnation != shown[8]:
            feed = TopicFeed(self._store, source, shown[8], shown[5], shown[6], self)
        return feed

    def keep(self, feed: TopicFeed) -> None:
        """Somebody reads it: others may read it too."""
        self._feeds[feed.source] = feed

    def drop(self, feed: TopicFeed) -> None:
        """Nobody reads it any more."""
        if self._feeds.get(feed.source) is feed:
            del self._feeds[feed.source]
