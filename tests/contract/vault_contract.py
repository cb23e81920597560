"""What every vault must do, as a test class: a store's tests subclass it and supply the ``vault`` fixture.

Nothing here looks behind the contract; each test says one promise of ``memcube.actors.vault.base``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from erase_contract import EraseContract
from pending_contract import PendingContract

from memcube.actors.vault.base import (
    Commit,
    CubeStore,
    EventRecord,
    ItemRecord,
    Receipt,
    TaskRecord,
    Vault,
)
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import (
    AlreadyExistsError,
    DamagedError,
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    StaleEpochError,
    UnavailableError,
)
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")
MODEL = "mini"


def event(seq: int, item_id: str = "", body: bytes | None = None, kind: int = 2) -> EventRecord:
    """The event at ``seq``; its body is its number unless given."""
    return EventRecord(seq, kind, item_id, b"body %d" % seq if body is None else body)


def item(name: str, version: int = 1, body: bytes = b"body") -> ItemRecord:
    """An item whose content digest is made of its name."""
    return ItemRecord(name, version, body, b"entry of " + body, name.encode().ljust(16, b"-")[:16])


def rebuild(record: EventRecord) -> ItemRecord | None:
    """The codec of these tests: kind 4 deletes; the version is the body's last number, if it ends in one."""
    if record.kind == 4:
        return None
    tail = record.body.rsplit(b" ", 1)[-1]
    return item(record.item_id, int(tail) if tail.isdigit() else 1, record.body)


def vector(*numbers: float) -> bytes:
    """A float32 vector on the wire."""
    return np.array(numbers, "<f4").tobytes()


class VaultContract(EraseContract, PendingContract):
    """Subclass this beside a fixture ``vault`` that gives an empty vault."""

    def over(self, files: SqliteVault) -> Vault:
        """How the vault reads snapshots that lie in ``files``."""
        return files

    def test_attach_of_a_missing_cube_is_not_found(self, vault: Vault) -> None:
        """Without ``create`` nothing comes into being."""
        with pytest.raises(NotFoundError):
            vault.attach(REF)
        assert list(vault.every()) == []
        assert vault.list("acme") == []
        assert vault.find("acme", REF.key) is None

    def test_a_new_cube_is_empty_and_described(self, vault: Vault) -> None:
        """``create`` is the description; the journal starts at 0, the epochs at 1."""
        store = vault.attach(REF, b"about alice")
        contents = store.load()
        assert (store.epoch, store.head) == (1, 0)
        assert (contents.about, contents.epoch, contents.head) == (b"about alice", 1, 0)
        assert contents.items == []
        assert contents.tasks == []
        store.close()

    def test_create_does_not_describe_an_existing_cube_anew(self, vault: Vault) -> None:
        """Only the first ``create`` counts."""
        vault.attach(REF, b"first").close()
        store = vault.attach(REF, b"second")
        assert store.load().about == b"first"
        store.close()

    def test_a_commit_is_there_after_attaching_again(self, vault: Vault) -> None:
        """All parts of a commit survive, exactly."""
        store = vault.attach(REF, b"about")
        receipt = Receipt("key", b"r" * 16, b"response", 12.5)
        task = TaskRecord("task", "embed", b"payload", 2, 99.5, "it failed")
        store.commit(
            Commit(
                events=[event(1, "a"), event(2, "b"), event(3)],
                items=[item("a"), item("b", 7, b"")],
                receipts=[receipt],
                tasks=[task],
                vectors=[(item("a").content, MODEL, vector(0.5, -0.25, 1))],
            )
        )
        store.close()
        store = vault.attach(REF)
        contents = store.load()
        assert (store.epoch, store.head, contents.head) == (2, 3, 3)
        assert sorted(contents.items) == [item("a"), item("b", 7, b"")]
        assert contents.tasks == [task]
        assert store.receipt("key") == receipt
        assert store.events() == [event(1, "a"), event(2, "b"), event(3)]
        digests, matrix = store.vectors(MODEL)
        assert digests == [item("a").content]
        np.testing.assert_array_equal(matrix, np.array([[0.5, -0.25, 1]], np.float32))
        store.close()

    def test_items_are_replaced_and_dropped(self, vault: Vault) -> None:
        """The newest version stands; an id in both lists is dropped; dropping nothing does nothing."""
        store = vault.attach(REF, b"")
        store.commit(Commit(events=[event(1)], items=[item("a"), item("b"), item("c")]))
        store.commit(Commit(events=[event(2)], items=[item("a", 2, b"new"), item("d")], dropped=["b", "d", "unknown"]))
        assert sorted(store.load().items) == [item("a", 2, b"new"), item("c")]
        store.commit(Commit(events=[event(3)], items=[item("b", 3)]))
        store.close()
        store = vault.attach(REF)
        store.commit(Commit(events=[event(4)], items=[item("a", 3)], dropped=["c"]))
        assert sorted(store.load().items) == [item("a", 3), item("b", 3)]
        store.close()

    def test_events_are_read_by_position_and_item(self, vault: Vault) -> None:
        """From a number on, up to a limit, of one item."""
        store = vault.attach(REF, b"")
        store.commit(Commit(events=[event(seq, "ab"[seq % 2]) for seq in range(1, 21)]))
        assert [found.seq for found in store.events(from_seq=5, limit=3)] == [5, 6, 7]
        assert [found.seq for found in store.events(from_seq=4, item_id="b", limit=2)] == [5, 7]
        assert store.events(from_seq=21) == []
        assert store.events(item_id="unknown") == []
        store.close()

    def test_tasks_are_replaced_and_finished(self, vault: Vault) -> None:
        """A task with a known id replaces it; finishing an unknown one does nothing."""
        store = vault.attach(REF, b"")
        store.commit(Commit(tasks=[TaskRecord("a", "embed", b"1"), TaskRecord("b", "embed", b"2")]))
        store.commit(Commit(tasks=[TaskRecord("a", "embed", b"1", attempts=1)], finished_tasks=["b", "unknown"]))
        assert store.load().tasks == [TaskRecord("a", "embed", b"1", attempts=1)]
        assert store.head == 0
        store.close()

    def test_the_description_changes_with_a_commit(self, vault: Vault) -> None:
        """In the cube and in the listing."""
        store = vault.attach(REF, b"old")
        store.commit(Commit(events=[event(1)], about=b"new"))
        assert store.load().about == b"new"
        assert vault.list("acme")[0].about == b"new"
        store.close()

    @pytest.mark.parametrize("seqs", [[2], [0], [1, 3], [1, 1]])
    def test_an_event_out_of_order_is_refused(self, vault: Vault, seqs: list[int]) -> None:
        """Nothing of such a commit is kept, and the store goes on."""
        store = vault.attach(REF, b"")
        with pytest.raises(DamagedError):
            store.commit(Commit(events=[event(seq) for seq in seqs], items=[item("a")], about=b"changed"))
        contents = store.load()
        assert (contents.head, contents.items, contents.about) == (0, [], b"")
        store.commit(Commit(events=[event(1)], items=[item("b")]))
        assert store.load().items == [item("b")]
        store.close()

    def test_a_used_idempotency_key_is_refused(self, vault: Vault) -> None:
        """A second effect of one request can't be committed, not even in one batch; nothing of it is kept."""
        store = vault.attach(REF, b"")
        first = Receipt("key", b"r" * 16, b"one", 1.0)
        store.commit(Commit(events=[event(1)], receipts=[first]))
        again = Receipt("key", b"r" * 16, b"two", 2.0)
        for receipts in ([again], [Receipt("k2", b"", b"", 0.0), Receipt("k2", b"", b"", 0.0)]):
            with pytest.raises(IdempotencyConflictError):
                store.commit(Commit(events=[event(2)], items=[item("a")], receipts=receipts))
        assert store.receipt("key") == first
        assert store.receipt("k2") is None
        assert (store.head, store.load().items) == (1, [])
        store.close()

    @pytest.mark.parametrize(
        "bad", [vector(1.0), vector(1, 2, 3), b"", vector(float("nan"), 1), vector(1, float("inf")), vector(1e6, 0)]
    )
    def test_a_vector_that_cannot_be_kept_is_refused(self, vault: Vault, bad: bytes) -> None:
        """Another size than the model's, not a number, or beyond float16: nothing of the commit is kept."""
        store = vault.attach(REF, b"")
        store.commit(Commit(vectors=[(b"a" * 16, MODEL, vector(1, 2))]))
        with pytest.raises(InvalidArgumentError, match="vectors"):
            store.commit(Commit(events=[event(1)], vectors=[(b"b" * 16, MODEL, vector(3, 4)), (b"c" * 16, MODEL, bad)]))
        assert store.head == 0
        assert store.vectors(MODEL)[0] == [b"a" * 16]
        store.close()

    def test_vectors_are_kept_by_content_and_model(self, vault: Vault) -> None:
        """To float16's precision; a later one of the same content and model replaces the first."""
        store = vault.attach(REF, b"")
        rng = np.random.default_rng(5)
        wanted = rng.normal(size=(50, 32)).astype(np.float32)
        rows = [(b"%016d" % number, MODEL, row.tobytes()) for number, row in enumerate(wanted)]
        store.commit(Commit(vectors=[*rows, (b"%016d" % 3, "other", vector(1, 0))]))
        wanted[7] = 0.25
        store.commit(Commit(vectors=[(b"%016d" % 7, MODEL, wanted[7].tobytes())]))
        digests, matrix = store.vectors(MODEL)
        assert matrix.dtype == np.float16
        found = dict(zip(digests, matrix, strict=True))
        assert set(found) == {b"%016d" % number for number in range(50)}
        for number in range(50):
            np.testing.assert_allclose(found[b"%016d" % number], wanted[number], rtol=1e-3, atol=1e-6)
        assert store.vectors("other")[1].tolist() == [[1.0, 0.0]]
        empty = store.vectors("unknown")
        assert (empty[0], empty[1].shape[0]) == ([], 0)
        store.close()

    def test_tidy_drops_what_nobody_needs(self, vault: Vault) -> None:
        """Old receipts; vectors of other models and of no live item, unless the cube is being embedded anew."""
        store = vault.attach(REF, b"")
        content = item("a").content
        vectors = [(content, MODEL, vector(1)), (b"x" * 16, MODEL, vector(2)), (content, "old", vector(3, 3))]
        receipts = [Receipt("old", b"", b"", 10.0), Receipt("new", b"", b"", 20.0)]
        store.commit(Commit(events=[event(1)], items=[item("a")], vectors=vectors, receipts=receipts))
        store.tidy(20.0, None)
        assert store.receipt("old") is None
        assert store.receipt("new") == receipts[1]
        assert len(store.vectors("old")[0]) == 1
        store.tidy(0.0, MODEL)
        assert store.vectors(MODEL)[0] == [content]
        assert store.vectors("old")[0] == []
        store.commit(Commit(vectors=[(content, "old", vector(1, 2, 3, 4))]))
        assert store.vectors("old")[1].shape == (1, 4)
        store.close()

    def test_a_newer_attach_ends_the_older_writer(self, vault: Vault) -> None:
        """Its commits are refused for good, and tell which epoch holds the cube; nothing of them is kept."""
        old = vault.attach(REF, b"")
        old.commit(Commit(events=[event(1)], items=[item("a")]))
        new = vault.attach(REF)
        assert (old.epoch, new.epoch) == (1, 2)
        new.verify_epoch()
        for _ in range(2):
            with pytest.raises(StaleEpochError) as caught:
                old.commit(Commit(events=[event(2)], items=[item("stale")], about=b"stale"))
            assert (caught.value.epoch, caught.value.current) == (1, 2)
        for refused in (old.verify_epoch, old.load, lambda: old.tidy(0.0, None)):
            with pytest.raises(StaleEpochError):
                refused()
        new.commit(Commit(events=[event(2)], items=[item("b")]))
        old.close()
        assert sorted(new.load().items) == [item("a"), item("b")]
        assert vault.list("acme")[0].about == b""
        new.close()

    def test_a_stale_close_harms_nothing(self, vault: Vault) -> None:
        """A replaced writer may end before or after its successor."""
        old = vault.attach(REF, b"")
        fill(old, 1)
        new = vault.attach(REF)
        fill(new, 1, 2)
        new.checkpoint()
        old.close()
        fill(new, 1, 3)
        new.close()
        store = vault.attach(REF)
        assert sorted(found.id for found in store.load().items) == ["item-1", "item-2", "item-3"]
        store.close()
        assert vault.check(REF).sound

    def test_a_closed_store_refuses(self, vault: Vault) -> None:
        """Closing twice is fine; everything else is refused."""
        store = vault.attach(REF, b"")
        store.close()
        store.close()
        for refused in (store.load, store.events, store.verify_epoch, lambda: store.commit(Commit())):
            with pytest.raises(UnavailableError):
                refused()

    def test_checkpoint_changes_nothing_visible(self, vault: Vault) -> None:
        """Also when there is nothing to fold, and when one is closed without."""
        store = vault.attach(REF, b"")
        store.checkpoint()
        store.commit(Commit(events=[event(1)], items=[item("a")]))
        store.checkpoint()
        store.checkpoint()
        store.commit(Commit(events=[event(2)], items=[item("b")]))
        assert sorted(store.load().items) == [item("a"), item("b")]
        store.close(checkpoint=False)
        store = vault.attach(REF)
        assert sorted(store.load().items) == [item("a"), item("b")]
        assert store.file_bytes() >= 0
        store.close()

    def test_a_snapshot_is_the_cube_at_one_moment(self, vault: Vault, tmp_path: Path) -> None:
        """It is a whole, sealed cube file that takes nothing from what comes later, and is not written over."""
        store = vault.attach(REF, b"about")
        receipt = Receipt("key", b"r" * 16, b"response", 12.5)
        store.commit(
            Commit(
                events=[event(1, "a"), event(2, "b")],
                items=[item("a"), item("b")],
                receipts=[receipt],
                tasks=[TaskRecord("t", "embed", b"")],
                vectors=[(item("a").content, MODEL, vector(1, 2))],
            )
        )
        elsewhere = SqliteVault(tmp_path / "elsewhere")
        target = elsewhere.paths(REF).db
        target.parent.mkdir(parents=True)
        store.snapshot(target)
        with pytest.raises(AlreadyExistsError):
            store.snapshot(target)
        with pytest.raises(UnavailableError):
            store.snapshot(tmp_path / "no" / "such" / "folder.db")
        store.commit(Commit(events=[event(3, "a")], items=[item("a", 2)], dropped=["b"]))
        store.close()
        copies = self.over(elsewhere)
        assert copies.check(REF).sound
        copy = copies.attach(REF)
        contents = copy.load()
        assert (contents.about, contents.head, sorted(contents.items)) == (b"about", 2, [item("a"), item("b")])
        assert contents.tasks == [TaskRecord("t", "embed", b"")]
        assert copy.receipt("key") == receipt
        assert copy.events() == [event(1, "a"), event(2, "b")]
        assert copy.vectors(MODEL)[1].tolist() == [[1, 2]]
        copy.close()

    def test_delete_fences_and_removes(self, vault: Vault) -> None:
        """A writer that had it attached can't acknowledge into nothing; a new cube of the name starts empty."""
        store = vault.attach(REF, b"")
        store.commit(Commit(events=[event(1)], items=[item("a")]))
        vault.delete(REF)
        with pytest.raises(StaleEpochError):
            store.commit(Commit(events=[event(2)], items=[item("b")]))
        for gone in (lambda: vault.attach(REF), lambda: vault.delete(REF), lambda: vault.check(REF)):
            with pytest.raises(NotFoundError):
                gone()
        assert vault.list("acme") == []
        assert vault.find("acme", REF.key) is None
        fresh = vault.attach(REF, b"again")
        store.close()
        fresh.commit(Commit(events=[event(1)]))
        assert (fresh.load().items, vault.list("acme")[0].about) == ([], b"again")
        fresh.close()

    def test_cubes_are_listed_by_key_within_their_tenant(self, vault: Vault) -> None:
        """In pages, each cube once; another tenant's are never among them."""
        refs = [CubeRef("acme", f"user:{number}") for number in range(7)]
        foreign = CubeRef("Ünïcode / tenant", "user:1")
        for ref in [*refs, foreign]:
            vault.attach(ref, ref.cube_id.encode()).close()
        expected = sorted(refs, key=lambda ref: ref.key)
        listed = vault.list("acme", limit=4)
        listed += vault.list("acme", after_key=listed[-1].ref.key, limit=4)
        assert [head.ref for head in listed] == expected
        assert [head.about for head in listed] == [ref.cube_id.encode() for ref in expected]
        assert [head.ref for head in vault.list(foreign.tenant)] == [foreign]
        assert vault.list("nobody") == []
        assert set(vault.every()) == {*refs, foreign}

    def test_a_key_finds_its_cube_within_its_tenant(self, vault: Vault) -> None:
        """Another tenant's key finds nothing."""
        vault.attach(REF, b"").close()
        assert vault.find("acme", REF.key) == REF
        assert vault.find("other", REF.key) is None
        assert vault.find("acme", CubeRef("acme", "user:bob").key) is None
        for strange in ("", "../" + REF.key, REF.key.upper(), REF.key + "/", "x" * 500):
            assert vault.find("acme", strange) is None

    def test_check_and_repair_leave_a_sound_cube_alone(self, vault: Vault) -> None:
        """Attached or not, it is found sound, with its counts."""
        store = vault.attach(REF, b"")
        store.commit(
            Commit(events=[event(1, "a"), event(2, "b"), event(3, "b", kind=4)], items=[item("a", 1, b"body 1")])
        )
        report = vault.check(REF)
        assert (report.sound, report.events, report.items, report.cube_id) == (True, 3, 1, "user:alice")
        store.commit(Commit(events=[event(4, "a")], items=[item("a", 4, b"body 4")]))
        store.close()
        assert vault.check(REF).sound
        assert vault.repair(REF).sound
        store = vault.attach(REF)
        assert (store.epoch, store.load().items) == (2, [item("a", 4, b"body 4")])
        store.close()

    def test_a_batch_of_thousands_is_one_commit(self, vault: Vault) -> None:
        """Large commits and large bodies are kept whole."""
        store = vault.attach(REF, b"")
        names = [f"item-{number:05}" for number in range(3000)]
        store.commit(
            Commit(
                events=[event(number, name) for number, name in enumerate(names, 1)],
                items=[item(name) for name in names],
            )
        )
        store.commit(Commit(events=[event(3001, "big", b"x" * 3_000_000)], items=[item("big", 1, b"y" * 3_000_000)]))
        store.close()
        store = vault.attach(REF)
        contents = store.load()
        assert len(contents.items) == 3001
        assert {found.id: len(found.body) for found in contents.items}["big"] == 3_000_000
        assert store.events(from_seq=3001)[0].body == b"x" * 3_000_000
        store.close()


def fill(store: CubeStore, count: int, first: int = 1) -> None:
    """``count`` commits, each one event and its item, as ``rebuild`` would have it."""
    for seq in range(first, first + count):
        made = event(seq, f"item-{seq % 40}", b"x" * (seq % 90) + b" %d" % seq)
        record = rebuild(made)
        assert record is not None
        store.commit(Commit(events=[made], items=[record]))
