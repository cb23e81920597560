"""Tasks' kinds, and their states as people, REST and the SDK spell them: "in_progress".

The names of the kinds are MemOS's. Not each is a row of a cube's task table: ``TASKS`` are; ``QUESTIONS`` are asked of
the language model while someone waits for the answer, under these names in the accounts; an ``ADD`` is done when it is
acknowledged; ``PREF_ADD`` comes with mem_read, in the same call of the model, and is counted by that name.
"""

from __future__ import annotations

from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import task_pb2

__all__ = [
    "ADD",
    "ANSWER",
    "KINDS",
    "MEM_ARCHIVE",
    "MEM_FEEDBACK",
    "MEM_ORGANIZE",
    "MEM_READ",
    "MEM_UPDATE",
    "PREF_ADD",
    "QUERY",
    "QUESTIONS",
    "TASKS",
    "TASK_STATES",
    "state_name",
    "state_number",
]

ADD = "add"
QUERY, ANSWER = "query", "answer"
MEM_READ, MEM_ORGANIZE, MEM_FEEDBACK = "mem_read", "mem_organize", "mem_feedback"
MEM_UPDATE, MEM_ARCHIVE = "mem_update", "mem_archive"
PREF_ADD = "pref_add"
TASKS = (MEM_READ, MEM_ORGANIZE, MEM_FEEDBACK, MEM_UPDATE, MEM_ARCHIVE)
QUESTIONS = (QUERY, ANSWER)
KINDS = (ADD, *QUESTIONS, *TASKS, PREF_ADD)
"""All nine."""

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
