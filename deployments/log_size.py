"""Keeping the supervisor's log within bounds: what the actors say comes into it too, for as long as the system runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

__all__ = ["MOST_BYTES", "keep_small"]

MOST_BYTES = 16 * 2**20
"""A log longer than this is put aside as ``<name>.1``, over the one before; so twice this is the most."""


def keep_small(log: Path, most_bytes: int = MOST_BYTES) -> bool:
    """Put the log aside where it is too long; returns whether it was. Called by the supervisor as it goes on.

    Copied and emptied, not renamed: the supervisor and what it starts have it open, for appending, as their standard
    error. A line that is written in between is lost.
    """
    # A log that cannot be kept small is no reason to stop a system.
    with contextlib.suppress(OSError):
        if log.stat().st_size > most_bytes:
            # On a full disk there is no room for the copy, and the more need to empty it.
            with contextlib.suppress(OSError):
                shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)
            return True
    return False
