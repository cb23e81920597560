"""How interchange is set up: where bundles on their way lie, and how much of them there may be."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.errors import InvalidArgumentError

__all__ = ["InterchangeConfig"]


@dataclass(frozen=True, slots=True)
class InterchangeConfig:
    """Sizes in bytes, durations in seconds. ``root`` is the folder ``interchange`` in the vault."""

    root: str = ""
    bundle_bytes: int = 16 << 30
    """The most that one bundle may have."""
    tenant_bytes: int = 32 << 30
    """The most that a tenant's bundles on their way may have together."""
    atomic_items: int = 10_000
    """The most items that one commit takes into a cube that exists."""
    atomic_bytes: int = 24 << 20
    batch_items: int = 1_000
    """Items of one commit into a new cube."""
    blobs_keep_s: float = 24 * 3600.0
    """How long blobs that were pushed wait for their commit."""
    export_keep_s: float = 3600.0
    """How long a bundle that was pulled can be asked for again."""
    commit_s: float = 3600.0
    """Bound of one commit or export, all of it."""
    step_s: float = 120.0
    """Bound of one step of it: a call to a cube, an answer of the child process."""
    child_bytes: int = 1 << 30
    """Memory of the process that reads a bundle."""
    at_once: int = 2
    """Such processes at a time; further commits and exports wait."""

    def __post_init__(self) -> None:
        for name in ("bundle_bytes", "tenant_bytes", "atomic_items", "atomic_bytes", "batch_items", "at_once"):
            if getattr(self, name) < 1:
                raise InvalidArgumentError(f"interchange.{name}", f"{getattr(self, name)} is less than 1")
        for name in ("blobs_keep_s", "export_keep_s", "commit_s", "step_s"):
            if not getattr(self, name) > 0:
                raise InvalidArgumentError(f"interchange.{name}", f"{getattr(self, name)} is not above 0")
