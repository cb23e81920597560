"""Tasks' states as people, REST and the SDK spell them: "in_progress"."""

from __future__ import annotations

from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import task_pb2

__all__ = ["TASK_STATES", "state_name", "state_number"]

_PREFIX = "TASK_STATE_"
TASK_STATES: dict[int, str] = {
    number: name.removeprefix(_PREFIX).lower() for name, number in task_pb2.TaskState.items() if number
}
"""The wire's numbers and their names."""


def state_name(state: int) -> str:
    """The name of a state; one of a newer writer is its number."""
    return TASK_STATES.get(state, str(state))


def state_number(field: str, name: object) -> int:
    """The wire's number of a state by its name; raises InvalidArgumentError(field) for what is none."""
    for number, spelling in TASK_STATES.items():
        if spelling == name:
            return number
    raise InvalidArgumentError(field, f"{str(name)[:64]!r} is none of {', '.join(TASK_STATES.values())}")
