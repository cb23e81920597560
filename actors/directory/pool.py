"""The frame table's books: frames, the cubes in them in the order of their use, and who waits for which cube.

``Pool`` keeps its sums and its order by use at every change, so that no decision costs more with more cubes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from memcube.actors.directory.placement import FrameReport, Placement
from memcube.model.ids import CubeRef

__all__ = ["Demand", "Departures", "Frame", "FramePhase", "Pool", "Residency", "ResidencyPhase"]


class FramePhase(Enum):
    """Where a frame's process is in its life."""

    STARTING = auto()
    """Asked for, or being restarted by Ray; hosts nothing."""
    ADOPTING = auto()
    """Ran before this directory did; what it hosts is not known yet."""
    READY = auto()
    """Answers; has free slots or resident cubes."""
    SUSPECT = auto()
    """Did not answer in time; its cubes were given to other frames, the vault's epochs keep it from writing."""


class ResidencyPhase(Enum):
    """Where a cube is on its way through a frame."""

    ATTACHING = auto()
    RESIDENT = auto()
    DETACHING = auto()


@dataclass(slots=True)
class Frame:
    """One frame. ``incarnation`` rises with each start, so that late news of an earlier process is told apart."""

    name: str
    phase: FramePhase
    incarnation: int
    since_s: float
    cubes: set[str] = field(default_factory=set)
    """Keys of the cubes that take its slots."""
    outgoing: set[str] = field(default_factory=set)
    """Keys of cubes whose slot is given to another already; they leave with the attach of that one."""
    report: FrameReport | None = None
    empty_since_s: float = 0.0
    left: tuple[str, ...] = ()
    """Keys of the cubes that it had when it fell silent."""


@dataclass(slots=True)
class Residency:
    """One cube in one frame, or on its way in or out."""

    ref: CubeRef
    frame: str
    generation: int
    phase: ResidencyPhase
    create: bool
    since_s: float
    used_s: float
    epoch: int = 0
    busy_until_s: float = 0.0
    memory_bytes: int = 0
    swapped_by: int = 0
    """Generation of the attach that takes this cube's slot; 0 if it leaves by a detach of its own."""

    @property
    def placement(self) -> Placement:
        """What routers are told."""
        return Placement(self.frame, self.generation)


@dataclass(slots=True)
class Demand:
    """A cube that is wanted in a frame, and by which tickets; the flag says whether that one would create it."""

    ref: CubeRef
    tickets: dict[int, bool] = field(default_factory=dict)
    create: bytes | None = None


class Departures:
    """The keys of cubes that were paged out lately, numbered, so that routers forget old placements in time."""

    def __init__(self, first_version: int = 0, kept: int = 8192) -> None:
        self._keys: deque[str] = deque(maxlen=kept)
        self.version = first_version

    def add(self, key: str) -> None:
        """Note that the cube's last placement is over."""
        self._keys.append(key)
        self.version += 1

    def since(self, version: int) -> tuple[str, ...] | None:
        """Keys added after ``version``; None when some of them are forgotten, or it is another directory's number."""
        behind = self.version - version
        if behind < 0 or behind > len(self._keys):
            return None
        return tuple(self._keys[i] for i in range(len(self._keys) - behind, len(self._keys)))


class Pool:
    """Frames and residencies. Only ``FrameTable`` calls it."""

    def __init__(self, first_version: int = 0) -> None:
        self.frames: dict[str, Frame] = {}
        self.cubes: dict[str, Residency] = {}
        self.departures = Departures(first_version)
        self.leaving = 0
        """Cubes on their way out by a detach, whose slots become free."""
        self.bytes_held = 0
        """Bytes of the cubes that are resident."""
        self._by_use: OrderedDict[str, None] = OrderedDict()

    def place(self, cube: Residency) -> None:
        """Take in a cube that is attaching, or resident already."""
        self.cubes[cube.ref.key] = cube
        self.frames[cube.frame].cubes.add(cube.ref.key)
        if cube.phase is ResidencyPhase.RESIDENT:
            self._by_use[cube.ref.key] = None
            self.bytes_held += cube.memory_bytes

    def settle(self, cube: Residency, now_s: float, memory_bytes: int) -> None:
        """The attach succeeded: the cube is resident."""
        cube.phase = ResidencyPhase.RESIDENT
        cube.since_s = cube.used_s = now_s
        cube.memory_bytes = memory_bytes
        self._by_use[cube.ref.key] = None
        self.bytes_held += memory_bytes

    def touch(self, cube: Residency, used_s: float) -> None:
        """The cube was used then; later than it was known to be."""
        if used_s > cube.used_s and cube.phase is ResidencyPhase.RESIDENT:
            cube.used_s = used_s
            self._by_use.move_to_end(cube.ref.key)

    def weigh(self, cube: Residency, memory_bytes: int) -> None:
        """The cube's frame says what it holds now."""
        if cube.phase is ResidencyPhase.RESIDENT:
            self.bytes_held += memory_bytes - cube.memory_bytes
        cube.memory_bytes = memory_bytes

    def leave(self, cube: Residency, swapped_by: int = 0) -> None:
        """The cube's detach begins, or the attach of the one that takes its slot."""
        self._end_residency(cube)
        cube.phase = ResidencyPhase.DETACHING
        cube.swapped_by = swapped_by
        if swapped_by:
            frame = self.frames[cube.frame]
            frame.cubes.discard(cube.ref.key)
            frame.outgoing.add(cube.ref.key)
        else:
            self.leaving += 1

    def forget(self, cube: Residency, now_s: float) -> None:
        """The cube is in no frame any more, as far as is known."""
        if cube.phase is ResidencyPhase.RESIDENT:
            self._end_residency(cube)
        elif cube.phase is ResidencyPhase.DETACHING and not cube.swapped_by:
            self.leaving -= 1
        del self.cubes[cube.ref.key]
        frame = self.frames[cube.frame]
        frame.cubes.discard(cube.ref.key)
        frame.outgoing.discard(cube.ref.key)
        if not frame.cubes:
            frame.empty_since_s = now_s

    def least_used(self) -> Iterator[Residency]:
        """Resident cubes, the least recently used first. Cubes may leave while it is read."""
        for key in list(self._by_use):
            yield self.cubes[key]

    @property
    def resident(self) -> int:
        """How many cubes are resident."""
        return len(self._by_use)

    def victims(self, now_s: float) -> Iterator[Residency]:
        """Resident cubes, the one to page out next first: by their last use, those in use right now at the end."""
        busy = []
        for cube in self.least_used():
            if cube.busy_until_s > now_s:
                busy.append(cube)
            else:
                yield cube
        yield from busy

    def swapped_out(self, frame: str, generation: int) -> list[Residency]:
        """The cubes that leave the frame with this attach."""
        found = (self.cubes[key] for key in self.frames[frame].outgoing)
        return [cube for cube in found if cube.swapped_by == generation]

    def free_slots(self, per_frame: int) -> dict[str, int]:
        """Frames that could take a cube at once, and how many."""
        return {
            frame.name: per_frame - len(frame.cubes)
            for frame in self.frames.values()
            if frame.phase is FramePhase.READY and len(frame.cubes) < per_frame
        }

    def blocks(self, frame: Frame, before_s: float) -> bool:
        """Whether a cube that the frame had when it fell silent is being attached elsewhere since ``before_s``: a
        silent process that holds the cube's locks keeps everyone else from it."""
        others = (self.cubes.get(key) for key in frame.left)
        return any(
            cube is not None and cube.phase is ResidencyPhase.ATTACHING and cube.since_s <= before_s for cube in others
        )

    def count(self, phase: FramePhase) -> int:
        """Frames in a phase."""
        return sum(frame.phase is phase for frame in self.frames.values())

    def free_name(self) -> str:
        """The first frame name that is not in use."""
        return next(name for n in range(len(self.frames) + 1) if (name := f"frame-{n}") not in self.frames)

    def reports(self) -> list[FrameReport]:
        """The last report of each frame that gave one."""
        return [frame.report for frame in self.frames.values() if frame.report is not None]

    def _end_residency(self, cube: Residency) -> None:
        del self._by_use[cube.ref.key]
        self.bytes_held -= cube.memory_bytes
        self.departures.add(cube.ref.key)
