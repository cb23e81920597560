"""Putting a backup back: every digest is checked first, all is made beside the home, and one rename puts it in place.

So a home is there whole or not at all, whenever a restore is killed; the next one of the same backup goes on with what
was made. A home that has anything in it is left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memcube.actors.vault.backup_index import BackupIndex, BackupTarget, CubeEntry, digest_of_file
from memcube.actors.vault.build import write_cube
from memcube.actors.vault.paths import Layout, is_key, make_folder, sync_folder, tenant_folder
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import AlreadyExistsError, DamagedError, UnavailableError
from memcube.model.ids import CubeRef

__all__ = ["RestoreReport", "restore"]


@dataclass(slots=True)
class RestoreReport:
    """What a restore did; ``resumed`` counts cubes and files that a killed one had made already."""

    name: str = ""
    cubes: int = 0
    files: int = 0
    bytes: int = 0
    resumed: int = 0


Told = Callable[[RestoreReport], None]


def restore(target: Path, home: Path, *, name: str = "", told: Told | None = None) -> RestoreReport:
    """Restore a backup (the newest, or the one whose name begins so) into a home that is missing or empty.

    Raises AlreadyExistsError (there is something in the home), NotFoundError, DamagedError (something of the backup is
    not what was written: nothing was put in place), UnavailableError, StorageFullError.
    """
    source = BackupTarget(target)
    index = source.index(name)
    _check_empty(home)
    for digest, size in index.digests().items():
        source.check(digest, size)
    report = RestoreReport(index.name)
    home = home.absolute()
    made = home.with_name(f".{home.name}.restoring-{index.name[:22]}-{index.name.rpartition('-')[2][:12]}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made.mkdir(exist_ok=True, mode=0o700)
        with _Alone(made):
            _fill(source, index, made, report, told or (lambda report: None))
            (made / _LOCK).unlink()
            sync_folder(made)
            _put(made, home)
    except OSError as error:
        raise vault_error(error, home) from error
    return report


_LOCK = "restore.lock"


class _Alone:
    """One restore at a time makes a home."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _LOCK
        self._descriptor = -1

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise UnavailableError("the home (another restore is making it)") from None

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _check_empty(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise AlreadyExistsError("home with files", str(home))


def _fill(source: BackupTarget, index: BackupIndex, made: Path, report: RestoreReport, told: Told) -> None:
    layout = Layout(made / "vault")
    for cube in index.cubes:
        _cube(source, cube, layout, report)
        report.cubes += 1
        report.bytes += cube.size
        told(report)
    for file in index.files:
        path = made / file.path
        if path.is_file() and digest_of_file(path) == file.sha256:
            report.resumed += 1
        else:
            make_folder(path.parent)
            _copy(source.blob(file.sha256), path)
        report.files += 1
        report.bytes += file.size
    known = {(tenant_folder(one.tenant), CubeRef(one.tenant, one.cube_id).key) for one in index.cubes}
    for folder, key in index.pending:
        if (folder, key) in known and is_key(key):
            place = made / "vault" / "pending" / folder
            make_folder(place)
            (place / key).touch(mode=0o600)
            sync_folder(place)
    make_folder(made / "vault")


def _cube(source: BackupTarget, cube: CubeEntry, layout: Layout, report: RestoreReport) -> None:
    ref = CubeRef(cube.tenant, cube.cube_id)
    paths = layout.cube(ref.tenant, ref.key)
    if paths.db.is_file() and digest_of_file(paths.db) == cube.sha256 and paths.seal.is_file():
        report.resumed += 1
        return
    make_folder(paths.folder)
    for path in (paths.db, paths.seal):
        path.unlink(missing_ok=True)
    image = source.blob(cube.sha256).read_bytes()
    if len(image) != cube.size:
        raise DamagedError(str(source.blob(cube.sha256)), "it changed while it was restored")
    write_cube(paths.db, ref, image, cube.epoch, cube.head)


def _copy(blob: Path, path: Path) -> None:
    fresh = path.with_name(path.name + ".new")
    with blob.open("rb") as source, open(fresh, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    sync_folder(path.parent)


def _put(made: Path, home: Path) -> None:
    """Give the finished home its name: one rename, which fails where something came into the home meanwhile."""
    _check_empty(home)
    try:
        os.rename(made, home)
    except OSError as error:
        raise AlreadyExistsError("home with files, or a mount point,", f"{home} ({error.strerror})") from error
    sync_folder(home.parent)
