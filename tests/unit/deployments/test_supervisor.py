"""The supervisor's process, as far as it goes without a system."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from memcube.deployments import local_ray, supervisor
from memcube.deployments.config import SystemConfig
from memcube.deployments.leftovers import Leftovers
from memcube.deployments.settings import Settings
from memcube.deployments.supervisor import COME_BACKS, WITHIN_S, Progress, come_backs
from memcube.model.errors import UnavailableError
from memcube.model.run_file import LOCK_HELD, READY, STARTING, STOPPING, RunFile, process_started_s, read_run_file

PROGRAM = """
import atexit, runpy, sys
atexit.register(print, "what libraries do at the end")
sys.argv = ["supervisor", "--home", {home!r}]
runpy.run_module("memcube.deployments.supervisor", run_name="__main__")
"""


def test_a_supervisor_that_is_done_is_gone(tmp_path: Path) -> None:
    """It ends without what Ray's libraries do at the end of a process, which 'down' waited for; its last words stay."""
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(home=str(tmp_path))],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == LOCK_HELD, ran.stderr
    assert "another system runs" in ran.stderr
    assert ran.stdout == ""


def test_a_full_disk_keeps_nobody_from_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told on the way out may fail, the run file goes; a start that was broken off brings none back."""
    progress = Progress(tmp_path, RunFile(os.getpid(), process_started_s(os.getpid()), READY))
    progress.put()
    assert read_run_file(tmp_path) is not None
    with monkeypatch.context() as full:
        full.setattr(tempfile, "mkstemp", no_space)
        with pytest.raises(OSError, match="No space"):
            progress.put(state=STOPPING)
        progress.tell(state=STOPPING)
        progress.end()
    with progress.step("gateway"):
        assert read_run_file(tmp_path) is None
    assert read_run_file(tmp_path) is None


def no_space(*_: object, **__: object) -> None:
    """What a full disk answers."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_system_comes_back_so_often_and_no_more() -> None:
    """Only what was within the last minutes counts; then it ends with the reason instead."""
    now = time.monotonic()
    assert come_backs(f"{now - WITHIN_S - 1},{now - 3}", "raylet") == [now - 3]
    often = ",".join(str(now - number) for number in range(COME_BACKS))
    with pytest.raises(UnavailableError, match="raylet ended 6 times"):
        come_backs(often, "raylet")


def test_a_ray_that_was_too_slow_is_started_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first such start is a lost Ray, which begins anew; the next is told to who waits."""

    def slow(*_: object, **__: object) -> None:
        raise UnavailableError("Ray on this machine", 30.0)

    monkeypatch.setattr(local_ray, "start_local_ray", slow)
    progress = Progress(tmp_path, RunFile(os.getpid(), process_started_s(os.getpid()), STARTING))
    config = SystemConfig(tmp_path, Settings())
    handler = signal.getsignal(signal.SIGTERM)
    try:
        run = partial(supervisor._run, progress, config, tmp_path, Leftovers(), threading.Event())
        assert run(first=True) == (False, "first start")
        with pytest.raises(UnavailableError):
            run(first=False)
    finally:
        signal.signal(signal.SIGTERM, handler)
