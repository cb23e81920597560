"""The frame table: which frame holds which cube, and what to do next. Plain Python: no Ray, no clock, no await.

``FrameTable.handle`` takes one event and returns the effects that the directory's shell must carry out; each effect
ends in another event. Time is passed in (seconds of a monotonic clock). Nothing else changes the table.

States (``pool.FramePhase``, ``pool.ResidencyPhase``): a frame without cubes is idle; a cube is attaching, resident or
detaching; a frame that stops answering is suspect, loses its cubes to other frames at once, and is killed if it
does not come back. Two frames are never knowingly given the same cube; where the table can't know (a suspect frame),
the vault's epochs refuse the older writer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from memcube.actors.directory import events as ev
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.placement import HostedCube
from memcube.actors.directory.pool import Demand, Frame, FramePhase, Pool, Residency, ResidencyPhase
from memcube.model.errors import ExhaustedError, MemCubeError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef

__all__ = ["FrameTable"]


class FrameTable:
    """Decisions of the directory. ``first_generation`` must be above every one that an earlier directory gave out."""

    def __init__(self, config: DirectoryConfig, first_generation: int = 1) -> None:
        self.config = config
        self.pool = Pool(first_generation)
        self.page_ins = self.page_outs = self.frames_lost = self.refused = 0
        self._demands: dict[str, Demand] = {}
        self._unplaced: dict[str, Demand] = {}
        self._tickets: dict[int, str] = {}
        self._closed: dict[str, int | None] = {}
        self._generation = first_generation
        self._incarnation = 0
        self._now = 0.0
        self._out: list[ev.Effect] = []

    @property
    def waiting(self) -> int:
        """Tickets that wait for a cube to be paged in."""
        return len(self._tickets)

    def closing(self, ref: CubeRef) -> bool:
        """Whether the cube is being deleted."""
        return ref.key in self._closed

    def answers(self, frame: str, incarnation: int) -> bool:
        """Whether this incarnation of the frame is the present one, and in service."""
        current = self._current(frame, incarnation)
        return current is not None and current.phase is FramePhase.READY

    def handle(self, event: ev.Event, now_s: float) -> list[ev.Effect]:
        """Take in one event; return what is to be done, in order."""
        self._now = max(self._now, now_s)
        self._out = []
        match event:
            case ev.Asked():
                self._asked(event)
            case ev.Withdrawn(ticket):
                self._withdraw(ticket)
            case ev.Used(used, busy):
                self._used(used, busy)
            case ev.Attached():
                self._attached(event)
            case ev.AttachFailed():
                self._attach_failed(event)
            case ev.Detached(ref, generation):
                cube = self.pool.cubes.get(ref.key)
                if cube is not None and cube.generation == generation:
                    self._forget(cube)
            case ev.Dropped(ref, placement):
                cube = self.pool.cubes.get(ref.key)
                if cube is not None and cube.phase is ResidencyPhase.RESIDENT and cube.placement == placement:
                    self._forget(cube)
            case ev.FrameStarted():
                self._frame_started(event)
            case ev.FrameLost():
                self._frame_lost(event)
            case ev.Reported():
                self._reported(event)
            case ev.AdoptedFrames(names):
                for name in names:
                    self._start(name, FramePhase.ADOPTING)
            case ev.Closed(ticket, ref):
                self._closed[ref.key] = ticket
                self._unplaced.pop(ref.key, None)
                cube = self.pool.cubes.get(ref.key)
                if cube is not None and cube.phase is ResidencyPhase.RESIDENT:
                    self._detach(cube)
            case ev.Reopened(ref):
                self._closed.pop(ref.key, None)
                if ref.key in self._demands and ref.key not in self.pool.cubes:
                    self._unplaced[ref.key] = self._demands[ref.key]
            case ev.Ticked():
                self._ticked()
            case _:
                assert_never(event)
        self._schedule()
        return self._out

    # --- calls ---------------------------------------------------------------------------------------------------

    def _asked(self, event: ev.Asked) -> None:
        key = event.ref.key
        cube = self.pool.cubes.get(key)
        if cube is not None and cube.phase is ResidencyPhase.RESIDENT and key not in self._closed:
            self.pool.touch(cube, self._now)
            self._out.append(ev.Place(event.ticket, cube.placement))
            return
        if len(self._tickets) >= self.config.max_waiting:
            self._refuse(event.ticket, ExhaustedError("calls waiting for paging", self.config.max_waiting, 0.5))
            return
        demand = self._demands.setdefault(key, Demand(event.ref))
        demand.tickets[event.ticket] = event.create is not None
        demand.create = demand.create if demand.create is not None else event.create
        self._tickets[event.ticket] = key
        if cube is None and key not in self._closed:
            self._unplaced[key] = demand

    def _withdraw(self, ticket: int) -> None:
        key = self._tickets.pop(ticket, None)
        if key is not None:
            demand = self._demands[key]
            del demand.tickets[ticket]
            if not demand.tickets:
                self._end_demand(key)
        for key, closing in self._closed.items():
            if closing == ticket:
                self._closed[key] = None

    def _used(self, used: tuple[str, ...], busy: tuple[str, ...]) -> None:
        for key in (*used, *busy):
            if (cube := self.pool.cubes.get(key)) is not None:
                self.pool.touch(cube, self._now)
        for key in busy:
            if (cube := self.pool.cubes.get(key)) is not None:
                cube.busy_until_s = self._now + self.config.busy_s

    def _refuse(self, ticket: int, error: MemCubeError) -> None:
        self.refused += 1
        self._out.append(ev.Refuse(ticket, error))

    def _settle(self, demand: Demand, tickets: Iterable[int], answer: MemCubeError | Residency) -> None:
        for ticket in list(tickets):
            del demand.tickets[ticket]
            del self._tickets[ticket]
            if isinstance(answer, Residency):
                self._out.append(ev.Place(ticket, answer.placement))
            else:
                self._refuse(ticket, answer)
        if not demand.tickets:
            self._end_demand(demand.ref.key)

    def _end_demand(self, key: str) -> None:
        del self._demands[key]
        self._unplaced.pop(key, None)

    # --- cubes ---------------------------------------------------------------------------------------------------

    def _attached(self, event: ev.Attached) -> None:
        cube = self.pool.cubes.get(event.ref.key)
        if cube is None or cube.generation != event.generation or cube.phase is not ResidencyPhase.ATTACHING:
            return
        self.pool.settle(cube, self._now, event.memory_bytes)
        self.page_ins += 1
        self._release(cube)
        if event.ref.key in self._closed:
            self._detach(cube)
            return
        demand = self._demands.get(event.ref.key)
        if demand is not None:
            self._settle(demand, demand.tickets, cube)
        self._relieve()

    def _attach_failed(self, event: ev.AttachFailed) -> None:
        cube = self.pool.cubes.get(event.ref.key)
        if cube is None or cube.generation != event.generation:
            return
        if not isinstance(event.error, UnavailableError):
            self._release(cube)
        self._forget(cube)
        demand = self._demands.get(event.ref.key)
        if demand is None:
            return
        if isinstance(event.error, NotFoundError) and not cube.create:
            # Whoever would create the cube came after this attach began; that one gets an attach of its own.
            self._settle(demand, [ticket for ticket, creates in demand.tickets.items() if not creates], event.error)
        else:
            self._settle(demand, demand.tickets, event.error)

    def _detach(self, cube: Residency) -> None:
        self.pool.leave(cube)
        self.page_outs += 1
        frame = self.pool.frames[cube.frame]
        self._out.append(ev.Detach(frame.name, frame.incarnation, cube.ref, cube.generation))

    def _release(self, cube: Residency) -> None:
        """The frame carried out this attach: whatever it was to let go of is gone."""
        for gone in self.pool.swapped_out(cube.frame, cube.generation):
            self._forget(gone)

    def _forget(self, cube: Residency) -> None:
        self.pool.forget(cube, self._now)
        if cube.ref.key in self._demands and cube.ref.key not in self._closed:
            self._unplaced[cube.ref.key] = self._demands[cube.ref.key]

    # --- frames --------------------------------------------------------------------------------------------------

    def _start(self, name: str, phase: FramePhase, *, clear: bool = False) -> None:
        self._incarnation += 1
        self.pool.frames[name] = Frame(name, phase, self._incarnation, self._now)
        self._out.append(ev.StartFrame(name, self._incarnation, clear))

    def _current(self, name: str, incarnation: int) -> Frame | None:
        frame = self.pool.frames.get(name)
        return frame if frame is not None and frame.incarnation == incarnation else None

    def _frame_started(self, event: ev.FrameStarted) -> None:
        frame = self._current(event.frame, event.incarnation)
        if frame is None or frame.phase not in (FramePhase.STARTING, FramePhase.ADOPTING):
            return
        frame.phase = FramePhase.READY
        frame.since_s = frame.empty_since_s = self._now
        frame.report = event.report
        for hosted in event.report.hosted:
            self._adopt(frame, hosted)

    def _adopt(self, frame: Frame, hosted: HostedCube) -> None:
        other = self.pool.cubes.get(hosted.ref.key)
        if other is not None:
            if other.epoch == 0 or other.epoch > hosted.epoch:
                self._out.append(ev.Detach(frame.name, frame.incarnation, hosted.ref, hosted.generation))
                return
            # Two frames say that they host it: the later epoch is the one that can write.
            old = self.pool.frames[other.frame]
            self._out.append(ev.Detach(old.name, old.incarnation, other.ref, other.generation))
            self._forget(other)
        cube = Residency(
            hosted.ref,
            frame.name,
            hosted.generation,
            ResidencyPhase.RESIDENT,
            create=False,
            since_s=self._now,
            used_s=self._now - hosted.idle_s,
            epoch=hosted.epoch,
            memory_bytes=hosted.memory_bytes,
        )
        self.pool.place(cube)
        self._unplaced.pop(hosted.ref.key, None)
        self._generation = max(self._generation, hosted.generation + 1)
        demand = self._demands.get(hosted.ref.key)
        if demand is not None and hosted.ref.key not in self._closed:
            self._settle(demand, demand.tickets, cube)

    def _frame_lost(self, event: ev.FrameLost) -> None:
        frame = self._current(event.frame, event.incarnation)
        if frame is None or (frame.phase is FramePhase.SUSPECT and not event.gone):
            return
        if frame.phase is not FramePhase.SUSPECT:
            self.frames_lost += 1
        frame.left = (*frame.cubes, *frame.outgoing)
        for key in frame.left:
            self._forget(self.pool.cubes[key])
        if event.gone:
            self._start(frame.name, FramePhase.STARTING)
        else:
            frame.phase = FramePhase.SUSPECT
            frame.since_s = self._now

    def _reported(self, event: ev.Reported) -> None:
        frame = self._current(event.frame, event.incarnation)
        if frame is None:
            return
        if frame.phase is FramePhase.SUSPECT:
            self._start(frame.name, FramePhase.STARTING, clear=True)
            return
        if frame.phase is not FramePhase.READY:
            return
        frame.report = event.report
        for hosted in event.report.hosted:
            cube = self.pool.cubes.get(hosted.ref.key)
            if cube is not None and (cube.frame, cube.generation) == (frame.name, hosted.generation):
                cube.epoch = hosted.epoch
                self.pool.weigh(cube, hosted.memory_bytes)
                self.pool.touch(cube, self._now - hosted.idle_s)
            elif cube is None or cube.frame != frame.name:
                self._out.append(ev.Detach(frame.name, frame.incarnation, hosted.ref, hosted.generation))
        self._relieve()

    # --- time and room -------------------------------------------------------------------------------------------

    def _ticked(self) -> None:
        for frame in list(self.pool.frames.values()):
            age_s = self._now - frame.since_s
            if frame.phase is FramePhase.ADOPTING and age_s >= self.config.recovery_s:
                self._frame_lost(ev.FrameLost(frame.name, frame.incarnation, gone=False))
            elif frame.phase is FramePhase.SUSPECT and (
                age_s >= self.config.hang_kill_s or self.pool.blocks(frame, self._now - self.config.blocked_kill_s)
            ):
                self._out.append(ev.KillFrame(frame.name))
                self._start(frame.name, FramePhase.STARTING)
        for cube in self.pool.least_used():
            if self._now - cube.used_s < self.config.cube_idle_s:
                break
            self._detach(cube)
        self._shrink()

    def _relieve(self) -> None:
        """Page out the least recently used cubes until the rest fit the memory budget; one cube may always stay."""
        if self.pool.bytes_held <= self.config.memory_bytes:
            return
        for cube in self.pool.victims(self._now):
            if self.pool.bytes_held <= self.config.memory_bytes or self.pool.resident <= 1:
                return
            self._detach(cube)

    def _shrink(self) -> None:
        free = [
            frame
            for frame in self.pool.frames.values()
            if frame.phase is FramePhase.READY and not (frame.cubes or frame.outgoing)
        ]
        surplus = len(free) - max(self.config.spare_slots, 1)
        for frame in sorted(free, key=lambda frame: frame.empty_since_s):
            if surplus <= 0 or self._now - frame.empty_since_s < self.config.frame_idle_s or self._demands:
                return
            surplus -= 1
            del self.pool.frames[frame.name]
            self._out.append(ev.StopFrame(frame.name))

    def _schedule(self) -> None:
        """Give slots to waiting cubes: free ones, else those of the cubes to page out next; start missing frames."""
        for key, ticket in self._closed.items():
            if ticket is not None and key not in self.pool.cubes:
                self._closed[key] = None
                self._out.append(ev.Cleared(ticket))
        # What an adopted frame hosts is unknown: attaching now might put a cube into two frames.
        if self.pool.count(FramePhase.ADOPTING):
            return
        free = self.pool.free_slots(self.config.cubes_per_frame)
        for demand in list(self._unplaced.values()):
            if not free:
                break
            name = max(free, key=free.__getitem__)
            free[name] -= 1
            if not free[name]:
                del free[name]
            self._attach(self.pool.frames[name], demand)
        self._grow(len(self._unplaced), sum(free.values()))
        # Starting a process takes about a second and paging out some milliseconds: who waits gets a slot now.
        spared = self.pool.leaving
        victims = self.pool.victims(self._now)
        for demand in list(self._unplaced.values())[spared:]:
            victim = next((cube for cube in victims if self._now - cube.since_s >= self.config.min_residency_s), None)
            if victim is None:
                return
            self._swap(victim, demand)

    def _swap(self, victim: Residency, demand: Demand) -> None:
        self.pool.leave(victim, swapped_by=self._generation)
        self.page_outs += 1
        self._attach(self.pool.frames[victim.frame], demand, (victim.ref, victim.generation))

    def _attach(self, frame: Frame, demand: Demand, evict: tuple[CubeRef, int] | None = None) -> None:
        generation = self._generation
        self._generation += 1
        del self._unplaced[demand.ref.key]
        self.pool.place(
            Residency(
                demand.ref,
                frame.name,
                generation,
                ResidencyPhase.ATTACHING,
                create=demand.create is not None,
                since_s=self._now,
                used_s=self._now,
            )
        )
        self._out.append(ev.Attach(frame.name, frame.incarnation, demand.ref, generation, demand.create, evict))

    def _grow(self, unmet: int, free: int) -> None:
        """Start frames for the cubes that found no free slot, and for the spare slots, within the bounds."""
        starting = self.pool.count(FramePhase.STARTING)
        coming = free + self.pool.leaving + starting * self.config.cubes_per_frame
        while coming < unmet + self.config.spare_slots + (not self.pool.frames):
            if starting >= self.config.max_starting or len(self.pool.frames) >= self.config.max_frames:
                return
            self._start(self.pool.free_name(), FramePhase.STARTING)
            starting += 1
            coming += self.config.cubes_per_frame
