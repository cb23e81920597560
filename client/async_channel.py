"""The async SDK's connection: what ``channel`` does, for one event loop."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

import grpc
import grpc.aio

from memcube.client.channel import STREAM_CHUNK
from memcube.client.prepare import Prepared
from memcube.client.retry import Retry
from memcube.client.wire import CHANNEL_OPTIONS, credentials, error_of_call
from memcube.model import answers
from memcube.model.errors import InvalidArgumentError, MemCubeError, UnavailableError
from memcube.protos.memcube.v1 import service_pb2_grpc

__all__ = ["AsyncConnection"]

Result = TypeVar("Result")
Plain = dict[str, Any]


class AsyncConnection:
    """One channel to one gateway; made and used within one event loop."""

    def __init__(self, target: str, api_key: str | None, timeout_s: float, retry: Retry | None = None) -> None:
        self.target = target
        self.timeout_s = timeout_s
        self.retry = retry or Retry()
        self._metadata = credentials(api_key)
        self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self._stub = service_pb2_grpc.MemCubeServiceStub(self._channel)  # type: ignore[no-untyped-call]
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
        deadline = time.monotonic() + self.timeout_s
        attempt = 0
        while True:
            attempt += 1
            remaining = max(deadline - time.monotonic(), 0.001)
            try:
                rpc = getattr(self._stub, prepared.method)
                return prepared.result(await rpc(prepared.request, timeout=remaining, metadata=self._metadata))
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                failure = self._failure(error, prepared.method)
            await self._wait(failure, attempt, deadline)

    async def stream(self, prepared: Prepared[Result]) -> AsyncIterator[Result]:
        """Read a streamed answer; it is not resumed when it breaks."""
        try:
            rpc = getattr(self._stub, prepared.method)
            async for answer in rpc(prepared.request, timeout=self.timeout_s, metadata=self._metadata):
                yield prepared.result(answer)
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            raise self._failure(error, prepared.method) from error

    async def add_stream(self, calls: Iterable[Prepared[Plain]]) -> AsyncIterator[Plain | MemCubeError]:
        """Send adds over streams of ``STREAM_CHUNK``; see ``Connection.add_stream``."""
        waiting = iter(calls)
        while chunk := list(itertools.islice(waiting, STREAM_CHUNK)):
            async for result in self._add_chunk([call.request for call in chunk]):
                yield result

    async def _add_chunk(self, requests: list[Any]) -> AsyncIterator[Plain | MemCubeError]:
        deadline = time.monotonic() + self.timeout_s
        attempt = done = 0
        while done < len(requests):
            attempt += 1
            remaining = max(deadline - time.monotonic(), 0.001)
            refused: MemCubeError | None = None
            try:
                stream = self._stub.AddStream(iter(requests[done:]), timeout=remaining, metadata=self._metadata)
                async for answer in stream:
                    result = answers.streamed(answer)
                    if isinstance(result, MemCubeError) and result.RETRYABLE:
                        refused = result
                        stream.cancel()
                        break
                    done += 1
                    attempt = 1
                    yield result
                else:
                    if done < len(requests):
                        refused = UnavailableError(f"MemCube at {self.target}", 0.1)
            except (grpc.RpcError, grpc.aio.UsageError) as error:
                refused = self._failure(error, "AddStream")
            if refused is not None:
                await self._wait(refused, attempt, deadline)

    def _failure(self, error: Exception, method: str) -> MemCubeError:
        if self._closed:
            return InvalidArgumentError("client", "is closed")
        if isinstance(error, grpc.RpcError):
            failure = error_of_call(error, self.target, method, self.timeout_s)
            failure.__cause__ = error
            return failure
        raise error

    async def _wait(self, failure: MemCubeError, attempt: int, deadline: float) -> None:
        wait = self.retry.wait_s(failure, attempt, deadline - time.monotonic())
        if wait is None:
            raise failure
        await asyncio.sleep(wait)
