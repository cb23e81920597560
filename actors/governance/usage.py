"""What was spent of quotas, by gateway and window of time: how several gateways, and one before and after a restart,
know of each other. Kept in a file of its own, in which nothing is lost that matters for longer than a window."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from memcube.model.errors import DamagedError

__all__ = ["Spent", "UsageBook"]

FILE = "usage.db"


class Spent(NamedTuple):
    """What was counted under a key in one window: the ``window``-th of ``length_s`` seconds since 1970."""

    key: str
    length_s: int
    window: int
    amount: int


class UsageBook:
    """The book; one process writes it. Blocking, used by one thread at a time. A book that is damaged is begun anew,
    and says so: then at most a window's quota is given twice."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.problem = ""
        try:
            self._database = self._open()
        except sqlite3.DatabaseError as error:
            self.problem = str(DamagedError(str(self.path), str(error)))
            self.path.replace(self.path.with_suffix(".damaged"))
            self._database = self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.path.chmod(0o600)
        database.execute("PRAGMA journal_mode = WAL")
        # The last second may be lost with the machine's power.
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS spent (key TEXT, length_s INTEGER, window INTEGER, gateway TEXT,"
            " count INTEGER, PRIMARY KEY (key, length_s, window, gateway)) WITHOUT ROWID"
        )
        return database

    def tell(self, gateway: str, spent: Iterable[Spent], now_s: float) -> Sequence[Spent]:
        """Take in a gateway's counts as they are now; what the others counted in these windows and those before."""
        database = self._database
        found: list[Spent] = []
        database.execute("BEGIN IMMEDIATE")
        try:
            for one in spent:
                row = (one.key, one.length_s, one.window, gateway, one.amount)
                database.execute("INSERT OR REPLACE INTO spent VALUES (?, ?, ?, ?, ?)", row)
                for window in (one.window - 1, one.window):
                    place = (one.key, one.length_s, window)
                    query = "SELECT coalesce(sum(count), 0) FROM spent WHERE key = ? AND length_s = ? AND window = ?"
                    others = database.execute(f"{query} AND gateway != ?", (*place, gateway)).fetchone()[0]
                    found.append(Spent(*place, others))
            database.execute("DELETE FROM spent WHERE (window + 2) * length_s < ?", (now_s,))
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
