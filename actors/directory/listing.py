"""Which cubes there are for their users: those that a write was committed to. Plain, blocking.

A cube is attached before its first write is committed. Where that never comes (its deadline passed, the disk was
full) an empty file is left, which is no cube: it is not listed, and goes once nobody uses it.
"""

from __future__ import annotations

from contextlib import suppress

from memcube.actors.cube.about import is_born
from memcube.actors.vault.base import CubeHead, Vault
from memcube.model.errors import NotFoundError
from memcube.model.ids import CubeRef

__all__ = ["list_cubes", "remove_unborn"]


def list_cubes(vault: Vault, tenant: str, after_key: str, limit: int) -> list[CubeHead]:
    """As ``Vault.list``, without the cubes that no write was committed to: fewer than ``limit`` only at the end."""
    found: list[CubeHead] = []
    while True:
        heads = vault.list(tenant, after_key, limit)
        found += [head for head in heads if is_born(head.about)]
        if len(found) >= limit or len(heads) < limit:
            return found[:limit]
        after_key = heads[-1].ref.key


def remove_unborn(vault: Vault, ref: CubeRef) -> None:
    """Remove what is left of a cube that no write was committed to; nothing happens to any other.

    The caller sees to it that nobody attaches the cube meanwhile. Raises what ``Vault.attach`` and ``delete`` raise.
    """
    # A key is after what it begins with, so this is the cube's own entry.
    if any(head.ref == ref and is_born(head.about) for head in vault.list(ref.tenant, ref.key[:-1], 1)):
        return
    with suppress(NotFoundError):
        # From here on a writer that was given up, and may still have the cube, commits nothing to it.
        store = vault.attach(ref)
        empty = store.head == 0
        store.close(checkpoint=False)
        if not empty:
            return
    with suppress(NotFoundError):
        vault.delete(ref)
