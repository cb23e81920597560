"""What happens to the frame table, and what it wants done: the only language between it and its shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from memcube.actors.directory.placement import FrameReport, Placement
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef

__all__ = [
    "AdoptedFrames",
    "Asked",
    "Attach",
    "AttachFailed",
    "Attached",
    "Cleared",
    "Closed",
    "Detach",
    "Detached",
    "Dropped",
    "Effect",
    "Event",
    "FrameLost",
    "FrameStarted",
    "KillFrame",
    "Place",
    "Refuse",
    "Reopened",
    "Reported",
    "StartFrame",
    "StopFrame",
    "Ticked",
    "Used",
    "Withdrawn",
]

# --- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdoptedFrames:
    """Frames that run already when the directory starts; what they host becomes known by FrameStarted."""

    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Someone needs the cube in a frame. ``create`` is the cube's ``about`` if it may be made. Answered by Place or
    Refuse with the same ticket."""

    ticket: int
    ref: CubeRef
    create: bytes | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Whoever asked with this ticket waits no longer."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Used:
    """Keys of cubes that a router used lately, and of those it uses now."""

    used: tuple[str, ...]
    busy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrameStarted:
    """The frame answers. It hosts these cubes, none if it was started or cleared."""

    frame: str
    incarnation: int
    report: FrameReport


@dataclass(frozen=True, slots=True)
class FrameLost:
    """The frame's process ended (``gone``), or it does not answer and may still be writing."""

    frame: str
    incarnation: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """A frame's regular report."""

    frame: str
    incarnation: int
    report: FrameReport


@dataclass(frozen=True, slots=True)
class Attached:
    """The frame hosts the cube now."""

    ref: CubeRef
    generation: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class AttachFailed:
    """The frame answered that it could not attach the cube."""

    ref: CubeRef
    generation: int
    error: MemCubeError


@dataclass(frozen=True, slots=True)
class Detached:
    """The frame let go of the cube."""

    ref: CubeRef
    generation: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """The frame itself said that it does not host the cube of this placement."""

    ref: CubeRef
    placement: Placement


@dataclass(frozen=True, slots=True)
class Closed:
    """The cube is about to be deleted: off its frame with it, and no new attach until Reopened."""

    ticket: int
    ref: CubeRef


@dataclass(frozen=True, slots=True)
class Reopened:
    """The deletion ended, with or without success."""

    ref: CubeRef


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed."""


Event: TypeAlias = (
    AdoptedFrames
    | Asked
    | Withdrawn
    | Used
    | FrameStarted
    | FrameLost
    | Reported
    | Attached
    | AttachFailed
    | Detached
    | Dropped
    | Closed
    | Reopened
    | Ticked
)

# --- effects ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartFrame:
    """Start the frame's process, or wait for the one that Ray restarts; answer with FrameStarted.

    ``clear`` makes it let go of everything first: it was given up, and its cubes are elsewhere.
    """

    frame: str
    incarnation: int
    clear: bool = False


@dataclass(frozen=True, slots=True)
class KillFrame:
    """End the frame's process so that it is started again."""

    frame: str


@dataclass(frozen=True, slots=True)
class StopFrame:
    """End the frame's process for good; it is one too many."""

    frame: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Attach the cube; answer with Attached, AttachFailed, or FrameLost.

    ``evict`` is a cube, and the generation of its attach, that the frame lets go of first: it leaves whatever comes of
    the attach, unless the message was lost; then Detached is to follow for it as for a Detach.
    """

    frame: str
    incarnation: int
    ref: CubeRef
    generation: int
    create: bytes | None
    evict: tuple[CubeRef, int] | None = None


@dataclass(frozen=True, slots=True)
class Detach:
    """Let go of the cube, after its calls in progress; answer with Detached or FrameLost."""

    frame: str
    incarnation: int
    ref: CubeRef
    generation: int


@dataclass(frozen=True, slots=True)
class Place:
    """Tell the one who asked where the cube is."""

    ticket: int
    placement: Placement


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the one who asked that it can't be done."""

    ticket: int
    error: MemCubeError


@dataclass(frozen=True, slots=True)
class Cleared:
    """The closed cube is on no frame that answers."""

    ticket: int


Effect: TypeAlias = StartFrame | KillFrame | StopFrame | Attach | Detach | Place | Refuse | Cleared
