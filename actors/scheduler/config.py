"""Settings of the scheduler and its readers, section ``[scheduler]``; durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memcube.model.errors import InvalidArgumentError

__all__ = ["SchedulerConfig"]


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """How background work and questions to models share what there is."""

    min_readers: int = 0
    """Reader processes (about 90 MB each) that run even when nothing is to be done."""
    max_readers: int = 2
    """Most reader processes at once."""
    jobs_per_reader: int = 8
    """Jobs that one reader does at the same time: most of a job is waiting for a model."""
    idle_s: float = 60.0
    """A reader without a job for so long is ended, down to ``min_readers``."""
    lease_s: float = 300.0
    """How long a reader may have a task; when it is not heard of by then, another one takes it."""
    waiting_calls: int = 256
    """Questions and documents that may wait; further ones are refused with a hint when to retry."""
    waiting_tasks: int = 50_000
    """Tasks kept in mind; further ones stay in their cubes' files, and are asked for later."""
    sweep_s: float = 60.0
    """How often the vault is asked for cubes with unfinished tasks that nobody told of."""
    cubes_at_once: int = 4
    """Cubes that are asked for their tasks at the same time after a start."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Share of a tenant beside the others', by its name; 1 where none is set."""
    tokens_per_day: Mapping[str, int] = field(default_factory=dict)
    """Most tokens of language models that a tenant's work may take in 24 hours, by its name; "*" is everyone else's.
    Without a number there is no limit. A scheduler that starts anew counts on from what the one before took."""

    def __post_init__(self) -> None:
        if self.max_readers < max(1, self.min_readers):
            raise InvalidArgumentError("scheduler.max_readers", f"{self.max_readers} is less than min_readers, or none")
        for tenant, weight in self.weights.items():
            if not weight > 0:
                raise InvalidArgumentError(f"scheduler.weights.{tenant}", f"{weight:g} is not above 0")

    def weight(self, tenant: str) -> float:
        """A tenant's share beside the others'."""
        return self.weights.get(tenant, 1.0)

    def quota(self, tenant: str) -> int | None:
        """Tokens that a tenant may take in a day; None = any number."""
        return self.tokens_per_day.get(tenant, self.tokens_per_day.get("*"))
