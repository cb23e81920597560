"""What every vault must do about cubes whose background work is not done: part of ``VaultContract``."""

from __future__ import annotations

import pytest

from memcube.actors.vault.base import Commit, EventRecord, TaskRecord, Vault
from memcube.model.errors import DamagedError, StaleEpochError
from memcube.model.ids import CubeRef

ALICE = CubeRef("acme", "user:alice")
BOB = CubeRef("Ünusual/tenant ..", "user:bob")
TASKS = Commit(tasks=[TaskRecord("t", "mem_read", b"")], pending=True)


class PendingContract:
    """Needs the fixture ``vault`` of ``VaultContract``."""

    def test_pending_cubes_are_named_from_their_commit_until_they_are_dropped(self, vault: Vault) -> None:
        """Those of all tenants, and no other; letting go of a cube and attaching it anew changes nothing."""
        assert list(vault.pending()) == []
        alice, bob = vault.attach(ALICE, b""), vault.attach(BOB, b"")
        alice.commit(Commit(tasks=[TaskRecord("done", "mem_read", b"")]))
        assert list(vault.pending()) == []
        alice.commit(TASKS)
        alice.commit(TASKS)
        bob.commit(TASKS)
        assert set(vault.pending()) == {ALICE, BOB}
        alice.close(checkpoint=False)
        alice = vault.attach(ALICE)
        assert set(vault.pending()) == {ALICE, BOB}
        alice.drop_pending()
        alice.drop_pending()
        assert list(vault.pending()) == [BOB]
        alice.commit(TASKS)
        assert set(vault.pending()) == {ALICE, BOB}
        alice.close()
        bob.close()

    def test_a_replaced_writer_neither_drops_nor_makes_a_mark(self, vault: Vault) -> None:
        """What it does not know of, the new writer's tasks or their end, must not be undone by it."""
        old = vault.attach(ALICE, b"")
        new = vault.attach(ALICE)
        with pytest.raises(StaleEpochError):
            old.commit(TASKS)
        assert list(vault.pending()) == []
        new.commit(TASKS)
        with pytest.raises(StaleEpochError):
            old.drop_pending()
        assert list(vault.pending()) == [ALICE]
        old.close()
        new.close()

    def test_a_refused_commit_may_leave_a_mark_and_it_does_no_harm(self, vault: Vault) -> None:
        """A mark too many names a cube without tasks: whoever looks finds none, and drops it."""
        store = vault.attach(ALICE, b"")
        with pytest.raises(DamagedError):
            store.commit(Commit(events=[EventRecord(7, 2, "", b"")], tasks=TASKS.tasks, pending=True))
        store.close()
        store = vault.attach(ALICE)
        assert store.load().tasks == []
        store.drop_pending()
        assert list(vault.pending()) == []
        store.close()

    def test_a_deleted_cube_is_pending_no_more(self, vault: Vault) -> None:
        """Neither is the next one of its name."""
        store = vault.attach(ALICE, b"")
        store.commit(TASKS)
        vault.delete(ALICE)
        assert list(vault.pending()) == []
        store.close()
        vault.attach(ALICE, b"").close()
        assert list(vault.pending()) == []
