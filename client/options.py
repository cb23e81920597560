"""How a client is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from memcube.model.errors import InvalidArgumentError

__all__ = ["ClientOptions"]


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Where the system is and how long to wait for it.

    ``address`` is the gateway's "host:port"; None means the system of this machine in ``home`` (else
    ``MEMCUBE_HOME``, else ``~/.memcube``), which is started when ``start`` is true and it does not run.
    ``api_key`` is sent with every call. ``timeout_s`` bounds a call with all its retries, ``connect_s`` finding a
    running system, ``start_s`` starting one. ``frames`` and ``embedder`` hold for a system that is started.
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

    def __post_init__(self) -> None:
        for name in ("timeout_s", "connect_s", "start_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InvalidArgumentError(name, f"{value!r} is not a number of seconds above 0")
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
