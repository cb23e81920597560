"""What a backup holds: an index over files that are named by their digests. Shared by ``backup`` and ``restore``.

    <target>/blobs/<2 digits>/<sha256>          a cube's database, or another file
    <target>/backups/<time>-<sha256>.json       one backup: its cubes and files; the name has the index's own digest

Several backups share the blobs that did not change between them. An index is written last, so that a backup is there
whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from memcube.actors.vault.paths import make_folder, sync_folder, write_all
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError, NotFoundError
from memcube.model.ids import CubeRef

__all__ = ["BackupIndex", "BackupTarget", "CubeEntry", "FileEntry", "digest_of_file"]

FORMAT = 1
STEP_BYTES = 1 << 20
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{64})\.json")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CubeEntry:
    """One cube: whose it is, its journal's head and epoch in the copy, and the copy's digest. ``mark`` is what its seal
    said at that moment: while it says the same, the cube is the same."""

    tenant: str
    cube_id: str
    epoch: int
    head: int
    mark: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Another file of the home, by its path in it."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BackupIndex:
    """One backup. Times are RFC 3339; ``quiet`` says whether the other files stood still while they were copied."""

    started_at: str
    finished_at: str
    cubes: tuple[CubeEntry, ...]
    files: tuple[FileEntry, ...]
    pending: tuple[tuple[str, str], ...]
    quiet: bool
    name: str = ""

    def encoded(self) -> bytes:
        """As it is written."""
        plain = {"memcube_backup": FORMAT, **{name: value for name, value in asdict(self).items() if name != "name"}}
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=1).encode()

    @classmethod
    def read(cls, body: bytes, name: str, path: str) -> BackupIndex:
        """What ``encoded`` wrote. Raises DamagedError(path) for anything else: its digest is in its name."""
        match = _NAME.fullmatch(name)
        if match is None or hashlib.sha256(body).hexdigest() != match[2]:
            raise DamagedError(path, "it is not what was written: its digest is not the one in its name")
        try:
            plain = json.loads(body)
            if plain["memcube_backup"] != FORMAT:
                raise InvalidArgumentError("backup", f"is of format {plain['memcube_backup']!r}, known is {FORMAT}")
            return cls(
                started_at=str(plain["started_at"]),
                finished_at=str(plain["finished_at"]),
                cubes=tuple(_made(CubeEntry, one) for one in plain["cubes"]),
                files=tuple(_made(FileEntry, one) for one in plain["files"]),
                pending=tuple((str(folder), str(key)) for folder, key in plain["pending"]),
                quiet=bool(plain["quiet"]),
                name=name,
            )
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidArgumentError):
                raise
            raise DamagedError(path, f"it is no index of a backup: {error}"[:200]) from error

    def digests(self) -> dict[str, int]:
        """Every blob that it needs, with its size."""
        return {one.sha256: one.size for one in self.cubes} | {one.sha256: one.size for one in self.files}


def _made(kind: Any, plain: Any) -> Any:
    made = kind(**{one.name: plain[one.name] for one in fields(kind)})
    if not _DIGEST.fullmatch(made.sha256) or type(made.size) is not int:
        raise TypeError("an entry has no digest or size")
    if isinstance(made, CubeEntry):
        CubeRef(made.tenant, made.cube_id)
    else:
        path = PurePosixPath(made.path)
        if path.is_absolute() or ".." in path.parts or "\0" in made.path or not path.parts:
            raise TypeError(f"the path {made.path[:100]!r} leads out of the home")
    return made


class BackupTarget:
    """The folder of backups. Files in it are for their owner only: they hold what people remember, and keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, sha256: str) -> Path:
        """Where a blob is."""
        return self.folder / "blobs" / sha256[:2] / sha256

    def put(self, steps: Iterator[bytes]) -> tuple[str, int, bool]:
        """Keep a file; returns its digest, its size, and whether it is new. Raises StorageFullError, UnavailableError."""
        made = self.folder / "blobs" / f"new-{os.getpid()}"
        digest, size = hashlib.sha256(), 0
        try:
            make_folder(made.parent)
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                for step in steps:
                    digest.update(step)
                    size += len(step)
                    write_all(descriptor, step)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            path = self.blob(digest.hexdigest())
            new = not path.is_file() or path.stat().st_size != size
            if new:
                make_folder(path.parent)
                os.rename(made, path)
                sync_folder(path.parent)
            return digest.hexdigest(), size, new
        except OSError as error:
            raise vault_error(error, made) from error
        finally:
            made.unlink(missing_ok=True)

    def check(self, sha256: str, size: int) -> None:
        """Read a blob and hold it against its digest; raises DamagedError."""
        path = self.blob(sha256)
        try:
            if path.stat().st_size != size or digest_of_file(path) != sha256:
                raise DamagedError(str(path), "it is not what was backed up")
        except FileNotFoundError:
            raise DamagedError(str(path), "it is missing from the backup") from None

    def commit(self, index: BackupIndex) -> str:
        """Write an index: from now on there is this backup. Returns its name."""
        body = index.encoded()
        stamp = re.sub(r"[-:]|\+00:00$", "", index.started_at).removesuffix("Z")
        stamp = stamp if "." in stamp else f"{stamp}.000000"
        name = f"{stamp}Z-{hashlib.sha256(body).hexdigest()}.json"
        folder = self.folder / "backups"
        try:
            make_folder(folder)
            made = folder / f"new-{os.getpid()}"
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                write_all(descriptor, body)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(made, folder / name)
            sync_folder(folder)
        except OSError as error:
            raise vault_error(error, folder / name) from error
        return name

    def names(self) -> list[str]:
        """The backups that are there, oldest first."""
        folder = self.folder / "backups"
        return sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name)) if folder.is_dir() else []

    def index(self, name: str = "") -> BackupIndex:
        """A backup's index; the newest one, where none is named (a name's beginning is enough).

        Raises NotFoundError, DamagedError.
        """
        found = [one for one in self.names() if one.startswith(name)]
        if not found or (name and len(found) > 1):
            raise NotFoundError("backup in", f"{self.folder} {name}".strip())
        path = self.folder / "backups" / found[-1]
        return BackupIndex.read(path.read_bytes(), found[-1], str(path))

    def keep(self, count: int) -> list[str]:
        """Remove all but the newest backups, then the blobs that none of the kept ones needs; returns what went."""
        names = self.names()
        gone = names[: max(0, len(names) - count)]
        needed = {digest for name in names[len(gone) :] for digest in self.index(name).digests()}
        for name in gone:
            (self.folder / "backups" / name).unlink()
        if gone:
            sync_folder(self.folder / "backups")
            for path in (self.folder / "blobs").glob("??/*"):
                if path.name not in needed:
                    path.unlink()
        return gone


def digest_of_file(path: Path) -> str:
    """SHA-256 in hex, read in steps."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while step := file.read(STEP_BYTES):
            digest.update(step)
    return digest.hexdigest()
