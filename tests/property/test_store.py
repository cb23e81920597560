"""A topic's log and a group against plain models: whatever happens in whatever order, restarts and crashes included."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memcube.actors.store.feed import Page
from memcube.actors.store.group import Group, Settings
from memcube.actors.store.journal import Journal
from memcube.actors.store.log import Append, Kept, Outcome, TopicLog
from memcube.actors.store.opening import Wanted
from memcube.actors.store.selecting import selected_by
from memcube.actors.store.source import SourceRef
from memcube.actors.store.watch import batches_of
from memcube.actors.store.wire import Unit, stamped
from memcube.protos.memcube.v1 import memstore_pb2 as pb

KEPT = Kept(max_events=40, segment_bytes=4096)
SETTINGS = settings(max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))


class LogMachine(RuleBasedStateMachine):
    """A log, and the list of what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="mclog"))
        self.folder = self.root / "topic"
        self.folder.mkdir()
        self.now_us = 1
        self.low = 1
        self.events: dict[int, bytes] = {}
        self.published: list[tuple[Append, Outcome]] = []
        self.log = self.opened()

    def opened(self) -> TopicLog:
        return TopicLog.open(self.folder, b"incarnat", KEPT, self.low, self.now_us)

    def append(self, append: Append) -> Any:
        self.now_us += 1
        self.log.roll_if_full(self.now_us)
        staged = self.log.stage([append], self.now_us)
        self.log.write(staged)
        self.log.apply(staged)
        return staged.outcomes[0]

    @rule(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=6), named=st.booleans())
    def publish(self, sizes: list[int], named: bool) -> None:
        """A unit of events, by a producer or by nobody."""
        first = max(self.events, default=self.low - 1) + 1
        events = [(b"%d" % (first + place)).ljust(size, b".") for place, size in enumerate(sizes)]
        pseq = sum(1 for append, _ in self.published) + 1
        append = Append(events, "p" if named else "", 1, pseq if named else 0, digest=pseq)
        outcome = self.append(append)
        assert outcome == Outcome(first, first + len(events) - 1)
        self.events.update(enumerate(events, first))
        if named:
            self.published.append((append, outcome))

    @precondition(lambda self: self.published)
    @rule()
    def publish_again(self) -> None:
        """The retry of the last request changes nothing."""
        append, outcome = self.published[-1]
        assert self.append(append) == Outcome(outcome.first_seq, outcome.last_seq, True)

    @rule()
    def restart(self) -> None:
        """Close and open."""
        self.log.close()
        self.log = self.opened()
        assert self.log.reports == []

    @rule(part=st.floats(0.0, 0.999), size=st.integers(1, 3000))
    def crash(self, part: float, size: int) -> None:
        """In the midst of an append that was not acknowledged: any part of it may have got to the disk."""
        self.log.close()
        before = self.root / "before"
        shutil.copytree(self.folder, before)
        self.log = self.opened()
        self.append(Append([b"never acknowledged".ljust(size, b"!")]))
        self.log.close()
        path = max(self.folder.glob("*.log"))
        old = before / path.name
        start = old.stat().st_size if old.exists() else 0
        whole = path.read_bytes()
        torn = whole[: start + int((len(whole) - start) * part)]
        shutil.rmtree(self.folder)
        before.rename(self.folder)
        if old.exists() or (self.folder / path.name).exists():
            (self.folder / path.name).write_bytes(torn)
        self.log = self.opened()

    @rule()
    def retain(self) -> None:
        """Let the front go, and remember from where on."""
        count = self.log.to_drop(self.now_us)
        self.low = self.log.low_after(count)
        self.log.drop(count)
        self.events = {seq: event for seq, event in self.events.items() if seq >= self.low}

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        """No event more, none less, each as it was, and found by its number."""
        seen: dict[int, bytes] = {}
        seq = self.log.low_seq
        while units := self.log.read(seq, 5000):
            for unit in units:
                seen.update(enumerate(unit.events, unit.first_seq))
            seq = units[-1].last_seq + 1
        assert seen == self.events
        assert self.log.head_seq == max(self.events, default=self.low - 1)

    def teardown(self) -> None:
        self.log.close()
        shutil.rmtree(self.root)


class GroupMachine(RuleBasedStateMachine):
    """A group, what its journal replays to, and a dictionary of where each event is."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="mcgroup"))
        self.now_s = 1000.0
        self.head = 0
        self.group = Group(Settings(10.0, 3, (1.0, 4.0)), 1)
        self.journal = Journal.create(self.root / "g.group", [b"i", "g", *self.group.whole()])
        self.held: list[tuple[int, int]] = []
        self.deliveries: dict[int, int] = {}
        self.acked: set[int] = set()

    def take_steps(self, steps: list[Any]) -> None:
        for step in steps:
            self.group.apply(step)
        if steps:
            self.journal.append(steps)

    @rule(count=st.integers(1, 5))
    def events_come(self, count: int) -> None:
        """The source grows."""
        self.head += count

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        """Deliver; no event is delivered while somebody has it, none more often than the limit."""
        steps = self.group.plan_take(limit, 1, self.head, self.now_s)
        self.take_steps(steps)
        for step in steps:
            for seq, attempt in step[1] if step[0] == "t" else ():
                assert seq not in self.acked
                assert attempt == self.deliveries.get(seq, 0) + 1 <= 3
                self.deliveries[seq] = attempt
                self.held.append((seq, attempt))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Ack, nack or extend some of what was ever delivered, late or not."""
        chosen = data.draw(st.lists(st.sampled_from(self.held), min_size=1, max_size=4, unique=True))
        kind = data.draw(st.sampled_from(["ack", "nack", "extend"]))
        newest = [one for one in chosen if self.group.attempt_of(one[0]) == one[1]]
        if kind == "ack":
            settled = self.group.plan_ack(chosen)
            assert settled.count == len(newest)
            self.acked.update(seq for seq, _ in newest)
        elif kind == "nack":
            settled = self.group.plan_nack(chosen, None, "no", self.now_s)
        else:
            settled = self.group.plan_extend(chosen, 0.0, self.now_s)
        self.take_steps([settled.step] if settled.step else [])

    @rule(seconds=st.floats(0.1, 15.0))
    def time_passes(self, seconds: float) -> None:
        """And what is over its last delivery dies."""
        self.now_s += seconds
        self.take_steps(self.group.plan_expire(1, self.now_s))

    @precondition(lambda self: self.group.dead)
    @rule()
    def redrive(self) -> None:
        """All dead letters begin anew."""
        for seq in self.group.dead:
            self.deliveries[seq] = 0
            self.held = [one for one in self.held if one[0] != seq]
        settled = self.group.plan_redrive([], self.now_s)
        self.take_steps([settled.step])

    @rule()
    def restart(self) -> None:
        """What the journal says is what was."""
        whole = self.group.whole()
        self.journal.close()
        self.journal, entries = Journal.open(self.root / "g.group")
        self.group = Group.from_whole(entries[0][2:])
        for step in entries[1:]:
            self.group.apply(step)
        assert sorted(map(str, self.group.whole()[2])) == sorted(map(str, whole[2]))
        assert self.group.whole()[:2] == whole[:2]
        assert self.group.dead.keys() == {row[0] for row in whole[3]}

    @invariant()
    def every_event_is_in_one_place(self) -> None:
        """Not delivered, out, dead or done: nothing is lost, nothing is twice."""
        delivered = set(range(1, self.group.next_seq))
        out = {seq for seq in delivered if self.group.attempt_of(seq) or seq in self.group._open}
        dead = set(self.group.dead)
        assert not out & dead
        assert delivered - out - dead == self.acked
        assert not self.acked & (out | dead)

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.root)


class BatchMachine(RuleBasedStateMachine):
    """Units of many sizes, cut into batches with little credit: all events, in order, units whole where they fit."""

    @initialize()
    def begin(self) -> None:
        """No events yet."""
        self.units: list[Unit] = []

    @rule(sizes=st.lists(st.sampled_from([1, 100, 90_000]), min_size=1, max_size=5))
    def unit(self, sizes: list[int]) -> None:
        """One more unit."""
        first = self.units[-1].last_seq + 1 if self.units else 1
        self.units.append(stamped(first, 1, [b"\x12" + bytes([1]) + b"x" + b"\x32" + _len(b"d" * n) for n in sizes]))

    @rule(most=st.integers(1, 8), events=st.integers(1, 9), size=st.sampled_from([50, 100_000, 1 << 20]))
    def cut(self, most: int, events: int, size: int) -> None:
        """From the beginning to the end, with so much credit for each batch."""
        wanted = Wanted(SourceRef("t", "n"), "", 0, "", 0, selected_by(pb.Selection(), is_cube=False), most, None, 1.0)
        seq, seen = 1, []
        last = self.units[-1].last_seq if self.units else 0
        firsts = {unit.first_seq: unit for unit in self.units}
        while seq <= last:
            units = [unit for unit in self.units if unit.last_seq >= seq]
            before = seq
            for batch in batches_of(Page(1, last, units), seq, wanted, lambda: (events, size)):
                seen += [one.seq for one in batch.entries]
                assert len(batch.entries) <= max(min(most, events), 5)
                if not batch.continues:
                    unit = next(one for one in self.units if one.last_seq >= batch.upto)
                    assert batch.upto == unit.last_seq
                    assert (
                        batch.entries[0].seq in firsts
                        or before == batch.entries[0].seq
                        or sum(len(one.field) for one in firsts[_first_of(self.units, batch.entries[0].seq)].entries)
                        > 256 << 10
                    )
                seq = batch.upto + 1
            assert seq > before
        assert seen == list(range(1, last + 1))


def _first_of(units: list[Unit], seq: int) -> int:
    return next(unit.first_seq for unit in units if unit.first_seq <= seq <= unit.last_seq)


def _len(data: bytes) -> bytes:
    from memcube.actors.store.wire import varint

    return varint(len(data)) + data


TestLog = LogMachine.TestCase
TestGroup = GroupMachine.TestCase
TestBatch = BatchMachine.TestCase
for _case in (TestLog, TestGroup, TestBatch):
    _case.settings = SETTINGS
