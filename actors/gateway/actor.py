"""The Ray shell of the gateway: the actor ``gateway``, which serves gRPC and HTTP from its event loop.

Make it with ``max_restarts=-1`` and a config whose ports are fixed (``GatewayConfig.with_ports``): the constructor
runs again after a kill and serves at the same address; the frames, and whatever is in the vault, know nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

import ray

from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.server import GatewayServer
from memcube.model.errors import InvalidArgumentError

__all__ = ["Addresses", "Gateway", "Wiring"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway listens: "host:port" each."""

    grpc: str
    http: str


Wiring = Callable[[], Neighbours]
"""Makes the gateway's neighbours inside its process; the start code passes a module-level function or a partial."""


def _end_unless_started(starting: asyncio.Future[None]) -> None:
    if starting.cancelled() or starting.exception() is not None:
        log.error("the gateway could not serve again", exc_info=starting.exception())
        os._exit(1)


class Gateway:
    """Use as ``ray.remote(Gateway).options(name="gateway", max_restarts=-1, max_task_retries=0).remote(config, wiring)``."""

    def __init__(self, config: GatewayConfig, wiring: Wiring) -> None:
        if not config.grpc_port or not config.http_port:
            raise InvalidArgumentError("gateway.grpc_port", "is 0: fix the ports first, a restart would move")
        self._server = GatewayServer(config, wiring())
        # Ray runs the constructor of an actor with async methods in its event loop.
        self._starting = asyncio.ensure_future(self._server.start())
        if ray.get_runtime_context().was_current_actor_reconstructed:
            # Nobody waits for ``ready`` any more: a restart that can't serve ends, and Ray tries again.
            self._starting.add_done_callback(_end_unless_started)

    @ray.method
    async def ready(self) -> Addresses:
        """Wait until it listens; raises what kept it from that (a taken port is UnavailableError)."""
        await asyncio.shield(self._starting)
        return Addresses(self._server.grpc_address, self._server.http_address)

    @ray.method
    async def drain(self) -> None:
        """Refuse new calls, finish those in flight, close the ports. The actor is to be killed after that."""
        await asyncio.shield(self._starting)
        await self._server.stop()
