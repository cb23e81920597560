"""The async SDK's connection: what ``channel`` does, for one event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

import grpc
import grpc.aio

from memcube.client.channel import STREAM_CHUNK
from memcube.client.prepare import Prepared
from memcube.client.retry import Attempts, Retry
from memcube.client.stub import Stub
from memcube.client.wire import Pems, credentials, failure_of, open_channel
from memcube.model import answers
from memcube.model.errors import MemCubeError, UnavailableError

__all__ = ["AsyncConnection"]

Result = TypeVar("Result")
Plain = dict[str, Any]


class AsyncConnection:
    """One channel to one gateway; made and used within one event loop."""

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
        self._channel = open_channel(grpc.aio, target, pems)
        self._stub = Stub(self._channel)
        self._closed = False

    async def wait_ready(self, timeout_s: float) -> None:
        """Return once the gateway accepts connections; UnavailableError after ``timeout_s``."""
        try:
            await asyncio.wait_for(self._channel.channel_ready(), timeout_s)
        except TimeoutError as error:
            await self.close()
            raise UnavailableError(f"MemCube at {self.target}") from error

    async def close(self) -> None:
        """Close the channel; calls that still wait end with an error."""
        self._closed = True
        await self._channel.close(None)

    async def call(self, prepared: Prepared[Result]) -> Result:
        """Make a unary call within ``timeout_s``, trying again where that is safe and may help."""
        attempts = Attempts(self.retry, self.timeout_s)
        while True:
            try:
                rpc = getattr(self._stub, prepared.method)
                answer = await rpc(prepared.request, timeout=attempts.left_s, metadata=self._metadata)
                return prepared.result(answer)
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                failure = self._failure(error, prepared.method)
            if prepared.forgives(failure):
                if prepared.instead is None:
                    return prepared.result(prepared.absent)
                prepared = prepared.instead
                continue
            await asyncio.sleep(attempts.pause_s(failure))

    async def stream(self, prepared: Prepared[Result]) -> AsyncIterator[Result]:
        """Read a streamed answer; it is not resumed when it breaks."""
        try:
            rpc = getattr(self._stub, prepared.method)
            async for answer in rpc(prepared.request, timeout=self.timeout_s, metadata=self._metadata):
                yield prepared.result(answer)
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            raise self._failure(error, prepared.method) from error

    async def stream_of(self, method: str, request: Any, timeout_s: float) -> AsyncIterator[Any]:
        """The answers of an rpc that streams, to a request or to an iterator of them; raises MemCubeError."""
        try:
            async for answer in getattr(self._stub, method)(request, timeout=timeout_s, metadata=self._metadata):
                yield answer
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            raise self._failure(error, method) from error

    def begin(self, method: str, requests: AsyncIterator[Any], timeout_s: float | None = None) -> Any:
        """A call with a stream of requests, as gRPC gives it: to iterate, and to cancel. Used by ``async_topics``."""
        return getattr(self._stub, method)(requests, timeout=timeout_s, metadata=self._metadata)

    def failure(self, error: Exception, method: str) -> MemCubeError:
        """What a stream of ``begin`` failed with; raises ``error`` itself where it is none of the wire's."""
        return self._failure(error, method)

    async def add_stream(self, calls: Iterable[Prepared[Plain]]) -> AsyncIterator[Plain | MemCubeError]:
        """Send adds over streams of ``STREAM_CHUNK``; see ``Connection.add_stream``."""
        waiting = iter(calls)
        while chunk := list(itertools.islice(waiting, STREAM_CHUNK)):
            async for result in self._add_chunk([call.request for call in chunk]):
                yield result

    async def _add_chunk(self, requests: list[Any]) -> AsyncIterator[Plain | MemCubeError]:
        attempts = Attempts(self.retry, self.timeout_s)
        done = 0
        while done < len(requests):
            failure: MemCubeError = UnavailableError(f"MemCube at {self.target}", 0.1)
            try:
                stream = self._stub.AddStream(iter(requests[done:]), timeout=attempts.left_s, metadata=self._metadata)
                async for answer in stream:
                    result = answers.streamed(answer)
                    if isinstance(result, MemCubeError) and result.RETRYABLE:
                        failure = result
                        stream.cancel()
                        break
                    done += 1
                    attempts.succeeded()
                    yield result
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                failure = self._failure(error, "AddStream")
            if done < len(requests):
                await asyncio.sleep(attempts.pause_s(failure))

    def _failure(self, error: Exception, method: str) -> MemCubeError:
        closed = self._closed
        return failure_of(error, closed=closed, target=self.target, method=method, timeout_s=self.timeout_s)
