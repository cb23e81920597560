"""A cube's tasks in memory, by id: a view of the vault's task table, advanced by committed changes only; and what one
batch of calls is about to change of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
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
    """The tasks of a cube. Ids sort by time of making, and iteration is in that order."""

    def __init__(self, records: Iterable[TaskRecord] = ()) -> None:
        self._held: dict[str, HeldTask] = {}
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
        return iter([self._held[task_id] for task_id in sorted(self._held)])

    def get(self, task_id: str) -> HeldTask | None:
        """The task of this id."""
        return self._held.get(task_id)

    def put(self, held: HeldTask) -> None:
        """Take in a new task, or a new state of one."""
        self.drop(held.id)
        self._held[held.id] = held
        self.last_id = max(self.last_id, held.id)
        if held.ended:
            self._ended[held.id] = None
            return
        self.unfinished[held.id] = held
        for item_id in held.wire.item_ids:
            self._of_item.setdefault(item_id, set()).add(held.id)

    def drop(self, task_id: str) -> None:
        """Forget a task."""
        old = self._held.pop(task_id, None)
        self._ended.pop(task_id, None)
        self.unfinished.pop(task_id, None)
        for item_id in old.wire.item_ids if old is not None else ():
            ids = self._of_item.get(item_id)
            if ids is not None:
                ids.discard(task_id)
                if not ids:
                    del self._of_item[item_id]

    def open_windows(self, windows: Mapping[Window, str]) -> None:
        """Keep which tasks take in what comes next, the last ones."""
        for window, task_id in windows.items():
            self.windows.pop(window, None)
            self.windows[window] = task_id
        while len(self.windows) > MOST_WINDOWS:
            del self.windows[next(iter(self.windows))]

    def open_of(self, item_id: str) -> set[str]:
        """Ids of the unfinished tasks that are about an item."""
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

    def counts(self) -> Counter[tuple[str, int]]:
        """How many there are, by kind and state."""
        return Counter((held.wire.kind, held.wire.state) for held in self._held.values())


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
        ids = self._tasks.open_of(item_id) - self.put.keys()
        found = [held for task_id in ids if (held := self._tasks.get(task_id)) is not None]
        return found + [held for held in self.put.values() if not held.ended and item_id in held.wire.item_ids]

    def outdated(self, now: datetime) -> list[str]:
        """Ended tasks that are forgotten with this commit: looked for only when more come."""
        ended = sum(held.ended for held in self.put.values())
        return [task_id for task_id in self._tasks.outdated(now, ended) if task_id not in self.put] if ended else []

    def was_read(self, item_id: str, kind: str) -> bool:
        """Whether a task of this kind, ended or not, is known to have been about an item."""
        every = (*self.put.values(), *self._tasks)
        return any(held.wire.kind == kind and item_id in held.wire.item_ids for held in every)

    @property
    def unfinished(self) -> bool:
        """Whether there will be unfinished tasks."""
        if any(not held.ended for held in self.put.values()):
            return True
        return any(task_id not in self.put for task_id in self._tasks.unfinished)
