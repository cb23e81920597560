"""Where interchange keeps its files, under ``<home>/vault/interchange``:

ledger.db          what is known of issuers' cubes, commits, exports (``ledger``)
keys/<tenant>.pem  the tenant's key, made when it first signs; its owner alone may read it
spool/             blobs on their way in (``spool``)
staged/            bundles being committed; emptied at each start
exports/           bundles that were pulled, for a while
kept/              layers that no cube holds, beside their cubes (``kept``)
"""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from memcube.actors.interchange.spool import check_digest
from memcube.actors.vault.paths import tenant_folder
from memcube.interchange.mip import Signer
from memcube.model.ids import CubeRef, new_idempotency_key

__all__ = ["Places"]


@dataclass(frozen=True, slots=True)
class Places:
    """See the module. Blocking."""

    root: Path

    def signer(self, tenant: str) -> Signer:
        """The tenant's key, made now if there is none. Raises DamagedError."""
        return Signer.load_or_make(self.key(tenant))

    def key(self, tenant: str) -> Path:
        """The file of the tenant's key."""
        return self.root / "keys" / f"{tenant_folder(tenant)}.pem"

    def kept(self, ref: CubeRef) -> Path:
        """The folder of what is kept beside a cube."""
        return self.root / "kept" / tenant_folder(ref.tenant) / ref.key

    def staged(self) -> Path:
        """A new folder for a bundle that is being committed."""
        folder = self.root / "staged" / new_idempotency_key()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def exports(self, tenant: str) -> Path:
        """The folder of a tenant's exports."""
        return self.root / "exports" / tenant_folder(tenant)

    def export(self, tenant: str, bundle: str) -> Path:
        """The folder of one of them, by its digest."""
        return self.exports(tenant) / check_digest("bundle", bundle)

    def new_export(self, tenant: str) -> Path:
        """A new folder for a bundle that is being made."""
        folder = self.exports(tenant) / f"new-{new_idempotency_key()}"
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def sweep(self, export_keep_s: float, blobs_keep_s: float) -> None:
        """Remove exports that are over, what a process that was killed left half made, and blobs whose commit never
        came: what lies here is as plain as what it is made of."""
        now = time.time()
        for tenant in _entries(self.root / "exports"):
            for entry in _entries(tenant):
                if _age_s(entry, now) > export_keep_s:
                    shutil.rmtree(entry, ignore_errors=True)
        for tenant in _entries(self.root / "spool"):
            for sender in _entries(tenant):
                for entry in _entries(sender):
                    if _age_s(entry, now) > blobs_keep_s:
                        entry.unlink(missing_ok=True)

    def clear_staged(self) -> None:
        """Remove what earlier processes were committing."""
        shutil.rmtree(self.root / "staged", ignore_errors=True)


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return list(folder.iterdir())
    return []


def _age_s(path: Path, now: float) -> float:
    with contextlib.suppress(FileNotFoundError):
        return now - path.stat().st_mtime
    return 0.0
