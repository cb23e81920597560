"""Publishing: events are checked here, durable in the store, and acknowledged in the order of the requests."""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import AsyncIterator
from typing import Any

from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.failure import as_error, detail_of
from memcube.actors.gateway.part import Callers
from memcube.actors.gateway.wire import parse
from memcube.actors.governance import Access
from memcube.actors.store.client import Store
from memcube.actors.store.producers import WINDOW
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, TooLargeError
from memcube.model.ids import check_name
from memcube.model.times import from_timestamp, to_timestamp, utc_now
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["MAX_EVENTS", "Publisher", "checked_events"]

MAX_EVENTS, MAX_BYTES = 512, 256 << 10
MAX_ATTRIBUTES, MAX_ATTRIBUTE_CHARS, MAX_TEXT_CHARS = 32, 1024, 256
MAX_PRODUCER_CHARS = 128


def checked_events(events: Any, principal_id: str) -> list[bytes]:
    """The events of one request as they are stored; raises InvalidArgumentError naming the field."""
    if not events:
        raise InvalidArgumentError("events", "is empty")
    if len(events) > MAX_EVENTS:
        raise TooLargeError("events", len(events), MAX_EVENTS, "items")
    now = to_timestamp(utc_now())
    prefix = secrets.token_hex(8)
    stored: list[bytes] = []
    total = 0
    for place, event in enumerate(events):
        if not event.id:
            event.id = f"{prefix}-{place}"
        for name in ("id", "source", "type", "subject", "data_content_type", "data_schema"):
            if len(getattr(event, name)) > MAX_TEXT_CHARS:
                chars = len(getattr(event, name))
                raise TooLargeError(f"events[{place}].{name}", chars, MAX_TEXT_CHARS, "characters")
        if event.HasField("time"):
            from_timestamp(f"events[{place}].time", event.time)
        elif now is not None:
            event.time.CopyFrom(now)
        if event.attributes:
            _check_attributes(f"events[{place}].attributes", event.attributes)
        for name in ("seq", "recorded_at", "attempt", "memory"):
            event.ClearField(name)
        event.principal_id = principal_id
        body: bytes = event.SerializeToString()
        total += len(body) + 8
        if total > MAX_BYTES:
            raise TooLargeError("events", total, MAX_BYTES)
        stored.append(body)
    return stored


def digest_of(events: Any) -> int:
    """Of events as they were sent, before anything is filled in."""
    return zlib.crc32(b"\0".join(event.SerializeToString(deterministic=True) for event in events))


def _check_attributes(field: str, attributes: Any) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise TooLargeError(field, len(attributes), MAX_ATTRIBUTES, "items")
    for name, value in attributes.items():
        if not 1 <= len(name) <= 64 or not name.isprintable():
            raise InvalidArgumentError(field, f"{name[:64]!r} is no name of 1 to 64 printable characters")
        if len(value) > MAX_ATTRIBUTE_CHARS:
            raise TooLargeError(f"{field}.{name}", len(value), MAX_ATTRIBUTE_CHARS, "characters")


class Publisher:
    """The rpc Publish of one gateway."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    async def answers(self, callers: Callers, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """One response a request, in order; ``WINDOW`` of them are on their way at a time."""
        waiting: asyncio.Queue[asyncio.Task[pb.PublishResponse] | None] = asyncio.Queue(WINDOW)
        reader = asyncio.create_task(self._read(callers, requests, waiting))
        try:
            while (task := await waiting.get()) is not None:
                yield (await task).SerializeToString()
            await reader
        finally:
            reader.cancel()
            while not waiting.empty():
                left = waiting.get_nowait()
                if left is not None:
                    # What is on its way to the disk may get there; nobody is told.
                    left.cancel()

    async def _read(
        self,
        callers: Callers,
        requests: AsyncIterator[bytes],
        waiting: asyncio.Queue[asyncio.Task[pb.PublishResponse] | None],
    ) -> None:
        topic = ""
        try:
            async for body in requests:
                request = parse(pb.PublishRequest, body)
                topic = request.topic or topic
                # Begun in order, and what reaches the store first is first in the log.
                await waiting.put(asyncio.create_task(self._publish(callers(), topic, request)))
        finally:
            await waiting.put(None)

    async def _publish(self, caller: Caller, topic: str, request: pb.PublishRequest) -> pb.PublishResponse:
        try:
            principal = caller.principal
            check_name("topic", topic)
            if len(request.producer_id) > MAX_PRODUCER_CHARS:
                raise TooLargeError("producer_id", len(request.producer_id), MAX_PRODUCER_CHARS, "characters")
            if not self._access.allows_topic(principal, "publish", topic):
                raise NotFoundError("topic", topic)
            digest = digest_of(request.events) if request.producer_id else 0
            events = checked_events(request.events, principal.id)
            # A producer is its principal's: nobody shuts out, or learns of, another's.
            producer = f"{principal.id}/{request.producer_id}" if request.producer_id else ""
            expected = request.expected_head_seq if request.HasField("expected_head_seq") else None
            first, last, duplicate = await self._store.ask(
                "append",
                principal.tenant,
                topic,
                events,
                producer,
                request.producer_epoch or 1,
                request.pseq,
                digest,
                expected,
                within_s=caller.left_s,
            )
            return pb.PublishResponse(pseq=request.pseq, first_seq=first, last_seq=last, duplicate=duplicate)
        except Exception as failure:  # noqa: BLE001 - told in this request's answer, the others go on
            error: MemCubeError = as_error(failure, "publish")
            return pb.PublishResponse(pseq=request.pseq, error=detail_of(error))
