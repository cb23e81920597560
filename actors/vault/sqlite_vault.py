"""MemVault on SQLite: a file a cube, for one machine's processes on a local disk."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from memcube.actors.vault import schema
from memcube.actors.vault.attach import open_session
from memcube.actors.vault.base import CheckReport, CubeHead, CubeStore, Rebuild, Vault
from memcube.actors.vault.build import write_cube
from memcube.actors.vault.catalog import Catalog
from memcube.actors.vault.check import check_cube, identity_of, peek
from memcube.actors.vault.evidence import gather, seal_state
from memcube.actors.vault.files import CubeFiles
from memcube.actors.vault.locks import folder_lock
from memcube.actors.vault.marks import Marks
from memcube.actors.vault.paths import CubePaths, Layout, is_key, make_folder, tenant_folder
from memcube.actors.vault.removal import finish, remove
from memcube.actors.vault.repair import repair_cube
from memcube.actors.vault.seal import State, identity, load
from memcube.actors.vault.session import Session
from memcube.actors.vault.sql_errors import vault_error
from memcube.actors.vault.sqlite_store import SqliteStore
from memcube.model.errors import DamagedError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef

log = logging.getLogger("memcube.vault")

FOLD_BYTES = 4 << 20
"""A log longer than this is folded into its database after a commit."""


class SqliteVault(Vault):
    """See ``Vault``. ``rebuild`` lets ``check`` and ``repair`` replay journals; no lock is waited for longer than
    ``wait_s`` seconds. One object may serve many threads, and many processes may share the root."""

    session_type: ClassVar[type[Session]] = Session

    def __init__(
        self, root: Path, rebuild: Rebuild | None = None, *, wait_s: float = 5.0, fold_bytes: int = FOLD_BYTES
    ) -> None:
        self._layout = Layout(root)
        self._marks = Marks(root)
        self._rebuild = rebuild
        self._wait_s = wait_s
        self._fold_bytes = fold_bytes
        self._catalogs: dict[str, Catalog] = {}
        self._lock = threading.Lock()

    def paths(self, ref: CubeRef) -> CubePaths:
        """Where the cube's files are, or would be."""
        return self._layout.cube(ref.tenant, ref.key)

    def attach(self, ref: CubeRef, create: bytes | None = None) -> CubeStore:
        """See ``Vault.attach``. About 1 ms and an fsync, and a quarter of a millisecond for each megabyte."""
        paths = self.paths(ref)
        with self._errors(paths):
            while True:
                files = self._open(paths)
                if files is None:
                    if create is None:
                        raise NotFoundError("cube", ref.cube_id)
                    self._create(ref, paths)
                    continue
                session = open_session(files, ref, create, self._wait_s, self.session_type)
                if session is None:
                    raise NotFoundError("cube", ref.cube_id)
                files.unlock()
                catalog = self._catalog(ref.tenant)
                if session.epoch == 1 and create is not None:
                    catalog.put(ref, create)
                return SqliteStore(session, catalog, self._marks, self._fold_bytes, self._wait_s)

    def find(self, tenant: str, key: str) -> CubeRef | None:
        """See ``Vault.find``; one small read, of the seal."""
        if not is_key(key):
            return None
        paths = self._layout.cube(tenant, key)
        with self._errors(paths):
            ref = self._identity(paths, tenant)
            if ref is None or ref.tenant != tenant:
                return None
            return ref if self._born(paths, ref) else None

    def list(self, tenant: str, after_key: str = "", limit: int = 100) -> list[CubeHead]:
        """See ``Vault.list``; reads the tenant's catalog, and no cube."""
        return self._catalog(tenant).list(after_key, limit)

    def delete(self, ref: CubeRef) -> None:
        """See ``Vault.delete``."""
        paths = self.paths(ref)
        with self._errors(paths):
            if not os.path.lexists(paths.db) and not os.path.lexists(paths.seal):
                raise NotFoundError("cube", ref.cube_id)
            catalog = self._catalog(ref.tenant)
            catalog.touch(ref)
            with folder_lock(paths.folder, self._wait_s):
                finish(paths)
                remove(paths, ref, self._wait_s)
            catalog.drop(ref)
            self._marks.drop(ref)

    def compact(self, tenant: str) -> None:
        """Write the tenant's list of cubes anew, so that it says nothing of what was deleted or described anew."""
        self._catalog(tenant).compact()

    def check(self, ref: CubeRef) -> CheckReport:
        """See ``Vault.check``. Reads the whole cube into memory; a live writer is not disturbed."""
        paths = self.paths(ref)
        with self._errors(paths):
            return check_cube(paths, ref, self._rebuild, self._catalog(ref.tenant).about(ref.key), self._wait_s)

    def repair(self, ref: CubeRef, *, accept_loss: bool = False) -> CheckReport:
        """See ``Vault.repair``."""
        paths = self.paths(ref)
        with self._errors(paths):
            if not paths.folder.exists():
                raise NotFoundError("cube", ref.cube_id)
            with folder_lock(paths.folder, self._wait_s):
                finish(paths)
                about = self._catalog(ref.tenant).about(ref.key)
                return repair_cube(paths, ref, self._rebuild, about, self._wait_s, accept_loss=accept_loss)

    def pending(self) -> Iterator[CubeRef]:
        """See ``Vault.pending``; one small read for each, of its seal."""
        for folder, key in self._marks:
            paths = CubePaths(self._layout.cubes / folder / key[:2] / f"{key}.db")
            try:
                ref = self._identity(paths, folder if tenant_folder(folder) == folder else None)
            except (OSError, MemCubeError) as error:
                log.warning("%s is marked as pending, and can't be told by name: %s", paths.db, error)
                continue
            if ref is not None:
                yield ref

    def every(self) -> Iterator[CubeRef | MemCubeError]:
        """See ``Vault.every``. A cube that neither its files nor its tenant's catalog names is a DamagedError."""
        if not self._layout.cubes.exists():
            return
        for folder in sorted(path for path in self._layout.cubes.iterdir() if path.is_dir()):
            tenant = folder.name if tenant_folder(folder.name) == folder.name else None
            nameless: list[CubePaths] = []
            for paths in Layout.keys(folder):
                try:
                    with self._errors(paths):
                        ref = self._identity(paths, None)
                        born = ref is not None and self._born(paths, ref)
                except MemCubeError as error:
                    yield error
                    continue
                if ref is None:
                    nameless.append(paths)
                elif born:
                    tenant = ref.tenant
                    yield ref
            for paths in nameless:
                yield self._named(paths, tenant)

    def _named(self, paths: CubePaths, tenant: str | None) -> CubeRef | MemCubeError:
        """Whose files these are, as the tenant's catalog has it; the tenant is its folder's, or its other cubes'."""
        problem = "neither its files nor a catalog tell whose it is"
        try:
            ref = self._catalog(tenant).find(paths.key) if tenant is not None else None
        except MemCubeError as error:
            ref, problem = None, f"{problem} ({error})"
        return ref if ref is not None and ref.key == paths.key else DamagedError(str(paths.db), problem)

    def _open(self, paths: CubePaths) -> CubeFiles | None:
        """The cube's files, locked, unfinished removals and repairs behind them; None if there are none."""
        while True:
            try:
                files = CubeFiles(paths)
            except FileNotFoundError:
                if paths.seal.exists():
                    with folder_lock(paths.folder, self._wait_s):
                        if finish(paths) or paths.db.exists():
                            continue
                        evidence = gather(paths, self._wait_s)
                        if evidence is not None and evidence.problems:
                            raise evidence.problems[-1] from None
                return None
            try:
                if not files.lock(self._wait_s):
                    files.close()
                    continue
                turning = seal_state(paths) in (State.DELETED, State.REPLACED)
            except BaseException:
                files.close()
                raise
            if not turning:
                return files
            files.close()
            with folder_lock(paths.folder, self._wait_s):
                finish(paths)

    def _create(self, ref: CubeRef, paths: CubePaths) -> None:
        """Put an empty cube in place; attaching gives it its identity. Whoever comes second finds it there."""
        make_folder(paths.folder)
        self._catalog(ref.tenant).touch(ref)
        with folder_lock(paths.folder, self._wait_s):
            if not paths.db.exists():
                write_cube(paths.db, ref, schema.template())

    def _identity(self, paths: CubePaths, tenant: str | None) -> CubeRef | None:
        """Whose files these are; ``tenant`` is a guess for a cube whose seal is damaged."""
        try:
            ref = identity(paths.seal.read_bytes(), paths.key)
        except OSError:
            ref = None  # whatever keeps it from being read: the database may tell
        there = os.path.lexists(paths.db)
        if ref is None and there:
            ref = identity_of(paths, self._wait_s)
        if ref is None and tenant is not None and there:
            ref = self._catalog(tenant).find(paths.key)
        return ref

    def _born(self, paths: CubePaths, ref: CubeRef) -> bool:
        """Whether the cube's creation was ever acknowledged; only a seal that never saw a commit leaves it open."""
        try:
            seal = load(paths.seal)
        except (FileNotFoundError, DamagedError):
            return True
        if seal.state is State.DELETED:
            return False
        return seal.generation > 1 or bool(seal.mark.end) or self._peek(ref) is not None

    def _catalog(self, tenant: str) -> Catalog:
        with self._lock:
            catalog = self._catalogs.get(tenant)
            if catalog is None:
                folder = self._layout.tenant(tenant)
                catalog = Catalog(folder, tenant, self._peek, lambda: self._refs(folder))
                self._catalogs[tenant] = catalog
            return catalog

    def _refs(self, folder: Path) -> Iterator[CubeRef]:
        for paths in Layout.keys(folder):
            ref = self._identity(paths, None)
            if ref is not None:
                yield ref

    def _peek(self, ref: CubeRef) -> CubeHead | None:
        return peek(self.paths(ref), ref, self._wait_s)

    @contextmanager
    def _errors(self, paths: CubePaths) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise vault_error(error, paths.db) from error
