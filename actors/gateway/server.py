"""The gateway as a running thing: gRPC and HTTP servers over one ``Door`` in one event loop. Ray-free.

``actor.py`` is its Ray shell; tests and tools run it as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any

import grpc
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.door import Door
from memcube.actors.gateway.http import make_app
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.service import add_services
from memcube.actors.gateway.tls import Certificates
from memcube.actors.gateway.tls_http import speak_tls
from memcube.model.errors import InvalidArgumentError, UnavailableError

__all__ = ["GatewayServer"]

log = logging.getLogger(__name__)

PROBE_EVERY_S = 1.0
BIND_WAIT_S = 10.0
"""After a kill the old process may hold the port for a moment longer."""

SEND_BYTES = 64 * 1024 * 1024


def grpc_options(config: GatewayConfig) -> list[tuple[str, int]]:
    """Channel arguments of the server.

    Clients may ping every 10 s, also without a call in progress; a silent client is dropped after 30 s + 10 s. A port
    is never shared: two systems on one port would answer each other's callers.
    """
    aging = [
        ("grpc.max_connection_age_ms", round(1000 * config.connection_age_s)),
        ("grpc.max_connection_age_grace_ms", round(1000 * config.drain_s)),
    ]
    return [
        *(aging if config.connection_age_s > 0 else []),
        ("grpc.max_receive_message_length", config.request_bytes),
        ("grpc.max_send_message_length", SEND_BYTES),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 3),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.so_reuseport", 0),
    ]


class _Http(uvicorn.Server):
    """Uvicorn without its signal handlers: the process is not its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class GatewayServer:
    """Made, started and stopped in one event loop. Ports of ``config`` that are 0 become free ones at ``start``."""

    def __init__(self, config: GatewayConfig, neighbours: Neighbours) -> None:
        self.config = config
        self.door = Door(config, neighbours)
        self._records = neighbours.records
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._grpc: Any = None
        self._services: list[str] = []
        self._http: _Http | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def grpc_address(self) -> str:
        """ "host:port" of the gRPC server."""
        return self.config.address(self.config.grpc_port)

    @property
    def http_address(self) -> str:
        """ "host:port" of the HTTP server."""
        return self.config.address(self.config.http_port)

    async def start(self) -> None:
        """Listen. Raises UnavailableError when a port stays taken, InvalidArgumentError for a host that is not ours."""
        self.config = self.door.config = self.config.with_ports()
        listening = await self._bind_http()
        self._grpc = grpc.aio.server(options=grpc_options(self.config))
        self._services = add_services(self.door, self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        names = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc)
        await self._report_health(await self.door.status.probe())
        certificates = Certificates(self.config.tls) if self.config.tls.on else None
        await self._bind_grpc(certificates)
        await self._grpc.start()
        if self._records is not None:
            self._records.begin()
        if self.door.market is not None:
            self.door.market.begin()
        settings = uvicorn.Config(
            make_app(self.door),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=max(1, round(self.config.drain_s)),
        )
        if certificates is not None:
            speak_tls(settings, certificates)
        self._http = _Http(settings)
        self._tasks = [
            asyncio.create_task(self._http.serve(sockets=[listening])),
            asyncio.create_task(self._watch_health()),
        ]
        while not self._http.started:
            if self._tasks[0].done():
                await self._tasks[0]
            await asyncio.sleep(0.005)
        log.info("serving gRPC on %s, HTTP on %s", self.grpc_address, self.http_address)

    async def stop(self) -> None:
        """Take no new calls, let those in flight end (up to ``drain_s``), close the ports."""
        await self._health.enter_graceful_shutdown()
        if self._http is not None:
            self._http.should_exit = True
        if self._grpc is not None:
            await self._grpc.stop(self.config.drain_s)
        if self._tasks:
            self._tasks[1].cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.door.market is not None:
            await self.door.market.close()
        if self._records is not None:
            await self._records.close()

    async def _bind_http(self) -> socket.socket:
        ends_s = monotonic() + BIND_WAIT_S
        while True:
            try:
                return self.config.bind(self.config.http_port)
            except InvalidArgumentError as error:
                if error.field != "gateway.port":
                    raise
                if monotonic() > ends_s:
                    raise UnavailableError(f"port {self.config.http_port} ({error.problem})", 5.0) from error
            await asyncio.sleep(0.2)

    async def _bind_grpc(self, certificates: Certificates | None) -> None:
        ends_s = monotonic() + BIND_WAIT_S
        while True:
            try:
                if certificates is None:
                    self._grpc.add_insecure_port(self.grpc_address)
                else:
                    self._grpc.add_secure_port(self.grpc_address, certificates.grpc_credentials())
                return
            except RuntimeError as error:
                if monotonic() > ends_s:
                    raise UnavailableError(f"port {self.config.grpc_port} (taken)", 5.0) from error
            await asyncio.sleep(0.2)

    async def _watch_health(self) -> None:
        while True:
            await self.door.status.probe_embedder()
            await asyncio.sleep(PROBE_EVERY_S)
            await self._report_health(await self.door.status.probe())

    async def _report_health(self, serving: bool) -> None:
        kind = health_pb2.HealthCheckResponse
        state = kind.SERVING if serving else kind.NOT_SERVING
        for service in ("", *self._services):
            await self._health.set(service, state)
