"""Mutations: calls in, one commit out. Nothing here is visible to anyone until the commit is durable.

A ``Planner`` looks at the state as of the last commit plus what it staged itself for earlier calls of the same
batch, so that a batch behaves exactly like its calls one after another, and costs one fsync. A call that fails
leaves nothing staged.
"""

from __future__ import annotations

import hashlib
import logging
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from memcube.actors.cube.about import born
from memcube.actors.cube.answers import answer_of
from memcube.actors.cube.call import Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.derived import Derived
from memcube.actors.cube.governed import allows
from memcube.actors.cube.import_plan import ImportPlanner
from memcube.actors.cube.incident import incident
from memcube.actors.cube.record_plan import RecordPlanner
from memcube.actors.cube.scope import scope_filter
from memcube.actors.cube.state import Held, Items, record_of
from memcube.actors.cube.task import HeldTask
from memcube.actors.cube.task_bulk import BulkPlanner
from memcube.actors.cube.tasks import Tasks, Window
from memcube.actors.cube.validate import (
    check_cube,
    check_info,
    check_key,
    check_tags,
    check_text,
    parse_request,
)
from memcube.actors.cube.validate_add import check_add
from memcube.actors.cube.view import Positions
from memcube.actors.reader.fast import read_messages
from memcube.actors.trust import Admission
from memcube.actors.vault.base import Commit, CubeStore, EventRecord, ItemRecord, Receipt
from memcube.model.codec import enum_of, event_to_proto, struct_to_info
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import (
    AlreadyExistsError,
    IdempotencyConflictError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    PermissionDeniedError,
    StaleEpochError,
    VersionConflictError,
)
from memcube.model.filters import filter_from_proto, matches
from memcube.model.ids import CubeRef, new_memory_id
from memcube.model.item import Event, EventKind, Item, MemoryType, Status
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import audit_pb2, cube_pb2, event_pb2, mip_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Plan", "Planner"]

log = logging.getLogger("memcube.cube")

_RANGE = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Plan:
    """One batch, ready to commit. ``answers`` hold once ``commit`` is durable; the rest says how memory follows."""

    commit: Commit
    answers: list[Answer]
    put: dict[str, tuple[Held, bytes]]
    dropped: set[str]
    about: cube_pb2.Cube | None
    positions: dict[str, int]
    tasks: dict[str, HeldTask]
    forgotten_tasks: Sequence[str]
    windows: dict[Window, str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit: every call failed or was a retry."""
        return not self.commit.events and not self.commit.receipts


class Planner(RecordPlanner, BulkPlanner, ImportPlanner):
    """Plans one batch against a cube. Made anew for each batch by ``Cube.plan``; runs in the commit thread."""

    def __init__(
        self,
        ref: CubeRef,
        store: CubeStore,
        about: cube_pb2.Cube,
        items: Items,
        positions: Positions,
        now: datetime,
        tasks: Tasks,
        derived: Derived,
        config: FrameConfig,
        next_position: Callable[[str], int],
        admission: Admission,
    ) -> None:
        self._ref = ref
        self._admission = admission
        self._store = store
        self._items = items
        self._now = now
        self._about = about
        self._new_about: cube_pb2.Cube | None = None
        self._known_positions = positions
        self._position_after = next_position
        self._positions: dict[str, int] = {}
        self._last_id = max(items.last_id, tasks.last_id)
        self._events: list[tuple[event_pb2.Event, EventRecord]] = []
        self._undo: list[Callable[[], None]] = []
        self._put: dict[str, tuple[Held, ItemRecord]] = {}
        self._dropped: set[str] = set()
        self._receipts: dict[str, Receipt] = {}
        self._set_up_tasks(tasks, derived, config, self._undo)

    def plan(self, calls: Sequence[Call]) -> Plan:
        """Stage every call in order; each gets its own answer."""
        answers = [self._answer(call) for call in calls]
        staged = self._tasks
        forgotten = staged.outdated(self._now)
        commit = Commit(
            events=[record for _, record in self._events],
            items=[record for _, record in self._put.values()],
            dropped=sorted(self._dropped),
            receipts=list(self._receipts.values()),
            tasks=[held.record() for held in staged.put.values()],
            finished_tasks=forgotten,
            pending=bool(staged.put) and staged.unfinished,
            about=None if self._new_about is None else self._new_about.SerializeToString(deterministic=True),
        )
        put = {item_id: (held, record.entry) for item_id, (held, record) in self._put.items()}
        return Plan(
            commit, answers, put, self._dropped, self._new_about, self._positions, staged.put, forgotten, staged.windows
        )

    def _answer(self, call: Call) -> Answer:
        events, undo, about = len(self._events), len(self._undo), self._new_about
        try:
            return Answer(True, self._perform(call))
        except StaleEpochError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect in one call is no reason to fail those that travel with it
            del self._events[events:]
            while len(self._undo) > undo:
                self._undo.pop()()
            self._new_about = about
            told = error if isinstance(error, MemCubeError) else incident(log, error)
            return Answer(False, error_to_detail(told).SerializeToString())

    def _perform(self, call: Call) -> bytes:
        kind, handler = _VERBS[call.verb]
        request: Any = parse_request(kind, call.request)
        key = call.key or request.idempotency_key
        check_key(key)
        if not key:
            raise InvalidArgumentError("idempotency_key", "is empty")
        request.ClearField("idempotency_key")
        digest = hashlib.blake2b(
            call.verb.encode() + b"\0" + (call.origin or request.SerializeToString(deterministic=True)), digest_size=16
        ).digest()
        # Keys are the principal's own: two callers that pick the same key do not meet.
        name = f"{call.principal.id}\0{key}"
        receipt = self._receipts.get(name) or self._store.receipt(name)
        if receipt is not None:
            if receipt.request != digest:
                raise IdempotencyConflictError(key)
            return self._first_answer(call.verb, receipt)
        first = self._head + 1
        if self._head == 0:
            if call.verb not in _CREATING:
                # Attached for a first write that never came: to everyone else there is no such cube.
                raise NotFoundError("cube", self._ref.cube_id)
            self._emit(call, key, EventKind.CUBE_CREATED, None)
            self._new_about = born(self._about, call.principal, self._now)
        self._check_open(call)
        if first > 1 and call.verb == "create_cube":
            raise AlreadyExistsError("cube", self._ref.cube_id)
        # What no event tells of the answer: kept with the receipt, so that a retry gets it too.
        rest = handler(self, call, key, request) or b""
        last = self._head
        self._receipts[name] = Receipt(name, digest, _RANGE.pack(first, last) + rest, self._now.timestamp())
        return self._answer_of(call.verb, self._staged(first, last), last, rest)

    @property
    def _head(self) -> int:
        return self._store.head + len(self._events)

    def _first_answer(self, verb: str, receipt: Receipt) -> bytes:
        """The answer that the first call with this key got, made again from the events that it caused."""
        first, last = _RANGE.unpack_from(receipt.response)
        stored = self._store.head
        if last > self._head:
            # The receipt on disk is a newer writer's, its events are not in what this one knows: raises.
            self._store.verify_epoch()
        bodies = [r.body for r in self._store.events(first, last - first + 1)] if first <= min(last, stored) else []
        wanted = [event_pb2.Event.FromString(body) for body in bodies]
        return self._answer_of(verb, wanted + self._staged(first, last), last, receipt.response[_RANGE.size :])

    def _staged(self, first: int, last: int) -> list[event_pb2.Event]:
        """The events of this batch with these numbers."""
        start = self._store.head + 1
        return [wire for wire, _ in self._events[max(0, first - start) : max(0, last + 1 - start)]]

    def _answer_of(self, verb: str, events: list[event_pb2.Event], last: int, rest: bytes) -> bytes:
        if verb == "take_task":
            return self._taken_task(rest)
        return answer_of(verb, events, last, self._new_about or self._about, rest)

    def _emit(
        self,
        call: Call,
        key: str,
        kind: EventKind,
        item: Item | None,
        *,
        cause: str | None = None,
        principal_id: str | None = None,
    ) -> Item | None:
        """Stage one event; the item as it will be stored, which need not be as it was given."""
        if kind is EventKind.ITEM_DELETED and item is not None:
            self._check_held(item.id)
        elif item is not None:
            item = self._admission.admitted(item)
        who, why = principal_id or call.principal.id, cause or call.verb
        event = Event(self._head + 1, self._store.epoch, self._now, kind, key, who, why, item)
        wire = event_to_proto(event)
        body = wire.SerializeToString(deterministic=True)
        self._events.append((wire, EventRecord(event.seq, int(kind), item.id if item else "", body)))
        if item is None:
            return None
        if kind is not EventKind.ITEM_DELETED and cause is None and not allows(call.rule, item):
            # What would be out of the caller's reach may not be made, nor may anything be put there.
            raise PermissionDeniedError(call.verb)
        self._undo.append(partial(self._restage, item.id, self._put.get(item.id), item.id in self._dropped))
        if kind is EventKind.ITEM_DELETED:
            self._put.pop(item.id, None)
            self._dropped.add(item.id)
        else:
            record = record_of(item, wire.item.SerializeToString(deterministic=True))
            self._put[item.id] = (Held(record, item), record)
        return item

    def _restage(self, item_id: str, put: tuple[Held, ItemRecord] | None, dropped: bool) -> None:
        """Take back what an event of a failed call staged."""
        self._put.pop(item_id, None)
        self._dropped.discard(item_id)
        if put is not None:
            self._put[item_id] = put
        if dropped:
            self._dropped.add(item_id)

    def _live(self, item_id: str) -> Item:
        staged = self._put.get(item_id)
        held = staged[0] if staged else None if item_id in self._dropped else self._items.get(item_id)
        if held is None:
            raise NotFoundError("memory", item_id)
        return held.item

    def _seen(self, call: Call, item_id: str) -> Item:
        """A live item that the caller may see; NotFoundError for any other."""
        item = self._live(item_id)
        if not allows(call.rule, item):
            raise NotFoundError("memory", item_id)
        return item

    def _next_id(self) -> str:
        self._last_id = new_memory_id(self._ref.key, self._now.timestamp(), after=self._last_id)
        return self._last_id

    def _create_cube(self, call: Call, key: str, request: pb.CreateCubeRequest) -> None:
        check_cube(request)
        about = self._new_about or self._about
        about.description = request.description
        about.config.CopyFrom(request.config)

    def _add(self, call: Call, key: str, request: pb.AddRequest) -> bytes:
        check_add(request)
        expires_at = from_timestamp("expires_at", request.expires_at) if request.HasField("expires_at") else None
        kind = enum_of(MemoryType, "memory_type", request.memory_type, MemoryType.LONG_TERM)
        info = struct_to_info(request.info)
        named = request.session_id or request.scope.run_id
        reading = read_messages(request, self._now)
        # What came together is each other's context, named or not.
        together = sum(draft.session is None for draft in reading.drafts) > 1
        session = named or (f"add:{key[:64]}" if together else "")
        positions: dict[str, int] = {}
        added: list[Item] = []
        for draft in reading.drafts:
            in_session = session if draft.session is None else draft.session
            if in_session not in positions:
                positions[in_session] = self._next_position(in_session) if draft.session or named else 0
            item = Item(
                id=self._next_id(),
                version=1,
                cube_id=self._ref.cube_id,
                memory=draft.text,
                recorded_at=self._now,
                created_at=self._now,
                memory_type=kind if draft.memory_type is None else draft.memory_type,
                key=draft.key,
                tags=tuple(request.tags),
                info={**info, **draft.info},
                valid_from=draft.said_at,
                expires_at=expires_at,
                sources=(replace(draft.source, position=positions[in_session]),),
                user_id=request.scope.user_id,
                agent_id=request.scope.agent_id,
                run_id=request.scope.run_id,
                session_id=in_session,
            )
            added.append(self._emit(call, key, EventKind.ITEM_ADDED, item) or item)
            positions[in_session] += bool(in_session)
        self._positions.update({name: at for name, at in positions.items() if name and (named or name != session)})
        task_ids = [] if request.verbatim else self._queue_reading(call, added)
        self._queue_archiving(call)
        last = task_ids[-1] if task_ids else ""
        return pb.AddResponse(skipped=reading.skipped, task_id=last, task_ids=task_ids).SerializeToString()

    def _next_position(self, session: str) -> int:
        known = self._positions.get(session, self._known_positions.get(session))
        return self._position_after(session) if known is None else known

    def _update(self, call: Call, key: str, request: pb.UpdateRequest) -> None:
        old = self._seen(call, request.id)
        _check_version(old, request.expected_version)
        check_tags(request.tags)
        check_info("info", request.info)
        item = replace(old, version=old.version + 1, recorded_at=self._now)
        if request.HasField("memory"):
            check_text("memory", request.memory)
            item = replace(item, memory=request.memory.strip())
            if item.status is Status.ARCHIVED:
                # What is said anew holds again.
                item = replace(item, status=Status.ACTIVATED, superseded_by="")
        if request.HasField("info"):
            item = replace(item, info=struct_to_info(request.info))
        if request.replace_tags or request.tags:
            item = replace(item, tags=tuple(request.tags))
        if request.HasField("expires_at"):
            item = replace(item, expires_at=from_timestamp("expires_at", request.expires_at))
        if item.memory != old.memory:
            self._outdate(call, key, old)
        self._emit(call, key, EventKind.ITEM_UPDATED, item)

    def _delete(self, call: Call, key: str, request: pb.DeleteRequest) -> None:
        old = self._seen(call, request.id)
        _check_version(old, request.expected_version)
        self._remove(call, key, (old.id,))

    def _delete_all(self, call: Call, key: str, request: pb.DeleteAllRequest) -> None:
        filter_ = filter_from_proto(request.filter) if request.HasField("filter") else None
        scope, rule = scope_filter(self._ref, request.scope), call.rule
        live = [held.item for held in self._items if held.id not in self._dropped and held.id not in self._put]
        live += [held.item for held, _ in self._put.values()]
        wanted = [item for item in live if matches(scope, item) and matches(filter_, item)]
        self._remove(call, key, [item.id for item in wanted if allows(rule, item)])


def _check_version(item: Item, expected: int) -> None:
    if expected and expected != item.version:
        raise VersionConflictError(item.id, expected, item.version)


_CREATING = ("create_cube", "add", "feedback", "import_items")
_VERBS: dict[str, tuple[type, Callable[..., bytes | None]]] = {
    "create_cube": (pb.CreateCubeRequest, Planner._create_cube),
    "add": (pb.AddRequest, Planner._add),
    "update": (pb.UpdateRequest, Planner._update),
    "delete": (pb.DeleteRequest, Planner._delete),
    "delete_all": (pb.DeleteAllRequest, Planner._delete_all),
    "update_all": (pb.UpdateAllRequest, Planner._update_all),
    "archive": (pb.ArchiveRequest, Planner._archive),
    "restore": (pb.RestoreRequest, Planner._restore),
    "archive_all": (pb.ArchiveAllRequest, Planner._archive_all),
    "feedback": (pb.FeedbackRequest, Planner._feedback),
    "erase": (audit_pb2.EraseCubeRequest, Planner._erase),
    "retain": (audit_pb2.RetainRequest, Planner._retain),
    "step_task": (work_pb2.StepTaskRequest, Planner._step_task),
    "take_task": (work_pb2.TakeTaskRequest, Planner._take_task),
    "finish_task": (work_pb2.FinishTaskRequest, Planner._finish_task),
    "cancel_task": (pb.CancelTaskRequest, Planner._cancel_task),
    "import_items": (mip_pb2.ImportItems, Planner._import_items),
    "retry_task": (pb.RetryTaskRequest, Planner._retry_task),
}
"""The request of each verb and its handler, which returns what the events that it emits do not tell of the answer: a
part of the response, serialized."""
