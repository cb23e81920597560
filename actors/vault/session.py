"""One writer's hold on a cube's files: fenced transactions, the mark, folding the log, failing stop, letting go.

``SqliteStore`` says what is written; everything that makes it durable, exclusive and detectable is here.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcube.actors.vault import locks, wal
from memcube.actors.vault.files import CubeFiles
from memcube.actors.vault.inspect import PAGE_BYTES
from memcube.actors.vault.paths import write_durably
from memcube.actors.vault.seal import MARK_OFFSET, Mark, Seal, boot, folded
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, MemCubeError, StaleEpochError, StorageFullError, UnavailableError
from memcube.model.ids import CubeRef

log = logging.getLogger("memcube.vault")


def connect(path: Path, wait_s: float) -> sqlite3.Connection:
    """A connection that commits durably and folds only when told. Locks are waited for up to ``wait_s`` seconds.

    Nothing spills into the log before a commit, so every frame in it belongs to one. What is deleted is overwritten.
    """
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA cache_spill = OFF")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


class Session:
    """An attached cube's files and connection. The caller serialises the calls."""

    def __init__(
        self, ref: CubeRef, files: CubeFiles, connection: sqlite3.Connection, seal: Seal, epoch: int, wait_s: float
    ) -> None:
        self.ref = ref
        self.files = files
        self.connection = connection
        self.seal = seal
        self.epoch = epoch
        self.head = 0
        self.chain = b""
        self.log_bytes = 0
        """End of the last acknowledged commit in the log; 0 while the log is empty."""
        self._salts = b""
        self._wait_s = wait_s
        self._broken: MemCubeError | None = None
        self._closed = False

    def resume(self, head: int, chain: bytes, scan: wal.WalScan) -> None:
        """Go on where the last writer ended."""
        self.head, self.chain = head, chain
        self.log_bytes, self._salts = scan.end, scan.salts

    def usable(self) -> None:
        """Raise what ended this session: it was closed, replaced, or its disk failed."""
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise UnavailableError(f"cube {self.ref} (let go of by this writer)")

    @property
    def ended(self) -> bool:
        """Whether this session can do nothing any more."""
        return self._closed or self._broken is not None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One fenced, durable transaction: whatever is raised inside or by it, nothing of it is kept."""
        self.usable()
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self.fence()
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.InterfaceError, sqlite3.ProgrammingError):
            self._undo()
            raise
        except sqlite3.Error as error:
            self._undo()
            raise self.failed(error) from error
        except BaseException:
            self._undo()
            raise
        self.advance()

    def fence(self) -> None:
        """Raise StaleEpochError if a newer writer attached, DamagedError if the head is not the one left there."""
        row = self.connection.execute("SELECT epoch, head FROM state").fetchone()
        if row is None or row[0] != self.epoch:
            stale = StaleEpochError(self.ref.cube_id, self.epoch, row[0] if row else 0)
            self._broken = self._broken or stale
            raise stale
        if not os.fstat(self.files.db).st_nlink:
            self._broken = DamagedError(str(self.files.paths.db), "it was removed while in use")
            raise self._broken
        if row[1] != self.head:
            problem = f"its journal ends at {row[1]}, this writer's at {self.head}"
            self._broken = DamagedError(str(self.files.paths.db), problem)
            raise self._broken

    def verify_epoch(self) -> None:
        """Raise StaleEpochError if a newer writer attached."""
        with self.reading() as connection:
            row = connection.execute("SELECT epoch FROM state").fetchone()
        if row is None or row[0] != self.epoch:
            raise StaleEpochError(self.ref.cube_id, self.epoch, row[0] if row else 0)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Reads see one moment of the cube, even while a newer writer commits."""
        self.usable()
        try:
            self.connection.execute("BEGIN")
            yield self.connection
        except sqlite3.Error as error:
            raise self.failed(error) from error
        finally:
            self._undo()

    def failed(self, error: sqlite3.Error | OSError) -> MemCubeError:
        """What to raise for ``error``; a failed disk ends the session: after a failed fsync nobody knows what is
        stored, and asking the same descriptor again may answer with a false success."""
        raised = vault_error(error, self.files.paths.db)
        if isinstance(raised, DamagedError):
            self._broken = raised
        if isinstance(raised, DamagedError | StorageFullError):
            self._cut()
        return raised

    def advance(self) -> None:
        """Note in the mark how far the log is acknowledged, right after a commit."""
        files = self.files
        try:
            salts = os.pread(files.wal, 8, 16)
            end = self.log_bytes if salts == self._salts and self.log_bytes else wal.HEADER_BYTES
            while True:
                head = os.pread(files.wal, wal.FRAME_HEADER_BYTES, end)
                if len(head) < wal.FRAME_HEADER_BYTES or head[8:16] != salts:
                    return  # the commit had nothing to write
                end += wal.FRAME_HEADER_BYTES + PAGE_BYTES
                if head[4:8] != b"\0\0\0\0":
                    break
            self.log_bytes, self._salts = end, salts
            os.pwrite(files.seal, Mark(salts, end, self.epoch, self.head, boot()).encode(), MARK_OFFSET)
        except OSError as error:
            # The commit itself is durable and stays acknowledged; the next call meets the failing disk.
            self._broken = vault_error(error, files.paths.wal)
            log.error("cube %s: the log can't be read back after a commit: %s", self.ref, error)

    def fold(self) -> bool:
        """Seal and fold the log into the database; False if a reader elsewhere keeps the log from being emptied."""
        self.usable()
        if not self.log_bytes:
            return True
        try:
            current = self.files.lock(self._wait_s)
            try:
                if not current:
                    self._broken = DamagedError(str(self.files.paths.db), "another file took its place while in use")
                    raise self._broken
                self._seal_fold()
                busy = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self.files.unlock()
        except (sqlite3.Error, OSError) as error:
            raise self.failed(error) from error
        if not busy:
            self.log_bytes, self._salts = 0, b""
        return not busy

    def _seal_fold(self) -> None:
        """Write the seal of the database as it will be. Other writers are stale, or wait for the cube's lock."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self.fence()
            data, scan = self.files.scan_wal(PAGE_BYTES)
            if scan.end != self.log_bytes or scan.salts != self._salts:
                self._broken = DamagedError(str(self.files.paths.wal), scan.rest or "it is not what was written")
                raise self._broken
            self.seal = Seal(
                ref=self.ref,
                page_bytes=PAGE_BYTES,
                digests=folded(self.seal, data, scan.newest(), scan.db_pages),
                generation=self.seal.generation + 1,
                epoch=self.epoch,
                head=self.head,
                salts=scan.salts,
                end=scan.end,
                mark=Mark(scan.salts, scan.end, self.epoch, self.head, boot()),
            )
            self.files.take_seal(write_durably(self.files.paths.seal, self.seal.encode()))
        finally:
            self._undo()

    def close(self) -> None:
        """Let go: connection, index of the log (if nobody else has it), descriptors, locks."""
        if self._closed:
            return
        self._closed = True
        release(self.files, self.connection)

    def _undo(self) -> None:
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._broken = self._broken or vault_error(error, self.files.paths.db)

    def _cut(self) -> None:
        """Remove what a failed commit left in the log, so that no later reader takes it for a commit."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            row = self.connection.execute("SELECT epoch FROM state").fetchone()
            same_log = not self.log_bytes or os.pread(self.files.wal, 8, 16) == self._salts
            if row is not None and row[0] == self.epoch and same_log:
                os.ftruncate(self.files.wal, self.log_bytes)
        except (sqlite3.Error, OSError) as error:
            log.warning("cube %s: what a failed commit wrote stays in its log: %s", self.ref, error)
        finally:
            self._undo()


def release(files: CubeFiles, connection: sqlite3.Connection | None) -> None:
    """Close a cube's connection and files. The shared lock outlives the connection, so SQLite folds nothing."""
    if connection is not None:
        connection.close()
    if locks.alone(files.db) and files.current():
        files.paths.shm.unlink(missing_ok=True)
    files.close()
