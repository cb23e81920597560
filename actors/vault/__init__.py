"""MemVault: where cubes are kept. ``base`` is the contract; ``SqliteVault`` keeps files, ``MemoryVault`` nothing."""

from memcube.actors.vault.base import (
    LOST,
    CheckReport,
    Commit,
    Contents,
    CubeHead,
    CubeStore,
    EventRecord,
    Finding,
    ItemRecord,
    Rebuild,
    Receipt,
    TaskRecord,
    Vault,
)
from memcube.actors.vault.memory_vault import MemoryVault
from memcube.actors.vault.sqlite_vault import SqliteVault

__all__ = [
    "LOST",
    "CheckReport",
    "Commit",
    "Contents",
    "CubeHead",
    "CubeStore",
    "EventRecord",
    "Finding",
    "ItemRecord",
    "MemoryVault",
    "Rebuild",
    "Receipt",
    "SqliteVault",
    "TaskRecord",
    "Vault",
]
