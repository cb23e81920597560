"""The contract, held by SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_contract import VaultContract, rebuild

from memcube.actors.vault.base import Commit, TaskRecord, Vault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef


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


def test_tasks_are_not_kept_where_the_cube_cannot_be_marked(tmp_path: Path) -> None:
    """The mark comes before the commit: after a crash of everything, tasks without one would wait for ever."""
    root = tmp_path / "vault"
    root.mkdir()
    (root / "pending").write_text("in the way")
    store = SqliteVault(root, rebuild).attach(CubeRef("acme", "user:alice"), b"")
    with pytest.raises(MemCubeError):
        store.commit(Commit(tasks=[TaskRecord("t", "mem_read", b"")], pending=True))
    assert store.load().tasks == []
    store.commit(Commit(tasks=[TaskRecord("ended", "mem_read", b"")]))
    store.close()
