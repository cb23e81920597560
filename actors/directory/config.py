"""Settings of paging and routing; durations in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.errors import InvalidArgumentError

__all__ = ["DirectoryConfig", "RouterConfig"]


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """How the directory pages cubes through frames."""

    max_frames: int = 32
    """Frames (actor processes of about 60 MB) that may run at once: what bounds the memory of the pool."""
    cubes_per_frame: int = 1
    """Cubes that one frame hosts at a time: 1 isolates, more is denser (about 1.7 MB for 1,000 memories)."""
    spare_slots: int = 2
    """Free slots kept ready by starting frames ahead of need, up to ``max_frames``."""
    max_starting: int = 2
    """Frames started at the same time; each start takes about 0.7 CPU-seconds."""
    max_waiting: int = 1024
    """Calls that may wait for cubes to be paged in; further ones get ExhaustedError."""
    memory_bytes: int = 4 << 30
    """Bytes that all resident cubes may hold together before the least recently used ones are paged out."""
    cube_idle_s: float = 300.0
    """A cube unused for so long is paged out."""
    frame_idle_s: float = 900.0
    """A frame beyond the spare ones that hosted nothing for so long is stopped."""
    min_residency_s: float = 0.02
    """A cube stays at least so long, so that the call that paged it in finds it."""
    busy_s: float = 1.0
    """A cube reported as in use is spared for so long while others can be paged out."""
    ping_interval_s: float = 2.0
    """How often each frame is asked for its report."""
    ping_deadline_s: float = 3.0
    """A frame that does not answer within this is suspect: its cubes are attached elsewhere."""
    hang_kill_s: float = 5.0
    """A frame that stays suspect for so long is killed and started again."""
    blocked_kill_s: float = 1.0
    """A suspect frame is killed already when the attach elsewhere of a cube that it had takes so long: an attach takes
    milliseconds, unless the silent process holds the cube's locks."""
    attach_deadline_s: float = 60.0
    """Bound of one attach: loading and indexing a large cube."""
    start_deadline_s: float = 60.0
    """Bound of one frame's start or restart; then it is tried again."""
    recovery_s: float = 3.0
    """A restarted directory waits so long for running frames to say what they host."""

    def __post_init__(self) -> None:
        for name in ("max_frames", "cubes_per_frame", "max_starting", "max_waiting", "memory_bytes"):
            if getattr(self, name) < 1:
                raise InvalidArgumentError(f"directory.{name}", f"{getattr(self, name)} is less than 1")
        if self.spare_slots < 0:
            raise InvalidArgumentError("directory.spare_slots", f"{self.spare_slots} is negative")
        for name in ("ping_interval_s", "ping_deadline_s", "attach_deadline_s", "start_deadline_s", "cube_idle_s"):
            if getattr(self, name) <= 0:
                raise InvalidArgumentError(f"directory.{name}", f"{getattr(self, name)} is not above 0")

    @property
    def slots(self) -> int:
        """Cubes that can be resident at once."""
        return self.max_frames * self.cubes_per_frame


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """How a router batches, bounds and retries calls."""

    batch_calls: int = 64
    """Mutations of one cube that travel, and commit, together."""
    batch_bytes: int = 4 << 20
    """Bytes of requests in one batch; a single larger call goes alone."""
    lane_calls: int = 512
    """Mutations that may wait for one cube; further ones get ExhaustedError."""
    waiting_calls: int = 8192
    """Mutations that may wait for all cubes together."""
    waiting_bytes: int = 128 << 20
    """Bytes of requests that may wait for all cubes together."""
    reads_in_flight: int = 256
    """Reads on their way to frames at once; further ones wait."""
    reads_waiting: int = 2048
    """Reads that may wait; further ones get ExhaustedError."""
    probe_after_s: float = 0.25
    """A frame that has not answered for so long is asked about at the directory, which may have moved the cube."""
    first_backoff_s: float = 0.01
    """Pause before the second retry; doubled each time, with jitter."""
    last_backoff_s: float = 0.5
    """Bound of that pause."""
    cached_placements: int = 65536
    """Placements remembered; the directory tells which of them ended."""
