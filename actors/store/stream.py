"""What both kinds of subscription share: the stream's requests as they come, credit, and what is to be said besides."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.wire import parse
from memcube.actors.store.signal import Signal
from memcube.model.errors import InvalidArgumentError, MemCubeError, TooLargeError
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["MAX_CREDIT_EVENTS", "MAX_DELIVERIES", "Stream"]

MAX_CREDIT_EVENTS = 1 << 30
MAX_CREDIT_BYTES = 1 << 50
MAX_DELIVERIES = 10_000
MAX_ANSWERING = 64
MAX_OUT = 1_000
"""Answers that wait for a client that does not read: it is not read from any more either."""

Handler = Callable[[pb.SubscribeRequest], Awaitable[pb.SubscribeResponse]]
"""What a group does with Ack, Nack and Extend, in turn."""


class Stream:
    """One subscriber's stream. ``signal`` is set when there is something to do; ``ended`` is why it is over."""

    def __init__(self, opened: pb.SubscribeRequest.Open) -> None:
        self.signal = Signal()
        self.events = opened.credit_events
        self.bytes = opened.credit_bytes
        self.out: deque[bytes] = deque()
        self.ended: MemCubeError | None = None
        self.left = False
        """Whether the client has said its last; it may still be sent to."""
        self.handle: Handler | None = None
        """Of a group: what is done with its answers."""
        self._answering: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def has_credit(self) -> bool:
        """Whether a batch may be sent."""
        return self.events > 0 and self.bytes > 0

    def spend(self, events: int, size: int) -> None:
        """A batch goes out."""
        self.events -= events
        self.bytes -= size

    def end(self, error: MemCubeError) -> None:
        """The stream is over, for this reason; the first one counts."""
        if self.ended is None:
            self.ended = error
        self.signal.set()

    def say(self, frame: pb.SubscribeResponse) -> None:
        """Have something sent as soon as the client takes it."""
        self.out.append(frame.SerializeToString())
        if len(self.out) >= MAX_OUT:
            self._room.clear()
        self.signal.set()

    def said(self) -> bytes:
        """The next thing to be sent."""
        frame = self.out.popleft()
        if len(self.out) < MAX_OUT:
            self._room.set()
        return frame

    async def listen(self, requests: AsyncIterator[bytes]) -> None:
        """Take the client's requests until there are no more; never raises but when cancelled."""
        try:
            async for body in requests:
                await self._room.wait()
                await self._take(parse(pb.SubscribeRequest, body))
        except MemCubeError as error:
            self.end(error)
        finally:
            self.left = True
            self.signal.set()

    async def _answer(self, request: pb.SubscribeRequest) -> None:
        try:
            if self.handle is not None:
                self.say(await self.handle(request))
        except Exception as failure:  # noqa: BLE001 - it is why the stream ends
            self.end(as_error(failure, "subscribe"))

    async def _take(self, request: pb.SubscribeRequest) -> None:
        kind = request.WhichOneof("kind")
        if kind == "credit":
            self.events = min(self.events + request.credit.events, MAX_CREDIT_EVENTS)
            self.bytes = min(self.bytes + request.credit.bytes, MAX_CREDIT_BYTES)
            self.signal.set()
        elif kind == "ping":
            self.say(pb.SubscribeResponse(pong=pb.SubscribeResponse.Pong(number=request.ping.number)))
        elif kind in ("ack", "nack", "extend"):
            if self.handle is None:
                raise InvalidArgumentError(kind, "is for groups; a watch holds its cursor itself")
            count = len(getattr(request, kind).deliveries)
            if count > MAX_DELIVERIES:
                raise TooLargeError(f"{kind}.deliveries", count, MAX_DELIVERIES, "items")
            if len(self._answering) >= MAX_ANSWERING:
                await asyncio.wait(self._answering, return_when=asyncio.FIRST_COMPLETED)
            # Begun in order, and what reaches the store together is made durable together.
            task = asyncio.create_task(self._answer(request))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        else:
            problem = "comes first, and once" if kind == "open" else "is none that is known here"
            raise InvalidArgumentError(kind or "kind", problem)
