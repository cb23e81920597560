"""``memcube.v1.MemCubeService`` on grpc.aio: bytes in, bytes out, one method per rpc of the .proto.

Requests are handed on unparsed so that a malformed one gets a typed answer instead of the transport's INTERNAL.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc

from memcube.actors.gateway.addstream import AddStream
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.failure import grpc_status
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["SERVICE", "MemCubeService", "verb_of"]

SERVICE = pb.DESCRIPTOR.services_by_name["MemCubeService"].full_name

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def verb_of(rpc: str) -> str:
    """The verb of an rpc: "DeleteAll" is "delete_all"."""
    return _WORD.sub("_", rpc).lower()


def _metadata(context: Any) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


class MemCubeService:
    """Serves every rpc of the service through a ``Door``."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add_to(self, server: Any) -> None:
        """Register all rpcs, by the descriptor, at a ``grpc.aio.Server``."""
        handlers: dict[str, Any] = {}
        for rpc in pb.DESCRIPTOR.services_by_name["MemCubeService"].methods:
            if rpc.client_streaming:
                handlers[rpc.name] = grpc.stream_stream_rpc_method_handler(self._add_stream)
            elif rpc.server_streaming:
                handlers[rpc.name] = grpc.unary_stream_rpc_method_handler(self._streamer(verb_of(rpc.name)))
            else:
                handlers[rpc.name] = grpc.unary_unary_rpc_method_handler(self._answerer(verb_of(rpc.name)))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    def _answerer(self, verb: str) -> Any:
        async def answer(body: bytes, context: Any) -> bytes:
            try:
                return await self._door.answer("grpc", verb, _metadata(context), body, context.time_remaining())
            except MemCubeError as error:
                return await _abort(context, error)

        return answer

    def _streamer(self, verb: str) -> Any:
        async def stream(body: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async for part in self._door.stream("grpc", verb, _metadata(context), body, context.time_remaining()):
                    yield part
            except MemCubeError as error:
                await _abort(context, error)

        return stream

    async def _add_stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for part in AddStream(self._door, _metadata(context)).answers(requests):
                yield part
        except MemCubeError as error:
            await _abort(context, error)


async def _abort(context: Any, error: MemCubeError) -> bytes:
    code, message, trailers = grpc_status(error)
    await context.abort(code, message, trailers)
    raise AssertionError("abort returned")
