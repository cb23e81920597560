"""Settings of a frame; durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from memcube.actors.redaction import RedactionConfig
from memcube.model.errors import InvalidArgumentError

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
    redaction: RedactionConfig = field(default_factory=RedactionConfig)
    """What becomes of what is personal or secret in a text; section ``[redaction]`` of the settings."""
    tokens_path: str = ""
    """The folder of the keys of redaction's tokens; without one what would be a token is masked."""
    holds_path: str = ""
    """The folder of the legal holds; without one nothing is held."""
    archive_unused_days: float = 0.0
    """Memories that were not added, changed or confirmed for so many days leave searches (``archiving``); 0 = none do.
    A cube's own configuration comes first."""
    archive_beyond: int = 0
    """Most memories of a cube that are in use; of more, those used longest ago leave searches. 0 = any number."""
    embed_leaving_s: float = 0.5
    """A cube that is paged out has texts without a vector embedded before it goes, for so long at most: cubes that
    are paged out as soon as they were used would never get theirs. Not while the embedder fails."""

    def __post_init__(self) -> None:
        for name in ("archive_unused_days", "archive_beyond", "embed_leaving_s"):
            if not getattr(self, name) >= 0:
                raise InvalidArgumentError(f"frame.{name}", f"{getattr(self, name)} is negative")
