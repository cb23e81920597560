"""How the store is set up; the section [store] of memcube.toml."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.errors import InvalidArgumentError

__all__ = ["StoreConfig"]


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Bounds of one store.

    ``waiting_bytes``: events that may wait for the disk, of all topics together; more is refused (ExhaustedError).
    ``open_topics``, ``open_groups``: topics and groups whose files are open at a time. ``topics_each``: topics of a tenant. ``lock_wait_s``: how
    long a start waits for the store that ran before to let go. ``retain_every_s``: how often bounds on what is kept
    are looked at.
    """

    waiting_bytes: int = 64 << 20
    open_topics: int = 256
    open_groups: int = 256
    topics_each: int = 10_000
    groups_each: int = 1_000
    mounts_each: int = 15
    lock_wait_s: float = 30.0
    retain_every_s: float = 5.0

    def __post_init__(self) -> None:
        for name in (
            "waiting_bytes",
            "open_topics",
            "open_groups",
            "topics_each",
            "groups_each",
            "lock_wait_s",
            "retain_every_s",
        ):
            if not getattr(self, name) > 0:
                raise InvalidArgumentError(f"store.{name}", f"{getattr(self, name)} is not above 0")
