"""The system of this machine: finding the one that runs, starting one, waiting for it, stopping it.

Nothing of the system is imported here: it is another process (``python -m memcube.deployments.supervisor``), found
through its run file. Two starts at once end in one system: the supervisor that gets the home's lock goes on, the
other leaves with ``LOCK_HELD``, and both clients wait for the same run file.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from memcube.client.options import ClientOptions
from memcube.model.errors import DeadlineError, InternalError, InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.plain import error_from_plain
from memcube.model.run_file import (
    FAILED,
    LOCK_HELD,
    READY,
    STOPPING,
    RunFile,
    home_folder,
    log_file,
    read_run_file,
)

__all__ = ["down_command", "ensure_running", "running", "spawn", "start", "stop", "take_out"]

Say = Callable[[str], None]
POLL_S = 0.05
_children: list[subprocess.Popen[bytes]] = []
"""Supervisors that this process started: they outlive it on purpose, so nobody waits for them."""


def running(home: Path) -> RunFile | None:
    """The run file of this home's system while its process lives, whatever its state; else None."""
    file = read_run_file(home)
    return file if file is not None and file.alive and file.state != FAILED else None


def ensure_running(options: ClientOptions, say: Say | None = None) -> str:
    """ "host:port" of this home's gateway; starts the system where none runs and ``options.start`` allows it.

    Raises NotFoundError when none runs and none may be started, DeadlineError when the start took longer than
    ``options.start_s``, and whatever the start failed with.
    """
    home = home_folder(options.home)
    found = running(home)
    if found is not None and found.state == READY:
        return found.grpc
    if found is None and not options.start:
        raise NotFoundError("running system in", str(home))
    arguments = []
    if options.frames is not None:
        arguments += ["--frames", str(options.frames)]
    if options.embedder is not None:
        arguments += ["--embedder", options.embedder]
    return start(home, arguments, options.start_s, say or _to_stderr).grpc


def start(home: Path, arguments: list[str], timeout_s: float, say: Say) -> RunFile:
    """Start this home's system, or join a start that is under way, and return its run file once it is ready.

    ``say`` gets a line for each part once it is there, and lines that end in "…" for what is waited for meanwhile;
    nothing where the settings or arguments are refused.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    told: set[str] = set()
    child: subprocess.Popen[bytes] | None = None
    while True:
        file = running(home)
        if file is not None and file.state == READY:
            if told or child is not None:
                _tell(file, told, say, time.monotonic() - began)
            return file
        if file is None and child is None:
            child = spawn(home, arguments)
        if file is not None and file.state != STOPPING:
            if not told and child is not None:
                # Only now: the supervisor writes its file once it has accepted what it was told.
                say(f"memcube: starting a system in {home} (it stays; '{down_command(home)}' stops it)")
            _tell(file, told, say, time.monotonic() - began)
        if child is not None and child.poll() is not None:
            if child.returncode == 0:
                # A system inside another's Ray cluster: the process that put it there is done.
                continue_file = read_run_file(home)
                if continue_file is not None and continue_file.state == READY:
                    return continue_file
            if child.returncode != LOCK_HELD:
                raise _why(home, child)
            child = None if running(home) is None else child
        if time.monotonic() >= deadline:
            raise DeadlineError(f"starting a system in {home} (its log is {log_file(home)})", timeout_s)
        time.sleep(POLL_S)


def down_command(home: Path) -> str:
    """What stops this home's system, as the user of this environment types it."""
    return "memcube down" if home == home_folder() else f"memcube down --home {shlex.quote(str(home))}"


def stop(home: Path, timeout_s: float, say: Say) -> bool:
    """Ask this home's system to stop in order and wait until it is gone; False where none runs.

    Raises DeadlineError when it still runs after ``timeout_s``.
    """
    file = running(home)
    if file is None or file.pid == 0:
        return False
    say(f"memcube: stopping the system in {home} (pid {file.pid})")
    with contextlib.suppress(ProcessLookupError):
        os.kill(file.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while file.alive:
        if time.monotonic() >= deadline:
            raise DeadlineError(f"stopping the system in {home} (its log is {log_file(home)})", timeout_s)
        time.sleep(POLL_S)
    return True


def take_out(home: Path, address: str, timeout_s: float) -> None:
    """Take the system out of the Ray cluster at ``address``; what else runs there goes on."""
    child = spawn(home, ["--down", *(["--address", address] if address else [])])
    try:
        code = child.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        child.kill()
        child.wait()
        raise DeadlineError(f"stopping the system in the Ray cluster at {address}", timeout_s) from error
    if code == LOCK_HELD:
        raise InvalidArgumentError(
            "address", f"the system in {home} was started without one; '{down_command(home)}' stops it"
        )
    if code:
        raise _why(home, child)


def spawn(home: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a supervisor process for this home and return at once; its words go to the log."""
    log = log_file(home)
    # The home first: parents that mkdir makes on the way would be open to others.
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.parent.mkdir(exist_ok=True, mode=0o700)
    with log.open("ab") as out:
        child = subprocess.Popen(
            # -P: the home folder is data, never a place to import from.
            [sys.executable, "-P", "-m", "memcube.deployments.supervisor", "--home", str(home), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # Its own session: the terminal's interrupt is for the caller, not for the system that others share.
            start_new_session=True,
            cwd=str(home),
        )
    _children.append(child)
    return child


def _tell(file: RunFile, told: set[str], say: Say, waited_s: float) -> None:
    """Each part once, when it is ready: after how long a wait, since parts start beside each other."""
    told.add("")
    lines = {
        step.name: f"  {step.name}: ready after {waited_s:.1f} s" for step in file.steps if step.seconds is not None
    }
    missing = ", ".join(step.name for step in file.steps if step.seconds is None)
    if missing:
        lines[f"without {missing}"] = f"  waiting for {missing} …"
    for key, line in lines.items():
        if key not in told:
            told.add(key)
            say(line)


def _why(home: Path, child: subprocess.Popen[bytes]) -> MemCubeError:
    """The error that a supervisor ended with, as its own type where it said so."""
    file = read_run_file(home)
    if file is not None and file.pid == child.pid and file.error:
        return error_from_plain(file.error)
    try:
        tail = log_file(home).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    except OSError:
        tail = []
    return InternalError(
        f"the supervisor of {home} ended with {child.returncode}: {' / '.join(tail) or 'without a word'}"
    )


def _to_stderr(line: str) -> None:
    if not line.endswith("…"):
        print(line, file=sys.stderr, flush=True)
