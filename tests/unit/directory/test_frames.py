"""The frame table: what it decides for each event, without Ray and without a clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memcube.actors.directory import events as ev
from memcube.actors.directory.config import DirectoryConfig
from memcube.actors.directory.frames import FrameTable
from memcube.actors.directory.placement import FrameReport, HostedCube, Placement
from memcube.model.errors import DamagedError, ExhaustedError, InvalidArgumentError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef

ABOUT = b"about"


def cube(name: str) -> CubeRef:
    """A cube of the one tenant of these tests."""
    return CubeRef("t", name)


class Bench:
    """A table with its clock, and helpers that carry out the usual effects at once."""

    def __init__(self, **settings: object) -> None:
        defaults: dict[str, object] = {"max_frames": 2, "spare_slots": 0, "min_residency_s": 0.0, "max_starting": 8}
        self.table = FrameTable(DirectoryConfig(**{**defaults, **settings}))  # type: ignore[arg-type]
        self.now = 100.0
        self.tickets = 0

    def send(self, event: ev.Event, *, after_s: float = 0.001) -> list[ev.Effect]:
        """Let time pass, then hand in one event."""
        self.now += after_s
        return self.table.handle(event, self.now)

    def start(self, frames: int) -> None:
        """Bring up this many idle frames."""
        for effect in self.send(ev.AdoptedFrames(tuple(f"frame-{n}" for n in range(frames)))):
            assert isinstance(effect, ev.StartFrame)
            self.send(ev.FrameStarted(effect.frame, effect.incarnation, FrameReport(1, 0)))

    def ask(self, name: str, create: bytes | None = ABOUT, *, after_s: float = 0.001) -> tuple[int, list[ev.Effect]]:
        """Ask for a cube with a new ticket."""
        self.tickets += 1
        return self.tickets, self.send(ev.Asked(self.tickets, cube(name), create), after_s=after_s)

    def page_in(self, name: str, *, memory_bytes: int = 1, after_s: float = 0.001) -> Placement:
        """Ask for a cube and carry out what it takes until it is placed."""
        ticket, effects = self.ask(name, after_s=after_s)
        while effects:
            effect = effects.pop(0)
            match effect:
                case ev.Place(t, placement) if t == ticket:
                    return placement
                case ev.Detach(_, _, ref, generation):
                    effects += self.send(ev.Detached(ref, generation))
                case ev.Attach(_, _, ref, generation):
                    effects += self.send(ev.Attached(ref, generation, memory_bytes))
                case ev.StartFrame(frame, incarnation, _):
                    effects += self.send(ev.FrameStarted(frame, incarnation, FrameReport(1, 0)))
        raise AssertionError(f"{name} was not placed")


def evicted(effects: list[ev.Effect]) -> list[CubeRef]:
    """The cubes that make room for others."""
    return [effect.evict[0] for effect in effects if isinstance(effect, ev.Attach) and effect.evict is not None]


def kinds(effects: list[ev.Effect]) -> list[str]:
    """The effects' names, in order."""
    return [type(effect).__name__ for effect in effects]


def test_first_tick_starts_a_frame() -> None:
    """An empty table keeps at least one frame ready for the first call."""
    bench = Bench()
    assert kinds(bench.send(ev.Ticked())) == ["StartFrame"]


def test_prewarms_up_to_the_spare_slots() -> None:
    """Spare slots are started ahead, and no more than ``max_starting`` at a time."""
    bench = Bench(max_frames=32, spare_slots=3, max_starting=2)
    started = [e for e in bench.send(ev.Ticked()) if isinstance(e, ev.StartFrame)]
    assert [e.frame for e in started] == ["frame-0", "frame-1"]
    more = bench.send(ev.FrameStarted("frame-0", started[0].incarnation, FrameReport(1, 0)))
    assert [e.frame for e in more if isinstance(e, ev.StartFrame)] == ["frame-2"]


def test_a_cube_is_attached_once_for_all_who_ask() -> None:
    """Two calls for one cube make one attach, and both learn of the same placement."""
    bench = Bench()
    bench.start(1)
    first, effects = bench.ask("a")
    second, more = bench.ask("a")
    attach = effects[0]
    assert isinstance(attach, ev.Attach) and attach.create == ABOUT and more == []
    placed = bench.send(ev.Attached(cube("a"), attach.generation, 10))
    assert placed == [ev.Place(t, Placement(attach.frame, attach.generation)) for t in (first, second)]
    third, again = bench.ask("a")
    assert again == [ev.Place(third, Placement(attach.frame, attach.generation))]


def test_pages_out_what_was_used_least_recently() -> None:
    """With every slot taken, a fault takes the slot of the cube whose last use is longest ago."""
    bench = Bench()
    bench.start(2)
    bench.page_in("a")
    bench.page_in("b")
    bench.send(ev.Used((cube("a").key,), ()))
    _, effects = bench.ask("c")
    assert evicted(effects) == [cube("b")]


def test_spares_cubes_in_use() -> None:
    """A cube with calls in flight is paged out only when every other one is in use too."""
    bench = Bench()
    bench.start(2)
    bench.page_in("a")
    bench.page_in("b")
    bench.send(ev.Used((cube("b").key,), (cube("a").key,)))
    _, effects = bench.ask("c")
    assert evicted(effects) == [cube("b")]


def test_waiting_cubes_take_freed_slots_in_order() -> None:
    """Who asked first is served first when slots become free."""
    bench = Bench(max_frames=1)
    start = bench.send(ev.Ticked())[0]
    assert isinstance(start, ev.StartFrame)
    bench.ask("b")
    bench.ask("c")
    attach = bench.send(ev.FrameStarted(start.frame, start.incarnation, FrameReport(1, 0)))[0]
    assert isinstance(attach, ev.Attach) and attach.ref == cube("b")
    assert evicted(bench.send(ev.Attached(cube("b"), attach.generation, 1))) == [cube("b")]


def test_evicted_cube_waits_until_it_is_out() -> None:
    """A cube that made room is not attached elsewhere before its frame let go of it: it might still answer reads."""
    bench = Bench(max_frames=2)
    bench.start(2)
    bench.page_in("a")
    bench.page_in("b")
    _, effects = bench.ask("c")
    attach = effects[0]
    assert isinstance(attach, ev.Attach) and attach.evict is not None and attach.evict[0] == cube("a")
    _, effects = bench.ask("a")
    assert effects == []
    effects = bench.send(ev.Attached(cube("c"), attach.generation, 1))
    assert [e.ref for e in effects if isinstance(e, ev.Attach)] == [cube("a")]
    assert evicted(effects) == [cube("b")]


def test_lost_attach_keeps_the_evicted_cube_waiting() -> None:
    """If the attach's message was lost, the cube that was to make room is held until its own detach is confirmed."""
    bench = Bench(max_frames=2)
    bench.start(2)
    bench.page_in("a")
    bench.page_in("b")
    ticket, effects = bench.ask("c")
    attach = effects[0]
    assert isinstance(attach, ev.Attach) and attach.evict is not None
    bench.ask("a")
    effects = bench.send(ev.AttachFailed(cube("c"), attach.generation, UnavailableError("frame")))
    assert [e.ticket for e in effects if isinstance(e, ev.Refuse)] == [ticket]
    assert not any(isinstance(e, ev.Attach) for e in effects)
    effects = bench.send(ev.Detached(*attach.evict))
    assert [e.ref for e in effects if isinstance(e, ev.Attach)] == [cube("a")]


def test_queue_is_bounded() -> None:
    """Over the bound a call is refused with a retry hint, and withdrawing makes room again."""
    bench = Bench(max_waiting=2)
    first, _ = bench.ask("a")
    bench.ask("b")
    third, effects = bench.ask("c")
    refusal = effects[0]
    assert isinstance(refusal, ev.Refuse) and refusal.ticket == third
    assert isinstance(refusal.error, ExhaustedError) and refusal.error.retry_after_s > 0
    bench.send(ev.Withdrawn(first))
    assert "Refuse" not in kinds(bench.ask("c")[1])
    assert bench.table.waiting == 2


def test_withdrawn_calls_do_not_page_in() -> None:
    """A cube that nobody waits for any more is not attached."""
    bench = Bench(max_frames=1)
    effects = bench.send(ev.Ticked())
    start = effects[0]
    assert isinstance(start, ev.StartFrame)
    ticket, _ = bench.ask("a")
    bench.send(ev.Withdrawn(ticket))
    assert bench.send(ev.FrameStarted(start.frame, start.incarnation, FrameReport(1, 0))) == []


def test_memory_pressure_pages_out() -> None:
    """Bytes over the budget push out the least recently used cubes, but never the last one."""
    bench = Bench(max_frames=4, memory_bytes=100)
    bench.start(4)
    for name in "abc":
        bench.page_in(name, memory_bytes=30)
    placement = bench.table.pool.cubes[cube("c").key].placement
    frame = bench.table.pool.frames[placement.frame]
    report = FrameReport(1, 0, (HostedCube(cube("c"), placement.generation, 1, 90, 0.0),))
    gone = [e.ref for e in bench.send(ev.Reported(frame.name, frame.incarnation, report)) if isinstance(e, ev.Detach)]
    assert gone == [cube("a"), cube("b")]
    report = replace(report, hosted=(replace(report.hosted[0], memory_bytes=5000),))
    assert bench.send(ev.Reported(frame.name, frame.incarnation, report)) == []


def test_idle_cubes_are_paged_out() -> None:
    """A cube that nobody used for ``cube_idle_s`` leaves its frame."""
    bench = Bench(cube_idle_s=10.0)
    bench.start(2)
    bench.page_in("a")
    bench.page_in("b", after_s=6.0)
    assert [e.ref for e in bench.send(ev.Ticked(), after_s=5.0) if isinstance(e, ev.Detach)] == [cube("a")]


def test_surplus_frames_are_stopped() -> None:
    """Frames that hosted nothing for ``frame_idle_s`` end, all but one spare."""
    bench = Bench(max_frames=3, frame_idle_s=10.0)
    bench.start(3)
    assert kinds(bench.send(ev.Ticked(), after_s=11.0)) == ["StopFrame", "StopFrame"]
    assert len(bench.table.pool.frames) == 1


def test_dead_frame_gives_its_cube_to_another() -> None:
    """When a frame's process ends, who asks for its cube gets it in another frame, and the dead one is restarted."""
    bench = Bench()
    bench.start(2)
    placement = bench.page_in("a")
    incarnation = bench.table.pool.frames[placement.frame].incarnation
    effects = bench.send(ev.FrameLost(placement.frame, incarnation, gone=True))
    assert kinds(effects) == ["StartFrame"]
    moved = bench.page_in("a")
    assert moved.frame != placement.frame and moved.generation > placement.generation


def test_hung_frame_is_replaced_then_killed() -> None:
    """A frame that does not answer loses its cube at once and its process after ``hang_kill_s``."""
    bench = Bench(hang_kill_s=5.0)
    bench.start(2)
    placement = bench.page_in("a")
    incarnation = bench.table.pool.frames[placement.frame].incarnation
    assert bench.send(ev.FrameLost(placement.frame, incarnation, gone=False)) == []
    assert bench.page_in("a").frame != placement.frame
    assert bench.send(ev.Ticked(), after_s=4.0) == []
    effects = bench.send(ev.Ticked(), after_s=2.0)
    assert effects[0] == ev.KillFrame(placement.frame) and isinstance(effects[1], ev.StartFrame)


def test_hung_frame_that_holds_up_its_cube_is_killed_sooner() -> None:
    """Whoever attaches the cube waits for the locks of a silent process: that one ends after ``blocked_kill_s``."""
    bench = Bench(max_frames=3, hang_kill_s=5.0, blocked_kill_s=1.0)
    bench.start(3)
    placement = bench.page_in("a")
    incarnation = bench.table.pool.frames[placement.frame].incarnation
    bench.send(ev.FrameLost(placement.frame, incarnation, gone=False))
    assert kinds(bench.ask("a")[1]) == ["Attach"]
    bench.ask("other", after_s=0.5)
    assert bench.send(ev.Ticked()) == []
    effects = bench.send(ev.Ticked(), after_s=0.6)
    assert kinds(effects) == ["KillFrame", "StartFrame"] and effects[0] == ev.KillFrame(placement.frame)


def test_slow_attach_of_another_cube_kills_no_silent_frame() -> None:
    """Only a cube that the silent frame had tells that it holds a lock."""
    bench = Bench(max_frames=2, hang_kill_s=5.0, blocked_kill_s=1.0)
    bench.start(2)
    placement = bench.page_in("a")
    incarnation = bench.table.pool.frames[placement.frame].incarnation
    bench.send(ev.FrameLost(placement.frame, incarnation, gone=False))
    assert kinds(bench.ask("other")[1]) == ["Attach"]
    assert bench.send(ev.Ticked(), after_s=4.0) == []


def test_frame_that_comes_back_is_cleared() -> None:
    """A suspect frame that answers again lets go of everything before it is used."""
    bench = Bench()
    bench.start(2)
    placement = bench.page_in("a")
    incarnation = bench.table.pool.frames[placement.frame].incarnation
    bench.send(ev.FrameLost(placement.frame, incarnation, gone=False))
    hosted = HostedCube(cube("a"), placement.generation, 1, 1, 0.0)
    effects = bench.send(ev.Reported(placement.frame, incarnation, FrameReport(1, 0, (hosted,))))
    start = effects[0]
    assert isinstance(start, ev.StartFrame) and start.clear
    assert cube("a").key not in bench.table.pool.cubes


def test_attach_in_a_lost_frame_is_repeated_elsewhere() -> None:
    """Losing the frame during an attach moves the waiting call; late news of the first attach is ignored."""
    bench = Bench()
    bench.start(2)
    ticket, effects = bench.ask("a")
    first = effects[0]
    assert isinstance(first, ev.Attach)
    effects = bench.send(ev.FrameLost(first.frame, first.incarnation, gone=False))
    second = effects[0]
    assert isinstance(second, ev.Attach) and second.frame != first.frame
    assert bench.send(ev.Attached(cube("a"), first.generation, 1)) == []
    placed = bench.send(ev.Attached(cube("a"), second.generation, 1))
    assert placed == [ev.Place(ticket, Placement(second.frame, second.generation))]


def test_failed_attach_refuses_with_its_error_and_frees_the_slot() -> None:
    """A damaged cube is refused to all who asked; the frame serves the next cube."""
    bench = Bench(max_frames=1)
    bench.start(1)
    ticket, effects = bench.ask("a")
    attach = effects[0]
    assert isinstance(attach, ev.Attach)
    error = DamagedError("a.db", "page 3")
    assert bench.send(ev.AttachFailed(cube("a"), attach.generation, error)) == [ev.Refuse(ticket, error)]
    assert bench.page_in("b").frame == attach.frame


def test_creator_is_not_refused_because_a_reader_came_first() -> None:
    """A read finds no cube and is refused; an add that came meanwhile gets an attach that creates it."""
    bench = Bench(max_frames=1)
    bench.start(1)
    reader, effects = bench.ask("a", None)
    attach = effects[0]
    assert isinstance(attach, ev.Attach) and attach.create is None
    writer, _ = bench.ask("a", ABOUT)
    effects = bench.send(ev.AttachFailed(cube("a"), attach.generation, NotFoundError("cube", "a")))
    refusal, again = effects
    assert isinstance(refusal, ev.Refuse) and refusal.ticket == reader
    assert isinstance(again, ev.Attach) and again.create == ABOUT
    assert kinds(bench.send(ev.Attached(cube("a"), again.generation, 1))) == ["Place"]
    assert writer == 2


def test_dropped_placement_is_attached_again() -> None:
    """When a frame says that it does not host the cube, the next call pages it in anew."""
    bench = Bench()
    bench.start(2)
    placement = bench.page_in("a")
    bench.send(ev.Dropped(cube("a"), Placement(placement.frame, placement.generation - 1)))
    assert bench.page_in("a") == placement
    bench.send(ev.Dropped(cube("a"), placement))
    assert bench.page_in("a").generation > placement.generation


def test_closing_takes_a_cube_off_its_frame_and_holds_calls() -> None:
    """A cube that is being deleted leaves its frame first; calls for it wait until that is over."""
    bench = Bench()
    bench.start(2)
    bench.page_in("a")
    effects = bench.send(ev.Closed(77, cube("a")))
    detach = effects[0]
    assert isinstance(detach, ev.Detach)
    _, waiting = bench.ask("a")
    assert waiting == []
    assert bench.send(ev.Detached(cube("a"), detach.generation)) == [ev.Cleared(77)]
    assert "Attach" in kinds(bench.send(ev.Reopened(cube("a"))))


def test_closing_a_cube_that_is_nowhere_is_immediate() -> None:
    """Deleting a cube that no frame hosts waits for nothing."""
    bench = Bench()
    bench.start(1)
    assert bench.send(ev.Closed(5, cube("z"))) == [ev.Cleared(5)]


def test_closing_during_an_attach_waits_for_it() -> None:
    """A cube that is just being attached is detached again before it is deleted."""
    bench = Bench()
    bench.start(1)
    _, effects = bench.ask("a")
    attach = effects[0]
    assert isinstance(attach, ev.Attach)
    assert bench.send(ev.Closed(5, cube("a"))) == []
    assert kinds(bench.send(ev.Attached(cube("a"), attach.generation, 1))) == ["Detach"]


def test_restarted_directory_adopts_before_it_attaches() -> None:
    """Until every running frame said what it hosts, nothing is attached: it could be in two frames."""
    bench = Bench(max_frames=3)
    starts = bench.send(ev.AdoptedFrames(("frame-0", "frame-1")))
    first, second = (e for e in starts if isinstance(e, ev.StartFrame))
    _, effects = bench.ask("a")
    assert effects == []
    bench.send(ev.FrameStarted("frame-0", first.incarnation, FrameReport(1, 0)))
    hosted = HostedCube(cube("a"), 40, 3, 10, 1.0)
    effects = bench.send(ev.FrameStarted("frame-1", second.incarnation, FrameReport(2, 0, (hosted,))))
    assert ev.Place(1, Placement("frame-1", 40)) in effects
    assert bench.page_in("b").generation > 40


def test_adoption_does_not_wait_for_a_hung_frame() -> None:
    """After ``recovery_s`` a frame that says nothing is suspect, and waiting calls are served by others."""
    bench = Bench(max_frames=2, recovery_s=3.0)
    starts = bench.send(ev.AdoptedFrames(("frame-0", "frame-1")))
    first = starts[0]
    assert isinstance(first, ev.StartFrame)
    bench.ask("a")
    bench.send(ev.FrameStarted("frame-0", first.incarnation, FrameReport(1, 0)))
    effects = bench.send(ev.Ticked(), after_s=3.1)
    assert [e.frame for e in effects if isinstance(e, ev.Attach)] == ["frame-0"]


def test_of_two_adopted_hosts_the_later_epoch_stays() -> None:
    """If two frames say that they host a cube, the one whose epoch the vault accepts keeps it."""
    bench = Bench(max_frames=2)
    starts = bench.send(ev.AdoptedFrames(("frame-0", "frame-1")))
    first, second = (e for e in starts if isinstance(e, ev.StartFrame))
    old, new = HostedCube(cube("a"), 40, 3, 10, 1.0), HostedCube(cube("a"), 44, 4, 10, 1.0)
    bench.send(ev.FrameStarted("frame-0", first.incarnation, FrameReport(1, 0, (old,))))
    effects = bench.send(ev.FrameStarted("frame-1", second.incarnation, FrameReport(2, 0, (new,))))
    assert [(e.frame, e.generation) for e in effects if isinstance(e, ev.Detach)] == [("frame-0", 40)]
    assert bench.page_in("a") == Placement("frame-1", 44)


def test_report_of_a_cube_that_is_elsewhere_detaches_it() -> None:
    """A frame that still hosts a cube which was given to another is told to let go of it."""
    bench = Bench(max_frames=2)
    bench.start(2)
    placement = bench.page_in("a")
    other = next(f for f in bench.table.pool.frames.values() if f.name != placement.frame)
    report = FrameReport(1, 0, (HostedCube(cube("a"), 1, 1, 1, 0.0),))
    effects = bench.send(ev.Reported(other.name, other.incarnation, report))
    assert effects == [ev.Detach(other.name, other.incarnation, cube("a"), 1)]


def test_several_cubes_share_a_frame() -> None:
    """In density mode a frame takes as many cubes as it has slots, and frames fill evenly."""
    bench = Bench(max_frames=2, cubes_per_frame=3)
    bench.start(2)
    frames = [bench.page_in(name).frame for name in "abcdef"]
    assert sorted(frames) == ["frame-0"] * 3 + ["frame-1"] * 3
    _, effects = bench.ask("g")
    assert evicted(effects) == [cube("a")]


def test_routers_learn_what_departed() -> None:
    """Each page-out is listed once, for routers to forget the placement; too old a question means: forget all."""
    bench = Bench(max_frames=1)
    bench.start(1)
    bench.page_in("a")
    version = bench.table.pool.departures.version
    bench.page_in("b")
    departures = bench.table.pool.departures
    assert departures.since(version) == (cube("a").key,)
    assert departures.since(departures.version) == ()
    assert departures.since(departures.version + 1) is None


def test_settings_are_checked() -> None:
    """A setting that makes no sense is refused with its name."""
    with pytest.raises(InvalidArgumentError, match=r"directory\.max_frames"):
        DirectoryConfig(max_frames=0)
