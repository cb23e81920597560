"""A topic's log: segments on disk, appended with one sync for all that waits, read by number, cut off at its front.

Who calls what, from where: ``open``, ``stage`` + ``write`` and ``retain`` run in the store's committing thread, one at
a time; ``apply`` and ``read`` in its event loop. So a reader sees events when they are durable, never before. Whatever
``write`` raises, the log is to be closed and opened anew: what it has in memory is ahead of the disk then.
"""

from __future__ import annotations

import contextlib
import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from memcube.actors.store.mark import Mark
from memcube.actors.store.producers import Past, Producers
from memcube.actors.store.record import EVENTS, PRODUCERS, BadRecord, encode, events_of, read_head
from memcube.actors.store.segment import HEAD_BYTES, Segment, Unit
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, MemCubeError, VersionConflictError

__all__ = ["Append", "Kept", "Outcome", "Staged", "TopicLog"]

logger = logging.getLogger("memcube.store")


@dataclass(frozen=True, slots=True)
class Append:
    """What one publisher wants appended together; ``producer`` is empty where retries are not to be recognised."""

    events: Sequence[bytes]
    producer: str = ""
    producer_epoch: int = 1
    pseq: int = 0
    digest: int = 0
    """Of the events as they were sent, by which a retry is told from another request."""
    expected_head: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Numbers of what was appended; ``duplicate``: it had been before, and ``first_seq`` is 0 if too long ago to say."""

    first_seq: int
    last_seq: int
    duplicate: bool = False


@dataclass(slots=True)
class Staged:
    """Appends that are numbered and encoded, and not on disk yet; an outcome for each, or why not."""

    outcomes: list[Outcome | MemCubeError]
    data: list[bytes] = field(default_factory=list)
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Of each record: size, first number, how many, time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Bounds on what is kept; 0 is none. ``segment_bytes``: a segment that is as large is followed by a new one."""

    max_age_s: float = 0.0
    max_bytes: int = 0
    max_events: int = 0
    segment_bytes: int = 16 << 20


class TopicLog:
    """The log of one topic. ``head_seq`` is the newest event's number, ``low_seq`` the oldest one's that is kept."""

    def __init__(self, folder: Path, incarnation: bytes, kept: Kept, mark: Mark) -> None:
        self.folder = folder
        self.kept = kept
        self.reports: list[str] = []
        """What was put right when it was opened, in words."""
        self.head_seq = 0
        self.low_seq = 1
        self._incarnation = incarnation
        self._mark = mark
        self._segments: list[Segment] = []
        self._producers = Producers()
        self._staged_seq = 0

    @classmethod
    def open(cls, folder: Path, incarnation: bytes, kept: Kept, low_seq: int, now_us: int) -> TopicLog:
        """The log in a folder, new where there is none. A torn tail, which was never acknowledged, is cut off and
        reported; anything else that is not as it was written is DamagedError. Raises StorageFullError,
        UnavailableError."""
        try:
            log = cls(folder, incarnation, kept, Mark(folder))
            log.low_seq = low_seq
            try:
                log._recover(now_us)
            except BaseException:
                log.close()
                raise
            return log
        except OSError as error:
            raise vault_error(error, folder) from error

    def _recover(self, now_us: int) -> None:
        paths = sorted(self.folder.glob("*.log"))
        for number, path in enumerate(paths):
            try:
                self._segments.append(Segment.open(path, self._incarnation))
            except DamagedError:
                if number == len(paths) - 1 and self._never_used(path):
                    path.unlink()
                    self._report(f"{path.name} was being made when the end came; it is made anew")
                    continue
                raise
        while len(self._segments) > 1 and self._segments[1].first_seq <= self.low_seq:
            # A retention that was interrupted between saying and doing so.
            self._segments.pop(0).remove()
        if not self._segments:
            if self._mark.end or self.low_seq > 1:
                raise DamagedError(str(self.folder), "its segments are missing")
            self._segments.append(Segment.create(self.folder, self._incarnation, 1, now_us))
        if self._segments[0].first_seq > self.low_seq:
            raise DamagedError(str(self.folder), f"the segment of event {self.low_seq} is missing")
        if not self._recover_last(self._segments[-1]):
            last = self._segments.pop()
            last.remove()
            self._report(f"{last.path.name} was being made when the end came; it is made anew")
            self._recover_last(self._segments[-1])
        last = self._segments[-1]
        self.head_seq = self._staged_seq = last.next_seq - 1
        self._mark.put(last.first_seq, last.end)

    def _recover_last(self, last: Segment) -> bool:
        """Read the segment that is appended to; False: it never was, as it lacks even the producers it begins with."""
        if self._mark.first_seq > last.first_seq:
            raise DamagedError(str(self.folder), f"the segment of event {self._mark.first_seq} is missing")
        known = self._mark.end if self._mark.first_seq == last.first_seq else 0
        try:
            for _, head, record in last.scan():
                if head.kind == PRODUCERS:
                    self._producers = _producers_of(last.path, record)
                elif head.producer:
                    past = Past(head.pseq, head.first_seq, head.count, head.digest)
                    self._producers.take(head.producer, head.producer_epoch, past)
        except BadRecord as bad:
            if last.end < known:
                raise DamagedError(str(last.path), f"at byte {last.end}: {bad.problem}") from bad
            if self._is_unfinished(last):
                return False
            lost = last.size_bytes - last.end
            last.cut()
            self._report(
                f"{last.path.name}: {lost} bytes behind event {last.next_seq - 1} were never acknowledged, cut"
            )
        if self._is_unfinished(last):
            return False
        if last.end < known:
            raise DamagedError(str(last.path), f"ends at byte {last.end}, it was acknowledged up to {known}")
        if not self._mark.first_seq and last.next_seq > 1:
            raise DamagedError(str(self._mark.path), "it is missing")
        return True

    def _is_unfinished(self, last: Segment) -> bool:
        return len(self._segments) > 1 and last.end == HEAD_BYTES and self._mark.first_seq < last.first_seq

    def _never_used(self, path: Path) -> bool:
        return bool(self._segments) and path.stem.isdigit() and self._mark.first_seq < int(path.stem)

    def _report(self, what: str) -> None:
        self.reports.append(what)
        logger.warning("topic log %s: %s", self.folder, what)

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size_bytes for segment in self._segments)

    def stage(self, appends: Sequence[Append], now_us: int) -> Staged:
        """Number and encode appends, each after the one before it; ``write`` them next, or close the log."""
        staged = Staged([])
        now_us = max(now_us, self._segments[-1].last_us)
        for append in appends:
            try:
                staged.outcomes.append(self._stage_one(append, now_us, staged))
            except MemCubeError as error:
                staged.outcomes.append(error)
        return staged

    def _stage_one(self, append: Append, now_us: int, staged: Staged) -> Outcome:
        if append.producer:
            past = self._producers.past(append.producer, append.producer_epoch, append.pseq, append.digest)
            if past is not None:
                return Outcome(past.first_seq, past.first_seq + past.count - 1 if past.count else 0, duplicate=True)
        if append.expected_head is not None and append.expected_head != self._staged_seq:
            raise VersionConflictError("the topic", append.expected_head, self._staged_seq)
        first_seq, count = self._staged_seq + 1, len(append.events)
        whose = append.producer, append.producer_epoch
        data = encode(EVENTS, first_seq, now_us, append.events, *whose, append.pseq, append.digest)
        if append.producer:
            self._producers.take(*whose, Past(append.pseq, first_seq, count, append.digest))
        staged.data.append(data)
        staged.rows.append((len(data), first_seq, count, now_us))
        self._staged_seq += count
        return Outcome(first_seq, self._staged_seq)

    def write(self, staged: Staged) -> None:
        """Make staged appends durable. Raises StorageFullError, DamagedError (the disk failed), UnavailableError."""
        if not staged.data:
            return
        active = self._segments[-1]
        try:
            active.write(b"".join(staged.data))
        except OSError as error:
            # Not read as durable by whoever opens the log next, whatever the kernel holds of it.
            with contextlib.suppress(OSError):
                active.cut()
            raise vault_error(error, active.path) from error

    def apply(self, staged: Staged) -> None:
        """Show what is durable to readers."""
        active = self._segments[-1]
        for row in staged.rows:
            active.added(*row)
        if staged.rows:
            self.head_seq = active.next_seq - 1
            self._mark.put(active.first_seq, active.end)

    def roll_if_full(self, now_us: int) -> None:
        """Begin a new segment where the last one is full. Raises as ``write``."""
        if self._segments[-1].end >= self.kept.segment_bytes:
            self._roll(now_us)

    def _roll(self, now_us: int) -> None:
        last = self._segments[-1]
        now_us = max(now_us, last.last_us)
        try:
            fresh = Segment.create(self.folder, self._incarnation, last.next_seq, now_us)
            packed = encode(PRODUCERS, last.next_seq, now_us, [self._producers.pack()])
            fresh.write(packed)
            fresh.added(len(packed), last.next_seq, 0, now_us)
            self._mark.put(fresh.first_seq, fresh.end)
            self._mark.sync()
        except OSError as error:
            raise vault_error(error, self.folder) from error
        self._segments = [*self._segments, fresh]

    def read(self, from_seq: int, max_bytes: int) -> list[Unit]:
        """Units from the one that holds ``from_seq`` on, about ``max_bytes`` of them; none behind the head.

        Raises DamagedError. What is asked for must not be below ``low_seq``.
        """
        if from_seq > self.head_seq:
            return []
        number = self._number_of(from_seq)
        segment = self._segments[number]
        self._index(number)
        try:
            return segment.read(from_seq, max_bytes)
        except OSError as error:
            raise vault_error(error, segment.path) from error

    def in_last(self, seq: int) -> bool:
        """Whether an event is in the last segment, which is in the kernel's memory as a rule."""
        return seq >= self._segments[-1].first_seq

    def seq_at(self, time_us: int) -> int:
        """The first event that is kept and was recorded at this time or later; ``head_seq + 1`` where none was."""
        for number, segment in enumerate(self._segments):
            later = self._segments[number + 1] if number + 1 < len(self._segments) else None
            if later is None or later.created_us >= time_us:
                self._index(number)
                seq = segment.seq_at(time_us)
                if seq < segment.next_seq or later is None:
                    return max(seq, self.low_seq)
        return self.head_seq + 1

    def _number_of(self, seq: int) -> int:
        return max(0, bisect_right([segment.first_seq for segment in self._segments], seq) - 1)

    def _index(self, number: int) -> None:
        """Look at all records of an older segment, once: it must lead up to the next one."""
        segment = self._segments[number]
        if number == len(self._segments) - 1 or segment.next_seq == self._segments[number + 1].first_seq:
            return
        try:
            for _ in segment.scan():
                pass
        except BadRecord as bad:
            raise DamagedError(str(segment.path), f"at byte {segment.end}: {bad.problem}") from bad
        if segment.next_seq != self._segments[number + 1].first_seq:
            raise DamagedError(str(segment.path), f"ends before event {segment.next_seq}")

    def check(self) -> None:
        """Read every record; raises DamagedError."""
        for number in range(len(self._segments)):
            self._index(number)
            segment = self._segments[number]
            seq = segment.first_seq
            while seq < segment.next_seq:
                seq = segment.read(seq, 1 << 20)[-1].last_seq + 1

    def to_drop(self, now_us: int) -> int:
        """How many segments retention lets go of now, from the front."""
        sizes = [segment.size_bytes for segment in self._segments]
        total, count = sum(sizes), 0
        for segment, after in pairwise(self._segments):
            # Of one that was not looked at it is only known that it ended before the next one began.
            newest_us = segment.last_us if segment.next_seq == after.first_seq else after.created_us
            old = self.kept.max_age_s and now_us - newest_us > self.kept.max_age_s * 1e6
            many = self.kept.max_events and self.head_seq - after.first_seq + 1 >= self.kept.max_events
            large = self.kept.max_bytes and total - sizes[count] >= self.kept.max_bytes
            if not (old or many or large):
                break
            total -= sizes[count]
            count += 1
        return count

    def is_aged(self, now_us: int) -> bool:
        """Whether the last segment holds events that are over age: then a new one has to begin before they can go."""
        last = self._segments[-1]
        return bool(
            self.kept.max_age_s and last.next_seq > last.first_seq and now_us - last.last_us > self.kept.max_age_s * 1e6
        )

    def roll(self, now_us: int) -> None:
        """Begin a new segment. Raises as ``write``."""
        self._roll(now_us)

    def low_after(self, count: int) -> int:
        """``low_seq`` when so many segments are gone."""
        return max(self.low_seq, self._segments[count].first_seq)

    def drop(self, count: int) -> None:
        """Let go of segments at the front; that ``low_after`` is the new low must be durable by then."""
        self.low_seq = self.low_after(count)
        gone, self._segments = self._segments[:count], self._segments[count:]
        for segment in gone:
            try:
                segment.remove()
            except OSError as error:
                raise vault_error(error, segment.path) from error

    def close(self) -> None:
        """Let go of the files; the mark is made durable."""
        for segment in self._segments:
            segment.close()
        with contextlib.suppress(OSError):
            self._mark.sync()
        self._mark.close()


def _producers_of(path: Path, record: bytes) -> Producers:
    try:
        return Producers.unpack(events_of(record, 0, read_head(record, 0))[0])
    except (ValueError, TypeError, IndexError) as error:
        raise DamagedError(str(path), f"its table of producers is none: {error}") from error
