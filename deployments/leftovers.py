"""What a stop must not leave behind: the processes that were started for the system."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

import psutil

__all__ = ["Leftovers"]

log = logging.getLogger("memcube.supervisor")
GRACE_S = 2.0


class Leftovers:
    """The descendants of this process, remembered while they are still related to it.

    A worker whose raylet died is adopted by init: it must have been seen before to be known as ours.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], psutil.Process] = {}

    def look(self) -> None:
        """Remember the present descendants."""
        try:
            for process in psutil.Process().children(recursive=True):
                self._keep(process)
        except psutil.Error as error:
            log.warning("could not list the system's processes: %s", error)

    def look_in(self, folder: Path) -> None:
        """Remember the processes of this user, but for this one, that have ``folder`` in their command line or a file
        in it open: those of a killed system, and workers that a dying raylet left before they were seen. Ray's agents
        rename themselves, and stay for a minute after everything else has ended."""
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *[file.path for file in process.open_files()]]
                if process.pid != os.getpid() and any(str(folder) in word for word in words):
                    self._keep(process)
            except psutil.Error:
                # Ended meanwhile, or of another user and so not ours.
                continue

    def end(self, grace_s: float = GRACE_S) -> None:
        """Kill what still runs of them after ``grace_s`` seconds; what was acknowledged is durable since then."""
        _, left = psutil.wait_procs(list(self._seen.values()), timeout=grace_s)
        for process in left:
            log.warning("still running after the stop: %s; kill", process)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=GRACE_S)

    def _keep(self, process: psutil.Process) -> None:
        try:
            self._seen[(process.pid, process.create_time())] = process
        except psutil.NoSuchProcess:
            return
