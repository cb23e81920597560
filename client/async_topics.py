"""Topics in the asynchronous SDK: ``AsyncMemory().topics``; arguments and results are those of ``topics``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self

import grpc

from memcube.client import prepare_topics
from memcube.client.async_channel import AsyncConnection
from memcube.client.following import Publishing, Watching, Working
from memcube.client.prepare import Prepared
from memcube.client.retry import Attempts
from memcube.client.streams import GIVE_UP_S, MERGE_AT_ONCE, Merge
from memcube.client.topic_verbs import TopicVerbs
from memcube.client.topics import WINDOW, one_request, published
from memcube.model.errors import DeadlineError, InvalidArgumentError, MemCubeError, UnavailableError
from memcube.model.ids import new_idempotency_key
from memcube.model.topics import events_of

__all__ = ["AsyncPublisher", "AsyncTopics", "AsyncWatch", "AsyncWorker"]

Arguments = ParamSpec("Arguments")
Plain = dict[str, Any]
Connect = Callable[[], Awaitable[AsyncConnection]]


class AsyncTopics(TopicVerbs[Coroutine[Any, Any, Plain]]):
    """Publish and subscribe, within one event loop."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def _ask(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        call = make(*args, **named)
        return await (await self._connect()).call(call)

    async def publish(
        self,
        topic: str,
        events: object,
        *,
        idempotency_key: str | None = None,
        expected_head_seq: int | None = None,
    ) -> Plain:
        """Publish one event or a list, durably when this returns; see ``Topics.publish``."""
        request = one_request(topic, events, idempotency_key, expected_head_seq)
        connection = await self._connect()
        attempts = Attempts(connection.retry, connection.timeout_s)
        while True:
            failure: MemCubeError = UnavailableError(f"MemCube at {connection.target}", 0.1)
            try:
                async for answer in connection.begin("Publish", _once(request), attempts.left_s):
                    return published(answer)
            except MemCubeError as error:
                failure = error
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                failure = connection.failure(error, "Publish")
            await asyncio.sleep(attempts.pause_s(failure))

    def publisher(self, topic: str, *, producer_id: str | None = None, epoch: int = 1) -> AsyncPublisher:
        """Publish much, in order: ``async with m.topics.publisher("builds") as p: await p.send(…)``."""
        return AsyncPublisher(self._connect, topic, producer_id or new_idempotency_key(), epoch)

    def watch(
        self,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        start: object = None,
        cursor: str | None = None,
        select: Mapping[str, Any] | None = None,
        max_events: int = 0,
        idle_s: float | None = None,
    ) -> AsyncWatch:
        """Every event of a source, in order, once: ``async for``; see ``Topics.watch``."""
        source = prepare_topics.source_of(topic, cube_id, user_id, agent_id, run_id)
        opened = prepare_topics.open_of(source, start=start, select=select, max_events=max_events)
        return AsyncWatch(self._connect, Watching(opened, cursor), idle_s)

    def work(
        self,
        group: str,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        start: object = None,
        select: Mapping[str, Any] | None = None,
        max_events: int = 0,
        ack_wait_s: float | None = None,
        max_deliver: int | None = None,
        backoff_s: Sequence[float] | None = None,
        idle_s: float | None = None,
    ) -> AsyncWorker:
        """This group's share of a source's events; see ``Topics.work``."""
        source = prepare_topics.source_of(topic, cube_id, user_id, agent_id, run_id)
        settings = prepare_topics.settings_of(ack_wait_s, max_deliver, backoff_s)
        if not group:
            raise InvalidArgumentError("group", "is empty")
        opened = prepare_topics.open_of(
            source, group=group, start=start, select=select, max_events=max_events, settings=settings
        )
        return AsyncWorker(self._connect, Working(opened), idle_s)


async def _once(request: Any) -> AsyncIterator[Any]:
    yield request


async def _requests(queue: asyncio.Queue[Any], merge: Merge) -> AsyncIterator[Any]:
    ended = False
    while not ended:
        waiting = [await queue.get()]
        while not queue.empty() and len(waiting) < MERGE_AT_ONCE:
            waiting.append(queue.get_nowait())
        ended = None in waiting
        for request in merge(queue, [one for one in waiting if one is not None]):
            yield request


class _Follower:
    """A stream that is opened again whenever it breaks, read by a task of its own."""

    METHOD = "Subscribe"

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._changed = asyncio.Condition()
        self._failure: MemCubeError | None = None
        self._closed = False
        self._requests: asyncio.Queue[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def _opening(self) -> Sequence[Any]:
        raise NotImplementedError

    def _take(self, frame: Any) -> None:
        raise NotImplementedError

    def _merged(self, waiting: list[Any]) -> list[Any]:
        return waiting

    def _merged_of(self, queue: asyncio.Queue[Any], waiting: list[Any]) -> list[Any]:
        """Nothing of a stream that is over: what it had not sent is sent on the next one."""
        return self._merged(waiting) if queue is self._requests else []

    def _started(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._follow(await self._connect())
        except MemCubeError as error:
            self._failure = error
        finally:
            await self._tell()

    async def _follow(self, connection: AsyncConnection) -> None:
        attempts = Attempts(connection.retry, GIVE_UP_S)
        while not self._closed:
            failure: MemCubeError = UnavailableError(f"MemCube at {connection.target}", 0.05)
            waiting: asyncio.Queue[Any] = asyncio.Queue()
            self._requests = waiting
            for request in self._opening():
                waiting.put_nowait(request)
            call = connection.begin(self.METHOD, _requests(waiting, self._merged_of))
            try:
                async for frame in call:
                    self._take(frame)
                    await self._tell()
                    attempts = Attempts(connection.retry, GIVE_UP_S)
            except MemCubeError as error:
                failure = error
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                failure = connection.failure(error, self.METHOD)
            finally:
                waiting.put_nowait(None)
                call.cancel()
            await asyncio.sleep(attempts.pause_s(failure))

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _wait(self, left_s: float | None) -> None:
        """Until something changed, ``left_s`` at most; the caller holds ``_changed``."""
        try:
            async with asyncio.timeout(left_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """End the stream. Closing twice is fine."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Subscription(_Follower):
    def __init__(self, connect: Connect, state: Watching | Working, idle_s: float | None) -> None:
        super().__init__(connect)
        self._state = state
        self._idle_s = idle_s

    def _opening(self) -> Sequence[Any]:
        return self._state.opening()

    def _take(self, frame: Any) -> None:
        self._state.take(frame)

    def __aiter__(self) -> AsyncIterator[Plain]:
        return self

    async def __anext__(self) -> Plain:
        self._started()
        until_s = None if self._idle_s is None else time.monotonic() + self._idle_s
        while (one := self._state.next()) is None:
            if self._failure is not None:
                raise self._failure
            left_s = None if until_s is None else until_s - time.monotonic()
            if self._closed or (left_s is not None and left_s <= 0):
                raise StopAsyncIteration
            async with self._changed:
                await self._wait(left_s)
        credit = self._state.credit()
        if credit is not None and self._requests is not None:
            self._requests.put_nowait(credit)
        return one


class AsyncWatch(_Subscription):
    """A watch; see ``topics.Watch``."""

    _state: Watching

    @property
    def cursor(self) -> str | None:
        """For ``watch(cursor=…)``; None before anything came."""
        return self._state.cursor


class AsyncWorker(_Subscription):
    """A member of a group; see ``topics.Worker``."""

    _state: Working

    def _merged(self, waiting: list[Any]) -> list[Any]:
        return self._state.merged(waiting)

    async def ack(self, events: object) -> None:
        """This event, or these, are done."""
        self._answer("ack", events)

    async def nack(self, events: object, *, delay_s: float | None = None, reason: str = "") -> None:
        """Not done: deliver again after ``delay_s``, or the group's pause; after the last delivery it is dead."""
        said: dict[str, Any] = {"reason": reason} if delay_s is None else {"reason": reason, "delay_s": delay_s}
        self._answer("nack", events, **said)

    async def extend(self, events: object, *, for_s: float = 0.0) -> None:
        """Still at it: for ``for_s`` more, or for the group's deadline anew."""
        self._answer("extend", events, for_s=for_s)

    def _answer(self, kind: str, events: object, **said: Any) -> None:
        deliveries = prepare_topics.deliveries_of(events)
        if self._failure is not None:
            raise self._failure
        request = self._state.answer(kind, deliveries, **said)
        if self._requests is not None:
            self._requests.put_nowait(request)

    async def flush(self, timeout_s: float = 30.0) -> list[Plain]:
        """Wait until all answers are durable; those that came too late, since the last time. DeadlineError."""
        until_s = time.monotonic() + timeout_s
        while self._state.unsettled:
            if self._failure is not None:
                raise self._failure
            if time.monotonic() >= until_s:
                raise DeadlineError("the group's acknowledgements", timeout_s)
            async with self._changed:
                await self._wait(until_s - time.monotonic())
        stale, self._state.stale = self._state.stale, []
        return stale


class AsyncPublisher(_Follower):
    """Publishes in order, many requests on their way at a time; see ``topics.Publisher``."""

    METHOD = "Publish"

    def __init__(self, connect: Connect, topic: str, producer_id: str, epoch: int) -> None:
        super().__init__(connect)
        self._state = Publishing(topic, producer_id, epoch)

    def _opening(self) -> Sequence[Any]:
        return self._state.again()

    def _take(self, frame: Any) -> None:
        error = self._state.take(frame)
        if error is not None:
            raise error

    async def send(self, events: object) -> None:
        """Publish one event or a list; waits while too much is on its way."""
        made = events_of(events)
        for request in self._state.requests(made):
            while self._state.waiting > WINDOW and self._failure is None:
                self._started()
                async with self._changed:
                    await self._wait(1.0)
            if self._failure is not None:
                raise self._failure
            if self._requests is not None:
                self._requests.put_nowait(request)
        self._started()

    async def flush(self, timeout_s: float = 60.0) -> Plain:
        """Wait until everything is durable: ``{"acknowledged", "last_seq"}``. DeadlineError."""
        until_s = time.monotonic() + timeout_s
        while self._state.waiting and self._failure is None:
            if time.monotonic() >= until_s:
                raise DeadlineError("the acknowledgement of events", timeout_s)
            async with self._changed:
                await self._wait(min(1.0, until_s - time.monotonic()))
        if self._failure is not None:
            raise self._failure
        return {"acknowledged": self._state.acknowledged, "last_seq": self._state.last_seq}

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            await self.close()
