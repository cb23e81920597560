"""Making whole cube files at once: a new cube's, a snapshot's, a repaired cube's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from memcube.actors.vault import schema
from memcube.actors.vault.base import EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.inspect import PAGE_BYTES
from memcube.actors.vault.paths import CubePaths, sync_folder, write_all, write_durably
from memcube.actors.vault.seal import Seal, page_digests
from memcube.actors.vault.sql_errors import vault_error
from memcube.actors.vault.vector_rows import put_vectors
from memcube.model.errors import AlreadyExistsError
from memcube.model.ids import CubeRef


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that a cube's file holds; vectors are (content digest, model, float32 vector)."""

    about: bytes
    epoch: int
    events: Sequence[EventRecord]
    items: Iterable[ItemRecord]
    receipts: Iterable[Receipt] = ()
    tasks: Iterable[TaskRecord] = ()
    vectors: Sequence[tuple[bytes, str, bytes]] = ()


def image_of(ref: CubeRef, whole: Whole) -> bytes:
    """The bytes of a database file with this content."""
    events, chain = schema.linked(whole.events)
    connection = schema.in_memory(schema.template())
    try:
        connection.execute("BEGIN")
        connection.execute(schema.PUT_CUBE, schema.cube_row(ref.tenant, ref.cube_id, whole.about))
        connection.execute(schema.PUT_STATE, (whole.epoch, len(events), chain))
        connection.executemany(schema.PUT_EVENT, map(schema.event_row, events))
        rows = (schema.item_row(number, item) for number, item in enumerate(whole.items, 1))
        connection.executemany(schema.PUT_ITEM, rows)
        connection.executemany(schema.PUT_RECEIPT, map(schema.receipt_row, whole.receipts))
        connection.executemany(schema.PUT_TASK, map(schema.task_row, whole.tasks))
        put_vectors(connection, whole.vectors)
        connection.execute("COMMIT")
        return schema.to_image(connection)
    finally:
        connection.close()


def seal_of(ref: CubeRef, image: bytes, epoch: int = 0, head: int = 0, generation: int = 1) -> Seal:
    """The seal of a database file with these bytes and no log."""
    return Seal(ref, PAGE_BYTES, page_digests(image, PAGE_BYTES), generation, epoch, head)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file, its bytes durable; its name is not until the folder is synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_cube(target: Path, ref: CubeRef, image: bytes, epoch: int = 0, head: int = 0) -> None:
    """Put a cube's file and its seal where there is none, durably; the database's name appears last.

    Raises AlreadyExistsError if the database is there, StorageFullError, UnavailableError (no such folder, say).
    """
    paths = CubePaths(target)
    if paths.db.exists():
        raise AlreadyExistsError("file", str(target))
    fresh = paths.db.with_name(paths.db.name + ".new")
    try:
        write_synced(fresh, image)
        os.close(write_durably(paths.seal, seal_of(ref, image, epoch, head).encode()))
        os.rename(fresh, paths.db)
        sync_folder(paths.folder)
    except OSError as error:
        raise vault_error(error, target) from error
