"""Backing up a whole system, running or not.

What a backup promises: every cube in it is exactly its acknowledged state at one moment after the backup began, its
writers not disturbed; so whatever was acknowledged before it began is in it. Between two cubes the moments differ, and
all lie between ``started_at`` and ``finished_at``. Of a system that does not run it is one state. Settings, keys,
topics and governance are copied file by file, SQLite's by SQLite itself, until a pass meets none that changes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from memcube.actors.vault.backup_index import STEP_BYTES, BackupIndex, BackupTarget, CubeEntry, FileEntry
from memcube.actors.vault.evidence import gather, seal_state
from memcube.actors.vault.marks import Marks
from memcube.actors.vault.paths import CubePaths
from memcube.actors.vault.schema import in_memory
from memcube.actors.vault.seal import Seal, State, load
from memcube.actors.vault.sql_errors import vault_error
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import AlreadyExistsError, DamagedError, InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef
from memcube.model.times import rfc3339, utc_now

__all__ = ["Backup", "BackupReport", "back_up"]

WAIT_S = 5.0
PASSES = 5
_LEFT = frozenset({"lock", "keys.lock", "run.json", "logs", "mip-cache"})
"""Of the home: what says only how things are now."""
_VIEWS = frozenset(
    {"vault/cubes", "vault/pending"} | {f"vault/interchange/{name}" for name in ("spool", "staged", "exports")}
)
"""Cubes are copied one by one; bundles on their way are sent again by whoever sends them, exports are made again. The
tenants' keys, what is known of other systems' cubes and what is kept beside cubes are copied."""
_SQLITE = b"SQLite format 3\0"


@dataclass(slots=True)
class BackupReport:
    """What a backup did. ``problems`` are cubes and files that are not in it, and why."""

    name: str = ""
    started_at: str = ""
    finished_at: str = ""
    cubes: int = 0
    unchanged: int = 0
    files: int = 0
    bytes: int = 0
    new_bytes: int = 0
    quiet: bool = True
    problems: list[dict[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


Told = Callable[[BackupReport], None]


class Backup:
    """One backup of a home into a target. ``told`` hears after every cube."""

    def __init__(self, home: Path, target: Path, told: Told | None = None) -> None:
        if target.resolve() == home.resolve() or home.resolve() in target.resolve().parents:
            raise InvalidArgumentError("target", f"{target} is inside of the home that it would back up")
        if not (home / "vault").is_dir():
            raise NotFoundError("vault in", str(home))
        self._home, self._target = home, BackupTarget(target)
        self._vault = SqliteVault(home / "vault", wait_s=WAIT_S)
        self._told = told or (lambda report: None)
        self._seen: dict[str, tuple[int, int, int]] = {}

    def run(self, keep: int = 0) -> BackupReport:
        """Make it; ``keep`` > 0 removes all but so many afterwards. Raises StorageFullError, UnavailableError."""
        report = BackupReport(started_at=rfc3339(utc_now()))
        before = self._before()
        cubes = tuple(self._cubes(before, report))
        pending = tuple(Marks(self._home / "vault"))
        files = self._files(report)
        report.finished_at = rfc3339(utc_now())
        index = BackupIndex(report.started_at, report.finished_at, cubes, files, pending, report.quiet)
        # What was skipped as unchanged, and what is new, is read back before the backup is called one.
        for digest, size in index.digests().items():
            self._target.check(digest, size)
        report.name = self._target.commit(index)
        if keep > 0:
            report.removed = self._target.keep(keep)
        self._told(report)
        return report

    def _before(self) -> dict[tuple[str, str], CubeEntry]:
        """The cubes of the newest backup that is there."""
        try:
            newest = self._target.index()
        except NotFoundError:
            if self._target.folder.is_dir() and any(self._target.folder.iterdir()):
                there = {path.name for path in self._target.folder.iterdir()}
                if not there <= {"blobs", "backups"}:
                    raise AlreadyExistsError("folder with other files", str(self._target.folder)) from None
            return {}
        return {(one.tenant, one.cube_id): one for one in newest.cubes}

    def _cubes(self, before: dict[tuple[str, str], CubeEntry], report: BackupReport) -> Iterator[CubeEntry]:
        for ref in self._vault.every():
            if isinstance(ref, MemCubeError):
                report.problems.append({"what": "cube", "problem": str(ref)})
                continue
            try:
                entry = self._cube(ref, before.get((ref.tenant, ref.cube_id)), report)
            except MemCubeError as error:
                report.problems.append({"what": f"cube {ref.tenant}/{ref.cube_id}", "problem": str(error)})
                continue
            if entry is None:
                continue  # deleted meanwhile, or never finished
            report.cubes += 1
            report.bytes += entry.size
            self._told(report)
            yield entry

    def _cube(self, ref: CubeRef, known: CubeEntry | None, report: BackupReport) -> CubeEntry | None:
        paths = self._vault.paths(ref)
        mark = _mark_of(paths)
        if known is not None and mark and mark == known.mark and self._target.blob(known.sha256).is_file():
            report.unchanged += 1
            return known
        if seal_state(paths) is State.DELETED:
            return None
        evidence = gather(paths, WAIT_S)
        if evidence is None or evidence.unborn:
            return None
        if evidence.problems:
            raise evidence.problems[0]
        epoch, head = _state_of(evidence.image, ref, paths)
        sha256, size, new = self._target.put(iter((evidence.image,)))
        report.new_bytes += size if new else 0
        # Of before the copy: what was written while it was made is looked at again next time.
        return CubeEntry(ref.tenant, ref.cube_id, epoch, head, mark, sha256, size)

    def _files(self, report: BackupReport) -> tuple[FileEntry, ...]:
        """Every other file; again where one changed meanwhile, so that they fit each other."""
        entries: dict[str, FileEntry] = {}
        for _ in range(PASSES):
            before = self._state_of_files()
            for path in before:
                known = entries.get(path)
                if known is not None and before[path] == self._seen.get(path):
                    continue
                try:
                    sha256, size, new = self._target.put(_steps(self._home / path))
                except FileNotFoundError:
                    continue
                entries[path] = FileEntry(path, sha256, size)
                report.new_bytes += size if new else 0
            self._seen = before
            report.quiet = self._state_of_files() == before
            if report.quiet:
                break
        there = [entry for path, entry in sorted(entries.items()) if path in self._seen]
        report.files = len(there)
        report.bytes += sum(one.size for one in there)
        return tuple(there)

    def _state_of_files(self) -> dict[str, tuple[int, int, int]]:
        """Path, and what tells a change, of every file that is not a cube's."""
        found: dict[str, tuple[int, int, int]] = {}
        for folder, below, names in os.walk(self._home):
            place = Path(folder)
            inside = place.relative_to(self._home)
            if not inside.parts:
                below[:] = sorted(name for name in below if name not in _LEFT and not name.startswith("."))
            below[:] = sorted(name for name in below if (inside / name).as_posix() not in _VIEWS)
            for name in sorted(names):
                path = place / name
                if (not inside.parts and name in _LEFT) or path.is_symlink() or not path.is_file():
                    continue
                if name.endswith(("-wal", "-shm", "-journal")) and (place / name.rpartition("-")[0]).is_file():
                    continue  # SQLite's, and in the copy that SQLite makes
                try:
                    about = path.stat()
                    log = path.with_name(name + "-wal")
                    beside = log.stat().st_mtime_ns if log.is_file() else 0
                except FileNotFoundError:
                    continue
                found[(inside / name).as_posix()] = (about.st_size, about.st_mtime_ns, beside)
        return found


def back_up(home: Path, target: Path, *, keep: int = 0, told: Told | None = None) -> BackupReport:
    """Back a home up; see the module. Called by ``memcube backup``."""
    return Backup(home, target, told).run(keep)


def _mark_of(paths: CubePaths) -> str:
    """What a cube's seal says of how far it is; empty where it says nothing to rely on."""
    try:
        seal: Seal = load(paths.seal)
    except (FileNotFoundError, DamagedError):
        return ""
    if seal.state is not State.LIVE:
        return ""
    mark = seal.mark
    numbers = (seal.generation, seal.epoch, seal.head, mark.end, mark.epoch, mark.head)
    return f"{'.'.join(map(str, numbers))}.{mark.salts.hex()}.{seal.salts.hex()}"


def _state_of(image: bytes, ref: CubeRef, paths: CubePaths) -> tuple[int, int]:
    """Epoch and head of a cube's copy, which has to be this cube's."""
    connection = in_memory(image)
    try:
        cube = connection.execute("SELECT tenant, cube_id FROM cube").fetchone()
        state = connection.execute("SELECT epoch, head FROM state").fetchone()
    except sqlite3.Error as error:
        raise vault_error(error, paths.db) from error
    finally:
        connection.close()
    if cube != (ref.tenant, ref.cube_id) or state is None:
        raise DamagedError(str(paths.db), "it says that it is another cube, or none")
    return int(state[0]), int(state[1])


def _steps(path: Path) -> Iterator[bytes]:
    """A file's bytes; a SQLite database's as of one moment, its log in it."""
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            file.seek(0)
            while step := file.read(STEP_BYTES):
                yield step
            return
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=WAIT_S, isolation_level=None)
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            image = connection.serialize()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise vault_error(error, path) from error
    yield image
