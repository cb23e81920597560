"""Streams of the synchronous SDK that last: opened again whenever they break, read by a thread of their own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from memcube.client.channel import Connection
from memcube.client.retry import Attempts
from memcube.model.errors import InternalError, MemCubeError, UnavailableError

__all__ = ["GIVE_UP_S", "MERGE_AT_ONCE", "Follower", "Merge"]

GIVE_UP_S = 120.0
"""For so long a subscription tries to come back before it raises what keeps it away."""
CLOSE_S = 5.0
MERGE_AT_ONCE = 1024

Merge = Callable[[Any, list[Any]], list[Any]]
"""Of a stream's requests: what to send of those that wait together."""


class _Requests:
    """Requests of a stream, as another thread puts them; gRPC's own thread takes them. Those that wait together are
    ``merge``d."""

    def __init__(self, first: Sequence[Any], merge: Merge) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._merge = merge
        for request in first:
            self._queue.put(request)

    def put(self, request: Any) -> None:
        """Send one more; None ends it."""
        self._queue.put(request)

    def __iter__(self) -> Iterator[Any]:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            while not self._queue.empty() and len(waiting) < MERGE_AT_ONCE:
                waiting.append(self._queue.get())
            ended = None in waiting
            yield from self._merge(self, [one for one in waiting if one is not None])


class Follower:
    """A stream that is opened again whenever it breaks, read by a thread of its own."""

    METHOD = "Subscribe"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._failure: MemCubeError | None = None
        self._closing = threading.Event()
        self._requests: _Requests | None = None
        self._call: Any = None
        self._thread: threading.Thread | None = None

    def _opening(self) -> Sequence[Any]:
        raise NotImplementedError

    def _take(self, frame: Any) -> None:
        raise NotImplementedError

    def _merged(self, waiting: list[Any]) -> list[Any]:
        return waiting

    def _merged_of(self, requests: _Requests, waiting: list[Any]) -> list[Any]:
        """Nothing of a stream that is over: what it had not sent is sent on the next one."""
        with self._changed:
            return self._merged(waiting) if requests is self._requests else []

    def _started(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="memcube-stream", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        attempts = Attempts(self._connection.retry, GIVE_UP_S)
        while not self._closing.is_set():
            failure: MemCubeError = UnavailableError(f"MemCube at {self._connection.target}", 0.05)
            try:
                with self._changed:
                    self._requests = _Requests(self._opening(), self._merged_of)
                    self._call = self._connection.begin(self.METHOD, iter(self._requests))
                for frame in self._call:
                    with self._changed:
                        self._take(frame)
                        self._changed.notify_all()
                    attempts = Attempts(self._connection.retry, GIVE_UP_S)
            except MemCubeError as error:
                failure = error
                self._call.cancel()
            except (grpc.RpcError, ValueError) as error:
                if self._closing.is_set():
                    break
                failure = self._connection.failure(error, self.METHOD)
            except Exception as error:
                # A defect: whoever waits for this thread is told, or would wait for ever.
                self._fail(InternalError(f"the stream's reader: {error!r}"))
                raise
            if self._requests is not None:
                self._requests.put(None)
            try:
                self._closing.wait(attempts.pause_s(failure))
            except MemCubeError as error:
                self._fail(error)
                return

    def _fail(self, error: MemCubeError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream. Closing twice is fine."""
        self._closing.set()
        with self._changed:
            if self._requests is not None:
                self._requests.put(None)
            if self._call is not None:
                self._call.cancel()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
