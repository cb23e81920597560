"""Is every byte of a cube's files what was written? Asked before SQLite opens them.

What can be wrong, and how it shows: a flipped bit in the database (a page's digest), in the seal (its own sums), in
the log (a frame's checksum, where the mark says that it was acknowledged); a lost, shortened or foreign log (the
mark names another, or a later end); a lost seal; a page of a fold that is not the log's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from memcube.actors.vault import wal
from memcube.actors.vault.files import CubeFiles
from memcube.actors.vault.seal import NO_SALTS, Seal, boot, decode
from memcube.actors.vault.wal import HEADER_BYTES, WalScan
from memcube.model.errors import DamagedError

PAGE_BYTES = 4096
"""Page size of every cube's database, as the schema's template has it."""


@dataclass(slots=True)
class Inspection:
    """What was found. ``pages`` are the database's damaged pages (from 1), those that the log replaces left out."""

    wal: WalScan
    wal_data: bytes
    seal: Seal | None = None
    problems: list[DamagedError] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    wal_damaged: bool = False

    def raise_first(self) -> Seal:
        """The seal, if nothing is wrong; else the first problem, saying how many there are."""
        if self.problems:
            first, more = self.problems[0], len(self.problems) - 1
            raise DamagedError(first.path, first.problem + (f" (and {more} more)" if more else ""))
        assert self.seal is not None  # its absence is a problem
        return self.seal

    @property
    def rest_bytes(self) -> int:
        """Bytes of the log after its last finished commit: of a write that a crash cut off."""
        return self.wal.size - self.wal.end


def inspect(files: CubeFiles) -> Inspection:
    """Look at a cube's files; the caller holds the cube's lock, so that nobody folds meanwhile."""
    seal, problem = _read_seal(files)
    broken: DamagedError | None = None
    try:
        data, scan = files.scan_wal(PAGE_BYTES)
    except DamagedError as error:
        broken, data, scan = error, b"", wal.scan(b"", PAGE_BYTES)
    inspection = Inspection(scan, data, seal)
    if broken is not None:
        inspection.problems.append(broken)
    if problem is not None:
        inspection.problems.append(problem)
    if seal is None:
        if scan.rest and not scan.unfinished:
            _wal_problem(inspection, files, scan.rest)
        return inspection
    folding = bool(scan.end) and scan.salts == seal.salts
    _inspect_wal(inspection, files, seal, folding)
    _inspect_db(inspection, files, seal, folding)
    return inspection


def _read_seal(files: CubeFiles) -> tuple[Seal | None, DamagedError | None]:
    path = files.paths.seal
    try:
        seal = decode(files.open_seal(), path)
    except DamagedError as problem:
        return None, problem
    if seal.ref.key != files.paths.key:
        return None, DamagedError(str(path), f"it belongs to the cube {seal.ref.cube_id!r}")
    return seal, None


def _inspect_wal(inspection: Inspection, files: CubeFiles, seal: Seal, folding: bool) -> None:
    scan, mark = inspection.wal, seal.mark
    if mark.salts == scan.salts != NO_SALTS:
        acknowledged = mark.end
    else:
        acknowledged = seal.end if folding else 0
        if mark.salts not in (NO_SALTS, seal.salts):
            problem = scan.rest or "it is missing" if not scan.salts else "it is another log than the last one"
            _wal_problem(inspection, files, f"{problem}; acknowledged changes up to {mark.head} were in it")
            return
    if scan.end < acknowledged:
        # What follows the last sound commit says why; nothing following it means that the file was cut.
        _wal_problem(inspection, files, scan.rest or f"it ends at byte {scan.end}, acknowledged is {acknowledged}")
    elif scan.rest and not scan.unfinished and not _harmless(inspection, seal):
        _wal_problem(inspection, files, scan.rest)


def _harmless(inspection: Inspection, seal: Seal) -> bool:
    """Whether bytes after the last commit can only be leftovers: the mark is exact while the machine stays up, and
    a log that starts over without being cut leaves frames of the folded one behind."""
    scan = inspection.wal
    if seal.mark.salts == scan.salts and seal.mark.boot == boot() != bytes(16):
        return True
    follower = inspection.wal_data[max(scan.end, HEADER_BYTES) :][8:16]
    return bool(scan.end) and follower == seal.salts != scan.salts


def _inspect_db(inspection: Inspection, files: CubeFiles, seal: Seal, folding: bool) -> None:
    found = files.db_digests(seal.page_bytes)
    if found == seal.digests and not folding:
        return
    replaced = inspection.wal.newest(seal.end) if folding else {}
    path = str(files.paths.db)
    count = len(seal.digests)
    wrong = [
        page
        for page in range(1, count + 1)
        if page not in replaced and (page > len(found) or found[page - 1] != seal.digests[page - 1])
    ]
    inspection.pages = wrong
    if len(found) > count and not folding:
        inspection.problems.append(DamagedError(path, f"it has {len(found)} pages instead of {count}"))
    if len(found) < count and wrong:
        inspection.problems.append(DamagedError(path, f"it ends after {len(found)} of {count} pages"))
    elif wrong:
        named = ", ".join(map(str, wrong[:5])) + ("…" if len(wrong) > 5 else "")
        problem = f"page {named} (byte {(wrong[0] - 1) * seal.page_bytes}) is not what was written"
        inspection.problems.append(DamagedError(path, problem))


def _wal_problem(inspection: Inspection, files: CubeFiles, problem: str) -> None:
    inspection.wal_damaged = True
    inspection.problems.append(DamagedError(str(files.paths.wal), problem))
