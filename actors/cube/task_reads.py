"""Reads of a cube's tasks: one, a page of them, those that someone waits for. On the state as of the last commit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from memcube.actors.cube.call import Call
from memcube.actors.cube.task import CANCELLED, ENDED, FAILED, IN_PROGRESS, WAITING, HeldTask
from memcube.actors.cube.validate import parse_request
from memcube.actors.cube.view import View
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.ids import ID_CHARS
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

__all__ = [
    "MOST_WAITED_FOR",
    "check_list_tasks",
    "check_wait_tasks",
    "get_task",
    "list_tasks",
    "task_counts",
    "wait_tasks",
]

DEFAULT_PAGE, MAX_PAGE = 100, 1000
MOST_WAITED_FOR = 1000
MOST_WAIT_S = 600.0
MAX_KINDS = 64
LOOKED_AT = 200


def check_list_tasks(request: pb.ListTasksRequest) -> None:
    """Refuse a ListTasksRequest that no cube would answer."""
    if request.page_size > MAX_PAGE:
        raise InvalidArgumentError("page_size", f"is {request.page_size}, the most is {MAX_PAGE}")
    for name in ("states", "kinds"):
        if len(getattr(request, name)) > MAX_KINDS:
            raise TooLargeError(name, len(getattr(request, name)), MAX_KINDS, "items")
    for i, state in enumerate(request.states):
        if state not in (WAITING, IN_PROGRESS, *ENDED):
            raise InvalidArgumentError(f"states[{i}]", f"{state} is no state of a task")


def check_wait_tasks(request: pb.WaitTasksRequest) -> None:
    """Refuse a WaitTasksRequest that no cube would answer."""
    if len(request.task_ids) > MOST_WAITED_FOR:
        raise TooLargeError("task_ids", len(request.task_ids), MOST_WAITED_FOR, "items")
    if not 0.0 <= request.timeout_s <= MOST_WAIT_S:
        raise InvalidArgumentError("timeout_s", f"is {request.timeout_s:g}, not within 0 to {MOST_WAIT_S:g}")


def get_task(view: View, call: Call, now: datetime) -> bytes:
    """The task of an id."""
    request = parse_request(pb.GetTaskRequest, call.request)
    return pb.GetTaskResponse(task=_task(view, request.id, now)).SerializeToString()


def list_tasks(view: View, call: Call, now: datetime) -> bytes:
    """A page of tasks, newest first."""
    request = parse_request(pb.ListTasksRequest, call.request)
    check_list_tasks(request)
    token = request.page_token
    if token and not re.fullmatch(rf"{view.ref.key}-[a-z2-7]{{{ID_CHARS}}}", token):
        raise InvalidArgumentError("page_token", "is none of those that a listing of this cube gave")
    size = request.page_size or DEFAULT_PAGE
    counts, seen_again = _counts(view, now)
    names = [name for name in counts if _wanted(request, *name)]
    # A lease that is over makes a task wait, whatever stands in its row.
    rows = {*names, *(name for name in view.tasks.counts() if name[1] == IN_PROGRESS)} if seen_again else {*names}
    found = (held.seen(now) for held in view.tasks.newest_first(rows, token))
    page = list(islice((task for task in found if _wanted(request, task.kind, task.state)), size + 1))
    more = page[size - 1].id if len(page) > size else ""
    total = sum(counts[name] for name in names)
    return pb.ListTasksResponse(tasks=page[:size], next_page_token=more, total=total).SerializeToString()


def _wanted(request: pb.ListTasksRequest, kind: str, state: int) -> bool:
    return (not request.kinds or kind in request.kinds) and (not request.states or state in request.states)


def _counts(view: View, now: datetime) -> tuple[dict[tuple[str, int], int], bool]:
    """How many tasks there are by kind and state as of now, and whether a lease is over."""
    counts = Counter(view.tasks.counts())
    over = [held for held in _in_progress(view) if held.due_s <= now.timestamp()]
    for held in over:
        counts[held.wire.kind, IN_PROGRESS] -= 1
        counts[held.wire.kind, WAITING] += 1
    return dict(counts), bool(over)


def _in_progress(view: View) -> Iterator[HeldTask]:
    return view.tasks.newest_first([name for name in view.tasks.counts() if name[1] == IN_PROGRESS])


def wait_tasks(view: View, call: Call, now: datetime) -> bytes:
    """How the tasks are now that someone waits for: those named, else those that have not ended, the oldest
    ``MOST_WAITED_FOR``. ``timed_out``: some have not ended."""
    request = parse_request(pb.WaitTasksRequest, call.request)
    check_wait_tasks(request)
    if request.task_ids:
        tasks = [_task(view, task_id, now) for task_id in dict.fromkeys(request.task_ids)]
    else:
        tasks = [
            view.tasks.unfinished[task_id].seen(now) for task_id in sorted(view.tasks.unfinished)[:MOST_WAITED_FOR]
        ]
    waiting = any(task.state not in ENDED for task in tasks)
    return pb.WaitTasksResponse(tasks=tasks, timed_out=waiting).SerializeToString()


def task_counts(view: View, now: datetime) -> list[pb.TaskStatus]:
    """The tasks by kind, for the cube's status."""
    found: dict[str, pb.TaskStatus] = {}
    for (kind, state), count in _counts(view, now)[0].items():
        status = found.setdefault(kind, pb.TaskStatus(kind=kind))
        status.waiting += count * (state == WAITING)
        status.in_progress += count * (state == IN_PROGRESS)
        status.failed += count * (state == FAILED)
    for kind, status in found.items():
        status.last_error = _last_error(view, kind)
    return [found[kind] for kind in sorted(found)]


def _last_error(view: View, kind: str) -> str:
    """Why the last one failed, of those that are not done: the newest ``LOOKED_AT`` of a kind and state are looked at."""
    states = (WAITING, IN_PROGRESS, FAILED, CANCELLED)
    tasks = [held.wire for state in states for held in islice(view.tasks.newest_first([(kind, state)]), LOOKED_AT)]
    failed = [task for task in tasks if task.error]
    return max(failed, key=lambda task: task.updated_at.ToNanoseconds()).error if failed else ""


def _task(view: View, task_id: str, now: datetime) -> task_pb2.Task:
    held = view.tasks.get(task_id)
    if held is None:
        raise NotFoundError("task", task_id)
    return held.seen(now)
