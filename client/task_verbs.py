"""The verbs of a client that concern background tasks; part of ``Verbs``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

from memcube.client import prepare_tasks
from memcube.client.prepare import Prepared

__all__ = ["TaskVerbs"]

One = TypeVar("One")
Arguments = ParamSpec("Arguments")


class TaskVerbs(Generic[One]):
    """See ``Verbs``."""

    def _ask(
        self, make: Callable[Arguments, Prepared[dict[str, Any]]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> One:
        """Make a call of a function of ``prepare``, and give its result."""
        raise NotImplementedError

    def tasks(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        states: str | Sequence[str] | None = None,
        kinds: str | Sequence[str] | None = None,
        limit: int = 100,
        page_token: str | None = None,
    ) -> One:
        """A page of a cube's background tasks, newest first: ``{"results": [{"id", "state", …}], "total", "next"}``.

        ``states`` are waiting, in_progress, completed, failed (the dead letters) and cancelled. Those that ended are
        kept for 7 days. No cube as in ``search``.
        """
        return self._ask(
            prepare_tasks.tasks,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            states=[states] if isinstance(states, str) else states,
            kinds=[kinds] if isinstance(kinds, str) else kinds,
            limit=limit,
            page_token=page_token,
        )

    def task(self, task_id: str) -> One:
        """One task: ``task_id`` of what ``add`` returned; NotFoundError where there is none for this caller."""
        return self._ask(prepare_tasks.task, task_id)

    def cancel_task(self, task_id: str, *, idempotency_key: str | None = None) -> One:
        """End a task that has not ended, or take one off the dead-letter list; what it was about stays as it is.

        TaskStateError for one that is completed.
        """
        return self._ask(prepare_tasks.cancel_task, task_id, idempotency_key=idempotency_key)

    def retry_task(self, task_id: str, *, idempotency_key: str | None = None) -> One:
        """Let a task that failed or was cancelled be tried anew, at once; one that waits is not waited for any longer.

        TaskStateError for one that is being done, or is completed.
        """
        return self._ask(prepare_tasks.retry_task, task_id, idempotency_key=idempotency_key)
