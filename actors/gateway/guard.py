"""What happens to every HTTP request before any route sees it: who sends it, its size, and, without keys, from where.

A body is read only after that: reading JSON costs more than sending it.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memcube.actors.gateway.config import is_loopback
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.identity import PEER, peer_header
from memcube.actors.gateway.refusals import answer_refusal
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["Guard"]

BODY_BYTES = 16 << 20
"""Most that a JSON body may have: the largest add has 2 MiB of text, which escapes make six times as long at most."""
OPEN_PATHS = frozenset({"/health", "/metrics", "/docs", "/openapi.json"})
"""Served without a key."""
DISCARD_FACTOR = 3
DISCARD_S = 5.0
"""How much, and for how long, of a body that is too large is still taken in."""


class Guard:
    """ASGI middleware.

    While no key is configured every local program may call, but no web page may: a page that a browser here has open
    can reach loopback ports (directly, or by a name that it makes resolve to loopback), and shows it by its Host or
    Origin.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what fails unforeseen is answered as InternalError."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        body = _Body(receive, min(BODY_BYTES, self._door.config.request_bytes))

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start" and body.too_large:
                # A sender that never ends would hold the connection forever.
                await body.discard()
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            if self._door.config.tls.client_ca:
                scope = _with_peer(scope)
            headers = Headers(scope=scope)
            self._check_origin(headers)
            if scope["path"] not in OPEN_PATHS:
                self._door.principal(headers)
            body.check_announced(headers.get("content-length", ""))
            await self._app(scope, body.receive, watched_send)
        except Exception as failure:
            if started:
                raise
            await answer_refusal(failure)(scope, receive, watched_send)

    def _check_origin(self, headers: Headers) -> None:
        if not self._door.open_to_all:
            return
        if not is_loopback(_host_of(headers.get("host", ""))):
            raise InvalidArgumentError("host", "is not this machine, and without keys only this machine is served")
        origin = headers.get("origin")
        if origin is not None and not is_loopback(_host_of(origin.partition("://")[2])):
            raise InvalidArgumentError("origin", "is not this machine, and without keys no web page is served")


def _with_peer(scope: Scope) -> Scope:
    """The request with the names of the client's certificate among its headers, and none that it sent itself."""
    names = peer_header(scope.get("state", {}).get(PEER, []))
    headers = [(name, value) for name, value in scope["headers"] if name != PEER.encode()]
    return {**scope, "headers": [*headers, (PEER.encode(), names.encode())]}


class _Body:
    """A request's body, counted as it comes; more than ``limit`` bytes is TooLargeError("body")."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0
        self._ended = False
        self.too_large = False

    def check_announced(self, content_length: str) -> None:
        """Refuse at once what says that it is too large."""
        if content_length.isdigit():
            self._check(int(content_length))

    async def receive(self) -> Message:
        """The next part."""
        message = await self._take()
        self._check(self._seen)
        return message

    async def discard(self) -> None:
        """Take in what is left, within bounds: closing on unread data would take the answer away from its reader."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while not self._ended and self._seen < DISCARD_FACTOR * self._limit:
                    await self._take()

    async def _take(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message

    def _check(self, size: int) -> None:
        if size > self._limit:
            self.too_large = True
            raise TooLargeError("body", size, self._limit)


def _host_of(authority: str) -> str:
    """The host of "host:port" or "[v6]:port"."""
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0]
