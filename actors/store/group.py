"""A group of subscribers that share work: who has what until when, what comes again, what is given up. Plain.

Everything is a step: asked for (``plan_…``, which changes nothing), made durable by the caller, then applied
(``apply``), live and when the journal is read again alike. Time is the store's clock, in seconds since 1970.

An event is in one of these places: not delivered yet (``next_seq`` and up), open (delivered, waiting for an answer or
for its next delivery), dead, or settled: everything below ``next_seq`` that is neither open nor dead.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memcube.model.errors import ExhaustedError, InvalidArgumentError

__all__ = ["MAX_DEAD", "MAX_OPEN", "Dead", "Group", "Settings", "Settled", "Step"]

MAX_OPEN = 10_000
"""Events of a group that may be out at a time."""
MAX_DEAD = 100_000
"""Dead letters of a group; with so many it stands still until they are redriven or it is deleted."""

LOOK_AT = 256
"""Events beyond those to deal out that one ``plan_take`` looks at, of what is due: the rest waits for the next one."""

Step = tuple[Any, ...]
"""What happened, as the journal keeps it: a letter, then texts, numbers and lists of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a group delivers. ``backoff_s``: the pause before the next delivery, by the number of those before it."""

    ack_wait_s: float = 30.0
    max_deliver: int = 5
    backoff_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0.1 <= self.ack_wait_s <= 3600:
            raise InvalidArgumentError("settings.ack_wait_s", f"{self.ack_wait_s:g} is not within 0.1 to 3600")
        if not 1 <= self.max_deliver <= 1000:
            raise InvalidArgumentError("settings.max_deliver", f"{self.max_deliver} is not within 1 to 1000")
        if len(self.backoff_s) > 1000 or not all(0 <= one <= 86_400 for one in self.backoff_s):
            raise InvalidArgumentError("settings.backoff_s", "holds what is not within 0 to 86400, or too much")

    def pause_s(self, attempt: int) -> float:
        """Before the delivery that follows the ``attempt``-th."""
        return self.backoff_s[min(attempt, len(self.backoff_s)) - 1] if self.backoff_s else 0.0


@dataclass(slots=True)
class _Open:
    attempt: int
    leased: bool
    due_s: float
    """When the lease ends, or the pause."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter."""

    seq: int
    attempts: int
    reason: str
    died_s: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of answers: a step to apply if any counts, and those that no longer were the newest delivery."""

    step: Step | None
    count: int
    stale: list[tuple[int, int]] = field(default_factory=list)


class Group:
    """One group's state."""

    def __init__(self, settings: Settings, next_seq: int) -> None:
        self.settings = settings
        self.next_seq = next_seq
        self.dead: dict[int, Dead] = {}
        self._open: dict[int, _Open] = {}
        self._due: list[tuple[float, int, int]] = []

    @property
    def open(self) -> int:
        """Events that are out, or wait for their next delivery."""
        return len(self._open)

    def attempt_of(self, seq: int) -> int:
        """How often an open event was delivered; 0 for any other."""
        found = self._open.get(seq)
        return found.attempt if found else 0

    # What may happen next

    def due_s(self) -> float | None:
        """When the next lease or pause ends; None where nothing is open."""
        while self._due:
            due_s, seq, attempt = self._due[0]
            found = self._open.get(seq)
            if found is not None and found.attempt == attempt and found.due_s == due_s:
                return due_s
            heapq.heappop(self._due)
        return None

    def plan_take(self, limit: int, low: int, head: int, now_s: float) -> list[Step]:
        """The steps that let a subscriber have up to ``limit`` events: what is over its last delivery dies ("d"), what
        the source does not keep any more is let go ("x"), the rest is delivered ("t").

        Raises ExhaustedError where there are too many dead letters.
        """
        if len(self.dead) >= MAX_DEAD:
            raise ExhaustedError("the group's dead letters", MAX_DEAD, 60.0)
        again: list[tuple[int, int]] = []
        over: list[tuple[int, int, str]] = []
        lost: list[int] = []
        for seq, found in self._due_until(now_s, limit + LOOK_AT if limit else MAX_OPEN):
            if seq < low:
                lost.append(seq)
            elif found.attempt >= self.settings.max_deliver:
                over.append((seq, found.attempt, found.reason or "not acknowledged in time"))
            elif len(again) < limit:
                again.append((seq, found.attempt + 1))
        first = max(self.next_seq, low)
        room = min(limit - len(again), MAX_OPEN - len(self._open))
        fresh = range(first, min(head, first + max(room, 0) - 1) + 1)
        steps: list[Step] = []
        if lost or first > self.next_seq:
            steps.append(("x", lost, first))
        if over:
            steps.append(("d", over, now_s))
        if again or fresh:
            until_s = now_s + self.settings.ack_wait_s
            steps.append(("t", [*again, *((seq, 1) for seq in fresh)], until_s))
        return steps

    def plan_expire(self, low: int, now_s: float) -> list[Step]:
        """The steps of ``plan_take`` that need no subscriber; none while there are too many dead letters."""
        if len(self.dead) >= MAX_DEAD:
            return []
        return [step for step in self.plan_take(0, low, 0, now_s) if step[0] == "d"]

    def _due_until(self, now_s: float, most: int) -> Iterator[tuple[int, _Open]]:
        """Open events whose lease or pause is over, by that time, ``most`` of them; they stay where they are."""
        looked: list[tuple[float, int, int]] = []
        due = self._due
        seen: set[int] = set()
        while due and due[0][0] <= now_s and len(looked) < most:
            entry = heapq.heappop(due)
            found = self._open.get(entry[1])
            if found is not None and found.attempt == entry[2] and found.due_s == entry[0] and entry[1] not in seen:
                looked.append(entry)
                seen.add(entry[1])
        for entry in looked:
            heapq.heappush(due, entry)
        for _, seq, _ in looked:
            yield seq, self._open[seq]

    def plan_ack(self, deliveries: Iterable[tuple[int, int]]) -> Settled:
        """Done with these (number, delivery)."""
        good, stale = self._sorted(deliveries)
        return Settled(("a", [seq for seq, _ in good]) if good else None, len(good), stale)

    def plan_nack(
        self, deliveries: Iterable[tuple[int, int]], delay_s: float | None, reason: str, now_s: float
    ) -> Settled:
        """Not done: again after ``delay_s``, or the settings' pause; after the last delivery it is over at once."""
        good, stale = self._sorted(deliveries)
        rows = [
            (seq, now_s + (0.0 if over else self.settings.pause_s(attempt) if delay_s is None else delay_s))
            for seq, attempt in good
            for over in (attempt >= self.settings.max_deliver,)
        ]
        return Settled(("n", rows, reason[:256]) if rows else None, len(rows), stale)

    def plan_extend(self, deliveries: Iterable[tuple[int, int]], for_s: float, now_s: float) -> Settled:
        """Still at it."""
        good, stale = self._sorted(deliveries, leased=True)
        until_s = now_s + (for_s or self.settings.ack_wait_s)
        return Settled(("e", [seq for seq, _ in good], until_s) if good else None, len(good), stale)

    def _sorted(
        self, deliveries: Iterable[tuple[int, int]], *, leased: bool = False
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        good: dict[int, int] = {}
        stale: list[tuple[int, int]] = []
        for seq, attempt in deliveries:
            found = self._open.get(seq)
            if found is None or found.attempt != attempt or (leased and not found.leased):
                stale.append((seq, attempt))
            else:
                good[seq] = attempt
        return sorted(good.items()), stale

    def plan_redrive(self, seqs: Sequence[int], now_s: float) -> Settled:
        """Dead letters are delivered anew, as if they never had been; all of them where none is named."""
        chosen = [seq for seq in (dict.fromkeys(seqs) or sorted(self.dead)) if seq in self.dead]
        room = MAX_OPEN - len(self._open)
        if len(chosen) > room:
            raise ExhaustedError("events of the group that are out", MAX_OPEN, 1.0)
        return Settled(("r", chosen, now_s) if chosen else None, len(chosen))

    # What happened

    def apply(self, step: Step) -> None:
        """Take a step that is durable. Raises ValueError, TypeError or IndexError for what is none."""
        kind, rows = step[0], step[1]
        if kind == "t":
            for seq, attempt in rows:
                self._put(seq, _Open(attempt, True, float(step[2])))
                self.next_seq = max(self.next_seq, seq + 1)
        elif kind == "a":
            for seq in rows:
                self._open.pop(seq, None)
        elif kind == "n":
            for seq, due_s in rows:
                self._put(seq, replace(self._open[seq], leased=False, due_s=float(due_s), reason=step[2]))
        elif kind == "e":
            for seq in rows:
                self._put(seq, replace(self._open[seq], due_s=float(step[2])))
        elif kind == "d":
            for seq, attempts, reason in rows:
                self._open.pop(seq, None)
                self.dead[seq] = Dead(seq, attempts, reason, float(step[2]))
        elif kind == "x":
            for seq in rows:
                self._open.pop(seq, None)
            self.next_seq = max(self.next_seq, step[2])
        elif kind == "r":
            for seq in rows:
                self.dead.pop(seq, None)
                self._put(seq, _Open(0, False, float(step[2])))
        elif kind == "s":
            self._open.clear()
            self.next_seq = int(rows)
        elif kind == "c":
            self.settings = Settings(float(rows[0]), int(rows[1]), tuple(map(float, rows[2])))
        else:
            raise ValueError(f"{kind!r} is no step of a group")

    def _put(self, seq: int, one: _Open) -> None:
        self._open[seq] = one
        heapq.heappush(self._due, (one.due_s, seq, one.attempt))
        if len(self._due) > 2 * len(self._open) + 1024:
            self._due = [(found.due_s, seq, found.attempt) for seq, found in self._open.items()]
            heapq.heapify(self._due)

    # As a whole

    def whole(self) -> list[Any]:
        """Everything, as the journal's beginning keeps it."""
        return [
            [self.settings.ack_wait_s, self.settings.max_deliver, list(self.settings.backoff_s)],
            self.next_seq,
            [[seq, one.attempt, one.leased, one.due_s, one.reason] for seq, one in self._open.items()],
            [[one.seq, one.attempts, one.reason, one.died_s] for one in self.dead.values()],
        ]

    @classmethod
    def from_whole(cls, whole: Sequence[Any]) -> Group:
        """What ``whole`` gave; raises ValueError, TypeError or IndexError for anything else."""
        settings, next_seq, opened, dead = whole
        group = cls(Settings(float(settings[0]), int(settings[1]), tuple(settings[2])), int(next_seq))
        for seq, attempt, leased, due_s, reason in opened:
            group._put(seq, _Open(attempt, leased, due_s, reason))
        for row in dead:
            group.dead[row[0]] = Dead(*row)
        return group

    def settle_clock(self, now_s: float) -> None:
        """After a restart: no lease lasts longer from now on than one given now, whatever the clock did meanwhile."""
        latest_s = now_s + self.settings.ack_wait_s
        for seq, one in list(self._open.items()):
            if one.leased and one.due_s > latest_s:
                self._put(seq, replace(one, due_s=latest_s))
