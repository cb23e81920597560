"""A vault against plain dictionaries: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memcube.actors.vault.base import Commit, CubeStore, EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import IdempotencyConflictError, StaleEpochError
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")
NAMES = st.sampled_from([f"item-{number}" for number in range(8)])
BODIES = st.one_of(st.binary(max_size=40), st.integers(900, 9000).map(lambda size: b"x" * size))


def rebuild(event: EventRecord) -> ItemRecord | None:
    """The codec of this test: kind 4 deletes; the item is the event's body, its version the event's number."""
    return None if event.kind == 4 else ItemRecord(event.item_id, event.seq, event.body, b"e" + event.body, b"c" * 16)


class VaultModel(RuleBasedStateMachine):
    """Commits, refusals, replacements of the writer, crashes, folds, snapshots and repairs."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="vault-model-"))
        self.vault = SqliteVault(self.root / "a", rebuild, fold_bytes=40_000)
        self.items: dict[str, ItemRecord] = {}
        self.events: list[EventRecord] = []
        self.receipts: dict[str, Receipt] = {}
        self.tasks: dict[str, TaskRecord] = {}
        self.about = b""
        self.epoch = 0
        self.copies = 0
        self.store: CubeStore
        self.stale: list[CubeStore] = []

    @initialize()
    def create(self) -> None:
        """A cube to begin with."""
        self._attach(b"")

    def _attach(self, create: bytes | None = None) -> None:
        self.store = self.vault.attach(REF, create)
        self.epoch += 1
        assert self.store.epoch == self.epoch

    @rule(
        changes=st.lists(st.tuples(NAMES, st.none() | BODIES), max_size=6),
        keys=st.sets(st.integers(0, 30).map(str), max_size=2),
        tasks=st.lists(st.tuples(NAMES, st.booleans()), max_size=2),
        about=st.none() | st.binary(max_size=5),
    )
    def commit(
        self,
        changes: list[tuple[str, bytes | None]],
        keys: set[str],
        tasks: list[tuple[str, bool]],
        about: bytes | None,
    ) -> None:
        """Writes and deletes of items in one batch; a used key refuses all of it."""
        events = [
            EventRecord(seq, 2 if body is not None else 4, name, body or b"")
            for seq, (name, body) in enumerate(changes, len(self.events) + 1)
        ]
        last = {event.item_id: event for event in events}
        after = {name: rebuild(event) for name, event in last.items()}
        receipts = {key: Receipt(key, b"r" * 16, key.encode(), float(len(self.events))) for key in keys}
        commit = Commit(
            events=events,
            items=[item for item in after.values() if item],
            dropped=[name for name, item in after.items() if item is None],
            receipts=list(receipts.values()),
            tasks=[TaskRecord(name, "embed", b"p", attempts=len(self.events)) for name, done in tasks if not done],
            finished_tasks=[name for name, done in tasks if done],
            about=about,
        )
        if keys & self.receipts.keys():
            with pytest.raises(IdempotencyConflictError):
                self.store.commit(commit)
            return
        self.store.commit(commit)
        self.events += events
        self.receipts.update(receipts)
        for name, item in after.items():
            if item is None:
                self.items.pop(name, None)
            else:
                self.items[name] = item
        self.tasks.update({task.id: task for task in commit.tasks})
        for id_ in commit.finished_tasks:
            self.tasks.pop(id_, None)
        self.about = self.about if about is None else about

    @rule(checkpoint=st.booleans())
    def attach_again(self, checkpoint: bool) -> None:
        """A page-out and a page-in."""
        self.store.close(checkpoint=checkpoint)
        self._attach()

    @rule()
    def take_over(self) -> None:
        """A second writer attaches while the first lives."""
        self.stale.append(self.store)
        self._attach()

    @precondition(lambda self: self.stale)
    @rule(close=st.booleans())
    def write_stale(self, close: bool) -> None:
        """A replaced writer is refused, whenever it tries."""
        with pytest.raises(StaleEpochError):
            self.stale[-1].commit(Commit(events=[EventRecord(len(self.events) + 1, 2, "stale", b"stale")]))
        if close:
            self.stale.pop().close()

    @rule()
    def checkpoint(self) -> None:
        """A fold of the log."""
        self.store.checkpoint()

    @rule(before_s=st.floats(0, 20))
    def tidy(self, before_s: float) -> None:
        """Old receipts go; their keys may be used again."""
        self.store.tidy(before_s, None)
        self.receipts = {key: kept for key, kept in self.receipts.items() if kept.time_s >= before_s}

    @rule(snapshot=st.booleans())
    def copy(self, snapshot: bool) -> None:
        """A snapshot, or the files as a crash would leave them: both are the cube, elsewhere."""
        self.copies += 1
        root = self.root / f"copy-{self.copies}"
        elsewhere = SqliteVault(root, rebuild)
        paths = elsewhere.paths(REF)
        paths.folder.mkdir(parents=True)
        if snapshot:
            self.store.snapshot(paths.db)
        else:
            mine = self.vault.paths(REF)
            for name in ("db", "wal", "seal"):
                shutil.copy(getattr(mine, name), getattr(paths, name))
        store = elsewhere.attach(REF)
        assert store.epoch == self.epoch + 1
        self._same(store)
        store.close()
        shutil.rmtree(root)

    @rule()
    def repair_without_a_seal(self) -> None:
        """Losing the seal, detached, loses nothing else."""
        for store in (*self.stale, self.store):
            store.close()
        self.stale = []
        self.vault.paths(REF).seal.unlink()
        assert all(finding.repairable for finding in self.vault.repair(REF).findings)
        self.store = self.vault.attach(REF)
        assert self.store.epoch > self.epoch
        self.epoch = self.store.epoch

    @invariant()
    def same(self) -> None:
        """The store says what the model says."""
        self._same(self.store)

    def _same(self, store: CubeStore) -> None:
        contents = store.load()
        assert {item.id: item for item in contents.items} == self.items
        assert {task.id: task for task in contents.tasks} == self.tasks
        assert (contents.about, contents.head, store.head) == (self.about, len(self.events), len(self.events))
        assert store.events(limit=len(self.events) + 1) == self.events
        for key in map(str, range(31)):
            assert store.receipt(key) == self.receipts.get(key)

    def teardown(self) -> None:
        """The journal leads to the state; then the files go."""
        try:
            assert self.vault.check(REF).sound
            for store in (*self.stale, self.store):
                store.close()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


TestVaultModel: Any = VaultModel.TestCase
TestVaultModel.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
