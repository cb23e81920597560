"""One background task of a cube: its states, and what leads from one to the next. Plain values, no clock of its own.

A task is waiting, in progress (leased to a worker), completed, failed (given up: the dead-letter list) or cancelled.
What wears its patience out is counted in strikes: a failure of its own is ``STRIKES_A_FAILURE``, one of the service
that it needs (down, busy) a single one, so that a task outlives a day without a model and not five bad answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from zlib import crc32

from memcube.actors.vault.base import TaskRecord
from memcube.model.errors import TaskStateError
from memcube.model.task import state_name
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import task_pb2

__all__ = ["CANCELLED", "COMPLETED", "ENDED", "FAILED", "IN_PROGRESS", "WAITING", "HeldTask"]

WAITING = task_pb2.TASK_STATE_WAITING
IN_PROGRESS = task_pb2.TASK_STATE_IN_PROGRESS
COMPLETED = task_pb2.TASK_STATE_COMPLETED
FAILED = task_pb2.TASK_STATE_FAILED
CANCELLED = task_pb2.TASK_STATE_CANCELLED
ENDED = frozenset({COMPLETED, FAILED, CANCELLED})

STRIKES_A_FAILURE = 20
MOST_STRIKES = 100
"""Five failures of its own, or a hundred of the service: with the pauses below, those take a day."""
FIRST_PAUSE_S, LAST_PAUSE_S = 2.0, 300.0
FIRST_SERVICE_PAUSE_S, LAST_SERVICE_PAUSE_S = 5.0, 900.0
MOST_PAUSE_S = 3600.0
"""However long a service asks to be left alone."""
MOST_NOTES = 20
MOST_CHANGES = 1000
NOTE_CHARS = 500
ERROR_CHARS = 2000
LOST = "its worker was not heard of again"


@dataclass(frozen=True, slots=True)
class HeldTask:
    """A task as the cube holds it; ``wire`` is never changed, each step makes a new one."""

    wire: task_pb2.Task
    strikes: int = 0

    @classmethod
    def new(
        cls,
        task_id: str,
        cube_id: str,
        kind: str,
        item_ids: Iterable[str],
        now: datetime,
        *,
        not_before: datetime | None = None,
        session_id: str = "",
        principal_id: str = "",
        feedback: task_pb2.GivenFeedback | None = None,
        bulk: task_pb2.Bulk | None = None,
    ) -> HeldTask:
        """A task that waits, from ``not_before`` on if it is given; ``feedback`` and ``bulk`` say what is to be done."""
        wire = task_pb2.Task(
            id=task_id,
            cube_id=cube_id,
            kind=kind,
            state=WAITING,
            created_at=to_timestamp(now),
            updated_at=to_timestamp(now),
            item_ids=item_ids,
            session_id=session_id,
            principal_id=principal_id,
            feedback=feedback,
            bulk=bulk,
        )
        if not_before is not None:
            wire.not_before.FromDatetime(not_before)
        return cls(wire)

    @classmethod
    def of_record(cls, record: TaskRecord) -> HeldTask:
        """The task in a row of the vault."""
        return cls(task_pb2.Task.FromString(record.payload), record.attempts)

    def record(self) -> TaskRecord:
        """The row that the vault keeps; its ``attempts`` are the strikes."""
        wire = self.wire
        body = wire.SerializeToString(deterministic=True)
        return TaskRecord(wire.id, wire.kind, body, self.strikes, wire.not_before.ToNanoseconds() / 1e9, wire.error)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.wire.id

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more, unless it is retried."""
        return self.wire.state in ENDED

    @property
    def due_s(self) -> float:
        """Unix time from which on a worker may take it; infinite once it has ended."""
        if self.ended:
            return inf
        until = self.wire.leased_until if self.wire.state == IN_PROGRESS else self.wire.not_before
        return float(until.ToNanoseconds() / 1e9)

    def seen(self, now: datetime) -> task_pb2.Task:
        """The task as it is at ``now``: one whose lease is over is waiting again, whoever had it."""
        if self.wire.state != IN_PROGRESS or self.due_s > now.timestamp():
            return self.wire
        wire = task_pb2.Task()
        wire.CopyFrom(self.wire)
        wire.state = WAITING
        wire.ClearField("leased_until")
        return wire

    def with_items(self, item_ids: Sequence[str], now: datetime, not_before: datetime | None) -> HeldTask:
        """About other items, and due at another time; for one that waits."""
        wire = self._touched(now)
        del wire.item_ids[:]
        wire.item_ids.extend(item_ids)
        wire.ClearField("not_before")
        if not_before is not None:
            wire.not_before.FromDatetime(not_before)
        return replace(self, wire=wire)

    def taken(self, now: datetime, lease_s: float) -> HeldTask:
        """In progress for ``lease_s``; failed instead if workers were lost with it too often.

        Raises TaskStateError while another worker has it, and when it has ended.
        """
        if self.ended or (self.wire.state == IN_PROGRESS and self.due_s > now.timestamp()):
            raise TaskStateError(self.id, state_name(self.wire.state))
        why = self.wire.error
        if self.wire.state == IN_PROGRESS:
            why = LOST
            lost = self.failed(now, why)
            if lost.ended:
                return lost
        wire = self._touched(now)
        _note_failure(wire, why)
        wire.state = IN_PROGRESS
        wire.attempts += 1
        wire.ClearField("not_before")
        wire.leased_until.FromDatetime(now + timedelta(seconds=lease_s))
        strikes = self.strikes + (STRIKES_A_FAILURE if self.wire.state == IN_PROGRESS else 0)
        return HeldTask(wire, strikes)

    def check_attempt(self, attempt: int) -> None:
        """Raise TaskStateError unless the worker that made ``attempt`` still has the task."""
        if self.wire.state != IN_PROGRESS:
            raise TaskStateError(self.id, state_name(self.wire.state))
        if self.wire.attempts != attempt:
            raise TaskStateError(self.id, f"at attempt {self.wire.attempts}, not {attempt}")

    def completed(self, now: datetime, result_ids: Iterable[str] = ()) -> HeldTask:
        """Done."""
        wire = self._touched(now)
        wire.state = COMPLETED
        wire.error = ""
        if wire.HasField("feedback"):
            # What was said before was there to judge by.
            wire.feedback.ClearField("history")
        wire.ClearField("leased_until")
        wire.ClearField("not_before")
        wire.result_ids.extend(result_ids)
        return replace(self, wire=wire)

    def stepped(self, now: datetime, bulk: task_pb2.Bulk, progress: task_pb2.Progress, lease_s: float) -> HeldTask:
        """A step further; a worker that has it has it for ``lease_s`` more."""
        wire = self._touched(now)
        wire.bulk.CopyFrom(bulk)
        wire.progress.CopyFrom(progress)
        if wire.state == IN_PROGRESS:
            wire.leased_until.FromDatetime(now + timedelta(seconds=lease_s))
        return replace(self, wire=wire)

    def failed(
        self,
        now: datetime,
        error: str,
        *,
        retryable: bool = True,
        service_failure: bool = False,
        retry_after_s: float = 0.0,
    ) -> HeldTask:
        """Waiting again after a pause, or given up: for good errors at once, else when its patience is at an end."""
        strikes = self.strikes + (1 if service_failure else STRIKES_A_FAILURE)
        wire = self._touched(now)
        wire.error = error[:ERROR_CHARS]
        wire.ClearField("leased_until")
        wire.ClearField("not_before")
        if not retryable or strikes >= MOST_STRIKES:
            wire.state = FAILED
        else:
            wire.state = WAITING
            pause_s = max(self._pause_s(strikes, service_failure), min(retry_after_s, MOST_PAUSE_S))
            wire.not_before.FromDatetime(now + timedelta(seconds=pause_s))
        return HeldTask(wire, strikes)

    def cancelled(self, now: datetime) -> HeldTask:
        """Ended before its time, also on the dead-letter list; raises TaskStateError for a completed one."""
        if self.wire.state == COMPLETED:
            raise TaskStateError(self.id, state_name(COMPLETED))
        if self.wire.state == CANCELLED:
            return self
        wire = self._touched(now)
        wire.state = CANCELLED
        wire.ClearField("leased_until")
        wire.ClearField("not_before")
        return replace(self, wire=wire)

    def retried(self, now: datetime) -> HeldTask:
        """Waiting, at once and with all of its patience; raises TaskStateError for one in progress or completed."""
        seen = self.seen(now).state
        if seen in (COMPLETED, IN_PROGRESS):
            raise TaskStateError(self.id, state_name(seen))
        wire = self._touched(now)
        _note_failure(wire, wire.error)
        wire.state = WAITING
        wire.error = ""
        wire.ClearField("leased_until")
        wire.ClearField("not_before")
        return HeldTask(wire)

    def told(self, spent: task_pb2.Spending, notes: Iterable[str], changes: Iterable[task_pb2.Change] = ()) -> HeldTask:
        """With what an attempt spent, did and has to say added; the last notes and changes are kept."""
        wire = task_pb2.Task()
        wire.CopyFrom(self.wire)
        if spent.ByteSize():
            wire.spent.calls += spent.calls
            wire.spent.tokens_in += spent.tokens_in
            wire.spent.tokens_out += spent.tokens_out
        wire.notes.extend(note[:NOTE_CHARS] for note in notes)
        del wire.notes[:-MOST_NOTES]
        wire.changes.extend(changes)
        del wire.changes[:-MOST_CHANGES]
        return replace(self, wire=wire)

    def _touched(self, now: datetime) -> task_pb2.Task:
        wire = task_pb2.Task()
        wire.CopyFrom(self.wire)
        wire.updated_at.FromDatetime(now)
        return wire

    def _pause_s(self, strikes: int, service_failure: bool) -> float:
        if service_failure:
            pause_s = min(FIRST_SERVICE_PAUSE_S * 2 ** min(strikes - 1, 10), LAST_SERVICE_PAUSE_S)
        else:
            pause_s = min(FIRST_PAUSE_S * 4 ** (strikes // STRIKES_A_FAILURE - 1), LAST_PAUSE_S)
        # Spread by the task's own name: those that failed together are not to come back together.
        return float(pause_s * (0.75 + crc32(f"{self.id}/{self.wire.attempts}".encode()) / 2**33))


def _note_failure(wire: task_pb2.Task, why: str) -> None:
    """Keep why the last attempt failed: its error goes with the next one, that it failed is to be told all the same."""
    if why:
        wire.notes.append(f"attempt {wire.attempts} failed: {why}"[:NOTE_CHARS])
        del wire.notes[:-MOST_NOTES]
