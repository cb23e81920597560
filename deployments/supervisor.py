"""The process that owns this machine's system: starts it, says how far it is in the run file, stops it in order.

``memcube up`` and ``Memory()`` run it as ``python -m memcube.deployments.supervisor``; whoever wants the system gone
sends it SIGTERM (``memcube down``). When its Ray is lost it ends what is left and starts anew. It holds ``<home>/lock`` as long as it lives: one home, one system. With
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
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from memcube.deployments.config import SystemConfig, package_version
from memcube.deployments.leftovers import Leftovers
from memcube.deployments.log_size import keep_small
from memcube.model.errors import InternalError, MemCubeError, UnavailableError
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

__all__ = ["Progress", "come_backs", "main"]

log = logging.getLogger("memcube.supervisor")
SWEEP_S = 10.0
WATCH_S = 0.5
"""Between two looks at our own Ray."""
STOP_S, RAY_STOP_S = 12.0, 4.0
"""What a stop in order may take, and then Ray's own; what is left is killed."""
COME_BACKS, WITHIN_S = 5, 600.0
"""How often a system starts anew by itself within how long: a Ray that is lost at once again needs a person."""


class Progress:
    """The run file as the start goes on: each step is written when it begins and when it is done."""

    def __init__(self, home: Path, file: RunFile) -> None:
        self.home = home
        self.file = file
        self._ended = False
        self._lock = threading.Lock()

    def put(self, **changes: object) -> None:
        """Change fields of the run file."""
        with self._lock:
            self.file = replace(self.file, **changes)  # type: ignore[arg-type]
            self._write()

    def tell(self, **changes: object) -> None:
        """The same where it's no more than a courtesy: a disk that is full keeps nobody from stopping."""
        try:
            self.put(**changes)
        except OSError as error:
            log.warning("the run file stays as it was: %s", error)

    def end(self) -> None:
        """Remove the run file, for good: a step of a start that was broken off writes none again."""
        with self._lock:
            self._ended = True
            (self.home / "run.json").unlink(missing_ok=True)

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
            self._write()

    def _write(self) -> None:
        if not self._ended:
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
            return _put_in(progress, config) if options.address else _own(progress, config, options)
        except BaseException as error:
            told = (
                error
                if isinstance(error, MemCubeError)
                else InternalError(f"at the start, {type(error).__name__}: {error}; the log is {log_file(home)}")
            )
            progress.tell(state=FAILED, error=error_to_plain(told))
            # Not raised: at the end of a process Ray's libraries wait for a Ray that may be gone.
            log.exception("the system ends")
            return 1


def _own(progress: Progress, config: SystemConfig, options: argparse.Namespace) -> int:
    """Run a Ray of our own and the system in it until SIGTERM; stop all of it. Start anew when Ray is lost."""
    asked = threading.Event()
    # Unix socket paths end at 107 characters, and Ray's are long: its folder must be short, wherever home is.
    ray_folder = Path(tempfile.mkdtemp(prefix="memcube-", dir=_short_temp()))
    progress.put(ray_folder=str(ray_folder))
    leftovers = Leftovers()
    in_order, lost = False, ""
    try:
        in_order, lost = _run(progress, config, ray_folder, leftovers, asked, first=not options.came_back)
    except SystemExit:
        # While Ray starts, SIGTERM is handled by a handler of its own, which does this.
        asked.set()
    finally:
        leftovers.look()
        if in_order:
            leftovers.end()
        for _ in range(2):
            # Twice: a raylet may start a worker while it is about to be killed.
            leftovers.look_in(ray_folder)
            leftovers.end(0.0)
        shutil.rmtree(ray_folder, ignore_errors=True)
    if lost and not asked.is_set():
        _start_anew(progress, config, options, lost)
    progress.end()
    return 0


def _run(
    progress: Progress,
    config: SystemConfig,
    ray_folder: Path,
    leftovers: Leftovers,
    asked: threading.Event,
    *,
    first: bool,
) -> tuple[bool, str]:
    """Start, watch and stop; returns whether it was stopped in order, and which part of Ray was lost, if one was.

    So is a ``first`` start that was too slow: on a machine that others keep busy the next one mostly is in time.

    Nothing here waits for Ray without a bound: it may be gone at any time, and its calls then wait for a minute or
    for ever. They are made in a thread of their own, which ends with this process.
    """
    from memcube.deployments.local_ray import start_local_ray, stop_local_ray
    from memcube.deployments.system import System, start_system

    _heed(asked)
    try:
        with progress.step("Ray"):
            # In this thread: the kernel ends Ray's processes when the thread that started them ends.
            ray = start_local_ray(ray_folder, config, log_to_driver=True)
    except UnavailableError:
        if not first:
            raise
        log.warning("Ray was too slow to start", exc_info=True)
        return False, "first start"
    # Again: Ray has put a handler of its own there.
    _heed(asked)
    calls = ThreadPoolExecutor(1, "ray-calls")
    start = calls.submit(start_system, config, progress.step)
    system: System | None = None
    swept = time.monotonic()
    while not asked.wait(WATCH_S if system else WATCH_S / 10):
        # Before the look at Ray: a start that failed because Ray was lost is no failed start.
        done = start.done()
        if ray.lost:
            return False, ray.lost
        if done and system is None:
            system = start.result()
            progress.put(state=READY, grpc=system.grpc, http=system.http)
            log.info("ready: gRPC %s, HTTP %s", system.grpc, system.http)
        if time.monotonic() - swept >= SWEEP_S:
            leftovers.look()
            keep_small(log_file(progress.home))
            swept = time.monotonic()
    progress.tell(state=STOPPING)
    log.info("asked to stop")
    began = time.monotonic()
    leftovers.look()
    in_order = False
    if system is not None:
        stop = calls.submit(system.stop)
        while not stop.done() and not ray.lost and time.monotonic() < began + STOP_S:
            wait([stop], WATCH_S)
        if stop.done() and stop.exception():
            log.warning("the stop failed: %r", stop.exception())
        elif stop.done():
            in_order = bool(wait([calls.submit(stop_local_ray)], RAY_STOP_S).done)
    log.info("%s in %.1f s", "stopped" if in_order else "gave up stopping in order", time.monotonic() - began)
    return in_order, ""


def _heed(asked: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())


def come_backs(told: str, lost: str) -> list[float]:
    """When, by the monotonic clock, a system started anew within ``WITHIN_S``, out of what its command line says.

    Raises UnavailableError when that were ``COME_BACKS`` already and now ``lost`` ended again.
    """
    since = time.monotonic() - WITHIN_S
    before = [float(then) for then in told.split(",") if then and float(then) > since]
    if len(before) >= COME_BACKS:
        raise UnavailableError(f"Ray ({lost} ended {len(before) + 1} times within {WITHIN_S:g} s; it is not restarted)")
    return before


def _start_anew(progress: Progress, config: SystemConfig, options: argparse.Namespace, lost: str) -> NoReturn:
    """Become a supervisor that has just been started: same home, same ports. Raises as ``come_backs`` does."""
    before = come_backs(options.came_back, lost)
    log.error("Ray's %s ended: starting anew (%d times before within %g s)", lost, len(before), WITHIN_S)
    progress.tell(state=STARTING, steps=(), ray_folder="")
    gateway = config.settings.gateway
    said = {
        **vars(options),
        "home": progress.home,
        "port": gateway.grpc_port,
        "http_port": gateway.http_port,
        "came_back": ",".join(f"{then:.1f}" for then in (*before, time.monotonic())),
    }
    words = [f"--{name.replace('_', '-')}={value}" for name, value in said.items() if value and name != "down"]
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "memcube.deployments.supervisor", *words])


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
        leftovers = Leftovers()
        leftovers.look_in(folder)
        leftovers.end()
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
    parser.add_argument("--tls-cert", default=None)
    parser.add_argument("--tls-key", default=None)
    parser.add_argument("--client-ca", default=None)
    parser.add_argument("--came-back", default="", help="When it started anew, in seconds of the monotonic clock.")
    return parser.parse_args(arguments)


def _leave(status: int) -> NoReturn:
    """End this process at once. Ray is stopped and all files are closed by now; what its libraries go on to do at the
    end of a process takes 0.5 s alone, and was seen to take 15 s beside eight busy processes."""
    logging.shutdown()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
