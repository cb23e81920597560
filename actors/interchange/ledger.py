"""What interchange remembers: the newest state known of each issuer's cube, answers to commits, bundles that were
exported, imports under way. One SQLite file, ``<root>/ledger.db``, written by the gateway alone. Blocking.

Every change is durable when its method returns. A file that is damaged is DamagedError, never an empty memory: an
attacker who could make it forget would bring old states back.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memcube.interchange.mip import Known
from memcube.model.errors import DamagedError, UnavailableError

__all__ = ["Export", "Ledger"]

COMMITS_KEPT_S = 7 * 24 * 3600.0
_TABLES = """
CREATE TABLE IF NOT EXISTS known (tenant TEXT, cube TEXT, issuer TEXT, epoch INTEGER, seq INTEGER, bundle TEXT,
  PRIMARY KEY (tenant, cube, issuer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commits (name TEXT PRIMARY KEY, request BLOB, response BLOB, time_s REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exports (tenant TEXT, bundle TEXT, cube TEXT, principal TEXT, epoch INTEGER, seq INTEGER,
  whole INTEGER, time_s REAL, PRIMARY KEY (tenant, bundle)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports (tenant TEXT, cube TEXT, bundle TEXT, PRIMARY KEY (tenant, cube)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Export:
    """A bundle that was made here: of which cube, for whom, at which event, all of the cube or a selection."""

    bundle: str
    cube: str
    principal: str
    epoch: int
    seq: int
    whole: bool
    time_s: float


class Ledger:
    """See the module. Any thread may call; they take turns."""

    def __init__(self, root: Path) -> None:
        self._path = root / "ledger.db"
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._failures():
            self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=5.0)
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise DamagedError(str(self._path), str(found)[:200])
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UnavailableError(f"interchange's ledger ({error})", 1.0) from error
        except sqlite3.DatabaseError as error:
            raise DamagedError(str(self._path), str(error)[:200]) from error

    @contextmanager
    def _turn(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._failures():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def known(self, tenant: str, cube: str, issuer: str) -> Known | None:
        """The newest state of a cube here that was taken in from an issuer."""
        with self._turn() as db:
            row = db.execute(
                "SELECT epoch, seq, bundle FROM known WHERE tenant=? AND cube=? AND issuer=?", (tenant, cube, issuer)
            ).fetchone()
        return None if row is None else Known(*row)

    def answer(self, name: str) -> tuple[bytes, bytes] | None:
        """The request (a digest of it) and the answer of a commit with this key."""
        with self._turn() as db:
            row = db.execute("SELECT request, response FROM commits WHERE name=?", (name,)).fetchone()
        return None if row is None else (bytes(row[0]), bytes(row[1]))

    def committed(
        self, tenant: str, cube: str, issuer: str, known: Known, name: str, request: bytes, response: bytes
    ) -> None:
        """A bundle was taken in: remember its state and the answer, and that no import is under way."""
        with self._turn() as db:
            db.execute(
                "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?)",
                (tenant, cube, issuer, known.epoch, known.seq, known.bundle),
            )
            db.execute("DELETE FROM commits WHERE time_s < ?", (time.time() - COMMITS_KEPT_S,))
            db.execute("INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)", (name, request, response, time.time()))
            db.execute("DELETE FROM imports WHERE tenant=? AND cube=?", (tenant, cube))

    def forget(self, tenant: str, cube: str) -> None:
        """The cube is gone: nothing that was taken into it is known any more."""
        with self._turn() as db:
            db.execute("DELETE FROM known WHERE tenant=? AND cube=?", (tenant, cube))

    def begin(self, tenant: str, cube: str, bundle: str) -> None:
        """An import in several parts into a new cube begins; UnavailableError while there is one already."""
        with self._turn() as db:
            added = db.execute("INSERT OR IGNORE INTO imports VALUES (?, ?, ?)", (tenant, cube, bundle)).rowcount
        if not added:
            raise UnavailableError(f"cube {cube}, which is being imported,", 1.0)

    def end(self, tenant: str, cube: str) -> None:
        """Such an import was given up, and what it made is gone."""
        with self._turn() as db:
            db.execute("DELETE FROM imports WHERE tenant=? AND cube=?", (tenant, cube))

    def under_way(self, tenant: str, cube: str) -> str | None:
        """The bundle of an import in several parts into this cube that has not been answered yet."""
        with self._turn() as db:
            row = db.execute("SELECT bundle FROM imports WHERE tenant=? AND cube=?", (tenant, cube)).fetchone()
        return None if row is None else str(row[0])

    def unfinished(self) -> list[tuple[str, str]]:
        """Tenants and cubes of imports that a process left behind."""
        with self._turn() as db:
            return db.execute("SELECT tenant, cube FROM imports").fetchall()

    def exported(self, tenant: str, export: Export) -> None:
        """A bundle was made: it may be the parent of a delta."""
        with self._turn() as db:
            db.execute(
                "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (tenant, export.bundle, export.cube, export.principal, export.epoch, export.seq, int(export.whole),
                 export.time_s),
            )  # fmt: skip

    def export(self, tenant: str, bundle: str) -> Export | None:
        """A bundle that was made here for this tenant."""
        with self._turn() as db:
            row = db.execute(
                "SELECT bundle, cube, principal, epoch, seq, whole, time_s FROM exports WHERE tenant=? AND bundle=?",
                (tenant, bundle),
            ).fetchone()
        return None if row is None else Export(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
