"""Settings of a frame; durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FrameConfig"]


@dataclass(frozen=True, slots=True)
class FrameConfig:
    """How a frame hosts cubes."""

    slots: int = 1
    """Cubes hosted at a time; the directory's ``cubes_per_frame``."""
    lease_s: float = 2.5
    """After so long without a ping from the directory a read asks the vault first whether the cube is still ours.

    Must be below the directory's ``ping_deadline_s``: only after that may another frame have the cube."""
    embed_batch: int = 32
    """Texts that go to the embedder, and vectors that are committed, together."""
    embed_delay_s: float = 0.05
    """Pause before new texts are embedded, so that those of a burst go together and the adds come first."""
    embed_deadline_s: float = 60.0
    """Bound of one embedding call."""
    first_backoff_s: float = 0.5
    """Pause after the embedder failed; doubled each time, with jitter."""
    last_backoff_s: float = 30.0
    """Bound of that pause."""
    checkpoint_idle_s: float = 5.0
    """A cube without a commit for so long has its log folded into its file."""
    fine_reading: bool = False
    """Whether what is added is read by a language model too, in the background: where one is configured."""
    organizing: bool = False
    """Whether what was made by fine reading is compared with what was made before, and merged with what says the same."""
    read_window: int = 8
    """Messages of a session that are read together, with one call of the model."""
    read_window_chars: int = 6000
    """Characters of those messages together; a longer one is read alone."""
    read_settle_s: float = 5.0
    """Messages that come so soon after each other are read together; at once when the window is full."""
    read_latest_s: float = 30.0
    """What was added is read after so long even while more keeps coming."""
