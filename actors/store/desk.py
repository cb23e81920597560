"""The store as a running thing: every operation that a gateway asks for, in one event loop. Without Ray.

``actor.py`` is its Ray shell; tests run it as it is. Operations take and give what msgpack can carry.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from memcube.actors.store.about import TopicAbout
from memcube.actors.store.clock import Clock
from memcube.actors.store.config import StoreConfig
from memcube.actors.store.groups import Groups
from memcube.actors.store.lane import Lane
from memcube.actors.store.log import Append, Kept
from memcube.actors.store.mounts import Mount, MountTable
from memcube.actors.store.shelf import Shelf
from memcube.actors.store.source import SourceRef
from memcube.model.errors import (
    AlreadyExistsError,
    DamagedError,
    ExhaustedError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
)

__all__ = ["StoreDesk"]

logger = logging.getLogger("memcube.store")
TICK_S = 0.2
TOUCHES_KEPT = 4096
MAX_WAIT_S = 30.0


class StoreDesk:
    """One store over one folder. Made in the event loop that uses it; ``start`` it first."""

    def __init__(self, root: Path, config: StoreConfig | None = None, clock: Clock | None = None) -> None:
        self._root = root
        self._config = config or StoreConfig()
        self._clock = clock or Clock()
        self._topics: dict[tuple[str, str], Lane] = {}
        self._damaged: dict[tuple[str, str], DamagedError] = {}
        self._touches: deque[tuple[int, str, str]] = deque(maxlen=TOUCHES_KEPT)
        self._touched = time.time_ns()
        self._news: set[asyncio.Future[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._retained_s = 0.0
        self._aged_s = 0.0
        self._operations: dict[str, Callable[..., Awaitable[Any]]] = {
            "hello": self._hello,
            "create": self._create,
            "topic": self._topic,
            "topics": self._list,
            "delete": self._delete,
            "append": self._append,
            "read": self._read,
            "seq_at": self._seq_at,
            "touch": self._touch,
            "news": self._wait_news,
            "mount": self._mount,
            "unmount": self._unmount,
        }

    async def start(self) -> None:
        """Take the folder. Raises UnavailableError while another store has it, DamagedError, StorageFullError."""
        self._shelf = await asyncio.to_thread(Shelf, self._root, self._config.lock_wait_s)
        for about in await asyncio.to_thread(self._shelf.topics):
            self._topics[about.tenant, about.name] = self._lane(about)
        self._groups = Groups(self._shelf, self._config, self._clock, self._bounds)
        self._operations.update(self._groups.operations)
        self._damaged = dict(self._shelf.damaged)
        for error in self._damaged.values():
            logger.error("%s", error)
        self._mounts = await asyncio.to_thread(MountTable, self._shelf.mounts, self._config.mounts_each)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Let go of everything; what was acknowledged is durable since then."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self._groups.close()
        for lane in self._topics.values():
            await lane.close()
        self._mounts.close()
        self._shelf.close()

    async def answer(self, operation: str, arguments: Sequence[Any]) -> Any:
        """Do one operation; raises MemCubeError for what the caller did or the disk."""
        return await self._operations[operation](*arguments)

    async def _hello(self) -> dict[str, Any]:
        return {"cursor_key": self._shelf.cursor_key}

    # Topics

    def _lane(self, about: TopicAbout) -> Lane:
        source = SourceRef(about.tenant, about.name)
        return Lane(self._shelf.topic(about), about, self._clock, lambda: self._groups.nudge(source))

    def _found(self, tenant: str, name: str) -> Lane:
        lane = self._topics.get((tenant, name))
        if lane is None:
            about = TopicAbout(tenant, name, "", "", 0)
            folder = self._shelf.topic(about)
            if (folder.parent.name, folder.name) in self._damaged:
                raise self._damaged[folder.parent.name, folder.name]
            raise NotFoundError("topic", name)
        return lane

    async def _create(
        self, tenant: str, name: str, owner: str, description: str, kept: Sequence[Any], made_by: str
    ) -> list[Any]:
        lane = self._topics.get((tenant, name))
        if lane is not None:
            if made_by and lane.about.made_by == made_by:
                return await self._shown(lane)
            raise AlreadyExistsError("topic", name)
        if sum(of == tenant for of, _ in self._topics) >= self._config.topics_each:
            raise ExhaustedError("the tenant's topics", self._config.topics_each, 60.0)
        about = TopicAbout(
            tenant, name, owner, description, int(self._clock.now_s() * 1e6), Kept(*kept), made_by=made_by
        )
        lane = self._topics[tenant, name] = self._lane(about)
        try:
            await asyncio.to_thread(self._shelf.make, about)
        except BaseException:
            del self._topics[tenant, name]
            raise
        return await self._shown(lane)

    async def _shown(self, lane: Lane) -> list[Any]:
        about = lane.about
        log = await lane.log()
        kept = about.kept
        return [
            about.name, about.owner, about.description, about.created_us,
            [kept.max_age_s, kept.max_bytes, kept.max_events, kept.segment_bytes],
            log.low_seq, log.head_seq, log.size_bytes, about.incarnation,
        ]  # fmt: skip

    async def _topic(self, tenant: str, name: str) -> list[Any]:
        return await self._shown(self._found(tenant, name))

    async def _list(self, tenant: str, after: str, limit: int) -> list[Any]:
        """Of each topic (name, owner, description, time); figures are asked for one by one."""
        names = sorted(name for of, name in self._topics if of == tenant and name > after)[:limit]
        rows = []
        for name in names:
            about = self._topics[tenant, name].about
            rows.append([about.name, about.owner, about.description, about.created_us])
        return rows

    async def _delete(self, tenant: str, name: str) -> None:
        lane = self._found(tenant, name)
        source = SourceRef(tenant, name)
        await lane.end()
        await self._groups.let_go(source)
        await asyncio.to_thread(self._shelf.remove, lane.about, source.text)
        self._topics.pop((tenant, name), None)

    async def _append(
        self,
        tenant: str,
        name: str,
        events: list[bytes],
        producer: str,
        epoch: int,
        pseq: int,
        digest: int,
        expected_head: int | None,
    ) -> list[Any]:
        lane = self._found(tenant, name)
        if sum(one.waiting_bytes for one in self._topics.values()) > self._config.waiting_bytes:
            raise ExhaustedError("events that wait for the disk (bytes)", self._config.waiting_bytes, 0.2)
        outcome = await lane.append(Append(events, producer, epoch, pseq, digest, expected_head))
        return [outcome.first_seq, outcome.last_seq, outcome.duplicate]

    async def _read(self, tenant: str, name: str, from_seq: int, max_bytes: int, wait_s: float) -> list[Any]:
        lane = self._found(tenant, name)
        low, head, units = await lane.read(from_seq, max_bytes, min(wait_s, MAX_WAIT_S))
        return [lane.about.incarnation, low, head, [[unit.first_seq, unit.time_us, unit.events] for unit in units]]

    async def _seq_at(self, tenant: str, name: str, time_us: int) -> int:
        return await self._found(tenant, name).in_turn(lambda log: log.seq_at(time_us))

    async def _bounds(self, tenant: str, name: str) -> tuple[int, int]:
        log = await self._found(tenant, name).log()
        return log.low_seq, log.head_seq

    # Mounts, and news of cubes

    async def _touch(self, rows: list[list[str]]) -> None:
        """Cubes (tenant, id) that something was committed to: gateways with subscribers look at them."""
        for tenant, cube_id in rows:
            self._touched += 1
            self._touches.append((self._touched, tenant, cube_id))
        self._wake_news()

    async def _wait_news(self, touched: int, mounts: int, wait_s: float) -> list[Any]:
        """What is newer than these versions: [touched, [[tenant, cube id]…] or None if too many, mounts, rows]."""
        if touched == self._touched and mounts == self._mounts.version:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._news.add(waiter)
            try:
                await asyncio.wait([waiter], timeout=min(wait_s, MAX_WAIT_S))
            finally:
                self._news.discard(waiter)
        rows = self._mounts.rows() if mounts != self._mounts.version else None
        oldest = self._touches[0][0] if self._touches else self._touched + 1
        known = 0 <= touched <= self._touched and touched + 1 >= oldest
        cubes = [list(pair) for pair in {(t, c) for at, t, c in self._touches if at > touched}] if known else None
        return [self._touched, cubes, self._mounts.version, rows]

    def _wake_news(self) -> None:
        for waiter in self._news:
            if not waiter.done():
                waiter.set_result(None)
        self._news.clear()

    async def _mount(self, tenant: str, cube_id: str, source: str, owner: str, expires_s: float) -> list[Any]:
        now_s = self._clock.now_s()
        if expires_s and expires_s <= now_s:
            raise InvalidArgumentError("expires_at", "is over already")
        mount = Mount(tenant, cube_id, source, owner, now_s, expires_s)
        # Few and small: not worth a lane, and the loop's own order is the order of changes.
        made = self._mounts.put(mount)
        self._wake_news()
        return made.row()

    async def _unmount(self, tenant: str, mount_id: str) -> None:
        self._mounts.drop(tenant, mount_id)
        self._wake_news()

    # What time does

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._tick()
            except MemCubeError as error:
                logger.warning("the store's sweep: %s", error)
            except Exception:
                logger.exception("the store's sweep failed")

    async def _tick(self) -> None:
        now_s = self._clock.now_s()
        await self._groups.expire(now_s)
        if any(row[5] and row[5] <= now_s for row in self._mounts.rows()):
            self._mounts.expire(now_s)
            self._wake_news()
        if monotonic() - self._retained_s >= self._config.retain_every_s:
            self._retained_s = monotonic()
            await self._retain()

    async def _retain(self) -> None:
        aged = monotonic() - self._aged_s > 60 * self._config.retain_every_s
        if aged:
            self._aged_s = monotonic()
        for lane in list(self._topics.values()):
            if lane.is_open or (aged and lane.about.kept.max_age_s):
                try:
                    await lane.retain()
                except MemCubeError as error:
                    logger.warning("topic %s: %s", lane.about.name, error)
        opened = [lane for lane in self._topics.values() if lane.is_open and lane.idle]
        for lane in opened[: max(0, len(opened) - self._config.open_topics)]:
            await lane.close()
        await self._groups.tidy(self._config.open_groups)
