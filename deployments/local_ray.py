"""Ray for the system: one of our own on loopback, or somebody's cluster that we join as a guest.

Ours is started with ``address="local"`` (never a cluster that merely happens to run), token authentication left on,
telemetry off, no dashboard, and a small object store: requests and answers travel inline.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from memcube.deployments.config import SystemConfig
from memcube.model.errors import UnavailableError

__all__ = [
    "NAMESPACE",
    "LocalRay",
    "join_ray",
    "keep_token_private",
    "leave_ray",
    "start_local_ray",
    "stop_local_ray",
    "token_file",
]

log = logging.getLogger("memcube.supervisor")

NAMESPACE = "memcube"
OBJECT_STORE_BYTES = 128 * 2**20
LOGICAL_CPUS = 64
"""Scheduling units, not cores: actors here are bounded by their own counts, never by how many cores there are."""
CORE = {"gcs_server", "raylet"}
"""Ray's processes that Ray does not start again."""
TOO_SLOW = "timed out during startup"
"""Of what Ray raises, a bare Exception, when its raylet has not registered within 30 s."""


@dataclass(frozen=True, slots=True)
class LocalRay:
    """Our own Ray: ``core`` are those of its processes that nothing goes on without."""

    core: tuple[psutil.Process, ...]

    @property
    def lost(self) -> str:
        """Which of them are gone, e.g. "raylet"; empty while Ray lives. Nobody else tells: calls only time out."""
        names = {process.name() for process in self.core if _runs(process)}
        return " and ".join(sorted(CORE - names))


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def start_local_ray(folder: Path, config: SystemConfig, *, log_to_driver: bool = False) -> LocalRay:
    """Start a Ray of our own whose scratch files are in ``folder`` and connect to it.

    Raises UnavailableError where the machine is too busy for Ray to come up in the time that it gives itself.
    ``log_to_driver`` brings what actors write to standard error into this process's: the supervisor's log.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # The memory monitor kills actors by its own reckoning, which small containers get wrong; frames bound themselves.
    os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")
    # Ray runs workers at the lowest priority, for batch work; ours answer people who wait.
    os.environ.setdefault("RAY_worker_niceness", "0")
    keep_token_private()
    import ray

    try:
        ray.init(
            address="local",
            namespace=NAMESPACE,
            num_cpus=max(LOGICAL_CPUS, config.frames + 8),
            num_gpus=None,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=log_to_driver,
            logging_level=logging.WARNING,
            _temp_dir=str(folder),
            _node_ip_address="127.0.0.1",
        )
    except Exception as error:
        if TOO_SLOW not in str(error):
            raise
        raise UnavailableError(
            "Ray on this machine (it did not start within 30 s: other work keeps the machine busy)", 30.0
        ) from error
    return LocalRay(tuple(child for child in psutil.Process().children() if child.name() in CORE))


def keep_token_private() -> None:
    """From now on this process and those that it starts make files that only their owner may read, and so is Ray's
    token where it exists: Ray writes it for all to read, and whoever has it may run code in our Ray."""
    os.umask(0o077)
    token = token_file()
    try:
        if token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("others can read Ray's token %s: %s", token, error)


def token_file() -> Path:
    """Where Ray keeps the token of this user."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token")).expanduser()


def stop_local_ray() -> None:
    """End our own Ray with every process of it."""
    import ray

    ray.shutdown()


def join_ray(address: str) -> str:
    """Connect to a running cluster as a guest; returns its GCS address. Raises UnavailableError.

    A cluster may ask for Ray's token; Ray sends the one that it has only in the mode ``token``.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if os.environ.get("RAY_AUTH_TOKEN") or token_file().exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    try:
        context: Any = ray.init(
            address=address or "auto", namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING
        )
    except ConnectionError as error:
        log.warning("joining the Ray cluster at %s failed", address or "auto", exc_info=error)
        raise UnavailableError(f"the Ray cluster at {address or 'auto'} ({error})", 5.0) from error
    return str(context.address_info["gcs_address"])


def leave_ray() -> None:
    """Disconnect; the cluster and what is detached in it go on."""
    import ray

    ray.shutdown()
