"""Where governance is kept: one SQLite file, ``<vault>/governance/governor.db``, written by one process and read by
the gateways. Each change is one durable commit with a version of its own; each row carries a check of its bytes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import monotonic, time

from memcube.actors.governance.state import Row, TenantState
from memcube.model.errors import DamagedError, StorageFullError, UnavailableError

__all__ = ["FILE", "Change", "Ledger", "LedgerReader", "Receipt"]

FILE = "governor.db"
LOCK = "governor.lock"
MADE = "made"
"""Beside the file since its first commit: without the file it says that something is lost."""
LOOK_EVERY_S = 0.2
BUSY_S = 5.0
RECEIPTS_KEPT_S = 7 * 24 * 3600.0

_TABLES = """
CREATE TABLE rows (
  tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  body BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (tenant, kind, id)) WITHOUT ROWID;
CREATE TABLE tenants (tenant TEXT PRIMARY KEY, version INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE receipts (
  name TEXT PRIMARY KEY, request BLOB NOT NULL, answer BLOB NOT NULL, made_s REAL NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a call with an idempotency key was answered."""

    name: str
    request: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to put and rows (kind, id) to drop, at once."""

    puts: Sequence[tuple[str, str, bytes]] = ()
    drops: Sequence[tuple[str, str]] = ()


def _digest(tenant: str, kind: str, name: str, version: int, body: bytes) -> bytes:
    head = f"{tenant}\0{kind}\0{name}\0{version}\0".encode()
    return blake2b(head + body, digest_size=16).digest()


class _File:
    """The file, opened; every failure of SQLite as an error of ours."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._database: sqlite3.Connection | None = None

    def damaged(self, problem: str) -> DamagedError:
        """The file is not what was written."""
        return DamagedError(str(self.path), problem)

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """SQLite's errors, as ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise StorageFullError("governance", 0.0, 10.0) from error
            if "locked" in str(error) or "busy" in str(error):
                raise UnavailableError("governance", 0.2) from error
            raise self.damaged(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self.damaged(str(error)) from error

    def state(self, tenant: str) -> TenantState | None:
        """A tenant's state as the file has it; None where it has none."""
        found = self.rows(tenant)
        return None if found is None else TenantState.of(tenant, *found, self.damaged)

    def rows(self, tenant: str) -> tuple[int, list[Row]] | None:
        """A tenant's version and rows as the file has them; None where it has none."""
        database = self._database
        assert database is not None
        with self.trouble():
            database.execute("BEGIN")
            try:
                known = database.execute("SELECT version, count FROM tenants WHERE tenant = ?", (tenant,)).fetchone()
                rows = database.execute("SELECT kind, id, version, body, digest FROM rows WHERE tenant = ?", (tenant,))
                found = [self._row(tenant, *row) for row in rows]
            finally:
                database.execute("COMMIT")
        if known is None:
            if found:
                raise self.damaged(f"rows of {tenant} without an entry of it")
            return None
        if known[1] != len(found):
            raise self.damaged(f"{len(found)} rows of {tenant} where there were {known[1]}")
        return int(known[0]), found

    def _row(self, tenant: str, kind: str, name: str, version: int, body: bytes, digest: bytes) -> Row:
        if _digest(tenant, kind, name, version, body) != digest:
            raise self.damaged(f"the {kind} {name!r} is not what was written")
        return Row(kind, name, version, body)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None


class Ledger(_File):
    """The writer; the lock beside the file makes it the only one. Used by one thread at a time.

    Raises UnavailableError while another process has it, DamagedError for a file that is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open(folder)
        except OSError as error:
            self.close()
            raise UnavailableError("governance (another process has it)", 1.0) from error
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Path) -> None:
        there, made = self.path.exists(), (folder / MADE).exists()
        if made and not there:
            raise self.damaged("is gone")
        if not there:
            # Private before anything is in it: it holds the key that grants are signed with.
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        with self.trouble():
            self._database = database = sqlite3.connect(
                self.path, isolation_level=None, timeout=BUSY_S, check_same_thread=False
            )
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not made:
                database.executescript(f"BEGIN; {_TABLES} COMMIT;")
                with (folder / MADE).open("w") as mark:
                    os.fsync(mark.fileno())
            elif version != 1:
                raise self.damaged(f"is of version {version}")
            problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise self.damaged(str(problem))

    def tenants(self) -> dict[str, int]:
        """Every tenant with governance, and its version."""
        assert self._database is not None
        with self.trouble():
            return dict(self._database.execute("SELECT tenant, version FROM tenants").fetchall())

    def receipt(self, name: str) -> Receipt | None:
        """What the call with this key was answered, None if there was none."""
        assert self._database is not None
        with self.trouble():
            row = self._database.execute("SELECT request, answer FROM receipts WHERE name = ?", (name,)).fetchone()
        return Receipt(name, *row) if row else None

    def commit(self, tenant: str, change: Change, answer: Callable[[int], Receipt | None]) -> int:
        """Make a change durable with its receipt (made of the new version), which is returned."""
        database = self._database
        assert database is not None
        with self.trouble():
            database.execute("BEGIN IMMEDIATE")
            try:
                newest = database.execute("SELECT coalesce(max(version), 0) FROM tenants").fetchone()[0]
                version = int(newest) + 1
                for kind, name in change.drops:
                    database.execute("DELETE FROM rows WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, name))
                for kind, name, body in change.puts:
                    row = (tenant, kind, name, version, body, _digest(tenant, kind, name, version, body))
                    database.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", row)
                count = database.execute("SELECT count(*) FROM rows WHERE tenant = ?", (tenant,)).fetchone()[0]
                database.execute("INSERT OR REPLACE INTO tenants VALUES (?, ?, ?)", (tenant, version, count))
                receipt = answer(version)
                if receipt is not None:
                    now_s = time()
                    database.execute("DELETE FROM receipts WHERE made_s < ?", (now_s - RECEIPTS_KEPT_S,))
                    told = (receipt.name, receipt.request, receipt.answer, now_s)
                    database.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?)", told)
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
        return version

    def close(self) -> None:
        """Let go of the file and of the lock."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class LedgerReader(_File):
    """What a gateway knows of governance: ``access.States``. It looks for changes every 0.2 s, when it is asked.

    Reading the file needs nobody: a gateway that starts, or a governor that is gone, leaves what was decided in force.
    Used by one event loop; a look without news takes some 10 microseconds, the states of changed tenants milliseconds.
    """

    def __init__(self, folder: Path, now_s: Callable[[], float] = monotonic) -> None:
        super().__init__(folder)
        self._now_s = now_s
        self._looked_s = float("-inf")
        self._data_version = -1
        self._versions: dict[str, int] = {}
        self._states: dict[str, TenantState] = {}
        self._tenant_of_key: dict[int, str] = {}
        self._made = folder / MADE

    def of(self, tenant: str) -> TenantState | None:
        """The tenant's state; raises DamagedError where it can't be read: then nobody of it is let in."""
        if self._now_s() - self._looked_s >= LOOK_EVERY_S:
            self.look()
        if tenant not in self._versions:
            return None
        state = self._states.get(tenant)
        if state is None or state.version != self._versions[tenant]:
            state = self.state(tenant)
            if state is None:
                raise self.damaged(f"nothing is there of {tenant}")
            self._states[tenant] = state
        return state

    def known(self) -> list[str]:
        """Tenants that have governance of their own, as of the last look."""
        return sorted(self._versions)

    def version(self, tenant: str) -> int:
        """The version of a tenant's rows, 0 where it has none; looks where that is due."""
        if self._now_s() - self._looked_s >= LOOK_EVERY_S:
            self.look()
        return self._versions.get(tenant, 0)

    def look(self) -> None:
        """Take in what has changed now, whatever was last looked at when."""
        if self._database is None:
            if not self.path.exists():
                if self._made.exists():
                    raise self.damaged("is gone")
                self._looked_s = self._now_s()
                return
            with self.trouble():
                self._database = sqlite3.connect(
                    f"file:{self.path}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False
                )
        with self.trouble():
            data_version = self._database.execute("PRAGMA data_version").fetchone()[0]
            if data_version != self._data_version:
                try:
                    found = self._database.execute("SELECT tenant, version FROM tenants").fetchall()
                except sqlite3.OperationalError as error:
                    if "no such table" not in str(error) or self._made.exists():
                        raise
                    found = []  # it is being made
                self._versions = dict(found)
                self._data_version = data_version
        self._looked_s = self._now_s()

    def key_of(self, number: int) -> TenantState | None:
        """The state of the tenant whose grants are signed with the key of this number."""
        tenant = self._tenant_of_key.get(number)
        for name in [tenant] if tenant else [*self._versions]:
            state = self.of(name)
            if state is not None and state.grant_key is not None:
                self._tenant_of_key[state.grant_key.number] = name
                if state.grant_key.number == number:
                    return state
        return None
