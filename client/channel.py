"""The sync SDK's connection: calls with a deadline and retries, streams, over one gRPC channel that threads share."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import grpc

from memcube.client.prepare import Prepared
from memcube.client.retry import Attempts, Retry
from memcube.client.stub import Stub
from memcube.client.wire import Pems, credentials, failure_of, open_channel
from memcube.model import answers
from memcube.model.errors import MemCubeError, UnavailableError

__all__ = ["Connection"]

Result = TypeVar("Result")
Plain = dict[str, Any]
STREAM_CHUNK = 256
"""Adds in flight on one stream: what is not answered is kept, to be sent again when the stream breaks."""


class Connection:
    """One channel to one gateway."""

    def __init__(
        self,
        target: str,
        api_key: str | None,
        timeout_s: float,
        retry: Retry | None = None,
        pems: Pems = None,
    ) -> None:
        self.target = target
        self.timeout_s = timeout_s
        self.retry = retry or Retry()
        self._metadata = credentials(api_key)
        self._channel = open_channel(grpc, target, pems)
        self._stub = Stub(self._channel)
        self._closed = threading.Event()

    def wait_ready(self, timeout_s: float) -> None:
        """Return once the gateway accepts connections; UnavailableError after ``timeout_s``."""
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(timeout=timeout_s)
        except grpc.FutureTimeoutError as error:
            ready.cancel()
            self.close()
            raise UnavailableError(f"MemCube at {self.target}") from error

    def close(self) -> None:
        """Close the channel; a call that still waits ends with UnavailableError."""
        self._closed.set()
        self._channel.close()

    def call(self, prepared: Prepared[Result]) -> Result:
        """Make a unary call within ``timeout_s``, trying again where that is safe and may help."""
        attempts = Attempts(self.retry, self.timeout_s)
        while True:
            try:
                rpc = getattr(self._stub, prepared.method)
                answer = rpc(prepared.request, timeout=attempts.left_s, metadata=self._metadata)
                return prepared.result(answer)
            except (grpc.RpcError, ValueError) as error:
                failure = self._failure(error, prepared.method)
            if prepared.forgives(failure):
                if prepared.instead is None:
                    return prepared.result(prepared.absent)
                prepared = prepared.instead
                continue
            self._closed.wait(attempts.pause_s(failure))

    def stream(self, prepared: Prepared[Result]) -> Iterator[Result]:
        """Read a streamed answer; it is not resumed when it breaks."""
        try:
            rpc = getattr(self._stub, prepared.method)
            for answer in rpc(prepared.request, timeout=self.timeout_s, metadata=self._metadata):
                yield prepared.result(answer)
        except (grpc.RpcError, ValueError) as error:
            raise self._failure(error, prepared.method) from error

    def stream_of(self, method: str, request: Any, timeout_s: float) -> Iterator[Any]:
        """The answers of an rpc that streams, to a request or to an iterator of them; raises MemCubeError."""
        try:
            yield from getattr(self._stub, method)(request, timeout=timeout_s, metadata=self._metadata)
        except (grpc.RpcError, ValueError) as error:
            raise self._failure(error, method) from error

    def pause(self, pause_s: float) -> None:
        """Wait, unless the connection is closed meanwhile."""
        self._closed.wait(pause_s)

    def begin(self, method: str, requests: Iterator[Any], timeout_s: float | None = None) -> Any:
        """A call with a stream of requests, as gRPC gives it: to iterate, and to cancel. Used by ``topics``."""
        return getattr(self._stub, method)(requests, timeout=timeout_s, metadata=self._metadata)

    def failure(self, error: Exception, method: str) -> MemCubeError:
        """What a stream of ``begin`` failed with; raises ``error`` itself where it is none of the wire's."""
        return self._failure(error, method)

    def add_stream(self, calls: Iterable[Prepared[Plain]]) -> Iterator[Plain | MemCubeError]:
        """Send adds over streams of ``STREAM_CHUNK`` and yield their answers in order.

        What a broken stream left unanswered is sent again with the same idempotency keys, so it has one effect.
        ``timeout_s`` holds for each chunk.
        """
        waiting = iter(calls)
        while chunk := list(itertools.islice(waiting, STREAM_CHUNK)):
            yield from self._add_chunk([call.request for call in chunk])

    def _add_chunk(self, requests: list[Any]) -> Iterator[Plain | MemCubeError]:
        attempts = Attempts(self.retry, self.timeout_s)
        done = 0
        while done < len(requests):
            failure: MemCubeError = UnavailableError(f"MemCube at {self.target}", 0.1)
            try:
                stream = self._stub.AddStream(iter(requests[done:]), timeout=attempts.left_s, metadata=self._metadata)
                for answer in stream:
                    result = answers.streamed(answer)
                    if isinstance(result, MemCubeError) and result.RETRYABLE:
                        # Later ones of this stream may have been taken: they are sent again, and answered as before.
                        failure = result
                        stream.cancel()
                        break
                    done += 1
                    attempts.succeeded()
                    yield result
            except (grpc.RpcError, ValueError) as error:
                failure = self._failure(error, "AddStream")
            if done < len(requests):
                self._closed.wait(attempts.pause_s(failure))

    def _failure(self, error: Exception, method: str) -> MemCubeError:
        closed = self._closed.is_set()
        return failure_of(error, closed=closed, target=self.target, method=method, timeout_s=self.timeout_s)
