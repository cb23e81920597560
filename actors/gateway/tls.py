"""TLS of both servers: certificates from files, taken in anew when the files change, and who a client certificate is.

A server with ``client_ca`` lets in only clients with a certificate of it, on both ports; ``certificates`` says which
principal a certificate stands for. Rotation needs no restart: put the new files in place (key first), and handshakes
from then on use them.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic
from typing import Any

from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import Principal

__all__ = ["CertificateRule", "Certificates", "TlsConfig", "names_of"]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class CertificateRule:
    """Which principal a client certificate stands for.

    ``subject`` is a shell pattern of one of its names: ``CN=…``, or of the alternative ones ``URI:spiffe://…``,
    ``DNS:…``, ``email:…``. Without ``principal`` it is the name itself, less its ``CN=`` or ``DNS:``.
    """

    subject: str
    tenant: str = "default"
    principal: str = ""
    roles: tuple[str, ...] = ("reader",)
    cubes: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if not self.subject:
            raise InvalidArgumentError("gateway.tls.certificates.subject", "is empty")
        Principal(self.tenant, self.principal or "-", self.roles, self.cubes)

    def principal_of(self, names: Iterable[str]) -> Principal | None:
        """The principal of a certificate with these names, None where none of them is meant."""
        for name in names:
            if fnmatchcase(name, self.subject):
                bare = name.partition("=")[2] if name.startswith("CN=") else name.partition(":")[2]
                return Principal(self.tenant, self.principal or bare, self.roles, self.cubes, credential="certificate")
        return None


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Files in PEM; empty ones: no TLS. ``cert`` holds the chain, the server's own certificate first.

    ``plaintext`` says what a gateway does that is to listen beyond this machine without TLS: "warn" or "refuse".
    """

    cert: str = ""
    key: str = ""
    client_ca: str = ""
    certificates: tuple[CertificateRule, ...] = field(default=())
    plaintext: str = "warn"

    def __post_init__(self) -> None:
        if bool(self.cert) != bool(self.key):
            raise InvalidArgumentError(f"gateway.tls.{'key' if self.cert else 'cert'}", "is missing beside the other")
        if self.client_ca and not self.cert:
            raise InvalidArgumentError("gateway.tls.cert", "is missing: clients show certificates only over TLS")
        if self.plaintext not in ("warn", "refuse"):
            raise InvalidArgumentError("gateway.tls.plaintext", f"{self.plaintext!r} is neither 'warn' nor 'refuse'")

    @property
    def on(self) -> bool:
        """Whether the ports speak TLS."""
        return bool(self.cert)

    def principal_of(self, names: Iterable[str]) -> Principal | None:
        """Who shows a certificate with these names: by the first rule that means one of them."""
        found = [*names]
        for rule in self.certificates:
            principal = rule.principal_of(found)
            if principal is not None:
                return principal
        return None


class Certificates:
    """The files, as they are now; those that were good last stay in use while new ones are not."""

    def __init__(self, config: TlsConfig) -> None:
        self.config = config
        self._stamp = self._look()
        self._looked_s = monotonic()
        self._pems = self._load()
        self.context = self._context()

    def _paths(self) -> list[str]:
        return [path for path in (self.config.cert, self.config.key, self.config.client_ca) if path]

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in self._paths():
            try:
                stat = os.stat(path)
                found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)

    def _load(self) -> tuple[bytes, bytes, bytes | None]:
        """Certificate, key and the clients' authority; raises InvalidArgumentError naming the setting."""
        read = []
        for name in ("cert", "key", "client_ca"):
            path = getattr(self.config, name)
            try:
                read.append(Path(path).read_bytes() if path else None)
            except OSError as error:
                raise InvalidArgumentError(f"gateway.tls.{name}", f"{path} cannot be read: {error.strerror}") from error
        check = self._new_context()
        del check
        cert, key, authority = read
        assert cert is not None
        assert key is not None
        return cert, key, authority

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.config.cert, self.config.key)
        except (OSError, ssl.SSLError) as error:
            raise InvalidArgumentError("gateway.tls.cert", f"and its key are no pair: {error}") from error
        if self.config.client_ca:
            try:
                context.load_verify_locations(self.config.client_ca)
            except (OSError, ssl.SSLError) as error:
                raise InvalidArgumentError("gateway.tls.client_ca", f"is no certificate: {error}") from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _context(self) -> ssl.SSLContext:
        """The HTTP server's context, which hands every handshake on to the newest."""
        context = self._newest = self._new_context()

        def choose(connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
            self.renew()
            connection.context = self._newest

        context.sni_callback = choose
        return context

    def renew(self) -> None:
        """Take in files that changed, at most once a second; broken ones are told in the log, and left alone."""
        now_s = monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        stamp = self._look()
        if stamp == self._stamp:
            return
        try:
            pems, newest = self._load(), self._new_context()
        except InvalidArgumentError as error:
            log.error("the new certificate is not used: %s", error)
            return
        self._stamp, self._pems, self._newest = stamp, pems, newest
        log.info("certificates were renewed")

    def grpc_credentials(self) -> Any:
        """Credentials for ``add_secure_port``, asked at each handshake."""
        import grpc

        def configuration() -> Any:
            cert, key, authority = self._pems
            return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=authority)

        def fetch() -> Any:
            before = self._pems
            self.renew()
            return None if self._pems is before else configuration()

        return grpc.dynamic_ssl_server_credentials(
            configuration(), fetch, require_client_authentication=bool(self.config.client_ca)
        )


def names_of(certificate: Mapping[str, Any] | None) -> list[str]:
    """The names in a client certificate as ``ssl`` tells it: ``URI:…``, ``DNS:…``, ``email:…``, then ``CN=…``."""
    if not certificate:
        return []
    alternative = [f"{kind}:{value}" for kind, value in certificate.get("subjectAltName", ()) if isinstance(value, str)]
    common = [f"CN={value}" for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return [*alternative, *common]
