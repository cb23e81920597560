"""Where a cube's files lie under the vault's root, and how names become durable.

``<root>/cubes/<tenant folder>/<first two characters of the key>/<key>.db`` with ``-wal`` and ``-shm`` (SQLite's) and
``<key>.seal`` beside it; ``<root>/cubes/<tenant folder>/catalog.log`` lists a tenant's cubes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_KEY = re.compile(r"[a-z2-7]{20}")


def tenant_folder(tenant: str) -> str:
    """A folder name for any tenant: itself if it is plain and short, else ``~`` and a digest of it.

    One name can never be another's on a file system that ignores case or rewrites Unicode.
    """
    if _PLAIN.fullmatch(tenant):
        return tenant
    return "~" + base64.b32encode(hashlib.sha256(tenant.encode()).digest())[:32].decode().lower()


def is_key(text: str) -> bool:
    """Whether this can be a cube's key: nothing else may become part of a path."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class CubePaths:
    """The files of one cube."""

    db: Path

    @property
    def folder(self) -> Path:
        """The folder that holds them."""
        return self.db.parent

    @property
    def key(self) -> str:
        """The cube's key."""
        return self.db.stem

    @property
    def wal(self) -> Path:
        """SQLite's write-ahead log."""
        return self.db.with_name(self.db.name + "-wal")

    @property
    def shm(self) -> Path:
        """SQLite's index of the log: no content, rebuilt when missing."""
        return self.db.with_name(self.db.name + "-shm")

    @property
    def seal(self) -> Path:
        """The digests of the database's pages; see ``seal.py``."""
        return self.db.with_suffix(".seal")

    def beside(self) -> list[Path]:
        """Everything else with the cube's name: unfinished files and damaged originals that repairs kept."""
        live = {self.db, self.wal, self.shm, self.seal}
        return [path for path in self.folder.glob(self.key + ".*") if path not in live]


@dataclass(frozen=True, slots=True)
class Layout:
    """The vault's folders."""

    root: Path

    @property
    def cubes(self) -> Path:
        """The folder of all tenants."""
        return self.root / "cubes"

    def tenant(self, tenant: str) -> Path:
        """The folder of one tenant."""
        return self.cubes / tenant_folder(tenant)

    def cube(self, tenant: str, key: str) -> CubePaths:
        """The files of the cube with this key."""
        return CubePaths(self.tenant(tenant) / key[:2] / f"{key}.db")

    @staticmethod
    def keys(tenant: Path) -> Iterator[CubePaths]:
        """Every cube of a tenant's folder, in the order of keys; one that lost its database is among them."""
        for folder in sorted(path for path in tenant.iterdir() if path.is_dir()):
            names = {path.stem for path in folder.iterdir() if path.suffix in (".db", ".seal")}
            yield from (CubePaths(folder / f"{name}.db") for name in sorted(names) if is_key(name))


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its missing parents, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def write_durably(path: Path, data: bytes) -> int:
    """Replace ``path`` by ``data`` in one step; returns the new file's descriptor, open for reading and writing.

    The folder is synced too, so what follows may rely on the new content even after a power loss.
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        os.rename(fresh, path)
        sync_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; the kernel may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
