"""The supervisor's process, as far as it goes without a system."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from memcube.model.run_file import LOCK_HELD

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
