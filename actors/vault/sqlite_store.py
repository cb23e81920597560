"""One attached cube in SQLite: what a commit writes, and what a load reads."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from memcube.actors.vault import schema
from memcube.actors.vault.base import (
    Commit,
    Contents,
    CubeStore,
    Erasure,
    EventRecord,
    ItemRecord,
    Matrix,
    Receipt,
    TaskRecord,
)
from memcube.actors.vault.build import Whole, write_cube
from memcube.actors.vault.catalog import Catalog
from memcube.actors.vault.erase import put_anew, whole_of, without
from memcube.actors.vault.marks import Marks
from memcube.actors.vault.session import Session
from memcube.actors.vault.sql_errors import vault_error
from memcube.actors.vault.vector_rows import joined, put_vectors
from memcube.model.errors import (
    DamagedError,
    IdempotencyConflictError,
    StaleEpochError,
    StorageFullError,
    UnavailableError,
)

log = logging.getLogger("memcube.vault")

LOG_LEFT_BYTES = 64 << 10
"""A log up to this size is left for the next attach at close: checking it is cheaper than folding it."""


class SqliteStore(CubeStore):
    """See ``CubeStore``. Safe to call from several threads; calls wait for each other."""

    def __init__(self, session: Session, catalog: Catalog, marks: Marks, fold_bytes: int, wait_s: float = 5.0) -> None:
        self.ref = session.ref
        self.epoch = session.epoch
        self._session = session
        self._catalog = catalog
        self._marks = marks
        self._marked = False
        self._wait_s = wait_s
        self._fold_bytes = self._fold_at = fold_bytes
        self._numbers: dict[str, int] | None = None
        self._next_number = 1
        self._lock = threading.RLock()

    @property
    def head(self) -> int:
        """See ``CubeStore.head``."""
        return self._session.head

    def load(self) -> Contents:
        """See ``CubeStore.load``; one pass over the tables, and no digests: attaching verified every page."""
        with self._lock, self._session.reading() as connection:
            self._session.fence()
            about: bytes = connection.execute("SELECT about FROM cube").fetchone()[0]
            rows = connection.execute("SELECT id, version, body, entry, content, num FROM items").fetchall()
            tasks = connection.execute("SELECT id, kind, payload, attempts, not_before_s, error FROM tasks").fetchall()
            # By columns: making a thousand records one by one is a tenth of a page-in.
            *columns, numbers = zip(*rows, strict=True) if rows else ((), (), (), (), (), ())
            items = list(map(ItemRecord, *columns))
            self._know(dict(zip(columns[0], numbers, strict=True)))
            return Contents(about, self.epoch, self.head, items, [TaskRecord(*row) for row in tasks])

    def commit(self, commit: Commit) -> None:
        """See ``CubeStore.commit``. One transaction, one sync; a long log is folded after it."""
        with self._lock:
            session = self._session
            before = session.head, session.chain
            numbers = self._known()
            fresh: dict[str, int] = {}
            if commit.about is not None:
                self._catalog.touch(self.ref)
            if commit.pending and not self._marked:
                self._mark()
            try:
                with session.transaction() as connection:
                    self._write(connection, commit, numbers, fresh)
            except BaseException:
                session.head, session.chain = before
                raise
            numbers.update(fresh)
            self._next_number += len(fresh)
            for id_ in commit.dropped:
                numbers.pop(id_, None)
            if commit.about is not None:
                self._catalog.put(self.ref, commit.about)
            if session.log_bytes > self._fold_at:
                self._fold_quietly()

    def _write(
        self, connection: sqlite3.Connection, commit: Commit, numbers: dict[str, int], fresh: dict[str, int]
    ) -> None:
        session = self._session
        head, chain = session.head, session.chain
        for event in commit.events:
            head += 1
            if event.seq != head:
                raise DamagedError(str(session.files.paths.db), f"event {event.seq} was to follow {head - 1}")
            chain = schema.chained(chain, event)
        if commit.events:
            connection.executemany(schema.PUT_EVENT, map(schema.event_row, commit.events))
            connection.execute("UPDATE state SET head = ?, chain = ?", (head, chain))
        for item in commit.items:
            if item.id not in numbers and item.id not in fresh:
                fresh[item.id] = self._next_number + len(fresh)
        rows = [schema.item_row(numbers.get(item.id) or fresh[item.id], item) for item in commit.items]
        if rows:
            connection.executemany(schema.PUT_ITEM, rows)
        gone = [(num,) for id_ in commit.dropped if (num := numbers.get(id_) or fresh.get(id_))]
        if gone:
            connection.executemany("DELETE FROM items WHERE num = ?", gone)
        if commit.receipts:
            self._put_receipts(connection, commit.receipts)
        if commit.tasks:
            connection.executemany(schema.PUT_TASK, map(schema.task_row, commit.tasks))
        if commit.finished_tasks:
            connection.executemany("DELETE FROM tasks WHERE id = ?", [(id_,) for id_ in commit.finished_tasks])
        if commit.vectors:
            put_vectors(connection, commit.vectors)
        if commit.about is not None:
            connection.execute(schema.PUT_CUBE, schema.cube_row(self.ref.tenant, self.ref.cube_id, commit.about))
        session.head, session.chain = head, chain

    def _put_receipts(self, connection: sqlite3.Connection, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            try:
                connection.execute(schema.PUT_RECEIPT, schema.receipt_row(receipt))
            except sqlite3.IntegrityError:
                raise IdempotencyConflictError(receipt.key) from None

    def verify_epoch(self) -> None:
        """See ``CubeStore.verify_epoch``."""
        with self._lock:
            self._session.verify_epoch()

    def receipt(self, key: str) -> Receipt | None:
        """See ``CubeStore.receipt``."""
        with self._lock, self._session.reading() as connection:
            row = connection.execute(
                "SELECT key, request, response, time_s FROM receipts WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else Receipt(*row)

    def vectors(self, model: str) -> tuple[list[bytes], Matrix]:
        """See ``CubeStore.vectors``."""
        with self._lock, self._session.reading() as connection:
            rows = connection.execute(
                "SELECT content, vector FROM vectors WHERE model = (SELECT num FROM models WHERE name = ?)", (model,)
            ).fetchall()
        return joined(rows)

    def events(self, from_seq: int = 1, limit: int = 1000, item_id: str | None = None) -> list[EventRecord]:
        """See ``CubeStore.events``."""
        query = "SELECT seq, kind, item_id, body, crc FROM events WHERE seq >= ?"
        arguments: list[int | str] = [from_seq, limit]
        if item_id is not None:
            query += " AND item = ? AND item_id = ?"
            arguments[1:1] = [schema.item_number(item_id), item_id]
        with self._lock, self._session.reading() as connection:
            rows = connection.execute(query + " ORDER BY seq LIMIT ?", arguments).fetchall()
        events = [EventRecord._make(row[:4]) for row in rows]
        for event, row in zip(events, rows, strict=True):
            if schema.event_row(event)[-1] != row[4]:
                raise DamagedError(str(self._session.files.paths.db), f"event {event.seq} has a wrong checksum")
        return events

    def receipts(self) -> list[Receipt]:
        """See ``CubeStore.receipts``."""
        with self._lock, self._session.reading() as connection:
            rows = connection.execute("SELECT key, request, response, time_s FROM receipts").fetchall()
        return [Receipt(*row) for row in rows]

    def about(self) -> bytes:
        """See ``CubeStore.about``."""
        with self._lock, self._session.reading() as connection:
            about: bytes = connection.execute("SELECT about FROM cube").fetchone()[0]
            return about

    def with_vectors(self, contents: Collection[bytes]) -> int:
        """See ``CubeStore.with_vectors``."""
        with self._lock, self._session.reading() as connection:
            known = {row[0] for row in connection.execute("SELECT DISTINCT content FROM vectors")}
        return len(known.intersection(contents))

    def erase(self, erasure: Erasure) -> int:
        """See ``CubeStore.erase``. Reads and writes the whole cube."""
        return self.rewrite(lambda whole: without(whole, erasure), described=erasure.about is not None)

    def rewrite(self, change: Callable[[Whole], Whole], *, described: bool = False) -> int:
        """Write the files anew with what ``change`` makes of their content, and end this store; see ``erase``.
        ``described``: the cube's description changes."""
        with self._lock:
            session = self._session
            with session.reading() as connection:
                session.fence()
                whole = change(whole_of(connection, self.epoch))
            if described:
                self._catalog.touch(self.ref)
            gone = put_anew(session, whole, self._wait_s)
            self._numbers = None
        if described:
            self._catalog.put(self.ref, whole.about)
        return gone

    def file_bytes(self) -> int:
        """See ``CubeStore.file_bytes``; the log's index is left out, it is no content."""
        paths = self._session.files.paths
        return sum(path.stat().st_size for path in (paths.db, paths.wal, paths.seal) if path.exists())

    def tidy(self, receipts_before_s: float, keep_model: str | None) -> None:
        """See ``CubeStore.tidy``."""
        with self._lock, self._session.transaction() as connection:
            connection.execute("DELETE FROM receipts WHERE time_s < ?", (receipts_before_s,))
            if keep_model is not None:
                connection.execute(
                    "DELETE FROM vectors WHERE model IS NOT (SELECT num FROM models WHERE name = ?)"
                    " OR content NOT IN (SELECT content FROM items)",
                    (keep_model,),
                )
                connection.execute("DELETE FROM models WHERE name != ?", (keep_model,))

    def drop_pending(self) -> None:
        """See ``CubeStore.drop_pending``. Inside a transaction: whoever attaches waits for it, and marks after it."""
        with self._lock:
            if not self._marked and not self._marks.has(self.ref):
                return
            self._drop_mark()

    def _drop_mark(self) -> None:
        with self._session.transaction():
            self._marked = False
            try:
                self._marks.drop(self.ref)
            except OSError as error:
                # A mark too many costs a look at the cube, no more.
                log.warning("cube %s: it stays marked as pending: %s", self.ref, error)

    def _mark(self) -> None:
        # Not for a writer that was replaced: its commit is refused, and its mark would stay.
        self._session.verify_epoch()
        try:
            self._marks.put(self.ref)
        except OSError as error:
            raise vault_error(error, self._session.files.paths.db) from error
        self._marked = True

    def checkpoint(self) -> None:
        """See ``CubeStore.checkpoint``. A reader elsewhere may keep the log from being emptied; it stays valid."""
        with self._lock:
            if not self._session.fold():
                log.info("cube %s: its log is still read elsewhere; it is folded later", self.ref)

    def snapshot(self, target: Path) -> None:
        """See ``CubeStore.snapshot``."""
        with self._lock, self._session.reading() as connection:
            image = connection.serialize()
        write_cube(target, self.ref, image, self.epoch, self.head)

    def close(self, *, checkpoint: bool = True) -> None:
        """See ``CubeStore.close``. A stale writer's log is the new writer's to fold."""
        with self._lock:
            try:
                if checkpoint and not self._session.ended and self._session.log_bytes > LOG_LEFT_BYTES:
                    self._session.fold()
            except (StaleEpochError, UnavailableError, StorageFullError) as error:
                log.info("cube %s: its log is left for the next attach: %s", self.ref, error)
            finally:
                self._session.close()
                self._numbers = None

    def _fold_quietly(self) -> None:
        """Fold after a commit that is durable already: what fails here must not look like the commit failing."""
        try:
            folded = self._session.fold()
        except (StaleEpochError, UnavailableError, StorageFullError, DamagedError) as error:
            log.warning("cube %s: its log could not be folded now: %s", self.ref, error)
            folded = False
        self._fold_at = self._fold_bytes if folded else self._session.log_bytes + self._fold_bytes

    def _known(self) -> dict[str, int]:
        """Item id → row number, read once."""
        if self._numbers is None:
            with self._session.reading() as connection:
                self._session.fence()
                self._know(dict(connection.execute("SELECT id, num FROM items")))
        assert self._numbers is not None
        return self._numbers

    def _know(self, numbers: dict[str, int]) -> None:
        self._numbers = numbers
        self._next_number = max(numbers.values(), default=0) + 1
