"""The contract, held by SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_contract import VaultContract, rebuild

from memcube.actors.vault.base import Vault
from memcube.actors.vault.sqlite_vault import SqliteVault


class TestSqliteVault(VaultContract):
    """Files in a temporary folder."""

    @pytest.fixture
    def vault(self, tmp_path: Path) -> Vault:
        """An empty vault with the tests' codec."""
        return SqliteVault(tmp_path / "vault", rebuild)


class TestSqliteVaultThatFoldsAlways(VaultContract):
    """Every commit is folded at once: nothing may depend on the log being there."""

    @pytest.fixture
    def vault(self, tmp_path: Path) -> Vault:
        """A vault with no room in its log."""
        return SqliteVault(tmp_path / "vault", rebuild, fold_bytes=0)
