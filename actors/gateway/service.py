"""The gateway's services on grpc.aio: bytes in, bytes out, one method per rpc of the .proto files.

Requests are handed on unparsed so that a malformed one gets a typed answer instead of the transport's INTERNAL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from memcube.actors.gateway.addstream import AddStream
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.failure import grpc_status
from memcube.actors.gateway.identity import PEER, peer_header
from memcube.actors.gateway.part import verb_of
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["SERVICE", "add_services"]

_MEMCUBE = pb.DESCRIPTOR.services_by_name["MemCubeService"]
SERVICE = _MEMCUBE.full_name


_PEER_NAMES = {"peer_uri": "URI:", "peer_dns": "DNS:", "peer_email": "email:", "x509_common_name": "CN="}


def _metadata(context: Any, *, tls: bool = False) -> dict[str, str]:
    """The call's headers; over TLS with the names of the client's certificate, which no client can send itself."""
    found = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    if tls:
        shown = context.auth_context()
        names = [
            mark + one.decode("utf-8", "replace") for key, mark in _PEER_NAMES.items() for one in shown.get(key, ())
        ]
        found[PEER] = peer_header(names)
    return found


def add_services(door: Door, server: Any) -> list[str]:
    """Register every rpc of every part at a ``grpc.aio.Server``; the services' full names."""
    services = [_MEMCUBE, *(part.service for part in door.parts)]
    for service in services:
        handlers = _Handlers(door).of(service)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    return [service.full_name for service in services]


class _Handlers:
    """Handlers of one service's rpcs, by its descriptor, through a ``Door``."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._metadata = partial(_metadata, tls=bool(door.config.tls.client_ca))

    def of(self, service: ServiceDescriptor) -> dict[str, Any]:
        """A handler of each rpc by its name."""
        handlers: dict[str, Any] = {}
        for rpc in service.methods:
            verb = verb_of(rpc.name)
            if verb == "add_stream":
                handlers[rpc.name] = grpc.stream_stream_rpc_method_handler(self._add_stream)
            elif rpc.client_streaming:
                kind = grpc.stream_stream_rpc_method_handler if rpc.server_streaming else _stream_unary
                handlers[rpc.name] = kind(self._speaker(verb))
            elif rpc.server_streaming:
                handlers[rpc.name] = grpc.unary_stream_rpc_method_handler(self._streamer(verb))
            else:
                handlers[rpc.name] = grpc.unary_unary_rpc_method_handler(self._answerer(verb))
        return handlers

    def _answerer(self, verb: str) -> Any:
        async def answer(body: bytes, context: Any) -> bytes:
            try:
                return await self._door.answer("grpc", verb, self._metadata(context), body, context.time_remaining())
            except MemCubeError as error:
                return await _abort(context, error)

        return answer

    def _streamer(self, verb: str) -> Any:
        async def stream(body: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async for part in self._door.stream(
                    "grpc", verb, self._metadata(context), body, context.time_remaining()
                ):
                    yield part
            except MemCubeError as error:
                await _abort(context, error)

        return stream

    def _speaker(self, verb: str) -> Any:
        async def speak(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            left_s = context.time_remaining()
            try:
                async for part in self._door.dialogue("grpc", verb, self._metadata(context), requests, left_s):
                    yield part
            except MemCubeError as error:
                await _abort(context, error)

        return speak

    async def _add_stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for part in AddStream(self._door, self._metadata(context)).answers(requests):
                yield part
        except MemCubeError as error:
            await _abort(context, error)


def _stream_unary(speak: Any) -> Any:
    async def answer(requests: AsyncIterator[bytes], context: Any) -> bytes:
        async for part in speak(requests, context):
            return bytes(part)
        return b""

    return grpc.stream_unary_rpc_method_handler(answer)


async def _abort(context: Any, error: MemCubeError) -> bytes:
    code, message, trailers = grpc_status(error)
    await context.abort(code, message, trailers)
    raise AssertionError("abort returned")
