"""The writer of ``faults.py`` on vaults that are each broken in one way, to show that the tests would notice.

Run as ``broken_writer.py NAME --writer ROOT``.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import faults

from memcube.actors.vault.session import Session
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, MemCubeError


class NoSync(Session):
    """Commits without a sync."""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """As ever, but the system call that makes it durable is left out."""
        self.connection.execute("PRAGMA synchronous = OFF")
        with super().transaction() as connection:
            yield connection


class NoStop(Session):
    """Goes on after the disk failed."""

    def failed(self, error: sqlite3.Error | OSError) -> MemCubeError:
        """As ever, but forgetting it at once."""
        raised = super().failed(error)
        if isinstance(raised, DamagedError):
            self._broken = None
        return raised


class NoCut(Session):
    """Leaves in the log what a failed commit wrote."""

    def _cut(self) -> None:
        """Nothing."""


BROKEN = {kind.__name__: kind for kind in (NoSync, NoStop, NoCut)}


def main() -> int:
    """Run the writer on the vault named by the first argument."""
    kind = BROKEN[sys.argv[1]]

    class BrokenVault(SqliteVault):
        session_type = kind

    return faults.run_writer(Path(sys.argv[3]), BrokenVault)


if __name__ == "__main__":
    sys.exit(main())
