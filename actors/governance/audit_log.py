"""One tenant's audit log on disk: entries, the hashes of their tree, signed heads. One writer at a time.

A SQLite file with a write-ahead log, durable at each ``append`` (fsync). What it holds is proven by the tree and the
heads, so the file needs no checksums of its own: ``AuditLog`` looks at the newest head when it opens, and whoever has
an older one sees with ``prove_consistency`` whether anything before it was changed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError, NotFoundError
from memcube.model.merkle import Frontier, consistency_path, inclusion_path, leaf_hash, root_of
from memcube.model.times import utc_now
from memcube.model.tree_head import head_text, verifies
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["AuditLog", "Origin", "verify_file"]

MOST_PAGE = 1000
TABLES = """
CREATE TABLE IF NOT EXISTS entries(seq INTEGER PRIMARY KEY, who TEXT, verb TEXT, resource TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS nodes(level INTEGER, at INTEGER, hash BLOB, PRIMARY KEY(level, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads(size INTEGER PRIMARY KEY, body BLOB);
CREATE TABLE IF NOT EXISTS origins(spool TEXT, at INTEGER, PRIMARY KEY(spool, at)) WITHOUT ROWID;
"""
NODE = "SELECT hash FROM nodes WHERE level = ? AND at = ?"


class Origin(NamedTuple):
    """Where an entry was first written: it is appended once, however often its spool is read."""

    spool: str
    at: int


class AuditLog:
    """See the module. Safe to use from several threads of its owner; ``path`` is made if there is nothing."""

    def __init__(self, path: Path, tenant: str, key: AuditKey) -> None:
        self.tenant = tenant
        self._path = path
        self._key = key
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.executescript(TABLES)
                self._frontier = self._resume()
        except BaseException:
            self._connection.close()
            raise

    def _resume(self) -> Frontier:
        count, last = self._connection.execute("SELECT count(*), coalesce(max(seq), -1) FROM entries").fetchone()
        if count != last + 1:
            raise DamagedError(str(self._path), f"it has {count} entries, the last of them is {last}")
        frontier = Frontier(count, self._node)
        row = self._connection.execute("SELECT body FROM heads ORDER BY size DESC LIMIT 1").fetchone()
        if row is None:
            if count:
                raise DamagedError(str(self._path), "its heads are gone")
            return frontier
        head = audit_pb2.TreeHead.FromString(row[0])
        if head.size != count or head.root != frontier.root:
            raise DamagedError(str(self._path), f"its {count} entries are not those that its head of {head.size} says")
        return frontier

    def append(self, entries: Sequence[tuple[Origin, audit_pb2.AuditEntry]]) -> int:
        """Append what is not there yet, and sign the new head: durable when this returns. How many were appended.

        ``seq`` of each entry is set here. Raises DamagedError, StorageFullError; then nothing was appended.
        """
        with self._lock, self._told():
            before = self._frontier.size
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for origin, entry in entries:
                    fresh = self._connection.execute("INSERT OR IGNORE INTO origins VALUES(?, ?)", origin).rowcount
                    if fresh:
                        self._put(entry)
                if self._frontier.size > before:
                    self._sign()
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                self._frontier = Frontier(before, self._node)
                raise
            return self._frontier.size - before

    def _put(self, entry: audit_pb2.AuditEntry) -> None:
        entry.seq = self._frontier.size
        body = entry.SerializeToString(deterministic=True)
        row = (entry.seq, entry.principal_id, entry.verb, entry.resource, body)
        self._connection.execute("INSERT INTO entries VALUES(?, ?, ?, ?, ?)", row)
        self._connection.executemany("INSERT INTO nodes VALUES(?, ?, ?)", self._frontier.append(leaf_hash(body)))

    def _sign(self) -> None:
        frontier = self._frontier
        head = audit_pb2.TreeHead(tenant=self.tenant, size=frontier.size, root=frontier.root)
        head.time.FromDatetime(utc_now())
        head.signature = self._key.sign(head_text(head))
        head.public_key = self._key.public
        row = (head.size, head.SerializeToString(deterministic=True))
        self._connection.execute("INSERT INTO heads VALUES(?, ?)", row)

    def forget_spools(self, but: Collection[str]) -> None:
        """Only these spools are left: where entries of the others came from is needed no more."""
        with self._lock, self._told():
            for (spool,) in self._connection.execute("SELECT DISTINCT spool FROM origins").fetchall():
                if spool not in but:
                    self._connection.execute("DELETE FROM origins WHERE spool = ?", (spool,))

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self._frontier.size

    def head(self, size: int = 0) -> audit_pb2.TreeHead:
        """The newest signed head, or the one of a size. Raises NotFoundError where none was signed."""
        with self._lock, self._told():
            wanted = size or self._frontier.size
            row = self._connection.execute("SELECT body FROM heads WHERE size = ?", (wanted,)).fetchone()
        if row is None:
            raise NotFoundError("audit head", str(wanted))
        return audit_pb2.TreeHead.FromString(row[0])

    def read(
        self, from_seq: int, limit: int, *, principal: str = "", verb: str = "", resource: str = ""
    ) -> list[tuple[int, bytes]]:
        """Entries from a number on, in order: (seq, bytes as they were hashed), at most ``limit``."""
        clauses, values = ["seq >= ?"], [min(from_seq, 1 << 62)]
        filters: list[int | str] = list(values)
        for column, wanted in (("who", principal), ("verb", verb), ("resource", resource)):
            if wanted:
                clauses.append(f"{column} = ?")
                filters.append(wanted)
        query = f"SELECT seq, body FROM entries WHERE {' AND '.join(clauses)} ORDER BY seq LIMIT ?"
        with self._lock, self._told():
            return self._connection.execute(query, (*filters, min(limit, MOST_PAGE))).fetchall()

    def prove_inclusion(self, seq: int, size: int = 0) -> audit_pb2.ProveInclusionResponse:
        """The proof that an entry is in the log of a signed size. Raises NotFoundError."""
        head = self.head(size)
        with self._lock, self._told():
            row = self._connection.execute("SELECT body FROM entries WHERE seq = ?", (min(seq, 1 << 62),)).fetchone()
            if row is None or seq >= head.size:
                raise NotFoundError("audit entry", str(seq))
            path = inclusion_path(seq, head.size, self._node)
        return audit_pb2.ProveInclusionResponse(entry=row[0], path=path, head=head)

    def prove_consistency(self, old: int, new: int = 0) -> audit_pb2.ProveConsistencyResponse:
        """The proof that the log of a signed size begins with that of ``old``. Raises NotFoundError,
        InvalidArgumentError(from_size)."""
        head = self.head(new)
        if old > head.size:
            raise InvalidArgumentError("from_size", f"is {old}, the log has {head.size} entries")
        with self._lock, self._told():
            path = consistency_path(old, head.size, self._node)
        return audit_pb2.ProveConsistencyResponse(path=path, head=head)

    def verify(self) -> int:
        """See ``verify_file``."""
        return verify_file(self._path, self._key.public)

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` entries, from the tree."""
        with self._lock, self._told():
            return root_of(size, self._node)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _node(self, level: int, at: int) -> bytes:
        row = self._connection.execute(NODE, (level, at)).fetchone()
        if row is None:
            raise DamagedError(str(self._path), f"the hash of its entries from {at << level} on is gone")
        value: bytes = row[0]
        return value

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise vault_error(error, self._path) from error


def verify_file(path: Path, public_key: bytes) -> int:
    """Hash every entry of a log anew and hold the result against the tree and the signed heads; how many there are.

    Needs no owner: the log may be in use. Raises DamagedError that names the first thing that is not what was
    appended. About 10 microseconds an entry.
    """
    frontier = Frontier()
    roots: dict[int, bytes] = {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            for seq, body in reader.execute("SELECT seq, body FROM entries ORDER BY seq"):
                made = frontier.append(leaf_hash(body))
                kept = [reader.execute(NODE, (level, at)).fetchone() for level, at, _ in made]
                if seq != frontier.size - 1 or kept != [(value,) for _, _, value in made]:
                    raise DamagedError(str(path), f"entry {frontier.size - 1} is not what was appended")
                roots[frontier.size] = frontier.root
            heads = [
                audit_pb2.TreeHead.FromString(row[0]) for row in reader.execute("SELECT body FROM heads ORDER BY size")
            ]
    except sqlite3.Error as error:
        raise vault_error(error, path) from error
    for head in heads:
        if not verifies(public_key, head.signature, head_text(head)):
            raise DamagedError(str(path), f"the head of {head.size} entries is not signed with the home's key")
        if roots.get(head.size) != head.root:
            raise DamagedError(str(path), f"its first {head.size} entries are not those that their head says")
    if frontier.size and (not heads or heads[-1].size != frontier.size):
        raise DamagedError(str(path), "its last entries have no signed head")
    return frontier.size
