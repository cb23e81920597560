"""How a system is set up: the one place where options, defaults and this machine's size come together."""

from __future__ import annotations

import argparse
import contextlib
import socket
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from memcube.actors.gateway.config import GatewayConfig
from memcube.deployments.embedder.config import EmbedderConfig
from memcube.model.errors import InvalidArgumentError

__all__ = ["SystemConfig", "embedder_of", "package_version"]

GRPC_PORT, HTTP_PORT = 7437, 7438
"""Where the gateway listens when nobody says otherwise and the ports are free."""
MOST_FRAMES, LEAST_FRAMES = 32, 4
BYTES_A_FRAME = 256 * 2**20
"""Memory of the machine for which one frame is allowed: a frame takes 60 MB and its cube's size."""


def package_version() -> str:
    """The installed version; "0" in a checkout that is not installed."""
    try:
        return version("memcube")
    except PackageNotFoundError:
        return "0"


def embedder_of(text: str) -> EmbedderConfig:
    """The embedder that ``minilm``, ``torch``, ``none``, ``sentence:MODEL`` or ``openai:URL#MODEL`` names."""
    kind, _, rest = text.partition(":")
    if kind in ("minilm", "torch", "none") and not rest:
        return EmbedderConfig(kind=kind)  # type: ignore[arg-type]
    if kind == "sentence" and rest:
        return EmbedderConfig(kind="sentence", model=rest)
    url, _, model = rest.partition("#")
    if kind == "openai" and url and model:
        return EmbedderConfig(kind="openai", base_url=url, model=model)
    raise InvalidArgumentError("embedder", f"{text!r} is none of minilm, torch, none, sentence:MODEL, openai:URL#MODEL")


def default_frames() -> int:
    """Frames that this machine's memory allows, within bounds."""
    return int(min(MOST_FRAMES, max(LEAST_FRAMES, psutil.virtual_memory().total // BYTES_A_FRAME)))


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """A system: where its data is, how many frames it may start, where it listens, which embedder it runs.

    ``address`` names a Ray cluster of others to put the system into; empty means a Ray of its own on loopback.
    ``home`` holds the vault, the key file, the run file and the logs.
    """

    home: Path
    frames: int = field(default_factory=default_frames)
    gateway: GatewayConfig = field(default_factory=GatewayConfig)
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    address: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 10_000:
            raise InvalidArgumentError("frames", f"{self.frames} is not from 1 to 10000")

    @property
    def vault(self) -> Path:
        """Where the cubes' files are."""
        return self.home / "vault"

    @property
    def keys(self) -> Path:
        """The key file."""
        return self.home / "keys.json"

    @property
    def logs(self) -> Path:
        """Where the system's processes write what they have to say."""
        return self.home / "logs"

    @classmethod
    def from_options(cls, home: Path, options: argparse.Namespace) -> SystemConfig:
        """The system that the supervisor's command line states; the ports are fixed and free when this returns."""
        host = options.host or "127.0.0.1"
        gateway = GatewayConfig(
            host=host,
            grpc_port=_free(host, GRPC_PORT) if options.port is None else options.port,
            http_port=_free(host, HTTP_PORT) if options.http_port is None else options.http_port,
            keys_path=str(home / "keys.json"),
        )
        gateway.load_keys()
        for port in (gateway.grpc_port, gateway.http_port):
            if port:
                # Taken is better said now than after Ray has been started for nothing.
                gateway.bind(port).close()
        return cls(
            home=home,
            frames=default_frames() if options.frames is None else options.frames,
            gateway=gateway.with_ports(),
            embedder=embedder_of(options.embedder or "minilm"),
            address=options.address,
        )


def _free(host: str, port: int) -> int:
    """``port`` if nobody listens on it, else 0 (any free one): two homes on one machine get along."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port
