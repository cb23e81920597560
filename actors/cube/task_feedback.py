"""Feedback in the planning of a commit: kept as a task, carried out at once by rules where they suffice, else when a
language model has judged it. Part of ``plan.Planner``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memcube.actors.cube.call import Call
from memcube.actors.cube.scope import scope_filter
from memcube.actors.cube.task import HeldTask
from memcube.actors.cube.task_plan import TaskPlanner
from memcube.actors.cube.validate import check_text
from memcube.actors.feedback.check import check_feedback, history_lines, text_digest
from memcube.actors.feedback.reading import read_feedback
from memcube.actors.feedback.rules import decide
from memcube.model.errors import InvalidArgumentError
from memcube.model.filters import matches
from memcube.model.ids import Principal
from memcube.model.item import EventKind, Item, Status, Usage
from memcube.model.task import MEM_FEEDBACK
from memcube.model.times import from_timestamp, to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2, work_pb2

if TYPE_CHECKING:
    from memcube.actors.vault.base import EventRecord
    from memcube.protos.memcube.v1 import event_pb2

__all__ = ["FeedbackPlanner"]

DONE = {"add": "added", "update": "updated", "replace": "updated", "archive": "archived", "confirm": "confirmed"}
TRUSTED, DOUBT_LEFT = 0.7, 0.5
"""Confidence of a memory of which none is known, and what is left of the doubt with each confirmation."""
FIRST = ("add", "update", "replace")


class FeedbackPlanner(TaskPlanner):
    """See the module; ``Planner`` supplies what is declared here."""

    _events: list[tuple[event_pb2.Event, EventRecord]]
    _add: Callable[[Call, str, pb.AddRequest], bytes]

    def _feedback(self, call: Call, key: str, request: pb.FeedbackRequest) -> bytes:
        check_feedback(request)
        inside = scope_filter(self._ref, request.scope)
        named = [item for item in self._those(dict.fromkeys(request.memory_ids)) if matches(inside, item)]
        known = {item.id for item in named}
        missing = [memory_id for memory_id in dict.fromkeys(request.memory_ids) if memory_id not in known]
        notes = [f"{memory_id} is no memory that is here: it is passed over" for memory_id in missing]
        found = [item for item in self._readable(dict.fromkeys(request.found_ids)) if matches(inside, item)]
        found = [item for item in found if item.id not in known]
        given = task_pb2.GivenFeedback(
            text=request.feedback.strip(),
            named=len(named),
            history=history_lines(request),
            time=request.time if request.HasField("time") else to_timestamp(self._now),
            user_id=request.scope.user_id,
            agent_id=request.scope.agent_id,
            run_id=request.scope.run_id,
            info=request.info if request.HasField("info") else None,
            tags=request.tags,
        )
        ids = [item.id for item in (*named, *found)]
        held = HeldTask.new(
            self._next_id(),
            self._ref.cube_id,
            MEM_FEEDBACK,
            ids,
            self._now,
            session_id=request.session_id,
            principal_id=call.principal.id,
            feedback=given,
        ).told(task_pb2.Spending(), notes)
        decided = decide(read_feedback(given.text), named, found, self._now)
        if decided.sure or not self._config.fine_reading:
            held = self._revised(call, key, held, decided.revisions, decided.notes)
        self._tasks.stage(held)
        return pb.FeedbackResponse(task=held.wire).SerializeToString()

    def _finished_feedback(self, call: Call, key: str, held: HeldTask, request: work_pb2.FinishTaskRequest) -> HeldTask:
        """What a worker's judgement makes of a feedback task that it has not failed."""
        return self._revised(call, key, held, request.revisions, request.notes)

    def _feedback_without_model(self, call: Call, key: str, held: HeldTask) -> HeldTask:
        """A feedback task that no model will judge any more is carried out by rules, so that nothing said is lost."""
        wire = held.wire
        items = self._readable(wire.item_ids)
        named = set(wire.item_ids[: wire.feedback.named])
        decided = decide(
            read_feedback(wire.feedback.text),
            [item for item in items if item.id in named],
            [item for item in items if item.id not in named],
            self._now,
        )
        notes = [f"judged by rules, as the language model failed: {wire.error}", *decided.notes]
        return self._revised(call, key, held, decided.revisions, notes)

    def _revised(
        self, call: Call, key: str, held: HeldTask, revisions: Sequence[work_pb2.Revision], notes: Iterable[str]
    ) -> HeldTask:
        """The task, completed: each revision that can be is carried out, and why others are not is told."""
        changes: list[task_pb2.Change] = []
        told = [*notes]
        # What holds comes first: what goes is linked to it.
        for revision in sorted(revisions, key=lambda one: one.op not in FIRST):
            into = next((change.id for change in changes if change.op in ("added", "updated")), "")
            try:
                ids = self._revise(call, key, held, revision, into)
            except InvalidArgumentError as error:
                told.append(f"{revision.op} {revision.id or revision.memory[:80]!r} is left out: {error.message}")
                continue
            if not ids:
                told.append(
                    f"{revision.op} {revision.id or revision.memory[:80]!r} is left out: {_WHY.get(revision.op, 'there is no such thing to do')}"
                )
            changes += [task_pb2.Change(op=DONE[revision.op], id=one, reason=revision.reason) for one in ids]
        done = held.completed(self._now, dict.fromkeys(change.id for change in changes))
        return done.told(task_pb2.Spending(), told, changes)

    def _revise(self, call: Call, key: str, held: HeldTask, revision: work_pb2.Revision, into: str) -> list[str]:
        """Ids of the memories that a revision made or changed; none = it could not be."""
        if revision.op == "add":
            return self._added(call, key, held, revision.memory)
        usable = self._readable((revision.id,))
        item = next((one for one in usable if revision.seen in (b"", text_digest(one.memory))), None)
        if item is None or item.id == into or revision.op not in DONE:
            return []
        if revision.op == "archive":
            gone = [item, *self._hanging((item.id,), merged=False).values()]
            gone = [one for one in gone if one.status is Status.ACTIVATED and one.id != into]
            for one in gone:
                new = replace(one, status=Status.ARCHIVED, superseded_by=into)
                self._revise_item(call, key, held, new)
            return [one.id for one in gone]
        if revision.op == "confirm":
            doubt = 1.0 - (TRUSTED if item.confidence is None else item.confidence)
            usage = Usage(item.usage.count + 1, self._now)
            self._revise_item(call, key, held, replace(item, confidence=1.0 - doubt * DOUBT_LEFT, usage=usage))
            return [item.id]
        check_text("memory", revision.memory)
        said_at = from_timestamp("time", held.wire.feedback.time)
        valid_from = item.valid_from if revision.op == "replace" else said_at
        new = replace(item, memory=revision.memory.strip(), valid_from=valid_from, confidence=None)
        self._outdate(self._of(call, held), key, item)
        self._revise_item(call, key, held, new)
        return [item.id]

    def _revise_item(self, call: Call, key: str, held: HeldTask, item: Item) -> None:
        new = replace(item, version=item.version + 1, recorded_at=self._now)
        self._emit_for(call, key, held, EventKind.ITEM_UPDATED, new)

    def _added(self, call: Call, key: str, held: HeldTask, text: str) -> list[str]:
        """What was said becomes a memory as if it had been added."""
        given = held.wire.feedback
        scope = pb.Scope(cube_id=self._ref.cube_id, user_id=given.user_id, agent_id=given.agent_id, run_id=given.run_id)
        request = pb.AddRequest(
            scope=scope,
            messages=[pb.Message(role="user", content=text, time=given.time)],
            info=given.info,
            tags=given.tags,
            session_id=held.wire.session_id,
            source_kind="feedback",
        )
        before = len(self._events)
        self._add(self._of(call, held), key, request)
        added = [wire.item.id for wire, _ in self._events[before:] if int(wire.kind) == EventKind.ITEM_ADDED]
        return added

    def _of(self, call: Call, held: HeldTask) -> Call:
        """A call in the name of who gave the feedback."""
        who = Principal(self._ref.tenant, held.wire.principal_id, call.principal.roles)
        return replace(call, verb=MEM_FEEDBACK, principal=who)


_WHY = {
    "add": "it says nothing that is worth a memory",
    **dict.fromkeys(("update", "replace", "archive", "confirm"), "the memory is gone, or was changed meanwhile"),
}
