"""A cube's tasks in memory, by id: a view of the vault's task table, advanced by committed changes only; and what one
batch of calls is about to change of it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import merge
from typing import NamedTuple

from memcube.actors.cube.task import FAILED, HeldTask
from memcube.actors.vault.base import TaskRecord

__all__ = ["StagedTasks", "Tasks", "Window"]

KEPT_S = 7 * 24 * 3600.0
MOST_WINDOWS = 1024
MOST_ENDED = 1000
"""Ended tasks are kept so long, and so many of them; failed ones until they are retried or cancelled, within that
number."""


class Window(NamedTuple):
    """What is done together: messages of one session, about the same people, added by the same principal, to be read."""

    kind: str

    session_id: str
    user_id: str
    agent_id: str
    run_id: str
    principal_id: str


class Tasks:
    """The tasks of a cube. Ids sort by time of making.

    Nothing here takes longer the more tasks there are, but for ``outdated`` over those that have ended: those are few.
    """

    def __init__(self, records: Iterable[TaskRecord] = ()) -> None:
        self._held: dict[str, HeldTask] = {}
        self._ids: dict[tuple[str, int], list[str]] = {}
        self._ended: dict[str, None] = {}
        self._of_item: dict[str, set[str]] = {}
        self.unfinished: dict[str, HeldTask] = {}
        """Those that have not ended."""
        self.last_id = ""
        """The greatest id."""
        self.windows: dict[Window, str] = {}
        """The task that takes in what comes next; known for tasks made since the cube was attached."""
        held = sorted(map(HeldTask.of_record, records), key=lambda one: one.wire.updated_at.ToNanoseconds())
        for one in held:
            self.put(one)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[HeldTask]:
        return map(self._held.__getitem__, merge(*self._ids.values()))

    def get(self, task_id: str) -> HeldTask | None:
        """The task of this id."""
        return self._held.get(task_id)

    def put(self, held: HeldTask) -> None:
        """Take in a new task, or a new state of one."""
        self.drop(held.id)
        self._held[held.id] = held
        self.last_id = max(self.last_id, held.id)
        insort(self._ids.setdefault((held.wire.kind, held.wire.state), []), held.id)
        for item_id in held.wire.item_ids:
            self._of_item.setdefault(item_id, set()).add(held.id)
        if held.ended:
            self._ended[held.id] = None
        else:
            self.unfinished[held.id] = held

    def drop(self, task_id: str) -> None:
        """Forget a task."""
        old = self._held.pop(task_id, None)
        if old is None:
            return
        self._ended.pop(task_id, None)
        self.unfinished.pop(task_id, None)
        name = old.wire.kind, old.wire.state
        ids = self._ids[name]
        del ids[bisect_left(ids, task_id)]
        if not ids:
            del self._ids[name]
        for item_id in old.wire.item_ids:
            about = self._of_item.get(item_id)
            if about is not None:
                about.discard(task_id)
                if not about:
                    del self._of_item[item_id]

    def open_windows(self, windows: Mapping[Window, str]) -> None:
        """Keep which tasks take in what comes next, the last ones."""
        for window, task_id in windows.items():
            self.windows.pop(window, None)
            self.windows[window] = task_id
        while len(self.windows) > MOST_WINDOWS:
            del self.windows[next(iter(self.windows))]

    def of_item(self, item_id: str) -> set[str]:
        """Ids of the tasks, ended ones too, that are about an item."""
        return set(self._of_item.get(item_id, ()))

    def outdated(self, now: datetime, more: int) -> list[str]:
        """Ended tasks to be forgotten when ``more`` end now."""
        before = (now - timedelta(seconds=KEPT_S)).timestamp()
        gone: list[str] = []
        kept_failed: list[str] = []
        excess = len(self._ended) + more - MOST_ENDED
        for task_id in self._ended:
            wire = self._held[task_id].wire
            if wire.state == FAILED:
                kept_failed.append(task_id)
            elif len(gone) < excess or wire.updated_at.ToNanoseconds() / 1e9 < before:
                gone.append(task_id)
            else:
                break
        return gone + kept_failed[: max(0, excess - len(gone))]

    def newest_first(self, names: Iterable[tuple[str, int]], before_id: str = "") -> Iterator[HeldTask]:
        """Those of these kinds and states, those before ``before_id`` if one is given."""
        parts = [self._ids.get(name, []) for name in names]
        ends = [bisect_left(ids, before_id) if before_id else len(ids) for ids in parts]
        backwards = [map(ids.__getitem__, range(end - 1, -1, -1)) for ids, end in zip(parts, ends, strict=True)]
        return map(self._held.__getitem__, merge(*backwards, reverse=True))

    def latest(self, kind: str) -> HeldTask | None:
        """The newest task of a kind that is kept."""
        return next(self.newest_first([name for name in self._ids if name[0] == kind]), None)

    def counts(self) -> dict[tuple[str, int], int]:
        """How many there are, by kind and state."""
        return {name: len(ids) for name, ids in self._ids.items()}


class StagedTasks:
    """The tasks as one batch of calls sees and changes them; nothing of it is in ``Tasks`` until it is committed."""

    def __init__(self, tasks: Tasks, undo: list[Callable[[], None]]) -> None:
        self._tasks = tasks
        self._undo = undo
        self.put: dict[str, HeldTask] = {}
        """What is to be written."""
        self.windows: dict[Window, str] = {}

    def get(self, task_id: str) -> HeldTask | None:
        """The task of this id."""
        return self.put.get(task_id) or self._tasks.get(task_id)

    def stage(self, held: HeldTask, window: Window | None = None) -> None:
        """Write a task; ``window`` says that it takes in what comes next of that."""
        before = self.put.get(held.id)
        open_before = self.windows.get(window) if window is not None else None
        self.put[held.id] = held
        if window is not None:
            self.windows[window] = held.id

        def undo() -> None:
            if before is None:
                del self.put[held.id]
            else:
                self.put[held.id] = before
            if window is not None:
                if open_before is None:
                    del self.windows[window]
                else:
                    self.windows[window] = open_before

        self._undo.append(undo)

    def open_window(self, window: Window) -> HeldTask | None:
        """The task that takes in what comes next of a window, if there is one."""
        task_id = self.windows.get(window) or self._tasks.windows.get(window)
        return self.get(task_id) if task_id else None

    def open_of(self, item_id: str) -> list[HeldTask]:
        """The unfinished tasks that are about an item."""
        ids = self._tasks.of_item(item_id) - self.put.keys()
        found = [held for task_id in ids if (held := self._tasks.unfinished.get(task_id)) is not None]
        return found + [held for held in self.put.values() if not held.ended and item_id in held.wire.item_ids]

    def outdated(self, now: datetime) -> list[str]:
        """Ended tasks that are forgotten with this commit: looked for only when more come."""
        ended = sum(held.ended for held in self.put.values())
        return [task_id for task_id in self._tasks.outdated(now, ended) if task_id not in self.put] if ended else []

    def was_read(self, item_id: str, kind: str) -> bool:
        """Whether a task of this kind, ended or not, is known to have been about an item."""
        if any(held.wire.kind == kind and item_id in held.wire.item_ids for held in self.put.values()):
            return True
        known = map(self._tasks.get, self._tasks.of_item(item_id))
        return any(held is not None and held.wire.kind == kind for held in known)

    def latest(self, kind: str) -> HeldTask | None:
        """The newest task of a kind."""
        mine = max((task_id for task_id, held in self.put.items() if held.wire.kind == kind), default="")
        known = self._tasks.latest(kind)
        return self.put[mine] if mine and (known is None or known.id <= mine) else known and self.get(known.id)

    @property
    def unfinished(self) -> bool:
        """Whether there will be unfinished tasks."""
        if any(not held.ended for held in self.put.values()):
            return True
        return not self._tasks.unfinished.keys() <= self.put.keys()
