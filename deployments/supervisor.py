"""The process that owns this machine's system: starts it, says how far it is in the run file, stops it in order.

``memcube up`` and ``Memory()`` run it as ``python -m memcube.deployments.supervisor``; whoever wants the system gone
sends it SIGTERM (``memcube down``). It holds ``<home>/lock`` as long as it lives: one home, one system. With
``--address`` it puts the system into a Ray cluster that others own, or takes it out again (``--down``), and leaves.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from memcube.deployments.config import SystemConfig, package_version
from memcube.deployments.leftovers import Leftovers
from memcube.deployments.log_size import keep_small
from memcube.model.errors import InternalError, MemCubeError
from memcube.model.plain import error_to_plain
from memcube.model.run_file import (
    FAILED,
    LOCK_HELD,
    READY,
    STARTING,
    STOPPING,
    RunFile,
    Step,
    home_folder,
    log_file,
    process_started_s,
    read_run_file,
)

__all__ = ["main"]

log = logging.getLogger("memcube.supervisor")
SWEEP_S = 10.0


class Progress:
    """The run file as the start goes on: each step is written when it begins and when it is done."""

    def __init__(self, home: Path, file: RunFile) -> None:
        self.home = home
        self.file = file
        self._lock = threading.Lock()

    def put(self, **changes: object) -> None:
        """Change fields of the run file."""
        with self._lock:
            self.file = replace(self.file, **changes)  # type: ignore[arg-type]
            self.file.write(self.home)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step; steps of several threads may overlap."""
        self._note(Step(name))
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self._note(Step(name, round(took, 3)))
        log.info("%s: %.2f s", name, took)

    def _note(self, step: Step) -> None:
        with self._lock:
            self.file = self.file.with_step(step)
            self.file.write(self.home)


def main(arguments: list[str] | None = None) -> int:
    """Run the supervisor; returns its exit status."""
    options = _parse(arguments)
    home = home_folder(options.home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another system runs in %s", home)
            return LOCK_HELD
        if options.down:
            return _take_out(home, options.address)
        progress = Progress(
            home,
            RunFile(os.getpid(), process_started_s(os.getpid()), STARTING, version=package_version()),
        )
        keep_small(log_file(home))
        _clear_after_the_last(home)
        try:
            config = SystemConfig.from_options(home, options)
            progress.put()
            return _put_in(progress, config) if options.address else _own(progress, config)
        except MemCubeError as error:
            progress.put(state=FAILED, error=error_to_plain(error))
            log.exception("the start failed")
            return 1
        except BaseException as error:
            told = InternalError(f"at the start, {type(error).__name__}: {error}; the log is {log_file(home)}")
            progress.put(state=FAILED, error=error_to_plain(told))
            raise


def _own(progress: Progress, config: SystemConfig) -> int:
    """Start a Ray of our own and the system in it; wait for SIGTERM; stop all of it."""
    from memcube.deployments.local_ray import start_local_ray, stop_local_ray
    from memcube.deployments.system import start_system

    asked = threading.Event()
    # Unix socket paths end at 107 characters, and Ray's are long: its folder must be short, wherever home is.
    ray_folder = Path(tempfile.mkdtemp(prefix="memcube-", dir=_short_temp()))
    progress.put(ray_folder=str(ray_folder))
    # Until the handlers are set a SIGTERM ends this process, and Ray's reaper ends what it started.
    with progress.step("Ray"):
        start_local_ray(ray_folder, config, log_to_driver=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    leftovers = Leftovers()
    system = None
    try:
        system = start_system(config, progress.step)
        progress.put(state=READY, grpc=system.grpc, http=system.http)
        log.info("ready: gRPC %s, HTTP %s", system.grpc, system.http)
        while not asked.wait(SWEEP_S):
            leftovers.look()
            keep_small(log_file(progress.home))
        progress.put(state=STOPPING)
        log.info("asked to stop")
    finally:
        began = time.monotonic()
        leftovers.look()
        if system is not None:
            system.stop()
        stop_local_ray()
        leftovers.end()
        shutil.rmtree(ray_folder, ignore_errors=True)
        log.info("stopped in %.1f s", time.monotonic() - began)
    (progress.home / "run.json").unlink(missing_ok=True)
    return 0


def _put_in(progress: Progress, config: SystemConfig) -> int:
    """Start the system inside the Ray cluster at ``config.address`` and leave it there."""
    from memcube.deployments.local_ray import join_ray, leave_ray

    with progress.step("Ray"):
        address = join_ray(config.address)
    # After joining: Ray reads how to authenticate when it is first imported, and this imports it.
    from memcube.deployments.system import start_system

    try:
        system = start_system(config, progress.step)
        progress.put(pid=0, process_started_s=0.0, state=READY, grpc=system.grpc, http=system.http, address=address)
    finally:
        leave_ray()
    return 0


def _take_out(home: Path, address: str) -> int:
    """Stop exactly what is ours in the Ray cluster at ``address``."""
    from memcube.deployments.local_ray import join_ray, leave_ray

    file = read_run_file(home)
    join_ray(address or (file.address if file else ""))
    from memcube.deployments.system import stop_joined_system

    try:
        stop_joined_system()
    finally:
        leave_ray()
    (home / "run.json").unlink(missing_ok=True)
    return 0


def _clear_after_the_last(home: Path) -> None:
    """Remove the scratch folder of a system that was killed; we hold the lock, so it can't be in use."""
    try:
        last = read_run_file(home)
    except MemCubeError as error:
        log.warning("%s", error.message)
        return
    if last is None or last.alive or not last.ray_folder:
        return
    folder = Path(last.ray_folder)
    if not folder.exists():
        return
    if folder.name.startswith("memcube-") and folder.parent == _short_temp():
        Leftovers.of_folder(folder).end()
        shutil.rmtree(folder, ignore_errors=True)
        log.info("cleared %s after a system that did not stop in order", folder)


def _short_temp() -> Path:
    folder = Path(tempfile.gettempdir())
    return folder if len(str(folder)) <= 24 else Path("/tmp")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memcube.deployments.supervisor", description=__doc__)
    parser.add_argument("--home", default=None)
    parser.add_argument("--address", default="")
    parser.add_argument("--down", action="store_true")
    parser.add_argument("--frames", type=int, default=None)
    parser.add_argument("--host", default=None)
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--http-port", type=int, default=None)
    parser.add_argument("--embedder", default=None)
    return parser.parse_args(arguments)


def _leave(status: int) -> NoReturn:
    """End this process at once. Ray is stopped and all files are closed by now; what its libraries go on to do at the
    end of a process takes 0.5 s alone, and was seen to take 15 s beside eight busy processes."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
