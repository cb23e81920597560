"""Opening a cube as its writer: lock, look at every byte, open SQLite, raise the epoch."""

from __future__ import annotations

import logging
import os
import sqlite3
import time

from memcube.actors.vault import schema
from memcube.actors.vault.files import CubeFiles
from memcube.actors.vault.inspect import Inspection, inspect
from memcube.actors.vault.locks import share
from memcube.actors.vault.seal import Seal
from memcube.actors.vault.session import Session, connect, release
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError
from memcube.model.ids import CubeRef

log = logging.getLogger("memcube.vault")

_RACE_S = 0.02


def open_session(
    files: CubeFiles, ref: CubeRef, create: bytes | None, wait_s: float, kind: type[Session]
) -> Session | None:
    """Attach a cube whose lock the caller holds; None if it was never finished and ``create`` is not given.

    A live older writer may commit until the epoch is raised, so the log is looked at again under SQLite's lock.
    On any raise, ``files`` are closed.
    """
    connection: sqlite3.Connection | None = None
    try:
        share(files.db)
        inspection = _inspect_calmly(files)
        inspection.raise_first()
        connection = connect(files.paths.db, wait_s)
        connection.execute("BEGIN IMMEDIATE")
        files.read_wal()  # by now SQLite has made one
        if os.fstat(files.wal).st_size != inspection.wal.size:
            inspection = inspect(files)
        seal = inspection.raise_first()
        session = kind(ref, files, connection, seal, 0, wait_s)
        if _raise_epoch(session, inspection, create):
            return session
        release(files, connection)
        return None
    except (sqlite3.Error, OSError) as error:
        release(files, connection)
        raise vault_error(error, files.paths.db) from error
    except BaseException:
        release(files, connection)
        raise


def _inspect_calmly(files: CubeFiles) -> Inspection:
    """Look again before calling the log damaged: a live writer may be in the middle of a commit."""
    inspection = inspect(files)
    if inspection.wal_damaged:
        time.sleep(_RACE_S)
        inspection = inspect(files)
    return inspection


def _raise_epoch(session: Session, inspection: Inspection, create: bytes | None) -> bool:
    """Commit the next epoch, and the cube's identity if it is new; False if it is new and not to be created."""
    connection, ref, seal = session.connection, session.ref, session.seal
    path = str(session.files.paths.db)
    cube = connection.execute("SELECT tenant, cube_id, about, crc FROM cube").fetchone()
    state = connection.execute("SELECT epoch, head, chain FROM state").fetchone()
    if cube is None and state is None and not seal.mark.end and not seal.head:
        if create is None:
            connection.execute("ROLLBACK")
            return False
        connection.execute(schema.PUT_CUBE, schema.cube_row(ref.tenant, ref.cube_id, create))
        state = (0, 0, schema.FIRST_CHAIN)
    elif cube is None or state is None:
        raise DamagedError(path, "its identity is missing")
    elif cube != schema.cube_row(*cube[:3]) or cube[:2] != (ref.tenant, ref.cube_id):
        raise DamagedError(path, f"it belongs to the cube {cube[1]!r}")
    epoch, head, chain = state
    _not_older(path, seal, epoch, head)
    _cut_rest(session, inspection)
    session.resume(head, chain, inspection.wal)
    session.epoch = epoch + 1
    connection.execute(schema.PUT_STATE, (session.epoch, head, chain))
    connection.execute("COMMIT")
    session.advance()
    return True


def _cut_rest(session: Session, inspection: Inspection) -> None:
    """Remove what follows the last commit: the next one may be shorter, and leave some of it behind."""
    if inspection.rest_bytes:
        why = inspection.wal.rest or "it holds no commit"
        log.warning(
            "cube %s: %d bytes of a change that never finished are cut off its log (%s)",
            session.ref, inspection.rest_bytes, why,
        )  # fmt: skip
        os.ftruncate(session.files.wal, inspection.wal.end)


def _not_older(path: str, seal: Seal, epoch: int, head: int) -> None:
    """Files that are each sound but of different times are damage too."""
    if epoch < max(seal.epoch, seal.mark.epoch) or head < max(seal.head, seal.mark.head):
        known = max(seal.head, seal.mark.head)
        raise DamagedError(path, f"it is older than its seal: its journal ends at {head}, acknowledged is {known}")
