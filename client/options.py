"""How a client is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from memcube.model.errors import InvalidArgumentError

__all__ = ["ClientOptions", "tls_of_environment"]

YES = ("1", "true", "yes", "on")


def tls_of_environment(
    tls: bool | str | None, client_cert: str | tuple[str, str] | None
) -> tuple[bool | str | None, str | tuple[str, str] | None]:
    """The two options, and what the environment says where they are None."""
    said = os.environ.get("MEMCUBE_TLS", "")
    if tls is None and said:
        tls = True if said.lower() in YES else said
    cert, key = os.environ.get("MEMCUBE_CLIENT_CERT", ""), os.environ.get("MEMCUBE_CLIENT_KEY", "")
    if client_cert is None and cert and tls:
        client_cert = (cert, key) if key else cert
    return tls, client_cert


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Where the system is and how long to wait for it.

    ``address`` is the gateway's "host:port"; None means the system of this machine in ``home`` (else
    ``MEMCUBE_HOME``, else ``~/.memcube``), which is started when ``start`` is true and it does not run.
    ``api_key`` is sent with every call. ``timeout_s`` bounds a call with all its retries, ``connect_s`` finding a
    running system, ``start_s`` starting one. ``frames`` and ``embedder`` hold for a system that is started.

    ``tls``: True speaks TLS and trusts what this machine trusts, a file's path trusts the authority in it; None is
    ``MEMCUBE_TLS``. ``client_cert`` is a file with certificate and key, or two; None is ``MEMCUBE_CLIENT_CERT`` (and
    ``MEMCUBE_CLIENT_KEY``).
    """

    address: str | None = None
    api_key: str | None = None
    home: str | None = None
    start: bool = True
    timeout_s: float = 30.0
    connect_s: float = 10.0
    start_s: float = 120.0
    frames: int | None = None
    embedder: str | None = None
    tls: bool | str | None = None
    client_cert: str | tuple[str, str] | None = None

    def __post_init__(self) -> None:
        for name in ("timeout_s", "connect_s", "start_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InvalidArgumentError(name, f"{value!r} is not a number of seconds above 0")
        if self.client_cert and not self.tls:
            raise InvalidArgumentError("tls", "is missing: a client certificate is shown over TLS only")
        if self.address is not None:
            host, colon, port = self.address.rpartition(":")
            if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise InvalidArgumentError("address", f"{self.address!r} is not host:port")

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> ClientOptions:
        """Options by name, e.g. out of a configuration file; an unknown name is an error, not ignored."""
        known = {field.name for field in fields(cls)}
        for name in config:
            if name not in known:
                raise InvalidArgumentError(f"config.{name}", f"is no option; these are: {', '.join(sorted(known))}")
        return cls(**config)

    def pems(self) -> tuple[bytes | None, bytes | None, bytes | None] | None:
        """The authority, the client's key and its certificate for a channel over TLS; None: without TLS.

        Raises InvalidArgumentError("tls") or ("client_cert") for a file that cannot be read.
        """
        if not self.tls:
            return None
        shown = self.client_cert
        cert, key = (shown, shown) if isinstance(shown, str) else shown or ("", "")
        authority = "" if isinstance(self.tls, bool) else self.tls
        return _pem("tls", authority), _pem("client_cert", key), _pem("client_cert", cert)


def _pem(field: str, path: str) -> bytes | None:
    try:
        return Path(path).expanduser().read_bytes() if path else None
    except OSError as error:
        raise InvalidArgumentError(field, f"{path} cannot be read: {error.strerror}") from error
