"""What a stop must not leave behind: the processes that were started for the system."""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

__all__ = ["Leftovers"]

log = logging.getLogger("memcube.supervisor")
GRACE_S = 3.0


class Leftovers:
    """The descendants of this process, remembered while they are still related to it.

    A worker whose raylet died is adopted by init: it must have been seen before to be known as ours.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, float], psutil.Process] = {}

    @classmethod
    def of_folder(cls, folder: Path) -> Leftovers:
        """The processes of this user that have ``folder`` in their command line, or a file in it open: those of a
        killed system. Ray's agents rename themselves, and stay for a minute after everything else has ended."""
        found = cls()
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *[file.path for file in process.open_files()]]
                if any(str(folder) in word for word in words):
                    found._keep(process)
            except psutil.Error:
                # Ended meanwhile, or of another user and so not ours.
                continue
        return found

    def look(self) -> None:
        """Remember the present descendants."""
        try:
            for process in psutil.Process().children(recursive=True):
                self._keep(process)
        except psutil.Error as error:
            log.warning("could not list the system's processes: %s", error)

    def end(self) -> None:
        """Ask what still runs of them to end, then make it."""
        left = [process for process in self._seen.values() if process.is_running()]
        _, left = psutil.wait_procs(left, timeout=GRACE_S)
        for how in ("terminate", "kill"):
            for process in left:
                log.warning("still running after the stop: %s; %s", process, how)
                try:
                    getattr(process, how)()
                except psutil.NoSuchProcess:
                    continue
            _, left = psutil.wait_procs(left, timeout=GRACE_S)

    def _keep(self, process: psutil.Process) -> None:
        try:
            self._seen[(process.pid, process.create_time())] = process
        except psutil.NoSuchProcess:
            return
