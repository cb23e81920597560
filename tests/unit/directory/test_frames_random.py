"""The frame table against a simulated fleet: random calls, deaths, hangs, late and lost messages; what must hold."""

from __future__ import annotations

import random

import pytest

from memcube.actors.directory import events as ev
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.frames import FrameTable
from memcube.actors.directory.placement import FrameReport, HostedCube, Placement
from memcube.actors.directory.pool import FramePhase, ResidencyPhase
from memcube.model.errors import NotFoundError, UnavailableError
from memcube.model.ids import CubeRef


class Fleet:
    """Frames that carry out effects late, in any order, or never, and die or hang in between."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.config = DirectoryConfig(
            max_frames=self.random.choice([1, 3, 8]),
            cubes_per_frame=self.random.choice([1, 1, 3]),
            spare_slots=self.random.choice([0, 2]),
            max_waiting=self.random.choice([4, 50]),
            min_residency_s=0.0,
            memory_bytes=self.random.choice([60, 10**9]),
            cube_idle_s=5.0,
            frame_idle_s=8.0,
            hang_kill_s=2.0,
        )
        self.table = FrameTable(self.config)
        self.now = 0.0
        self.pending: list[ev.Effect] = []
        self.hosted: dict[str, dict[CubeRef, int]] = {}
        self.incarnation: dict[str, int] = {}
        self.hung: set[str] = set()
        self.open: set[int] = set()
        self.answered: set[int] = set()
        self.tickets = 0
        self.refs = [CubeRef("t", f"c{n}") for n in range(12)]
        self.missing = {CubeRef("t", "c11")}

    def send(self, event: ev.Event) -> None:
        """Hand in an event and collect what it asks for."""
        for effect in self.table.handle(event, self.now):
            match effect:
                case ev.Place(ticket, placement):
                    self.answer(ticket)
                    self.check_placement(placement)
                case ev.Refuse(ticket, _) | ev.Cleared(ticket):
                    self.answer(ticket)
                case _:
                    self.pending.append(effect)
        self.check()

    def answer(self, ticket: int) -> None:
        """Each ticket is answered once."""
        assert ticket in self.open and ticket not in self.answered
        self.open.discard(ticket)
        self.answered.add(ticket)

    def check_placement(self, placement: Placement) -> None:
        """Only frames that answered last are given out, and they do host the cube."""
        assert self.table.pool.frames[placement.frame].phase is FramePhase.READY
        if placement.frame not in self.hung:
            assert placement.generation in self.hosted[placement.frame].values()

    def check(self) -> None:
        """What holds after every event."""
        pool = self.table.pool
        per_frame: dict[str, int] = {}
        for cube in pool.cubes.values():
            if cube.swapped_by:
                assert cube.ref.key in pool.frames[cube.frame].outgoing
                continue
            per_frame[cube.frame] = per_frame.get(cube.frame, 0) + 1
            assert cube.ref.key in pool.frames[cube.frame].cubes
            assert pool.frames[cube.frame].phase is FramePhase.READY
        assert all(count <= self.config.cubes_per_frame for count in per_frame.values())
        assert len(pool.frames) <= self.config.max_frames
        resident = [cube for cube in pool.cubes.values() if cube.phase is ResidencyPhase.RESIDENT]
        assert pool.resident == len(resident)
        assert pool.bytes_held == sum(cube.memory_bytes for cube in resident)
        detaching = [cube for cube in pool.cubes.values() if cube.phase is ResidencyPhase.DETACHING]
        assert pool.leaving == sum(not cube.swapped_by for cube in detaching)
        assert all(len(cubes) <= self.config.cubes_per_frame for cubes in self.hosted.values())
        self.check_reads()
        assert self.table.waiting <= self.config.max_waiting

    def check_reads(self) -> None:
        """No cube is placed in one frame while another one that is not suspect still hosts it."""
        for cube in self.table.pool.cubes.values():
            if cube.phase is not ResidencyPhase.RESIDENT:
                continue
            for name, cubes in self.hosted.items():
                frame = self.table.pool.frames.get(name)
                if name != cube.frame and frame is not None and frame.phase is FramePhase.READY:
                    assert cube.ref not in cubes

    def ask(self) -> None:
        """A call for a random cube."""
        self.tickets += 1
        self.open.add(self.tickets)
        ref = self.random.choice(self.refs)
        self.send(ev.Asked(self.tickets, ref, None if ref in self.missing else b"about"))

    def carry_out(self) -> None:
        """One pending effect, not always the oldest."""
        if not self.pending:
            return
        effect = self.pending.pop(self.random.randrange(min(3, len(self.pending))))
        if isinstance(effect, ev.StartFrame) and (kill := ev.KillFrame(effect.frame)) in self.pending:
            # The one order that the shell keeps: a frame is started after it was killed.
            self.pending.append(effect)
            self.pending.remove(kill)
            effect = kill
        match effect:
            case ev.StartFrame(frame, incarnation, clear):
                self.hung.discard(frame)
                self.incarnation[frame] = incarnation
                cubes = self.hosted.setdefault(frame, {})
                if clear:
                    cubes.clear()
                rows = tuple(HostedCube(ref, generation, 1, 10, 0.0) for ref, generation in cubes.items())
                self.send(ev.FrameStarted(frame, incarnation, FrameReport(1, 0, rows)))
            case ev.KillFrame(frame) | ev.StopFrame(frame):
                self.hosted[frame] = {}
                self.hung.discard(frame)
            case ev.Attach(frame, incarnation, ref, generation, _, evict):
                if self.incarnation.get(frame) != incarnation:
                    # Done by a process that ended since: the news comes late.
                    self.send(ev.Attached(ref, generation, 10))
                    self.send(ev.FrameLost(frame, incarnation, gone=True))
                    return
                if frame in self.hung:
                    return
                if self.random.random() < 0.1:
                    # The message is lost, and what it was to evict is detached by itself.
                    self.send(ev.AttachFailed(ref, generation, UnavailableError(frame)))
                    if evict is not None:
                        self.pending.append(ev.Detach(frame, incarnation, *evict))
                    return
                if evict is not None and self.hosted[frame].get(evict[0]) == evict[1]:
                    del self.hosted[frame][evict[0]]
                if ref in self.missing:
                    self.send(ev.AttachFailed(ref, generation, NotFoundError("cube", ref.cube_id)))
                    return
                while len(self.hosted[frame]) >= self.config.cubes_per_frame:
                    # As the frame does with leftovers of lost messages.
                    oldest = min(self.hosted[frame], key=self.hosted[frame].__getitem__)
                    del self.hosted[frame][oldest]
                self.hosted[frame][ref] = generation
                self.send(ev.Attached(ref, generation, 10))
            case ev.Detach(frame, incarnation, ref, generation):
                if self.incarnation.get(frame) != incarnation or frame in self.hung:
                    return
                if self.hosted[frame].get(ref) == generation:
                    del self.hosted[frame][ref]
                self.send(ev.Detached(ref, generation))

    def fault(self) -> None:
        """A frame dies, hangs, or comes back."""
        ready = [frame for frame in self.table.pool.frames.values() if frame.phase is FramePhase.READY]
        if not ready:
            return
        frame = self.random.choice(ready)
        gone = self.random.random() < 0.5
        if gone:
            self.hosted[frame.name] = {}
            self.incarnation.pop(frame.name)
        else:
            self.hung.add(frame.name)
        self.send(ev.FrameLost(frame.name, frame.incarnation, gone=gone))

    def come_back(self) -> None:
        """A hung frame answers."""
        for name in sorted(self.hung):
            frame = self.table.pool.frames.get(name)
            if frame is not None and frame.phase is FramePhase.SUSPECT:
                self.hung.discard(name)
                self.send(ev.Reported(name, frame.incarnation, FrameReport(1, 0)))
                return

    def step(self) -> None:
        """One random thing."""
        self.now += self.random.random() * 0.2
        choice = self.random.random()
        if choice < 0.35:
            self.ask()
        elif choice < 0.8:
            self.carry_out()
        elif choice < 0.84:
            self.fault()
        elif choice < 0.88:
            self.come_back()
        elif choice < 0.92 and self.open:
            ticket = self.random.choice(sorted(self.open))
            self.open.discard(ticket)
            self.send(ev.Withdrawn(ticket))
        else:
            self.send(ev.Ticked())

    def settle(self) -> None:
        """No more faults: everything that is open must end."""
        for _ in range(3000):
            if not self.open and not self.pending:
                return
            self.now += 0.1
            self.carry_out()
            self.send(ev.Ticked())
        raise AssertionError(f"{len(self.open)} calls were never answered; {self.pending}")


@pytest.mark.parametrize("seed", range(150))
def test_every_call_ends_and_the_books_agree(seed: int) -> None:
    """Whatever happens to the frames: no slot holds two cubes, sums agree, and every call is answered once."""
    fleet = Fleet(seed)
    for _ in range(300):
        fleet.step()
    fleet.settle()
    assert len(fleet.answered) > 20
