"""All groups of a store: which there are, and what gateways ask of them. Used by the store's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

from memcube.actors.store.clock import Clock
from memcube.actors.store.config import StoreConfig
from memcube.actors.store.group import Group, Settings, Step
from memcube.actors.store.group_lane import GroupLane
from memcube.actors.store.journal import Journal
from memcube.actors.store.shelf import Shelf
from memcube.actors.store.source import SourceRef
from memcube.model.errors import ExhaustedError, MemCubeError, NotFoundError

__all__ = ["Groups"]

logger = logging.getLogger("memcube.store")
MAX_WAIT_S = 30.0
Bounds = Callable[[str, str], Awaitable[tuple[int, int]]]
"""Lowest and highest number of a topic's events, by tenant and name."""


class Groups:
    """Groups by tenant, source (``SourceRef.text``) and name. ``operations`` are those of ``StoreDesk.answer``."""

    def __init__(self, shelf: Shelf, config: StoreConfig, clock: Clock, bounds: Bounds) -> None:
        self._shelf = shelf
        self._config = config
        self._clock = clock
        self._bounds = bounds
        self._lanes: dict[tuple[str, str, str], GroupLane] = {}
        self._of_source: dict[tuple[str, str], set[GroupLane]] = {}
        self.operations: dict[str, Callable[..., Awaitable[Any]]] = {
            "join": self._join,
            "take": self._take,
            "settle": self._settle,
            "groups": self._list_groups,
            "delete_group": self._delete_group,
            "seek": self._seek,
            "dead": self._dead,
            "redrive": self._redrive,
        }

    def _lane(self, tenant: str, source: str, name: str, incarnation: bytes) -> GroupLane:
        key = (tenant, source, name)
        lane = self._lanes.get(key)
        if lane is not None and lane.incarnation != incarnation:
            self._forget(key, lane)
            lane = None
        if lane is None:
            lane = GroupLane(self._shelf.group(tenant, source, name), name, incarnation, self._clock)
            self._lanes[key] = lane
            self._of_source.setdefault((tenant, source), set()).add(lane)
        return lane

    def _forget(self, key: tuple[str, str, str], lane: GroupLane) -> None:
        if self._lanes.get(key) is lane:
            del self._lanes[key]
        of_source = self._of_source.get(key[:2], set())
        of_source.discard(lane)
        if not of_source:
            self._of_source.pop(key[:2], None)

    async def let_go(self, source: SourceRef) -> None:
        """Close a source's groups, which is being deleted."""
        for key, lane in list(self._lanes.items()):
            if key[:2] == (source.tenant, source.text):
                self._forget(key, lane)
                await lane.close()

    async def expire(self, now_s: float) -> None:
        """Let die what is over its last delivery, also where no subscriber asks."""
        for lane in list(self._lanes.values()):
            due_s = lane.group.due_s() if lane.group is not None else None
            try:
                if due_s is not None and due_s <= now_s and await lane.do(_expiring):
                    lane.nudge()
            except MemCubeError as error:
                logger.warning("group %s: %s", lane.name, error)

    async def tidy(self, most_open: int) -> None:
        """Close the journals of groups that nobody is at and that wait for no deadline, but for the ``most_open`` that
        were used last: the next call opens them again."""
        opened = [lane for lane in self._lanes.values() if lane.group is not None]
        resting = [lane for lane in opened if lane.idle and lane.group is not None and lane.group.due_s() is None]
        resting.sort(key=lambda lane: lane.used_s)
        for lane in resting[: max(0, len(opened) - most_open)]:
            await lane.close()

    async def close(self) -> None:
        """Let go of all files."""
        for lane in list(self._lanes.values()):
            await lane.close()

    def nudge(self, source: SourceRef) -> None:
        for group in self._of_source.get((source.tenant, source.text), ()):
            group.nudge()

    async def _join(
        self, tenant: str, source: str, name: str, incarnation: bytes, settings: list[Any] | None, next_seq: int
    ) -> int:
        """Make a group where there is none; its next new event. ``settings`` None: those that it has, or defaults."""
        given = Settings(settings[0], settings[1], tuple(settings[2])) if settings else None
        key = (tenant, source, name)
        path = self._shelf.group(tenant, source, name)
        if key not in self._lanes and not path.exists():
            folder = path.parent
            if folder.is_dir() and sum(1 for _ in folder.iterdir()) >= self._config.groups_each:
                raise ExhaustedError("the source's groups", self._config.groups_each, 60.0)
        lane = self._lane(tenant, source, name, incarnation)
        group = await lane.load(Group(given or Settings(), next_seq))
        if given is not None and given != group.settings:
            row = [given.ack_wait_s, given.max_deliver, list(given.backoff_s)]
            await lane.do(lambda _, __: (None, [("c", row)]))
        return group.next_seq

    async def _known(self, tenant: str, source: str, name: str, incarnation: bytes) -> GroupLane:
        lane = self._lane(tenant, source, name, incarnation)
        try:
            await lane.load()
        except NotFoundError:
            self._forget((tenant, source, name), lane)
            raise
        return lane

    async def _take(
        self,
        tenant: str,
        source: str,
        name: str,
        incarnation: bytes,
        limit: int,
        low: int,
        head: int,
        wait_s: float,
    ) -> list[Any]:
        """Up to ``limit`` deliveries ([seq, attempt]), what died on the way ([seq, attempts]), what the source does not
        keep any more ([from, to]).

        ``head`` -1: a topic's own bounds hold, and its events are waited for.
        """
        lane = await self._known(tenant, source, name, incarnation)
        is_topic = head < 0
        until_s = monotonic() + min(wait_s, MAX_WAIT_S)
        while True:
            version = lane.version
            if is_topic:
                low, head = await self._bounds(tenant, source.partition(":")[2])
            taken, dead, gaps = await lane.do(_taking(limit, low, head))
            left_s = until_s - monotonic()
            if taken or dead or gaps or left_s <= 0:
                return [taken, dead, gaps]
            due_s = lane.group.due_s() if lane.group is not None else None
            if due_s is not None:
                left_s = min(left_s, max(0.01, due_s - self._clock.now_s()))
            await lane.changed(version, left_s)

    async def _settle(
        self,
        tenant: str,
        source: str,
        name: str,
        incarnation: bytes,
        kind: str,
        deliveries: list[list[int]],
        seconds: float | None,
        reason: str,
    ) -> list[Any]:
        """Answers of a subscriber: kind "ack", "nack" (``seconds``: the pause) or "extend" (``seconds``: how long)."""
        lane = await self._known(tenant, source, name, incarnation)
        pairs = [(seq, attempt) for seq, attempt in deliveries]

        def work(group: Group, now_s: float) -> tuple[list[Any], list[Step]]:
            if kind == "ack":
                settled = group.plan_ack(pairs)
            elif kind == "nack":
                settled = group.plan_nack(pairs, seconds, reason, now_s)
            else:
                settled = group.plan_extend(pairs, seconds or 0.0, now_s)
            return [settled.count, settled.stale], [settled.step] if settled.step else []

        answer: list[Any] = await lane.do(work)
        return answer

    async def _list_groups(self, tenant: str, source: str, incarnation: bytes) -> list[Any]:
        folder = self._shelf.groups(tenant, source)
        rows = []
        for name in sorted(await asyncio.to_thread(_names_of, folder)):
            try:
                lane = await self._known(tenant, source, name, incarnation)
            except NotFoundError:
                continue
            rows.append(await lane.do(lambda group, _, name=name: (_group_row(name, group), [])))  # type: ignore[misc]
        return rows

    async def _delete_group(self, tenant: str, source: str, name: str, incarnation: bytes) -> None:
        lane = await self._known(tenant, source, name, incarnation)
        await lane.delete()
        self._forget((tenant, source, name), lane)

    async def _seek(self, tenant: str, source: str, name: str, incarnation: bytes, next_seq: int) -> list[Any]:
        lane = await self._known(tenant, source, name, incarnation)
        await lane.do(lambda _, __: (None, [("s", next_seq)]))
        row: list[Any] = await lane.do(lambda group, _: (_group_row(name, group), []))
        return row

    async def _dead(self, tenant: str, source: str, name: str, incarnation: bytes, after: int, limit: int) -> list[Any]:
        lane = await self._known(tenant, source, name, incarnation)
        await lane.do(_expiring)

        def work(group: Group, now_s: float) -> tuple[list[Any], list[Step]]:
            found = sorted(seq for seq in group.dead if seq > after)
            rows = [
                [one.seq, one.attempts, one.reason, one.died_s] for one in map(group.dead.__getitem__, found[:limit])
            ]
            return [rows, len(found) > limit, len(group.dead)], []

        answer: list[Any] = await lane.do(work)
        return answer

    async def _redrive(self, tenant: str, source: str, name: str, incarnation: bytes, seqs: list[int]) -> int:
        lane = await self._known(tenant, source, name, incarnation)

        def work(group: Group, now_s: float) -> tuple[int, list[Step]]:
            settled = group.plan_redrive(seqs, now_s)
            return settled.count, [settled.step] if settled.step else []

        count: int = await lane.do(work)
        return count


def _taking(limit: int, low: int, head: int) -> Callable[[Group, float], tuple[Any, list[Step]]]:
    def work(group: Group, now_s: float) -> tuple[Any, list[Step]]:
        steps = group.plan_take(limit, low, head, now_s)
        taken = [pair for step in steps if step[0] == "t" for pair in step[1]]
        dead = [[row[0], row[1]] for step in steps if step[0] == "d" for row in step[1]]
        gaps = [[seq, seq] for step in steps if step[0] == "x" for seq in step[1]]
        gaps += [[group.next_seq, step[2] - 1] for step in steps if step[0] == "x" and step[2] > group.next_seq]
        return (taken, dead, gaps), steps

    return work


def _expiring(group: Group, now_s: float) -> tuple[bool, list[Step]]:
    steps = group.plan_expire(0, now_s)
    return bool(steps), steps


def _group_row(name: str, group: Group) -> list[Any]:
    settings = group.settings
    return [
        name, [settings.ack_wait_s, settings.max_deliver, list(settings.backoff_s)],
        group.next_seq, group.open, len(group.dead),
    ]  # fmt: skip


def _names_of(folder: Path) -> list[str]:
    names = []
    for path in folder.glob("*.group") if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            names.append(str(Journal.first(path)[1]))
    return names
