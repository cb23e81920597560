"""Tasks over many memories in the planning of a commit: changed by a filter, archived by a rule; in steps, each of which
is bounded and says in its own commit how far it is. And the archiving and restoring of one. Part of ``plan.Planner``.

The newest memories come first, so that what is added meanwhile is no concern of a task. What is little is done at once,
in the commit that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from memcube.actors.cube.archiving import is_kept, policy_of, used_at
from memcube.actors.cube.call import Call
from memcube.actors.cube.scope import scope_filter
from memcube.actors.cube.task import HeldTask
from memcube.actors.cube.task_feedback import FeedbackPlanner
from memcube.actors.cube.validate import check_filter, check_info, check_key, check_tags
from memcube.model.codec import struct_from_info, struct_to_info
from memcube.model.errors import InvalidArgumentError, MemCubeError, VersionConflictError
from memcube.model.filters import Condition, Filter, Not, filter_from_proto, matches
from memcube.model.item import EventKind, Item, Status
from memcube.model.task import MEM_ARCHIVE, MEM_UPDATE
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import cube_pb2, filter_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["BulkPlanner", "check_archive_all", "check_update_all"]

LOOKED_AT, CHANGED = 1000, 25
"""Memories that one step looks at, and changes: about 10 ms, during which nobody else is answered."""
VISIBILITIES = ("", "private", "shared", "public")
MOST_UNUSED_S = 100 * 365.25 * 24 * 3600.0


def check_update_all(request: pb.UpdateAllRequest) -> None:
    """Refuse an UpdateAllRequest that no cube would take."""
    check_filter(request)
    check_key(request.idempotency_key)
    change = request.change
    check_info("change.info", change.info)
    check_tags(change.add_tags)
    check_tags(change.remove_tags)
    if change.HasField("expires_at"):
        from_timestamp("change.expires_at", change.expires_at)
        if change.never_expires:
            raise InvalidArgumentError("change.never_expires", "contradicts expires_at: give one of them")
    if change.visibility not in VISIBILITIES:
        raise InvalidArgumentError(
            "change.visibility", f"{change.visibility[:64]!r} is none of private, shared, public"
        )
    both = set(change.add_tags) & set(change.remove_tags)
    if both:
        raise InvalidArgumentError("change.remove_tags", f"{min(both)!r} is to be added too")
    if not change.ByteSize():
        raise InvalidArgumentError("change", "is empty: give info, tags, expires_at or visibility")


def check_archive_all(request: pb.ArchiveAllRequest) -> None:
    """Refuse an ArchiveAllRequest that no cube would take."""
    check_filter(request)
    check_key(request.idempotency_key)
    if not 0.0 <= request.rule.unused_s <= MOST_UNUSED_S:
        raise InvalidArgumentError("rule.unused_s", f"is {request.rule.unused_s:g}, not within 0 to a hundred years")
    if not request.rule.ByteSize() and not request.HasField("filter"):
        raise InvalidArgumentError("rule", "is empty: give unused_s, keep or a filter, or it would archive all")


class BulkPlanner(FeedbackPlanner):
    """See the module; ``Planner`` supplies what is declared here."""

    _about: cube_pb2.Cube
    _new_about: cube_pb2.Cube | None

    # --- one memory -------------------------------------------------------------------------------------------------

    def _archive(self, call: Call, key: str, request: pb.ArchiveRequest) -> bytes:
        item = self._with_status(call, key, request, Status.ARCHIVED)
        return pb.ArchiveResponse(item=item).SerializeToString()

    def _restore(self, call: Call, key: str, request: pb.RestoreRequest) -> bytes:
        item = self._with_status(call, key, request, Status.ACTIVATED)
        return pb.RestoreResponse(item=item).SerializeToString()

    def _with_status(self, call: Call, key: str, request: pb.ArchiveRequest | pb.RestoreRequest, status: Status) -> Any:
        item = self._live(request.id)
        if request.expected_version and request.expected_version != item.version:
            raise VersionConflictError(item.id, request.expected_version, item.version)
        if item.status not in (Status.ACTIVATED, Status.GENERATED, Status.ARCHIVED):
            raise InvalidArgumentError("id", f"is of a memory that is {item.status.name.lower()}")
        if item.status is not status:
            self._emit(call, key, EventKind.ITEM_UPDATED, self._turned(item, status))
        return self._wire(self._live(request.id))

    def _turned(self, item: Item, status: Status) -> Item:
        return replace(item, version=item.version + 1, recorded_at=self._now, status=status, superseded_by="")

    # --- many -------------------------------------------------------------------------------------------------------

    def _update_all(self, call: Call, key: str, request: pb.UpdateAllRequest) -> bytes:
        check_update_all(request)
        bulk = self._bulk(request.scope, request.filter if request.HasField("filter") else None)
        bulk.change.CopyFrom(request.change)
        held = self._step(call, key, self._new_bulk(MEM_UPDATE, bulk, call.principal.id), 0.0)
        self._tasks.stage(held)
        return pb.UpdateAllResponse(task=held.wire).SerializeToString()

    def _archive_all(self, call: Call, key: str, request: pb.ArchiveAllRequest) -> bytes:
        check_archive_all(request)
        bulk = self._bulk(request.scope, request.filter if request.HasField("filter") else None)
        bulk.archive.CopyFrom(request.rule)
        held = self._step(call, key, self._new_bulk(MEM_ARCHIVE, bulk, call.principal.id), 0.0)
        self._tasks.stage(held)
        return pb.ArchiveAllResponse(task=held.wire).SerializeToString()

    def _queue_archiving(self, call: Call) -> None:
        """Let what is cold be archived, where the cube's policy says so and it was not looked at for long."""
        policy = policy_of(self._new_about or self._about, self._config)
        if not policy:
            return
        usable = len(self._items) - len(self._items.retired()) + self._fresh
        last = self._tasks.latest(MEM_ARCHIVE)
        if not policy.due(usable, None if last is None else last.wire, self._now):
            return
        bulk = self._bulk(pb.Scope(), None)
        bulk.archive.CopyFrom(policy.rule_for(usable))
        self._tasks.stage(self._new_bulk(MEM_ARCHIVE, bulk, call.principal.id))

    def _step_task(self, call: Call, key: str, request: work_pb2.StepTaskRequest) -> bytes:
        held = self._held_task(request.id)
        held.check_attempt(request.attempt)
        held = self._step(call, key, held, request.lease_s or 60.0)
        self._tasks.stage(held)
        return work_pb2.StepTaskResponse(task=held.wire).SerializeToString()

    def _bulk(self, scope: pb.Scope, wanted: filter_pb2.Filter | None) -> task_pb2.Bulk:
        return task_pb2.Bulk(filter=wanted, user_id=scope.user_id, agent_id=scope.agent_id, run_id=scope.run_id)

    def _new_bulk(self, kind: str, bulk: task_pb2.Bulk, principal_id: str) -> HeldTask:
        cube_id, now = self._ref.cube_id, self._now
        return HeldTask.new(self._next_id(), cube_id, kind, (), now, principal_id=principal_id, bulk=bulk)

    def _step(self, call: Call, key: str, held: HeldTask, lease_s: float) -> HeldTask:
        """The task a step further, or completed."""
        bulk, progress, notes = task_pb2.Bulk(), task_pb2.Progress(), list[str]()
        bulk.CopyFrom(held.wire.bulk)
        progress.CopyFrom(held.wire.progress)
        if not progress.total:
            progress.total = len(self._items) + self._fresh
            if bulk.HasField("archive"):
                self._bound(bulk)
        wanted = self._test_of(bulk)
        looked = changed = 0
        finished = True
        for item_id in self._older_than(bulk.done_until_id):
            if looked == LOOKED_AT or changed == CHANGED:
                finished = False
                break
            looked += 1
            bulk.done_until_id = item_id
            item = self._live(item_id)
            try:
                new = self._changed(bulk, item) if wanted(item) else None
            except MemCubeError as error:
                notes.append(f"{item_id} stays as it is: {error.message}")
                continue
            if new is not None:
                changed += 1
                self._emit_for(call, key, held, EventKind.ITEM_UPDATED, new)
        progress.done += looked
        progress.changed += changed
        held = held.stepped(self._now, bulk, progress, lease_s).told(task_pb2.Spending(), notes)
        if not finished:
            return held
        # What was deleted meanwhile need not be looked at.
        progress.total = progress.done
        return held.stepped(self._now, bulk, progress, lease_s).completed(self._now)

    @property
    def _fresh(self) -> int:
        """How many memories this batch has added so far."""
        return sum(self._items.get(item_id) is None for item_id in self._put)

    def _older_than(self, item_id: str) -> Iterator[str]:
        """Ids of the live items before this one, newest first, those of this batch among them."""
        fresh = sorted((one for one in self._put if self._items.get(one) is None), reverse=True)
        fresh = [one for one in fresh if not item_id or one < item_id]
        held = (held.id for held in self._items.newest_first(item_id) if held.id not in self._dropped)
        return chain(fresh, held)

    def _test_of(self, bulk: task_pb2.Bulk) -> Callable[[Item], bool]:
        """What an item must be to be the task's."""
        inside = scope_filter(self._ref, pb.Scope(user_id=bulk.user_id, agent_id=bulk.agent_id, run_id=bulk.run_id))
        wanted: Filter | None = filter_from_proto(bulk.filter) if bulk.HasField("filter") else None
        any_status = bulk.HasField("change") and _asks_for_status(wanted)

        def passes(item: Item) -> bool:
            usable = any_status or self._says_something(item)
            return usable and matches(inside, item) and matches(wanted, item)

        return passes

    def _changed(self, bulk: task_pb2.Bulk, item: Item) -> Item | None:
        """The item's new version; None where it stays as it is."""
        if bulk.HasField("archive"):
            return self._archived(bulk, item)
        new = _with_change(bulk.change, item)
        return None if new == item else replace(new, version=item.version + 1, recorded_at=self._now)

    def _archived(self, bulk: task_pb2.Bulk, item: Item) -> Item | None:
        before = from_timestamp("used_before", bulk.used_before) if bulk.HasField("used_before") else self._now
        if is_kept(item) or used_at(item) > before or (bulk.HasField("left") and not bulk.left):
            return None
        if bulk.HasField("left"):
            bulk.left -= 1
        return self._turned(item, Status.ARCHIVED)

    def _bound(self, bulk: task_pb2.Bulk) -> None:
        """Settle, once a task, what is old enough and how many go."""
        before: datetime = self._now - timedelta(seconds=bulk.archive.unused_s)
        if bulk.archive.keep:
            wanted = self._test_of(bulk)
            usable = [item for item in map(self._live, self._older_than("")) if self._says_something(item)]
            over = max(0, len(usable) - bulk.archive.keep)
            bulk.left = over
            times = sorted(used_at(item) for item in usable if wanted(item) and not is_kept(item))
            if over and len(times) > over:
                before = min(before, times[over - 1])
        bulk.used_before.FromDatetime(before)


def _with_change(change: task_pb2.BulkChange, item: Item) -> Item:
    """The item with what is to be set on it. Raises TooLargeError for one that would hold more than an item may."""
    info: Mapping[str, Any] = item.info
    if change.HasField("info"):
        given = struct_to_info(change.info)
        info = {name: value for name, value in {**info, **given}.items() if value is not None}
        check_info("info", struct_from_info("info", info))
    gone = set(change.remove_tags)
    tags = tuple(dict.fromkeys((*(tag for tag in item.tags if tag not in gone), *change.add_tags)))
    check_tags(tags)
    expires_at = None if change.never_expires else item.expires_at
    if change.HasField("expires_at"):
        expires_at = from_timestamp("expires_at", change.expires_at)
    visibility = change.visibility if change.HasField("visibility") else item.visibility
    return replace(item, info=dict(info), tags=tags, expires_at=expires_at, visibility=visibility)


def _asks_for_status(wanted: Filter | None) -> bool:
    """Whether a filter looks at the status anywhere."""
    if wanted is None or isinstance(wanted, Condition):
        return wanted is not None and wanted.field == "status"
    return any(map(_asks_for_status, (wanted.filter,) if isinstance(wanted, Not) else wanted.filters))
