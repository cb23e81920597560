"""Writing an attached cube's files anew: the only way to be sure that nothing of what goes is left in them.

SQLite overwrites what is deleted, but moves rows between pages before that, and leaves old ones behind in the gaps;
a database made of the rows that stay holds those rows and nothing else.
"""

from __future__ import annotations

import sqlite3

import numpy as np

from memcube.actors.vault import schema
from memcube.actors.vault.base import Erasure, EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.build import Whole, image_of, seal_of, write_synced
from memcube.actors.vault.paths import sync_folder
from memcube.actors.vault.removal import discard, replace
from memcube.actors.vault.seal import State
from memcube.actors.vault.session import Session
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

__all__ = ["put_anew", "whole_of", "without"]


def whole_of(connection: sqlite3.Connection, epoch: int) -> Whole:
    """Everything in a cube's database, read in one transaction of the caller's."""
    about = connection.execute("SELECT about FROM cube").fetchone()[0]
    events = connection.execute("SELECT seq, kind, item_id, body FROM events ORDER BY seq").fetchall()
    items = connection.execute("SELECT id, version, body, entry, content FROM items ORDER BY num").fetchall()
    receipts = connection.execute("SELECT key, request, response, time_s FROM receipts").fetchall()
    tasks = connection.execute("SELECT id, kind, payload, attempts, not_before_s, error FROM tasks").fetchall()
    vectors = connection.execute(
        "SELECT content, name, vector FROM vectors JOIN models ON models.num = vectors.model ORDER BY vectors.num"
    ).fetchall()
    return Whole(
        about,
        epoch,
        [EventRecord(*row) for row in events],
        [ItemRecord(*row) for row in items],
        [Receipt(*row) for row in receipts],
        [TaskRecord(*row) for row in tasks],
        [(content, name, np.frombuffer(half, "<f2").astype("<f4").tobytes()) for content, name, half in vectors],
    )


def without(whole: Whole, erasure: Erasure) -> Whole:
    """The cube without what is to go; the journal's numbers and its running digest stay."""
    chain = schema.FIRST_CHAIN
    events = []
    for event in whole.events:
        events.append(schema.erased(chain, event) if event.seq in erasure.events else event)
        chain = schema.chained(chain, event)
    return Whole(
        whole.about if erasure.about is None else erasure.about,
        whole.epoch,
        events,
        [item for item in whole.items if item.id not in erasure.items],
        [receipt for receipt in whole.receipts if receipt.key not in erasure.receipts],
        [task for task in whole.tasks if task.id not in erasure.tasks],
        [row for row in whole.vectors if row[0] not in erasure.contents],
    )


def put_anew(session: Session, whole: Whole, wait_s: float) -> int:
    """Put a database with this content in the place of an attached cube's, and end its session; how many other files
    of the cube went (damaged originals). The caller has seen that the session's epoch is the newest."""
    files, paths = session.files, session.files.paths
    image = image_of(session.ref, whole)
    try:
        if not files.lock(wait_s):
            raise DamagedError(str(paths.db), "another file took its place while in use")
        # Nobody can attach from here on, so what holds now holds to the end.
        session.verify_epoch()
        incoming = paths.db.with_name(paths.db.name + ".anew")
        write_synced(incoming, image)
        session.connection.close()
        seal = seal_of(session.ref, image, whole.epoch, len(whole.events), session.seal.generation + 1)
        replace(paths, seal.turn(State.REPLACED, incoming.name))
        beside = paths.beside()
        for path in beside:
            discard(path)
        sync_folder(paths.folder)
        return len(beside)
    except OSError as error:
        raise vault_error(error, paths.db) from error
    finally:
        session.close()
