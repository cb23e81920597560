"""A whole system of its own for a benchmark: Ray, directory, frames, embedder, gateway, in a home of its own.

It is what ``memcube up`` starts, started in the benchmark's process, so that the benchmark can make a control actor in
the same cluster, ask the frames how they are, and know the processes that it may harm.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcube.client import Memory
from memcube.deployments.config import SystemConfig
from memcube.deployments.leftovers import Leftovers
from memcube.deployments.local_ray import NAMESPACE, start_local_ray, stop_local_ray

__all__ = ["Running", "running_system"]


@dataclass(frozen=True, slots=True)
class Running:
    """A system that runs."""

    grpc: str
    config: SystemConfig

    def memory(self, timeout_s: float = 60.0) -> Memory:
        """A client; the caller closes it."""
        return Memory(self.grpc, timeout_s=timeout_s)

    def actor(self, name: str) -> Any:
        """The handle of one of the system's actors: directory, gateway, frame-N."""
        import ray

        return ray.get_actor(name, NAMESPACE)

    def processes(self) -> dict[str, int]:
        """The system's named actors that are alive, with their process ids, as Ray's own table has them."""
        from ray._private import state

        found = {}
        for actor in state.actors().values():
            if actor["State"] == "ALIVE" and actor["Name"] and actor["Pid"]:
                found[actor["Name"]] = int(actor["Pid"])
        return found


@contextlib.contextmanager
def running_system(home: Path, frames: int | None = None, embedder: str = "minilm") -> Iterator[Running]:
    """Start a system in ``home`` and stop it at the end, with every process of it."""
    from memcube.deployments.system import start_system

    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = argparse.Namespace(host=None, port=0, http_port=0, frames=frames, embedder=embedder, address="")
    config = SystemConfig.from_options(home, options)
    folder = Path(tempfile.mkdtemp(prefix="memcube-", dir="/tmp"))
    leftovers = Leftovers()
    system = None
    try:
        begun = time.monotonic()
        start_local_ray(folder, config)
        _silence_obituaries()
        system = start_system(config, _step)
        print(f"the system took {time.monotonic() - begun:.1f} s to start", file=sys.stderr, flush=True)
        yield Running(system.grpc, config)
    finally:
        leftovers.look()
        if system is not None:
            system.stop()
        stop_local_ray()
        leftovers.end()
        _keep_logs(folder, config.logs)
        shutil.rmtree(folder, ignore_errors=True)


def _keep_logs(ray_folder: Path, target: Path) -> None:
    """What the system's processes said on standard error, beside the other logs of the home."""
    target.mkdir(parents=True, exist_ok=True)
    for log in ray_folder.glob("session_latest/logs/worker-*.err"):
        if log.stat().st_size:
            shutil.copy(log, target)


def _silence_obituaries() -> None:
    """Ray prints a paragraph for each process that was killed, to standard output, whatever its logging is set to."""
    from ray._private import worker

    vars(worker)["print_to_stdstream"] = lambda *_, **__: None


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """What a start reports its steps to; a benchmark shows only the whole."""
    yield
