"""What happens to every HTTP request before any route sees it: size, and, without keys, where it comes from."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memcube.actors.gateway.config import is_loopback
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.refusals import answer_refusal
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["Guard"]


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

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check_origin(headers)
            await self._app(scope, self._counted(headers, receive), watched_send)
        except Exception as failure:
            if started:
                raise
            await answer_refusal(failure)(scope, receive, send)

    def _check_origin(self, headers: Headers) -> None:
        if not self._door.open_to_all:
            return
        if not is_loopback(_host_of(headers.get("host", ""))):
            raise InvalidArgumentError("host", "is not this machine, and without keys only this machine is served")
        origin = headers.get("origin")
        if origin is not None and not is_loopback(_host_of(origin.partition("://")[2])):
            raise InvalidArgumentError("origin", "is not this machine, and without keys no web page is served")

    def _counted(self, headers: Headers, receive: Receive) -> Receive:
        limit = self._door.config.request_bytes
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            raise TooLargeError("body", int(announced), limit)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLargeError("body", seen, limit)
            return message

        return counted


def _host_of(authority: str) -> str:
    """The host of "host:port" or "[v6]:port"."""
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0]
