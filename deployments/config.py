"""How a system is set up: the one place where options, defaults and this machine's size come together."""

from __future__ import annotations

import argparse
import contextlib
import socket
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from memcube.actors.gateway.tls import Certificates
from memcube.deployments.embedder.config import EmbedderConfig, check_config
from memcube.deployments.reading import check_llm
from memcube.deployments.reranker.config import check_config as check_reranker
from memcube.deployments.settings import Settings, read_settings
from memcube.model.errors import InvalidArgumentError

__all__ = ["SystemConfig", "embedder_of", "package_version"]

GRPC_PORT, HTTP_PORT = 7437, 7438
"""Where the gateway listens when nobody says otherwise and the ports are free."""
MOST_FRAMES = 10_000


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


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """A system: where its data is, and what its parts are told.

    ``address`` names a Ray cluster of others to put the system into; empty means a Ray of its own on loopback.
    ``home`` holds the vault, the key file, the settings, the run file and the logs.
    """

    home: Path
    settings: Settings
    address: str = ""

    def __post_init__(self) -> None:
        if self.frames > MOST_FRAMES:
            raise InvalidArgumentError("directory.max_frames", f"{self.frames} is more than {MOST_FRAMES}")

    @property
    def frames(self) -> int:
        """Frames that may run at once."""
        return self.settings.directory.max_frames

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
        """The system that the supervisor's command line states, and the home's settings where it is silent.

        The ports are fixed and free when this returns, and the embedder and the reranker can be loaded here.
        """
        settings = read_settings(home)
        host = options.host or settings.gateway.host
        gateway = replace(
            settings.gateway,
            host=host,
            grpc_port=_port(host, options.port, settings.gateway.grpc_port, GRPC_PORT),
            http_port=_port(host, options.http_port, settings.gateway.http_port, HTTP_PORT),
            keys_path=str(home / "keys.json"),
            governance_path=str(home / "vault" / "governance"),
        )
        files = {"cert": "tls_cert", "key": "tls_key", "client_ca": "client_ca"}
        named = {field: given for field, name in files.items() if (given := getattr(options, name, None))}
        if named:
            gateway = replace(gateway, tls=replace(gateway.tls, **named))
        if gateway.tls.on:
            # Broken files are better refused now than after Ray has been started for nothing.
            Certificates(gateway.tls)
        gateway.load_keys()
        for port in (gateway.grpc_port, gateway.http_port):
            if port:
                # Taken is better said now than after Ray has been started for nothing.
                gateway.bind(port).close()
        directory = settings.directory
        if options.frames is not None:
            directory = replace(directory, max_frames=options.frames)
        embedder = settings.embedder
        if options.embedder:
            asked = embedder_of(options.embedder)
            embedder = embedder.model_copy(update=asked.model_dump(include={"kind", "model", "base_url"}))
        check_config(embedder)
        check_reranker(settings.reranker)
        check_llm(settings.llm)
        changed = {"gateway": gateway.with_ports(), "directory": directory, "embedder": embedder}
        return cls(home, settings.model_copy(update=changed), options.address)


def _port(host: str, asked: int | None, set_: int, usual: int) -> int:
    """The port that the command line, else the settings name, else the usual one; 0 is any free one."""
    if asked is not None:
        return asked
    return set_ or _free(host, usual)


def _free(host: str, port: int) -> int:
    """``port`` if nobody listens on it, else 0 (any free one): two homes on one machine get along."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port
