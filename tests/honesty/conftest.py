"""The tier of defects: a cube with a worker and a model, and a whole gateway, both without Ray."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
for folder in (TESTS / "unit", TESTS / "support"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from cube.conftest import Bench
from gateway.conftest import anyio_backend, keys, start
from llm_endpoint import Endpoint
from llm_fixtures import endpoint, running_endpoint

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.llm import Bill, LLMConfig, Prompt, Reply
from memcube.actors.llm.client import ChatModel
from memcube.actors.reader.fine import read_finely
from memcube.actors.reader.organize import organize
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Direct", "Mind", "anyio_backend", "endpoint", "keys", "mind", "running_endpoint", "start"]

SCOPE = pb.Scope(user_id="alice")
WORKER = Principal("t", "memcube", ("admin",))


class Mind(Bench):
    """A cube whose adds are read finely, by a worker that asks the endpoint."""

    def __init__(self, root: Path, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(root)

    def open(self, *, create: bool = False, model: str = "letters") -> Cube:
        """Attach the cube, as a frame does where a language model is configured."""
        super().open(create=create, model=model)
        self.cube._config = FrameConfig(fine_reading=True, read_window=4)
        return self.cube

    def crash(self) -> None:
        """Let go without a word, as a killed frame does, and attach anew."""
        self.cube.view.store.close(checkpoint=False)
        self.open()

    def say(self, *messages: str | pb.Message, key: str = "", **fields: Any) -> pb.AddResponse:
        """Add messages; the whole answer."""
        fields.setdefault("scope", SCOPE)
        wire = [one if isinstance(one, pb.Message) else pb.Message(content=one) for one in messages]
        return self.do(self.call("add", pb.AddRequest(messages=wire, **fields), key), pb.AddResponse)

    def read(self, verb: str, request: Any, kind: Any) -> Any:
        """A read's answer, or its error raised."""
        return kind.FromString(self.answered(self.cube.read(self.call(verb, request))))

    def task(self, task_id: str) -> task_pb2.Task:
        """One task as users see it."""
        task: task_pb2.Task = self.read("get_task", pb.GetTaskRequest(id=task_id), pb.GetTaskResponse).task
        return task

    def take(self, task_id: str) -> work_pb2.TakeTaskResponse:
        """A worker takes a task."""
        request = work_pb2.TakeTaskRequest(id=task_id, worker="reader-0", lease_s=60.0)
        return self.do(self.call("take_task", request, who=WORKER), work_pb2.TakeTaskResponse)

    def work(self, task_id: str, *behaviours: dict[str, Any]) -> task_pb2.Task:
        """Do a task as a reader does: take, ask the endpoint (which behaves so), finish."""
        self.endpoint.then(*behaviours)
        taken = self.take(task_id)

        async def read() -> work_pb2.FinishTaskRequest:
            chat = ChatModel(LLMConfig(base_url=self.endpoint.url, model="test", timeout_s=10.0))
            try:
                return await read_finely(taken, chat, self.now)
            finally:
                await chat.close()

        return self.finish(asyncio.run(read()))

    def organize(self, task_id: str, *more: item_pb2.Item) -> task_pb2.Task:
        """Merge what says the same among a task's memories and ``more``."""
        taken = self.take(task_id)
        taken.known.extend(more)
        return self.finish(organize(taken))

    def finish(self, request: work_pb2.FinishTaskRequest) -> task_pb2.Task:
        """Finish a task."""
        return self.do(self.call("finish_task", request, who=WORKER), work_pb2.FinishTaskResponse).task

    def get(self, item_id: str) -> item_pb2.Item:
        """A memory by its id."""
        return self.do(self.call("get", pb.GetRequest(id=item_id)), pb.GetResponse).item

    def found(self, query: str, **fields: Any) -> list[str]:
        """The texts that a search finds, best first."""
        return [hit.item.memory for hit in self.search(query, **fields).hits]

    def delete(self, item_id: str) -> None:
        """Delete a memory."""
        self.do(self.call("delete", pb.DeleteRequest(id=item_id)), pb.DeleteResponse)

    def correct(self, item_id: str, text: str) -> None:
        """Give a memory another text."""
        self.do(self.call("update", pb.UpdateRequest(id=item_id, memory=text)), pb.UpdateResponse)


class Direct:
    """A scheduler for the gateway that asks the endpoint at once."""

    def __init__(self, url: str) -> None:
        self._model = ChatModel(LLMConfig(base_url=url, model="test"))

    async def ask(self, principal: Principal, prompt: Prompt, within_s: float, bill: Bill | None = None) -> Reply:
        """The model's answer."""
        return await self._model.ask(prompt, within_s, None, bill)

    async def convert(self, principal: Principal, name: str, media_type: str, data: bytes, within_s: float) -> Any:
        """No documents here."""
        raise AssertionError(name)

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """Empty."""
        return pb.SchedulerStatus()


@pytest.fixture
def mind(tmp_path: Path, endpoint: Endpoint) -> Mind:
    """A new cube of Alice's."""
    return Mind(tmp_path, endpoint)


@pytest.fixture
def direct(endpoint: Endpoint) -> Direct:
    """A scheduler before the endpoint."""
    return Direct(endpoint.url)


@pytest.fixture
def answered() -> Any:
    """A model's answer to a window of messages, as a behaviour of the endpoint."""

    def answer(**parts: Any) -> dict[str, Any]:
        empty = {"facts": [], "preferences": [], "experiences": [], "skills": [], "summary": ""}
        return {"kind": "json", "value": empty | parts}

    return answer
