"""MemVault: where cubes are kept. ``base`` is the contract; ``SqliteVault`` keeps files, ``MemoryVault`` nothing."""

from memcube.actors.vault.base import (
    ERASED,
    LOST,
    CheckReport,
    Commit,
    Contents,
    CubeHead,
    CubeStore,
    Erasure,
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
    "ERASED",
    "LOST",
    "CheckReport",
    "Commit",
    "Contents",
    "CubeHead",
    "CubeStore",
    "Erasure",
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
