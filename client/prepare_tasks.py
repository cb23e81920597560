"""Calls of the SDK that concern background tasks; beside ``prepare``, whose rules hold here too."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

from memcube.client.checks import count, text, texts
from memcube.client.prepare import Prepared
from memcube.client.scope import scope_of
from memcube.model import answers
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import new_idempotency_key
from memcube.model.task import state_number
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["MOST_WAIT_S", "Waiting", "cancel_task", "retry_task", "task", "tasks"]

Plain = dict[str, Any]
MOST_WAIT_S = 600.0
CALL_SHARE = 0.8
"""Part of a call's time that the server may wait in it."""
MOST_AT_ONCE = 1000
"""Tasks that the server answers with at most; where that many came, there may be more."""
ENDED = frozenset({"completed", "failed", "cancelled"})


def tasks(
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    states: object,
    kinds: object,
    limit: int,
    page_token: str | None,
) -> Prepared[Plain]:
    """One page of a cube's tasks."""
    scope, _ = scope_of(None, user_id, agent_id, run_id, cube_id)
    request = pb.ListTasksRequest(
        scope=scope,
        states=[state_number(f"states[{i}]", name) for i, name in enumerate(texts("states", states))],  # type: ignore[misc]
        kinds=texts("kinds", kinds),
        page_size=count("limit", limit, least=1),
        page_token=text("page_token", page_token),
    )
    return Prepared("ListTasks", request, answers.tasks, None if scope.cube_id else pb.ListTasksResponse())


def task(task_id: str) -> Prepared[Plain]:
    """One task."""
    request = pb.GetTaskRequest(id=text("task_id", task_id, empty=False))
    return Prepared("GetTask", request, lambda answer: answers.task(answer.task))


def cancel_task(task_id: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """End a task before its time."""
    key = text("idempotency_key", idempotency_key) or new_idempotency_key()
    request = pb.CancelTaskRequest(id=text("task_id", task_id, empty=False), idempotency_key=key)
    return Prepared("CancelTask", request, lambda answer: answers.task(answer.task))


def retry_task(task_id: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """Try a task anew."""
    key = text("idempotency_key", idempotency_key) or new_idempotency_key()
    request = pb.RetryTaskRequest(id=text("task_id", task_id, empty=False), idempotency_key=key)
    return Prepared("RetryTask", request, lambda answer: answers.task(answer.task))


class Waiting:
    """One wait for tasks, or watch of them, as one call after the other: none lasts longer than a call may.

    ``next_wait`` (or ``next_watch``) gives the call to make, None when there is nothing more to wait for; ``take`` is
    told what came of it, and says whether it is news.
    """

    def __init__(
        self,
        call_s: float,
        *,
        user_id: str | None,
        agent_id: str | None,
        run_id: str | None,
        cube_id: str | None,
        task_ids: object,
        timeout_s: float,
    ) -> None:
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= MOST_WAIT_S:
            raise InvalidArgumentError("timeout_s", f"{timeout_s!r} is not within 0 to {MOST_WAIT_S:g}")
        self._scope, _ = scope_of(None, user_id, agent_id, run_id, cube_id)
        self._ids = texts("task_ids", task_ids)
        self._ends_s = monotonic() + timeout_s
        self._call_s = call_s * CALL_SHARE
        self._seen: dict[str, Plain] = {}
        self._asked = False
        self._looked_at = 0

    def next_wait(self) -> Prepared[Plain] | None:
        """The next call of WaitTasks."""
        request = self._next()
        absent = None if self._scope.cube_id else pb.WaitTasksResponse()
        return None if request is None else Prepared("WaitTasks", request, answers.waited, absent)

    def next_watch(self) -> Prepared[Plain] | None:
        """The next call of WatchTasks, a stream."""
        request = self._next()
        return None if request is None else Prepared("WatchTasks", request, answers.task)

    def _next(self) -> pb.WaitTasksRequest | None:
        ids = self._open() if self._asked else self._ids
        left_s = self._ends_s - monotonic()
        if self._asked and left_s <= 0:
            return None
        if self._asked and not ids:
            news = len(self._seen) - self._looked_at
            if self._ids or news < MOST_AT_ONCE:
                return None
            self._looked_at = len(self._seen)
        self._asked = True
        wait_s = min(max(left_s, 0.001), self._call_s)
        return pb.WaitTasksRequest(scope=self._scope, task_ids=ids, timeout_s=wait_s)

    def take(self, found: Iterable[Plain]) -> list[Plain]:
        """Tasks as they are now; those of them that have changed."""
        news = [one for one in found if self._seen.get(one["id"]) != one]
        self._seen.update({one["id"]: one for one in news})
        return news

    @property
    def result(self) -> Plain:
        """What the wait came to, as ``answers.waited`` has it."""
        return {"results": [*self._seen.values()], "timed_out": bool(self._open())}

    def _open(self) -> list[str]:
        return [name for name, one in self._seen.items() if one["state"] not in ENDED]
