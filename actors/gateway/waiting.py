"""Waiting for tasks: the cube is asked again and again, with growing pauses, until they have ended or time is up.

Where a caller waits, nothing waits in the frame: a cube may be paged out, its frame killed, and the wait goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic

from memcube.actors.cube.task import ENDED
from memcube.actors.cube.task_reads import MOST_WAITED_FOR
from memcube.model.errors import NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

__all__ = ["DEFAULT_WAIT_S", "changes", "outcome"]

DEFAULT_WAIT_S = 30.0
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 0.5

Ask = Callable[[Sequence[str]], Awaitable[pb.WaitTasksResponse]]
"""How tasks are now: those of these ids, or where there are none those that have not ended, the first so many."""


async def changes(ask: Ask, task_ids: Sequence[str], ends_s: float) -> AsyncIterator[task_pb2.Task]:
    """Each task as it is at first, and every time that it has changed, until all have ended or ``ends_s`` (monotonic).

    Raises NotFoundError for an id that is none of the cube's at first; one that is forgotten meanwhile has ended.
    """
    known: dict[str, task_pb2.Task] = {}
    asked, pause_s, more = list(task_ids), FIRST_PAUSE_S, False
    while True:
        try:
            answer = await ask(asked)
        except NotFoundError as error:
            if error.kind != "task" or error.name not in known:
                raise
            del known[error.name]
            asked = _open(known)
            if asked:
                continue
            return
        if not asked:
            more = len(answer.tasks) >= MOST_WAITED_FOR
        changed = [task for task in answer.tasks if known.get(task.id) != task]
        for task in changed:
            known[task.id] = task
            yield task
        asked = _open(known)
        left_s = ends_s - monotonic()
        if (not asked and not more) or left_s <= 0:
            return
        pause_s = FIRST_PAUSE_S if changed else min(1.5 * pause_s, LAST_PAUSE_S)
        await asyncio.sleep(min(pause_s, left_s))


async def outcome(ask: Ask, task_ids: Sequence[str], ends_s: float) -> pb.WaitTasksResponse:
    """How the tasks are when they have ended, or when time is up."""
    last: dict[str, task_pb2.Task] = {}
    async for task in changes(ask, task_ids, ends_s):
        last[task.id] = task
    return pb.WaitTasksResponse(tasks=last.values(), timed_out=bool(_open(last)))


def _open(tasks: dict[str, task_pb2.Task]) -> list[str]:
    return [task.id for task in tasks.values() if task.state not in ENDED]
