"""A scheduler at work without Ray: real readers in this process, real cubes in a vault on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.local import LocalRouter
from memcube.actors.llm import Bill, LLMConfig, Prompt, Reply, Spent
from memcube.actors.reader.reader import Reader
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.desk import Desk
from memcube.actors.scheduler.job import Offer
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2, work_pb2

ALICE = Principal("t", "alice", ("admin",))
LLM = LLMConfig("http://model/v1", "m")
Behaviour = Callable[[Prompt], Awaitable[str]]


class Model:
    """Answers as the test says; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []
        self.error: MemCubeError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self, prompt: Prompt, within_s: float, check: Any = None, bill: Bill | None = None) -> Reply:
        """See ``ChatModel``."""
        self.asked.append(prompt)
        if bill is not None:
            bill.add(Spent(1, 10, 5))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Reply(f"about {prompt.purpose}", spent=Spent(1, 10, 5))


async def read(work: work_pb2.TakeTaskResponse, chat: Any, now: datetime) -> work_pb2.FinishTaskRequest:
    """A small fine reading: one draft for each item, one question for all."""
    bill = Bill()
    request = work_pb2.FinishTaskRequest()
    try:
        await chat.ask(Prompt((), "mem_read"), 10, None, bill)
        for item in work.items:
            request.drafts.add(memory=f"Alice said: {item.memory}", derived_from=[item.id])
    except MemCubeError as error:
        request.error, request.retryable = error.message, error.RETRYABLE
        request.service_failure = isinstance(error, UnavailableError)
    request.spent.CopyFrom(task_pb2.Spending(calls=bill.spent.calls, tokens_in=bill.spent.tokens_in))
    return request


class LocalCrew:
    """Readers in this process; ``kill`` is what kill -9 is to a process: whatever they do stops, unfinished."""

    def __init__(self, make: Callable[[str], Reader]) -> None:
        self._make = make
        self.readers: dict[str, Reader] = {}
        self.started: list[str] = []
        self._calls: dict[str, set[asyncio.Task[Any]]] = {}

    async def running(self) -> list[str]:
        """See ``Crew``."""
        return sorted(self.readers)

    async def start(self, name: str) -> None:
        """See ``Crew``."""
        self.started.append(name)
        self.readers[name] = self._make(name)
        self._calls[name] = set()

    async def end(self, name: str) -> None:
        """See ``Crew``."""
        self.kill(name)

    def kill(self, name: str) -> None:
        """End a reader in the midst of whatever it does."""
        reader = self.readers.pop(name, None)
        if reader is not None:
            for doing in (*reader._tasks.values(), *self._calls.pop(name)):
                doing.cancel()

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Crew``."""
        reader = self.readers.get(actor)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if reader is None:
            answer.set_exception(UnavailableError(actor))
            return answer
        doing = asyncio.ensure_future(getattr(reader, method)(*args))
        self._calls[actor].add(doing)

        def settle(done: asyncio.Task[Any]) -> None:
            if not answer.done():
                if done.cancelled():
                    answer.set_exception(UnavailableError(actor))
                elif (error := done.exception()) is not None:
                    answer.set_exception(error)
                else:
                    answer.set_result(done.result())

        doing.add_done_callback(settle)
        return answer


class Site:
    """A scheduler, its readers and a vault."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.vault = SqliteVault(root)
        self.frame = FrameConfig(fine_reading=True, read_settle_s=0.001, read_window=4)
        self.router = LocalRouter(self.vault, frame=self.frame)
        self.model = Model()
        self.handlers: dict[str, Any] = {"mem_read": read}
        self.convert: Any = None
        self.crew = LocalCrew(self._reader)
        self.config = SchedulerConfig(**{"sweep_s": 0.05, "lease_s": 30.0, **settings})
        self.desk = self.new_desk()

    def new_desk(self, llm: LLMConfig = LLM) -> Desk:
        """A scheduler; the one before is forgotten without a word, as a killed one is."""
        self.desk = Desk(self.config, llm, frozenset(self.handlers), self.router, self.crew, self.vault.pending)
        return self.desk

    def _reader(self, name: str) -> Reader:
        return Reader(name, self.router, self.model, self.handlers, self.convert)

    async def add(self, *texts: str, user: str = "alice", tenant: str = "t") -> pb.AddResponse:
        """Add messages of one session, and tell the scheduler nothing."""
        request = pb.AddRequest(scope=pb.Scope(user_id=user), session_id="s")
        request.messages.extend(pb.Message(content=text) for text in texts)
        who = Principal(tenant, user, ("admin",))
        call = Call("add", request.SerializeToString(), who, new_idempotency_key())
        body = await self.router.mutate(CubeRef(tenant, f"user:{user}"), call, create=True, timeout_s=10)
        return pb.AddResponse.FromString(body)

    async def read(self, verb: str, request: Any, kind: Any) -> Any:
        """A read's answer, of alice's cube."""
        call = Call(verb, request.SerializeToString(), ALICE)
        return kind.FromString(await self.router.read(CubeRef("t", "user:alice"), call, timeout_s=10))

    async def task(self, task_id: str) -> task_pb2.Task:
        """A task of alice's."""
        found: task_pb2.Task = (await self.read("get_task", pb.GetTaskRequest(id=task_id), pb.GetTaskResponse)).task
        return found

    async def texts(self) -> list[str]:
        """All memories of alice's, sorted."""
        found = await self.read("list", pb.ListRequest(page_size=1000), pb.ListResponse)
        return sorted(item.memory for item in found.items)

    def offer(self, ref: CubeRef, task_id: str, kind: str = "mem_read") -> None:
        """What a frame tells."""
        self.desk.offer(ref, [Offer(task_id, kind, 0.0)])

    async def until(self, condition: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(within_s):
            while not await condition():
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until nothing runs."""

        async def quiet() -> bool:
            return not list(self.desk._core.running())

        await self.until(quiet)

    async def ended(self, task_id: str, state: int = task_pb2.TASK_STATE_COMPLETED) -> task_pb2.Task:
        """A task once it is in a state."""

        async def there() -> bool:
            return bool((await self.task(task_id)).state == state)

        await self.until(there)
        return await self.task(task_id)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Any]:
    """``async with site(max_readers=2, …) as s``: a scheduler that ends with the block."""

    @asynccontextmanager
    async def start(*, begin: bool = True, **settings: Any) -> AsyncIterator[Site]:
        s = Site(tmp_path / "vault", **settings)
        if begin:
            await s.desk.start()
        try:
            yield s
        finally:
            await s.desk.stop()
            await s.router.close()

    return start
