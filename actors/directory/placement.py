"""What the directory and its routers say to each other: where a cube is, and how the pool is doing."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.ids import CubeRef

__all__ = ["DirectoryStatus", "FrameReport", "HostedCube", "Placement", "Resolved", "Usage"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A cube is, as far as the directory knows, attached to this frame; ``generation`` counts attaches."""

    frame: str
    generation: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a router tells with each question: keys of the cubes it used since its last one, and uses right now."""

    used: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer to a router: the placement, and the keys of cubes paged out since version ``since`` of its question.

    ``departed`` is None when the directory no longer knows them: the router forgets all placements.
    """

    placement: Placement
    version: int
    departed: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class HostedCube:
    """One cube in a frame's report; ``generation`` is the one of the attach that brought it there."""

    ref: CubeRef
    generation: int
    epoch: int
    memory_bytes: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What a frame says of itself. ``stale_refused`` counts commits that the vault refused because of their epoch."""

    pid: int
    rss_bytes: int
    hosted: tuple[HostedCube, ...] = ()
    stale_refused: int = 0
    commits: int = 0


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """The pool at one moment, and what happened since the directory started."""

    frames: int
    starting: int
    suspect: int
    resident: int
    waiting: int
    resident_bytes: int
    rss_bytes: int
    page_ins: int
    page_outs: int
    frames_lost: int
    refused: int
    stale_refused: int
