"""Taking files away, or putting others in their place, so that a crash in between is finished and not misread.

A seal that says so comes first; until it is gone or live again, whoever meets it repeats the steps. All of this
happens under the folder's lock, so that nobody creates the cube meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from memcube.actors.vault import schema
from memcube.actors.vault.build import seal_of
from memcube.actors.vault.files import CubeFiles, is_file
from memcube.actors.vault.locks import alone, share
from memcube.actors.vault.paths import CubePaths, sync_folder, write_durably
from memcube.actors.vault.seal import Seal, State, load
from memcube.actors.vault.session import connect
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError
from memcube.model.ids import CubeRef


def finish(paths: CubePaths) -> bool:
    """Finish what a removal or a repair began; False if there is nothing to finish."""
    try:
        seal = load(paths.seal)
    except (FileNotFoundError, DamagedError):
        return False
    if seal.state is State.DELETED:
        _unlink_all(paths)
    elif seal.state is State.REPLACED:
        _put_in_place(paths, seal)
    return seal.state is not State.LIVE


def remove(paths: CubePaths, ref: CubeRef, wait_s: float) -> None:
    """Fence whoever has the cube attached, then remove all of its files."""
    try:
        files: CubeFiles | None = CubeFiles(paths)
    except (FileNotFoundError, DamagedError):
        files = None  # its database was lost: what is left of it goes too
    try:
        if files is not None:
            files.lock(wait_s)
            if not alone(files.db):
                _fence(files, wait_s)
        seal = seal_of(ref, schema.template()).turn(State.DELETED)
        if not is_file(paths.seal):
            discard(paths.seal)
        os.close(write_durably(paths.seal, seal.encode()))
        _unlink_all(paths)
    finally:
        if files is not None:
            files.close()


def replace(paths: CubePaths, seal: Seal) -> None:
    """Put the database that lies at ``seal.incoming`` in place; ``seal`` describes it."""
    os.close(write_durably(paths.seal, seal.encode()))
    _put_in_place(paths, seal)


def _fence(files: CubeFiles, wait_s: float) -> None:
    """Raise the epoch in the file: a writer that still holds it finds out at its next commit, name or no name."""
    share(files.db)
    try:
        connection = connect(files.paths.db, wait_s)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE state SET epoch = epoch + 1")
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise vault_error(error, files.paths.db) from error


def _unlink_all(paths: CubePaths) -> None:
    for path in (paths.db, paths.wal, paths.shm, *paths.beside()):
        discard(path)
    sync_folder(paths.folder)
    discard(paths.seal)
    sync_folder(paths.folder)


def discard(path: Path) -> None:
    """Remove whatever has this name, a folder in the place of a file too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put_in_place(paths: CubePaths, seal: Seal) -> None:
    paths.wal.unlink(missing_ok=True)
    paths.shm.unlink(missing_ok=True)
    incoming = paths.db.with_name(seal.incoming)
    if incoming.exists():
        os.rename(incoming, paths.db)
    sync_folder(paths.folder)
    os.close(write_durably(paths.seal, seal.turn(State.LIVE).encode()))
