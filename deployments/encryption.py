"""Encryption at rest, as the settings have it: where the master key comes from, and the vault that it opens.

Once a home has data keys it stays encrypted, whatever the settings say: without them its cubes can't be read.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from memcube.actors.cube.state import rebuild_record
from memcube.actors.cube.subject import subject_of
from memcube.actors.governance.audit_key import read_secret, secrets_folder
from memcube.actors.governance.keystore import Keystore, TenantKeys
from memcube.actors.vault.base import Rebuild, Vault
from memcube.actors.vault.paths import make_folder
from memcube.actors.vault.sealed_vault import SealedVault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, InvalidArgumentError

__all__ = ["EncryptionConfig", "Sealing", "is_encrypted", "keys_folder", "keystore", "open_vault", "sealing"]

COMMAND_S = 30.0


@dataclass(frozen=True, slots=True)
class EncryptionConfig:
    """``[encryption]`` of memcube.toml. The master key is, in this order: what the command prints, the value of the
    environment variable, the file; each as 64 hexadecimal digits."""

    enabled: bool = False
    key_file: str = ""
    """Empty: ``secrets/master.key`` in the home, outside the vault; made where there is none."""
    key_env: str = ""
    """Name of an environment variable."""
    key_command: tuple[str, ...] = ()
    """A program and its arguments, e.g. a client of a key management service; asked once by each process."""

    @property
    def outside(self) -> bool:
        """Whether the master key is kept somewhere else than in a file of this machine."""
        return bool(self.key_env or self.key_command)


def keys_folder(vault: Path) -> Path:
    """Where a vault's data keys are."""
    return vault / "governance" / "keys"


def is_encrypted(vault: Path, config: EncryptionConfig) -> bool:
    """Whether the cubes of a vault are, or are to be, sealed."""
    return config.enabled or keys_folder(vault).is_dir()


def master_key(home: Path, config: EncryptionConfig) -> bytes:
    """The home's master key. Raises InvalidArgumentError("encryption.…"), DamagedError, UnavailableError."""
    if config.key_command:
        try:
            ran = subprocess.run(
                config.key_command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_S,
                check=True,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            # What it printed is not told: it may be the key.
            raise InvalidArgumentError("encryption.key_command", f"failed ({type(error).__name__})") from None
        return _key("encryption.key_command", ran.stdout)
    if config.key_env:
        text = os.environ.get(config.key_env)
        if text is None:
            raise InvalidArgumentError("encryption.key_env", f"the environment has no {config.key_env}")
        return _key("encryption.key_env", text)
    path = key_path(home, config)
    if not path.exists() and any(keys_folder(home / "vault").glob("*/kek.json")):
        # A fresh one would open nothing, and stand in the way of the right one.
        raise DamagedError(str(path), "it is missing: bring back the master key that the home was encrypted with")
    return read_secret(path)


def key_path(home: Path, config: EncryptionConfig) -> Path:
    """The file of the master key, where it is in one."""
    return Path(config.key_file).expanduser() if config.key_file else secrets_folder(home) / "master.key"


def _key(field: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InvalidArgumentError(field, "gave no 64 hexadecimal digits")
    return key


def keystore(vault: Path, config: EncryptionConfig) -> Keystore | None:
    """The data keys of a vault; None where it is not encrypted."""
    if not is_encrypted(vault, config):
        return None
    return Keystore(keys_folder(vault), master_key(vault.parent, config))


def open_vault(vault: Path, config: EncryptionConfig) -> Vault:
    """The vault on this machine's files, sealed or not; the start code calls it in each process that needs it."""
    keys = keystore(vault, config)
    if keys is None:
        return SqliteVault(vault, rebuild_record)
    return SealedVault(partial(_files, vault), keys, subject_of, rebuild_record)


@dataclass(frozen=True, slots=True)
class Sealing:
    """A home's sealed vault, and its keys by tenant; ``key`` says where the master key is."""

    vault: SealedVault
    store: Keystore
    folder: Path
    key: str

    def tenants(self) -> list[TenantKeys]:
        """The keys of every tenant that has some."""
        return [self.store.of_folder(path) for path in sorted(self.folder.iterdir()) if (path / "kek.json").exists()]


def sealing(home: Path, config: EncryptionConfig) -> Sealing:
    """A home's sealed vault; with it the home is encrypted from now on. For the one process that works on it."""
    vault, folder = home / "vault", keys_folder(home / "vault")
    store = Keystore(folder, master_key(home, config))
    make_folder(folder)
    where = (
        "a key service"
        if config.key_command
        else f"${config.key_env}"
        if config.key_env
        else str(key_path(home, config))
    )
    return Sealing(SealedVault(partial(_files, vault), store, subject_of, rebuild_record), store, folder, where)


def _files(vault: Path, rebuild: Rebuild | None) -> SqliteVault:
    return SqliteVault(vault, rebuild)
