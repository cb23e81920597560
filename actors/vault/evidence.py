"""A cube's files as they are at one moment, and the database that they amount to, without opening it in place."""

from __future__ import annotations

import time
from dataclasses import dataclass

from memcube.actors.vault import schema, wal
from memcube.actors.vault.files import CubeFiles, is_file
from memcube.actors.vault.inspect import PAGE_BYTES, Inspection, inspect
from memcube.actors.vault.paths import CubePaths
from memcube.actors.vault.seal import Seal, State, load
from memcube.actors.vault.wal import WalScan
from memcube.model.errors import DamagedError

_RACE_S = 0.02


@dataclass(frozen=True, slots=True)
class Evidence:
    """``problems`` are those of the files; ``image`` is the database with its log folded in, as far as both go."""

    paths: CubePaths
    problems: list[DamagedError]
    seal: Seal | None
    image: bytes
    pages: frozenset[int] = frozenset()
    """The pages of ``image`` that are known to be damaged."""

    @property
    def head(self) -> int:
        """The last event that is known to have been acknowledged."""
        return max(self.seal.head, self.seal.mark.head) if self.seal else 0

    @property
    def epoch(self) -> int:
        """The highest epoch that is known to have been given out."""
        return max(self.seal.epoch, self.seal.mark.epoch) if self.seal else 0

    @property
    def unborn(self) -> bool:
        """Whether the cube's creation never finished: nothing was ever acknowledged."""
        if self.seal is None or self.problems:
            return False
        fresh = self.seal.generation == 1 and not self.head and not self.epoch
        return fresh and self.image in (b"", schema.template())


def gather(paths: CubePaths, wait_s: float, files: CubeFiles | None = None) -> Evidence | None:
    """Read a cube's files under its lock, or through ``files`` whose lock the caller holds. None if there are none."""
    if files is not None:
        return _gather(files)
    while True:
        try:
            files = CubeFiles(paths)
        except FileNotFoundError:
            return _without_database(paths)
        except DamagedError as problem:
            return _without_database(paths, problem)
        try:
            if files.lock(wait_s):
                return _gather(files)
        finally:
            files.close()


def seal_state(paths: CubePaths) -> State | None:
    """The state of a cube's seal; None if there is none, or none to trust."""
    try:
        return load(paths.seal).state
    except (FileNotFoundError, DamagedError):
        return None


def _gather(files: CubeFiles) -> Evidence:
    inspection = inspect(files)
    if inspection.wal_damaged:  # or a live writer is in the middle of a commit
        time.sleep(_RACE_S)
        inspection = inspect(files)
    return _evidence(files.paths, files.read_db(), inspection)


def _without_database(paths: CubePaths, problem: DamagedError | None = None) -> Evidence | None:
    """``problem`` says what has the database's name instead of a file."""
    if problem is None and not paths.seal.exists():
        return None
    problems, seal = [problem] if problem else [], None
    try:
        seal = load(paths.seal)
    except FileNotFoundError:
        problems.append(DamagedError(str(paths.seal), "it is missing"))
    except DamagedError as broken:
        problems.append(broken)
    data = paths.wal.read_bytes() if is_file(paths.wal) else b""
    if problem is not None:
        pass  # that says it
    elif seal is None or seal.head or seal.mark.end or seal.generation > 1:
        problems.append(DamagedError(str(paths.db), "it is missing, its seal is there"))
    inspection = Inspection(wal.scan(data, PAGE_BYTES), data, seal, problems)
    return _evidence(paths, b"", inspection)


def _evidence(paths: CubePaths, db: bytes, inspection: Inspection) -> Evidence:
    """The database with the newest intact page of each number from the log laid over it."""
    scan: WalScan = inspection.wal
    newest = wal.salvage(inspection.wal_data, PAGE_BYTES) if inspection.wal_damaged else scan.newest()
    image = bytearray(db)
    size = max(len(db), (scan.db_pages or max(newest, default=0)) * PAGE_BYTES)
    image.extend(bytes(size - len(image)))
    for page, offset in newest.items():
        if page * PAGE_BYTES <= size:
            image[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = inspection.wal_data[offset : offset + PAGE_BYTES]
    if inspection.problems and size:
        image.extend(bytes(-len(image) % PAGE_BYTES))
        image[:PAGE_BYTES] = schema.first_page(bytes(image))  # it holds nothing that others don't
    damaged = frozenset(inspection.pages) - newest.keys() - {1}
    return Evidence(paths, inspection.problems, inspection.seal, bytes(image), damaged)
