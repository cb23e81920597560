"""Tasks in the planning of a commit: made by what is added, taken and finished by workers, ended by users.

The part of ``plan.Planner`` that concerns tasks, and what hangs on a memory that goes or changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.derived import Derived, links_of
from memcube.actors.cube.made import item_of_draft, merged, tombstone
from memcube.actors.cube.state import Held, Items
from memcube.actors.cube.task import FAILED, IN_PROGRESS, WAITING, HeldTask
from memcube.actors.cube.tasks import StagedTasks, Tasks, Window
from memcube.actors.vault.base import ItemRecord
from memcube.model.errors import InvalidArgumentError, NotFoundError, TaskStateError
from memcube.model.ids import CubeRef
from memcube.model.item import EventKind, Item, MemoryType, Status
from memcube.model.task import MEM_FEEDBACK, MEM_ORGANIZE, MEM_READ, state_name
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["TaskPlanner"]

ORGANIZED_TOGETHER = 50
DEFAULT_LEASE_S, MOST_LEASE_S = 300.0, 3600.0
MOST_DRAFTS = 200
CONTEXT_ITEMS, CONTEXT_CHARS = 6, 3000
KNOWN_ITEMS = 20
LOOKED_AT = 2000
"""Items looked through for context, and for what is known: a session is mostly in one piece."""


class TaskPlanner:
    """See the module; ``Planner`` supplies what is declared here."""

    _items: Items
    _now: datetime
    _put: dict[str, tuple[Held, ItemRecord]]
    _dropped: set[str]
    _ref: CubeRef
    _emit: Callable[..., Item | None]
    _live: Callable[[str], Item]
    _next_id: Callable[[], str]
    _feedback_without_model: Callable[[Call, str, HeldTask], HeldTask]
    _finished_feedback: Callable[[Call, str, HeldTask, work_pb2.FinishTaskRequest], HeldTask]

    def _set_up_tasks(
        self, tasks: Tasks, derived: Derived, config: FrameConfig, undo: list[Callable[[], None]]
    ) -> None:
        self._tasks = StagedTasks(tasks, undo)
        self._derived = derived
        self._config = config
        self._made: dict[str, set[str]] = {}

    # --- made by what is added ------------------------------------------------------------------------------------

    def _queue_reading(self, call: Call, items: Iterable[Item]) -> list[str]:
        """Let items be read finely; the ids of the tasks that read them, none where none will."""
        task_ids: dict[str, None] = {}
        if self._config.fine_reading:
            for item in items:
                if item.memory_type is not MemoryType.TOOL_SCHEMA:
                    window = Window(MEM_READ, item.session_id, *_people(item), call.principal.id)
                    task_id = self._gather(window, item, self._config.read_window, self._config.read_window_chars)
                    task_ids[task_id] = None
        return [*task_ids]

    def _queue_organizing(self, task: HeldTask, items: Iterable[Item]) -> None:
        """Let what a task made be compared with what is there."""
        if self._config.organizing and task.wire.kind == MEM_READ:
            for item in items:
                window = Window(MEM_ORGANIZE, "", *_people(item), task.wire.principal_id)
                self._gather(window, item, ORGANIZED_TOGETHER, 0)

    def _gather(self, window: Window, item: Item, most: int, most_chars: int) -> str:
        """Put an item to those that are done together, in a task that waits for more, or in a new one: its id."""
        config, now = self._config, self._now
        open_task = self._tasks.open_window(window)
        if open_task is not None and self._has_room(open_task, item, most, most_chars):
            ids = [*open_task.wire.item_ids, item.id]
            full = len(ids) >= most
            latest = open_task.wire.created_at.ToDatetime(now.tzinfo) + timedelta(seconds=config.read_latest_s)
            settled = now + timedelta(seconds=config.read_settle_s)
            held = open_task.with_items(ids, now, None if full else min(settled, latest))
        else:
            if open_task is not None and open_task.wire.state == WAITING and not open_task.wire.attempts:
                # Full: what it was waiting for has come.
                self._tasks.stage(open_task.with_items(open_task.wire.item_ids, now, None))
            full = bool(most_chars) and len(item.memory) >= most_chars
            held = HeldTask.new(
                self._next_id(),
                self._ref.cube_id,
                window.kind,
                (item.id,),
                now,
                not_before=None if full else now + timedelta(seconds=config.read_settle_s),
                session_id=window.session_id,
                principal_id=window.principal_id,
            )
        self._tasks.stage(held, window)
        return held.id

    def _has_room(self, task: HeldTask, item: Item, most: int, most_chars: int) -> bool:
        wire = task.wire
        if wire.state != WAITING or wire.attempts or len(wire.item_ids) >= most:
            return False
        if not most_chars:
            return True
        chars = sum(len(one.memory) for one in self._those(wire.item_ids))
        return chars + len(item.memory) <= most_chars

    def _those(self, item_ids: Iterable[str]) -> list[Item]:
        """The items of these ids that are there, in this order."""
        found: list[Item] = []
        for item_id in item_ids:
            try:
                found.append(self._live(item_id))
            except NotFoundError:
                continue
        return found

    def _readable(self, item_ids: Iterable[str]) -> list[Item]:
        """Those of the items that still say something."""
        return [item for item in self._those(item_ids) if self._says_something(item)]

    def _says_something(self, item: Item) -> bool:
        return item.status is Status.ACTIVATED and not item.expired(self._now)

    # --- what hangs on a memory -------------------------------------------------------------------------------------

    def _remove(self, call: Call, key: str, item_ids: Sequence[str]) -> None:
        """Delete items and whatever was made from them or merged into them; what such memories were made from
        besides is read anew."""
        for item_id in dict.fromkeys(item_ids):
            self._emit(call, key, EventKind.ITEM_DELETED, tombstone(self._live(item_id), self._now))
        gone = self._hanging(item_ids, merged=True)
        self._let_go(call, key, gone, "source_deleted")
        self._read_again(call, gone.values())

    def _let_go(self, call: Call, key: str, gone: Mapping[str, Item], cause: str) -> None:
        """Delete what hung on others; what was merged into it stands for itself again."""
        for item in gone.values():
            self._emit(call, key, EventKind.ITEM_DELETED, tombstone(item, self._now), cause=cause)
        for item_id in gone:
            for item in self._linked(item_id):
                if item.merged_into == item_id:
                    self._emit(call, key, EventKind.ITEM_UPDATED, merged(item, "", self._now), cause=cause)

    def _outdate(self, call: Call, key: str, item: Item) -> None:
        """Delete what was made from an item whose text changes, and read its new text; called before the change."""
        was_read = self._tasks.was_read(item.id, MEM_READ)
        gone = self._hanging((item.id,), merged=False)
        self._let_go(call, key, gone, "source_updated")
        for task in self._tasks.open_of(item.id):
            if task.wire.state == IN_PROGRESS and task.wire.kind != MEM_FEEDBACK:
                # Its worker reads the old text: what comes of that is not taken.
                rest = [one for one in task.wire.item_ids if one != item.id]
                self._tasks.stage(task.with_items(rest, self._now, None))
        self._read_again(call, gone.values(), (item.id,) if was_read else ())

    def _hanging(self, item_ids: Iterable[str], *, merged: bool) -> dict[str, Item]:
        """What was made from these items, and from that, and so on; with ``merged`` also what was merged into them,
        which says the same."""
        found: dict[str, Item] = {}
        queue = [(item_id, merged) for item_id in item_ids]
        while queue:
            source, with_merged = queue.pop()
            for item in self._linked(source):
                same = with_merged and item.merged_into == source
                if item.id not in found and (same or source in item.derived_from):
                    found[item.id] = item
                    queue.append((item.id, same))
        return found

    def _linked(self, item_id: str) -> list[Item]:
        """The items that were made from one, or merged into it, and are there."""
        return self._those(sorted(self._derived.of(item_id, self._items) | self._made.get(item_id, set())))

    def _read_again(self, call: Call, gone: Iterable[Item], also: Iterable[str] = ()) -> None:
        """Queue what ``gone`` was made from, as far as it is left and not about to be read anyway."""
        left = {*also, *(source for item in gone for source in item.derived_from)}
        items = [item for item in self._those(sorted(left)) if not item.derived_from]
        waiting = {item.id for item in items if any(map(_waits_to_be_read, self._tasks.open_of(item.id)))}
        self._queue_reading(call, [item for item in items if item.id not in waiting])

    # --- workers ----------------------------------------------------------------------------------------------------

    def _held_task(self, task_id: str) -> HeldTask:
        held = self._tasks.get(task_id)
        if held is None:
            raise NotFoundError("task", task_id)
        return held

    def _take_task(self, call: Call, key: str, request: work_pb2.TakeTaskRequest) -> bytes:
        held = self._held_task(request.id)
        lease_s = request.lease_s or DEFAULT_LEASE_S
        if not 0 < lease_s <= MOST_LEASE_S:
            raise InvalidArgumentError("lease_s", f"is {lease_s:g}, the most is {MOST_LEASE_S:g}")
        taken = held.taken(self._now, lease_s)
        about_items = bool(held.wire.item_ids) and held.wire.kind != MEM_FEEDBACK
        if not taken.ended and about_items and not self._readable(held.wire.item_ids):
            gone = "there is nothing to do: its memories are deleted, expired or merged"
            taken = held.completed(self._now).told(task_pb2.Spending(), [gone])
        self._tasks.stage(taken)
        return work_pb2.TakeTaskResponse(task=taken.wire).SerializeToString()

    def _taken_task(self, rest: bytes) -> bytes:
        """The answer of a take, made of what the cube holds now; a retry's is refused once its lease is another's."""
        response = work_pb2.TakeTaskResponse.FromString(rest)
        task = response.task
        if task.state != IN_PROGRESS:
            return rest
        held = self._held_task(task.id)
        held.check_attempt(task.attempts)
        items = self._readable(task.item_ids)
        response.items.extend(self._wire(item) for item in items)
        if task.session_id and items and task.kind != MEM_FEEDBACK:
            response.context.extend(map(self._wire, self._context(task.session_id, items[0].id)))
            response.known.extend(map(self._wire, self._known(items[0])))
        return response.SerializeToString()

    def _wire(self, item: Item) -> item_pb2.Item:
        staged = self._put.get(item.id)
        return staged[0].wire if staged is not None else self._items.wire(item.id)

    def _context(self, session: str, before_id: str) -> list[Item]:
        """The messages of a session right before an item, oldest first."""
        found: list[Item] = []
        chars = 0
        for item in self._of_session(session, before_id):
            if item.derived_from:
                continue
            chars += len(item.memory)
            if len(found) == CONTEXT_ITEMS or chars > CONTEXT_CHARS:
                break
            found.append(item)
        return found[::-1]

    def _known(self, like: Item) -> list[Item]:
        """What was made from the messages of an item's session and people, newest first: what is known of others in
        the same conversation is no reason to leave anything out."""
        made = (
            item
            for item in self._of_session(like.session_id, "")
            if item.derived_from and _people(item) == _people(like)
        )
        return list(islice(made, KNOWN_ITEMS))

    def _of_session(self, session: str, before_id: str) -> Iterator[Item]:
        wanted = session.encode()
        for held in islice(self._items.newest_first(before_id), LOOKED_AT):
            # Looking for the bytes first spares decoding every item.
            if wanted not in held.body or held.id in self._dropped:
                continue
            if held.item.session_id == session and self._says_something(held.item):
                yield held.item

    def _finish_task(self, call: Call, key: str, request: work_pb2.FinishTaskRequest) -> bytes:
        held = self._held_task(request.id)
        held.check_attempt(request.attempt)
        if request.error:
            held = held.failed(
                self._now,
                request.error,
                retryable=request.retryable,
                service_failure=request.service_failure,
                retry_after_s=request.retry_after_s,
            )
            notes = list(request.notes)
            if held.wire.kind == MEM_FEEDBACK and held.wire.state == FAILED:
                held = self._feedback_without_model(call, key, held)
        elif held.wire.kind == MEM_FEEDBACK:
            held, notes = self._finished_feedback(call, key, held, request), []
        else:
            notes = [*request.notes, *self._merge(call, key, held, request.merges)]
            results, left_out = self._make(call, key, held, request.drafts)
            notes += left_out
            held = held.completed(self._now, results)
            self._queue_organizing(held, self._those(results))
        held = held.told(request.spent, notes)
        self._tasks.stage(held)
        return work_pb2.FinishTaskResponse(task=held.wire).SerializeToString()

    def _make(
        self, call: Call, key: str, task: HeldTask, drafts: Sequence[work_pb2.Draft]
    ) -> tuple[list[str], list[str]]:
        """Add the drafts that can be taken: their ids, and why others are left out."""
        made: list[str] = []
        notes: list[str] = []
        about = set(task.wire.item_ids)
        for number, draft in enumerate(drafts):
            sources = [item for item in self._those(dict.fromkeys(draft.derived_from)) if item.id in about]
            if number >= MOST_DRAFTS:
                notes.append(f"{len(drafts) - MOST_DRAFTS} drafts are left out: one task makes {MOST_DRAFTS} at most")
                break
            if not sources or len(sources) < len(set(draft.derived_from)):
                notes.append(f"draft {number} is left out: what it was made from is gone, changed, or not the task's")
                continue
            try:
                item = item_of_draft(draft, sources, self._next_id(), self._now)
            except InvalidArgumentError as error:
                notes.append(f"draft {number} is left out: {error.message}")
                continue
            self._emit_for(call, key, task, EventKind.ITEM_ADDED, item)
            made.append(item.id)
            for source in item.derived_from:
                self._made.setdefault(source, set()).add(item.id)
        return made, notes

    def _merge(self, call: Call, key: str, task: HeldTask, merges: Sequence[work_pb2.Merge]) -> list[str]:
        """Retire items that others say too; why a merge is left out."""
        notes: list[str] = []
        for merge in merges[:MOST_DRAFTS]:
            found = self._those((merge.id, merge.into))
            if len(found) < 2 or merge.id == merge.into:
                notes.append(f"{merge.id} is not merged into {merge.into}: one of them is gone")
                continue
            item, into = found
            if Status.MERGED in (item.status, into.status) or links_of(into) & {item.id}:
                notes.append(
                    f"{merge.id} is not merged into {merge.into}: one hangs on the other, or was merged before"
                )
                continue
            if _people(item) != _people(into):
                notes.append(f"{merge.id} is not merged into {merge.into}: they are about different people")
                continue
            self._emit_for(call, key, task, EventKind.ITEM_UPDATED, merged(item, into.id, self._now))
            self._made.setdefault(into.id, set()).add(item.id)
        return notes

    def _emit_for(self, call: Call, key: str, task: HeldTask, kind: EventKind, item: Item) -> None:
        """An event in the name of who caused the task."""
        self._emit(call, key, kind, item, cause=task.wire.kind, principal_id=task.wire.principal_id)

    # --- users ------------------------------------------------------------------------------------------------------

    def _cancel_task(self, call: Call, key: str, request: pb.CancelTaskRequest) -> bytes:
        held = self._held_task(request.id).cancelled(self._now)
        self._tasks.stage(held)
        return pb.CancelTaskResponse(task=held.wire).SerializeToString()

    def _retry_task(self, call: Call, key: str, request: pb.RetryTaskRequest) -> bytes:
        held = self._held_task(request.id)
        if held.wire.kind == MEM_READ and not self._config.fine_reading:
            raise TaskStateError(held.id, f"{state_name(held.wire.state)}, and no language model is configured")
        held = held.retried(self._now)
        self._tasks.stage(held)
        return pb.RetryTaskResponse(task=held.wire).SerializeToString()


def _waits_to_be_read(task: HeldTask) -> bool:
    return task.wire.state == WAITING and task.wire.kind == MEM_READ


def _people(item: Item) -> tuple[str, str, str]:
    """Whom it is about."""
    return item.user_id, item.agent_id, item.run_id
