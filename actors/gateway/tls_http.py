"""TLS of the HTTP server: uvicorn with our context, and the client's certificate handed on with each request."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn

from memcube.actors.gateway.identity import PEER
from memcube.actors.gateway.tls import Certificates, names_of

__all__ = ["speak_tls"]


def speak_tls(settings: uvicorn.Config, certificates: Certificates) -> None:
    """Let a server of these settings speak TLS; each request's state then has the names of the client's certificate."""
    settings.load()
    settings.ssl = certificates.context
    plain: Any = settings.http_protocol_class

    class Protocol(plain):  # type: ignore[misc]
        """Uvicorn's protocol, which tells of its peer."""

        app_state: dict[str, Any]

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Asyncio's hook."""
            super().connection_made(transport)
            self.app_state = {**self.app_state, PEER: names_of(transport.get_extra_info("peercert"))}

    settings.http_protocol_class = Protocol
