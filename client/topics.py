"""Topics in the synchronous SDK: ``Memory().topics``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec

import grpc

from memcube.client import prepare_topics
from memcube.client.channel import Connection
from memcube.client.following import Publishing, Watching, Working
from memcube.client.prepare import Prepared
from memcube.client.retry import Attempts
from memcube.client.streams import Follower
from memcube.client.topic_verbs import TopicVerbs
from memcube.model.errors import DeadlineError, InvalidArgumentError, MemCubeError, UnavailableError
from memcube.model.ids import new_idempotency_key
from memcube.model.topics import events_of
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Publisher", "Topics", "Watch", "Worker"]

Arguments = ParamSpec("Arguments")
Plain = dict[str, Any]
WINDOW = 16
"""Requests that a publisher has on its way."""


class Topics(TopicVerbs[Plain]):
    """Publish and subscribe; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _ask(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        return self._connection.call(make(*args, **named))

    def publish(
        self,
        topic: str,
        events: object,
        *,
        idempotency_key: str | None = None,
        expected_head_seq: int | None = None,
    ) -> Plain:
        """Publish one event or a list, durably when this returns: ``{"first_seq", "last_seq", "duplicate"}``.

        An event is a text, bytes, or a mapping with ``data`` (also JSON), ``type``, ``subject``, ``source``, ``id``,
        ``time``, ``attributes``. At most 512 events and 240 KiB (one alone: 256): they are delivered together. A call
        with the same ``idempotency_key`` publishes once. With ``expected_head_seq`` it is refused
        (VersionConflictError) unless that is the topic's newest event.
        """
        request = one_request(topic, events, idempotency_key, expected_head_seq)
        attempts = Attempts(self._connection.retry, self._connection.timeout_s)
        while True:
            failure: MemCubeError = UnavailableError(f"MemCube at {self._connection.target}", 0.1)
            try:
                for answer in self._connection.begin("Publish", iter([request]), attempts.left_s):
                    return published(answer)
            except MemCubeError as error:
                failure = error
            except (grpc.RpcError, ValueError) as error:
                failure = self._connection.failure(error, "Publish")
            time.sleep(attempts.pause_s(failure))

    def publisher(self, topic: str, *, producer_id: str | None = None, epoch: int = 1) -> Publisher:
        """Publish much, in order: ``with m.topics.publisher("builds") as p: p.send(…)``; see ``Publisher``."""
        return Publisher(self._connection, topic, producer_id or new_idempotency_key(), epoch)

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
    ) -> Watch:
        """Every event of a source, in order, once: iterate it. What is missing comes as ``{"gap": {…}}``.

        ``start``: "latest" (the default), "earliest" or a time; or ``cursor`` of an earlier watch. It reconnects and
        goes on by itself. ``idle_s``: the iteration ends when nothing has come for so long. ``select``: ``types``,
        ``subjects``, ``sources`` (``*`` at the end matches anything), ``attributes``; of cubes also ``kinds``,
        ``memory_types``, ``tags``, ``filters``. Close it, or use it as a context manager.
        """
        source = prepare_topics.source_of(topic, cube_id, user_id, agent_id, run_id)
        opened = prepare_topics.open_of(source, start=start, select=select, max_events=max_events)
        return Watch(self._connection, Watching(opened, cursor), idle_s)

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
    ) -> Worker:
        """This group's share of a source's events: iterate it, and ``ack`` or ``nack`` each; see ``Worker``.

        Each event is delivered to one member of the group, and again when it is not acknowledged within
        ``ack_wait_s`` (30), up to ``max_deliver`` (5) times; then it is a dead letter (``dead``, ``redrive``).
        """
        source = prepare_topics.source_of(topic, cube_id, user_id, agent_id, run_id)
        settings = prepare_topics.settings_of(ack_wait_s, max_deliver, backoff_s)
        if not group:
            raise InvalidArgumentError("group", "is empty")
        opened = prepare_topics.open_of(
            source, group=group, start=start, select=select, max_events=max_events, settings=settings
        )
        return Worker(self._connection, Working(opened), idle_s)


def one_request(
    topic: str, events: object, idempotency_key: str | None, expected_head_seq: int | None
) -> pb.PublishRequest:
    """The one request of a ``publish``."""
    requests = Publishing(topic, prepare_topics.key_of(idempotency_key)).requests(events_of(events))
    if len(requests) != 1:
        problem = (
            "is empty" if not requests else "is more than one request takes (512 events, 240 KiB): use a publisher"
        )
        raise InvalidArgumentError("events", problem)
    if expected_head_seq is not None:
        requests[0].expected_head_seq = expected_head_seq
    return requests[0]


def published(answer: pb.PublishResponse) -> Plain:
    """The result of a ``publish``; raises the error that was answered."""
    error = Publishing("", "").take(answer)
    if error is not None:
        raise error
    return {"first_seq": answer.first_seq, "last_seq": answer.last_seq, "duplicate": answer.duplicate}


class _Subscription(Follower):
    def __init__(self, connection: Connection, state: Watching | Working, idle_s: float | None) -> None:
        super().__init__(connection)
        self._state = state
        self._idle_s = idle_s

    def _opening(self) -> Sequence[Any]:
        return self._state.opening()

    def _take(self, frame: Any) -> None:
        self._state.take(frame)

    def __iter__(self) -> Iterator[Plain]:
        return self

    def __next__(self) -> Plain:
        self._started()
        until_s = None if self._idle_s is None else time.monotonic() + self._idle_s
        with self._changed:
            while (one := self._state.next()) is None:
                if self._failure is not None:
                    raise self._failure
                left_s = None if until_s is None else until_s - time.monotonic()
                if self._closing.is_set() or (left_s is not None and left_s <= 0):
                    raise StopIteration
                self._changed.wait(left_s)
            credit = self._state.credit()
            if credit is not None and self._requests is not None:
                self._requests.put(credit)
            return one


class Watch(_Subscription):
    """A watch: iterate it. ``cursor`` says where to go on after what was taken so far, anywhere, at any time."""

    _state: Watching

    @property
    def cursor(self) -> str | None:
        """For ``watch(cursor=…)``; None before anything came."""
        with self._changed:
            return self._state.cursor


class Worker(_Subscription):
    """A member of a group: iterate its events, and answer each. Answers are sent at once and durable a moment later
    (``flush``); those of a broken stream are sent again."""

    _state: Working

    def _merged(self, waiting: list[Any]) -> list[Any]:
        return self._state.merged(waiting)

    def ack(self, events: object) -> None:
        """This event, or these, are done."""
        self._answer("ack", events)

    def nack(self, events: object, *, delay_s: float | None = None, reason: str = "") -> None:
        """Not done: deliver again after ``delay_s``, or the group's pause; after the last delivery it is dead."""
        said: dict[str, Any] = {"reason": reason} if delay_s is None else {"reason": reason, "delay_s": delay_s}
        self._answer("nack", events, **said)

    def extend(self, events: object, *, for_s: float = 0.0) -> None:
        """Still at it: for ``for_s`` more, or for the group's deadline anew."""
        self._answer("extend", events, for_s=for_s)

    def _answer(self, kind: str, events: object, **said: Any) -> None:
        deliveries = prepare_topics.deliveries_of(events)
        with self._changed:
            if self._failure is not None:
                raise self._failure
            request = self._state.answer(kind, deliveries, **said)
            if self._requests is not None:
                self._requests.put(request)

    def flush(self, timeout_s: float = 30.0) -> list[Plain]:
        """Wait until all answers are durable; those that came too late, since the last time. DeadlineError."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while self._state.unsettled:
                if self._failure is not None:
                    raise self._failure
                if not self._changed.wait(until_s - time.monotonic()) and time.monotonic() >= until_s:
                    raise DeadlineError("the group's acknowledgements", timeout_s)
            stale, self._state.stale = self._state.stale, []
            return stale


class Publisher(Follower):
    """Publishes in order, many requests on their way at a time; what a broken stream left is sent again, once counted.

    ``send`` returns when there is room; ``flush`` (or the end of the ``with`` block) when everything is durable. An
    event that is refused raises at the next call, and ends the publisher.
    """

    METHOD = "Publish"

    def __init__(self, connection: Connection, topic: str, producer_id: str, epoch: int) -> None:
        super().__init__(connection)
        self._state = Publishing(topic, producer_id, epoch)

    def _opening(self) -> Sequence[Any]:
        return self._state.again()

    def _take(self, frame: Any) -> None:
        error = self._state.take(frame)
        if error is not None:
            raise error

    def send(self, events: object) -> None:
        """Publish one event or a list; waits while too much is on its way."""
        made = events_of(events)
        with self._changed:
            for request in self._state.requests(made):
                while self._state.waiting > WINDOW and self._failure is None:
                    self._started()
                    self._changed.wait()
                if self._failure is not None:
                    raise self._failure
                if self._requests is not None:
                    self._requests.put(request)
        self._started()

    def flush(self, timeout_s: float = 60.0) -> Plain:
        """Wait until everything is durable: ``{"acknowledged", "last_seq"}``. DeadlineError."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while self._state.waiting:
                if self._failure is not None:
                    raise self._failure
                if not self._changed.wait(until_s - time.monotonic()) and time.monotonic() >= until_s:
                    raise DeadlineError("the acknowledgement of events", timeout_s)
            if self._failure is not None:
                raise self._failure
            return {"acknowledged": self._state.acknowledged, "last_seq": self._state.last_seq}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()
