"""Errors about tasks, models' answers, signatures and holds; a part of the tree in ``errors``, which has them all."""

from __future__ import annotations

from memcube.model.error_base import MemCubeError

__all__ = ["HeldError", "TaskStateError", "UntrustedError", "UnusableAnswerError"]


class TaskStateError(MemCubeError):
    """A task is in a state in which that can't be done to it: it has ended, or another worker has it."""

    FACTS = ("task", "state")
    CODE, HTTP = "FAILED_PRECONDITION", 409

    def __init__(self, task: str, state: str) -> None:
        super().__init__(task, state)
        self.task = task
        self.state = state

    def _state(self) -> str:
        return f"task {self.task} is {self.state}"


class UnusableAnswerError(MemCubeError):
    """A language model answered what can't be used, also when asked once more; asking the same again is no help."""

    FACTS = ("what", "problem")
    CODE, HTTP = "FAILED_PRECONDITION", 502

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(what, problem)
        self.what = what
        self.problem = problem

    def _state(self) -> str:
        return f"{self.what} gave no usable answer: {self.problem}"


class UntrustedError(MemCubeError):
    """Something signed is not accepted: no signature of a trusted key, a wrong one, or an older state than is known."""

    FACTS = ("what", "problem")
    CODE, HTTP = "FAILED_PRECONDITION", 412

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(what, problem)
        self.what = what
        self.problem = problem

    def _state(self) -> str:
        return f"{self.what} {self.problem}"


class HeldError(MemCubeError):
    """A legal hold keeps something from being deleted or erased; nothing was changed."""

    FACTS = ("what", "hold")
    CODE, HTTP = "FAILED_PRECONDITION", 409
    ADVICE = "It can be deleted when an administrator has released the hold"

    def __init__(self, what: str, hold: str) -> None:
        super().__init__(what, hold)
        self.what = what
        self.hold = hold

    def _state(self) -> str:
        return f"{self.what} is kept by the legal hold {self.hold!r}"
