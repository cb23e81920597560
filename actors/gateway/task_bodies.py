"""What REST callers send about tasks, checked strictly, and the protobuf requests that it means."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from memcube.actors.gateway.bodies import Count, Names, Scoped, ScopeQuery
from memcube.model.task import state_number
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["TasksQuery", "WaitBody", "WatchQuery"]

Seconds = Annotated[float, Field(ge=0, le=600, description="seconds; 0: 30")]
TaskIds = Annotated[list[str], Field(max_length=1000)]


class TasksQuery(ScopeQuery):
    """GET /v1/tasks; ``states`` and ``kinds`` may be repeated."""

    states: Names = Field(default_factory=list, description="waiting, in_progress, completed, failed, cancelled")
    kinds: Names = Field(default_factory=list)
    page_size: Count | None = None
    page_token: str | None = None

    def request(self) -> pb.ListTasksRequest:
        """The wire form."""
        return pb.ListTasksRequest(
            scope=self.scope(),
            states=[state_number(f"states[{i}]", name) for i, name in enumerate(self.states)],  # type: ignore[misc]
            kinds=self.kinds,
            page_size=self.page_size,
            page_token=self.page_token,
        )


class WaitBody(Scoped):
    """POST /v1/tasks/wait."""

    task_ids: TaskIds = Field(default_factory=list)
    timeout_s: Seconds = 0.0

    def request(self) -> pb.WaitTasksRequest:
        """The wire form."""
        return pb.WaitTasksRequest(scope=self.scope(), task_ids=self.task_ids, timeout_s=self.timeout_s)


class WatchQuery(WaitBody):
    """GET /v1/tasks/watch; ``task_ids`` may be repeated."""

    model_config = ConfigDict(extra="forbid", strict=False)
