"""What readers do: tasks of cubes, questions to a model, documents to be turned into text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from memcube.actors.llm import Spent
from memcube.model.ids import CubeRef
from memcube.model.task import MEM_FEEDBACK, MEM_READ, MEM_UPDATE

__all__ = ["ASK", "CONVERT", "Class", "Job", "Offer", "Outcome", "class_of"]

ASK = "ask"
CONVERT = "convert"


class Class(IntEnum):
    """Who goes first."""

    INTERACTIVE = 0
    """Someone waits for an answer."""
    ADD = 1
    """Someone waits for what was added, said of memories or changed to be there."""
    READ = 2
    """What was added becomes better."""
    ORGANIZE = 3
    """What is there becomes better."""


_CLASSES = {
    ASK: Class.INTERACTIVE,
    CONVERT: Class.ADD,
    MEM_FEEDBACK: Class.ADD,
    MEM_UPDATE: Class.ADD,
    MEM_READ: Class.READ,
}


def class_of(kind: str) -> Class:
    """The class of a kind of job; kinds that nobody here knows come last."""
    return _CLASSES.get(kind, Class.ORGANIZE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A task that a cube has to be done: what the scheduler has to know of it. ``due_s`` is Unix time."""

    task_id: str
    kind: str
    due_s: float


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work in the scheduler. Of a task: ``ref`` and ``task_id``; of a call: ``work`` is what its shell
    keeps. ``tokens`` is what it is expected to take, ``since_s`` when it could first have been done (monotonic)."""

    tenant: str
    kind: str
    purpose: str
    needs_model: bool
    ref: CubeRef | None = None
    task_id: str = ""
    due_s: float = 0.0
    since_s: float = 0.0
    began_s: float = 0.0
    """When it began to run (monotonic)."""
    tokens: int = 0
    work: Any = None
    take_key: str = ""
    worker: str = ""
    """The reader that has it; part of what it takes the task with."""
    counted: Any = None
    """What the core counted for it in advance."""
    probe: bool = False
    """Sent to see whether a model that was down is back."""
    gone: bool = False
    """Withdrawn: passed over when its turn comes."""

    @property
    def is_task(self) -> bool:
        """Whether it lives in a cube, so that it may be forgotten here."""
        return self.ref is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. ``again_s``: Unix time from which the task waits again, None = it has ended or is not ours.

    ``service_failure``: the model's endpoint failed, not the job; ``busy_s``: it asked to be left alone for so long.
    """

    ok: bool = True
    again_s: float | None = None
    spent: Spent = field(default_factory=Spent)
    service_failure: bool = False
    busy_s: float = 0.0
    error: str = ""
    preferences: int = 0
    """How many of the memories that it made are preferences."""
