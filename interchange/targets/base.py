"""A target: files carried to a place and back.

A dump of a foreign format goes with an index that names every file with its digest; a MIP bundle needs none beside its
own, which its manifest's digest covers.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, Protocol

from memcube.interchange.index import STEP_BYTES
from memcube.model.errors import TooLargeError

__all__ = ["Target", "copy_in_steps", "free_bytes"]


class Target(Protocol):
    """One place. Both methods raise MemCubeError only, and wait for nothing without a deadline."""

    def send(self, folder: Path) -> str:
        """Carry a folder's files there, what says that all is there last; returns the address with the digest."""

    def fetch(self, into: Path) -> Path:
        """Carry what is there into an empty folder, every digest verified; returns what to load (``into``, or for a
        target on this machine the place itself). Raises InvalidArgumentError for what is not as its digest says."""


def copy_in_steps(source: Any, target: Path, most_bytes: int, field: str) -> str:
    """Write what ``source.read`` gives to a file, at most so much; returns its SHA-256 in hex."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while step := source.read(STEP_BYTES):
            size += len(step)
            if size > most_bytes:
                raise TooLargeError(field, size, most_bytes)
            digest.update(step)
            file.write(step)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """How much may be written there."""
    return shutil.disk_usage(folder).free
