"""How a gateway is set up. Made by the start code; checked when made."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from memcube.actors.gateway.keys import KeyRing
from memcube.actors.gateway.limits import Bounds
from memcube.actors.gateway.oidc import OidcIssuer
from memcube.actors.gateway.quotas import TenantBounds
from memcube.actors.gateway.tls import TlsConfig
from memcube.model.errors import InvalidArgumentError

__all__ = ["GatewayConfig", "is_loopback"]

log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether an address or host name can mean only this machine, without asking any resolver."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Addresses, keys and bounds of a gateway.

    Ports are fixed before the actor is made (``with_ports``), so that a restart comes back where clients look for it.
    ``keys_path`` is the key file (``keys.KeyFile``) or empty. ``request_bytes`` is the most that a message may have
    on arrival; above ``sizes`` in ``validate`` so that an oversized field is named rather than the connection cut.
    ``default_timeout_s`` holds for calls without a deadline of their own, ``max_timeout_s`` for all; without a
    deadline, resets and deletions of many have the latter.
    ``connection_age_s``: connections are ended after so long (with a tenth more or less), so that clients spread over
    gateways; a call in progress has ``drain_s`` to end, a subscription goes on by its cursor. 0: never.
    ``drain_s`` is how long a stop waits for calls in flight. ``tls`` and ``oidc`` are further ways to be somebody.
    ``tenant`` bounds every tenant.
    ``governance_path`` is the folder of what the Governor keeps, or empty.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 0
    http_port: int = 0
    keys_path: str = ""
    governance_path: str = ""
    tls: TlsConfig = field(default_factory=TlsConfig)
    oidc: tuple[OidcIssuer, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    tenant: TenantBounds = field(default_factory=TenantBounds)
    request_bytes: int = 32 * 1024 * 1024
    default_timeout_s: float = 30.0
    max_timeout_s: float = 600.0
    drain_s: float = 5.0
    connection_age_s: float = 0.0
    stream_window: int = 64

    def __post_init__(self) -> None:
        for name in ("grpc_port", "http_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise InvalidArgumentError(f"gateway.{name}", f"{getattr(self, name)} is no port")
        for name in ("request_bytes", "default_timeout_s", "max_timeout_s", "stream_window"):
            if not getattr(self, name) > 0:
                raise InvalidArgumentError(f"gateway.{name}", f"{getattr(self, name)} is not above 0")
        if not self.host:
            raise InvalidArgumentError("gateway.host", "is empty; 127.0.0.1 serves this machine, 0.0.0.0 everyone")

    def check_exposure(self, ring: KeyRing) -> None:
        """Refuse to serve anything but loopback while nobody needs a credential: InvalidArgumentError("gateway.host").

        Where the settings want TLS beyond this machine, refuse to go without; else say in the log what that means.
        """
        if self.tls.certificates and not self.tls.client_ca:
            raise InvalidArgumentError("gateway.tls.client_ca", "is missing: without it no certificate is asked for")
        if is_loopback(self.host):
            return
        if not ring.principals and not self.identifies:
            raise InvalidArgumentError(
                "gateway.host",
                f"{self.host} would let anyone in: add a key ('memcube keys add') or listen on 127.0.0.1",
            )
        if not self.tls.on:
            problem = f"{self.host} without TLS sends keys and memories in the clear: give --tls-cert and --tls-key"
            if self.tls.plaintext == "refuse":
                raise InvalidArgumentError("gateway.tls", problem)
            log.warning("%s", problem)

    @property
    def identifies(self) -> bool:
        """Whether callers are told apart by more than API keys, so that nobody is let in for lack of keys."""
        return bool(self.oidc or self.tls.client_ca)

    def load_keys(self) -> KeyRing:
        """The keys as they are now, checked against the address."""
        ring = KeyRing.load(Path(self.keys_path)) if self.keys_path else KeyRing()
        self.check_exposure(ring)
        return ring

    def with_ports(self) -> GatewayConfig:
        """The same with every port 0 replaced by one that is free now; raises InvalidArgumentError for a bad host."""
        wanted = {name: getattr(self, name) for name in ("grpc_port", "http_port")}
        with contextlib.ExitStack() as stack:
            for name, port in wanted.items():
                if not port:
                    wanted[name] = stack.enter_context(self._bind_any()).getsockname()[1]
        return replace(self, **wanted)

    def _bind_any(self) -> socket.socket:
        """A socket at a port that is free, and likely still is when the gateway binds it, seconds later: none of those
        that the system gives to others meanwhile (from 32768), nor of those that Ray takes (below 20000)."""
        for port in random.sample(range(20_000, 32_768), 20):
            with contextlib.suppress(InvalidArgumentError):
                return self.bind(port)
        return self.bind(0)

    def bind(self, port: int) -> socket.socket:
        """A bound TCP socket at the configured host; raises InvalidArgumentError when the port is taken."""
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                self.host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except OSError as error:
            raise InvalidArgumentError("gateway.host", f"{self.host} is no address of this machine: {error}") from error
        bound = socket.socket(family, kind, proto)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError as error:
            bound.close()
            raise InvalidArgumentError("gateway.port", f"{self.host}:{port} cannot be used: {error}") from error
        return bound

    def address(self, port: int) -> str:
        """ "host:port", with brackets around an IPv6 host."""
        host = self.host.strip("[]")
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
