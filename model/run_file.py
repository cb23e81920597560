"""The run file: how a client finds the system that runs on this machine.

The supervisor writes ``<home>/run.json`` at every step of its start, whole or not at all; clients read it. Both look
at the process it names (pid and start time, since pids are reused), so the file of a killed system fools nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import psutil

from memcube.model.errors import DamagedError

__all__ = [
    "FAILED",
    "LOCK_HELD",
    "READY",
    "STARTING",
    "STOPPING",
    "RunFile",
    "Step",
    "home_folder",
    "log_file",
    "process_started_s",
    "read_run_file",
]

STARTING, READY, STOPPING, FAILED = "starting", "ready", "stopping", "failed"
"""A system's states; ``failed`` files stay so that the client that waits can say why."""
LISTENS_S = 6.0
"""How long a gateway in another's cluster may take to accept a connection: it may just be restarting."""
LOCK_HELD = 75
"""Exit status of a supervisor that found another one holding the home's lock."""


def home_folder(home: str | os.PathLike[str] | None = None) -> Path:
    """Where the system of this machine keeps its data: the argument, else ``MEMCUBE_HOME``, else ``~/.memcube``."""
    return Path(home or os.environ.get("MEMCUBE_HOME") or "~/.memcube").expanduser().absolute()


def log_file(home: Path) -> Path:
    """Where the supervisor of this home writes what it has to say."""
    return home / "logs" / "supervisor.log"


def process_started_s(pid: int) -> float:
    """When the process started, in Unix seconds; 0 when there is none (a zombie counts as none)."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return 0.0


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    deadline_s = time.monotonic() + LISTENS_S
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=1.0):
                return True
        except (OSError, ValueError):
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that starting waited for; ``seconds`` is None while it still does."""

    name: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunFile:
    """A running (or starting, stopping) system.

    ``grpc`` and ``http`` are "host:port". ``address`` is the Ray cluster's when the system was put into one that
    others own; then no process of ours supervises it and ``pid`` is 0. ``ray_folder`` is Ray's scratch folder.
    ``error`` is why a start failed, as ``plain.error_to_plain`` gives it.
    """

    pid: int
    process_started_s: float
    state: str
    grpc: str = ""
    http: str = ""
    address: str = ""
    version: str = ""
    ray_folder: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the file still runs; of a system inside another's cluster, its gateway."""
        if self.pid == 0:
            return bool(self.address) and _listens(self.grpc)
        # create_time is derived from clock ticks since boot: readings of one process differ by rounding only.
        return abs(process_started_s(self.pid) - self.process_started_s) < 1.0

    def write(self, home: Path) -> None:
        """Put the file into place atomically: a reader sees the old one or the new one."""
        home.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=home, prefix=".run-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
            os.replace(name, home / "run.json")
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def with_step(self, step: Step) -> RunFile:
        """The same with ``step`` begun or, by its name, finished."""
        others = tuple(one for one in self.steps if one.name != step.name)
        return replace(self, steps=(*others, step))


def read_run_file(home: Path) -> RunFile | None:
    """The home's run file, or None when there is none; one that is no run file is a DamagedError."""
    path = home / "run.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        steps = tuple(Step(**step) for step in plain.pop("steps", ()))
        known = {known.name for known in fields(RunFile)}
        return RunFile(**{name: value for name, value in plain.items() if name in known}, steps=steps)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DamagedError(str(path), f"is no run file ({error}); remove it if no system runs") from error
