"""A cube whose adds are read finely, and a worker that takes and finishes its tasks; shared by tests of tasks."""

from __future__ import annotations

from typing import Any

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import MODEL, Bench

__all__ = ["SCOPE", "WORKER", "TaskBench", "ids"]

SCOPE = pb.Scope(user_id="alice")
WORKER = Principal("t", "memcube", ("admin",))


class TaskBench(Bench):
    """A cube whose adds are read finely."""

    config = FrameConfig(fine_reading=True, read_window=4, read_window_chars=200)

    def open(self, *, create: bool = False, model: str = MODEL) -> Cube:
        """As the frame does where a model is configured."""
        super().open(create=create, model=model)
        self.cube._config = self.config
        return self.cube

    def crash(self) -> None:
        """Let go without a word, as a killed frame does, and attach anew."""
        self.cube.view.store.close(checkpoint=False)
        self.open()

    def say(self, *texts: str, key: str = "", **fields: Any) -> pb.AddResponse:
        """Add messages; the whole answer."""
        fields.setdefault("scope", SCOPE)
        request = pb.AddRequest(messages=[pb.Message(content=text) for text in texts], **fields)
        return self.do(self.call("add", request, key), pb.AddResponse)

    def tasks(self, **fields: Any) -> list[task_pb2.Task]:
        """All tasks, newest first."""
        return list(self.read("list_tasks", pb.ListTasksRequest(scope=SCOPE, **fields), pb.ListTasksResponse).tasks)

    def task(self, task_id: str) -> task_pb2.Task:
        """One task."""
        return self.read("get_task", pb.GetTaskRequest(id=task_id), pb.GetTaskResponse).task

    def read(self, verb: str, request: Any, kind: Any) -> Any:
        """A read's answer, or its error raised."""
        answer = self.cube.read(self.call(verb, request))
        return kind.FromString(self.answered(answer))

    def take(self, task_id: str, key: str = "", lease_s: float = 60.0) -> work_pb2.TakeTaskResponse:
        """A worker takes a task."""
        request = work_pb2.TakeTaskRequest(id=task_id, worker="reader-0", lease_s=lease_s)
        return self.do(self.call("take_task", request, key, WORKER), work_pb2.TakeTaskResponse)

    def finish(self, task_id: str, attempt: int = 1, key: str = "", **fields: Any) -> work_pb2.FinishTaskResponse:
        """A worker finishes a task."""
        request = work_pb2.FinishTaskRequest(id=task_id, attempt=attempt, **fields)
        return self.do(self.call("finish_task", request, key, WORKER), work_pb2.FinishTaskResponse)

    def read_finely(self, answer: pb.AddResponse, *drafts: tuple[str, list[str]]) -> list[str]:
        """Take and finish a task with drafts of (text, sources); the ids of what was made."""
        attempt = self.take(answer.task_id).task.attempts
        made = [work_pb2.Draft(memory=text, derived_from=sources) for text, sources in drafts]
        return [item.id for item in self.finish(answer.task_id, attempt, drafts=made).items]

    def get(self, item_id: str) -> item_pb2.Item:
        """A live item."""
        return self.do(self.call("get", pb.GetRequest(id=item_id)), pb.GetResponse).item

    def causes(self, item_id: str) -> list[str]:
        """Why each version of a memory came to be."""
        events = self.do(self.call("history", pb.HistoryRequest(id=item_id)), pb.HistoryResponse).events
        return [event.cause for event in events]


def ids(answer: pb.AddResponse) -> list[str]:
    """The ids that an add gave."""
    return [item.id for item in answer.items]
