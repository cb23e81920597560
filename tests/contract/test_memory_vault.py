"""The contract, held in memory."""

from __future__ import annotations

import pytest
from vault_contract import VaultContract

from memcube.actors.vault.base import Vault
from memcube.actors.vault.memory_vault import MemoryVault


class TestMemoryVault(VaultContract):
    """No files."""

    @pytest.fixture
    def vault(self) -> Vault:
        """An empty vault."""
        return MemoryVault()
