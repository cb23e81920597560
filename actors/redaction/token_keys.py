"""The keys of redaction's tokens, one a tenant: a file of random bytes that only this system's user can read.

``<vault>/governance/tokens/<tenant>/key``. Destroying it makes every token of the tenant unreadable for good.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from memcube.actors.redaction.tokens import Tokens
from memcube.actors.vault.paths import make_folder, sync_folder, tenant_folder, write_all
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

__all__ = ["TokenKeys"]

SECRET_BYTES = 32


class TokenKeys:
    """Used by frames; several may ask for a tenant's key at once, and all get the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, tenant: str) -> Tokens:
        """The tenant's tokens; its key is made where there is none. Raises DamagedError, StorageFullError."""
        path = self._folder / tenant_folder(tenant) / "key"
        try:
            if not path.exists():
                self._make(path)
            secret = path.read_bytes()
        except OSError as error:
            raise vault_error(error, path) from error
        if len(secret) != SECRET_BYTES:
            raise DamagedError(
                str(path), f"has {len(secret)} bytes, not {SECRET_BYTES}: tokens made with it can't be read"
            )
        return Tokens(secret, tenant)

    def _make(self, path: Path) -> None:
        make_folder(path.parent)
        draft = path.with_name(f"key.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, os.urandom(SECRET_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # A link, unlike a rename, does not take the place of the key that another frame made meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync_folder(path.parent)
