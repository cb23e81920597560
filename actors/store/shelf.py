"""The store's folder: who owns it, which topics are in it, the key that signs cursors. Plain; blocking.

lock            held while a store runs: one process writes here, whatever Ray believes
cursor.key      32 random bytes, readable by the owner only
topics/<tenant>/<key>/          topic.bin, 000-durable.mark, segments
groups/<tenant>/<source key>/<key>.group
mounts.journal
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from memcube.actors.store.about import TopicAbout, key_of
from memcube.actors.vault.locks import lock_file
from memcube.actors.vault.paths import make_folder, sync_folder, tenant_folder, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

__all__ = ["Shelf"]

KEY_BYTES = 32
GONE = ".gone-"


class Shelf:
    """One store's folder. Raises StorageFullError, DamagedError, UnavailableError."""

    def __init__(self, root: Path, lock_wait_s: float) -> None:
        self.root = root
        self.damaged: dict[tuple[str, str], DamagedError] = {}
        """Of topics whose description cannot be read: by tenant's folder and key."""
        try:
            make_folder(root)
            root.chmod(0o700)
            self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise vault_error(error, root) from error
        try:
            lock_file(self._lock, f"the store {root}", lock_wait_s)
            self.cursor_key = self._key()
        except BaseException:
            os.close(self._lock)
            raise

    def _key(self) -> bytes:
        path = self.root / "cursor.key"
        try:
            if not path.exists():
                os.close(write_durably(path, os.urandom(KEY_BYTES)))
            key = path.read_bytes()
        except OSError as error:
            raise vault_error(error, path) from error
        if len(key) != KEY_BYTES:
            raise DamagedError(str(path), f"has {len(key)} bytes, not {KEY_BYTES}")
        return key

    @property
    def mounts(self) -> Path:
        """The journal of mounts."""
        return self.root / "mounts.journal"

    def topic(self, about: TopicAbout) -> Path:
        """The folder of a topic."""
        return self.root / "topics" / tenant_folder(about.tenant) / about.key

    def groups(self, tenant: str, source: str) -> Path:
        """The folder of a source's groups; ``source`` as ``source_name`` gives it."""
        return self.root / "groups" / tenant_folder(tenant) / key_of(tenant, source)

    def group(self, tenant: str, source: str, name: str) -> Path:
        """The file of one group."""
        return self.groups(tenant, source) / f"{key_of(tenant, source, name)}.group"

    def topics(self) -> list[TopicAbout]:
        """Every topic there is; one whose description is damaged is kept in ``damaged``."""
        found: list[TopicAbout] = []
        for folder in sorted((self.root / "topics").glob("*/*")):
            if folder.name.startswith(GONE):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                found.append(TopicAbout.load(folder))
            except DamagedError as error:
                if not any(folder.iterdir()):
                    folder.rmdir()  # being made when the end came
                    continue
                self.damaged[folder.parent.name, folder.name] = error
        return found

    def make(self, about: TopicAbout) -> None:
        """Put a new topic there."""
        folder = self.topic(about)
        try:
            make_folder(folder)
        except OSError as error:
            raise vault_error(error, folder) from error
        about.save(folder)

    def remove(self, about: TopicAbout, source: str) -> None:
        """Delete a topic, in one step, and then its groups."""
        folder = self.topic(about)
        gone = folder.with_name(f"{GONE}{about.key}-{about.incarnation.hex()}")
        try:
            folder.rename(gone)
            sync_folder(folder.parent)
        except OSError as error:
            raise vault_error(error, folder) from error
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(self.groups(about.tenant, source), ignore_errors=True)

    def close(self) -> None:
        """Let the next one have it."""
        os.close(self._lock)
