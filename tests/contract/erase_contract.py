"""The part of the contract that concerns erasure; see ``vault_contract``."""

from __future__ import annotations

import numpy as np
import pytest

from memcube.actors.vault.base import (
    ERASED,
    Commit,
    CubeStore,
    Erasure,
    EventRecord,
    ItemRecord,
    Receipt,
    TaskRecord,
    Vault,
)
from memcube.model.errors import StaleEpochError, UnavailableError
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")
MODEL = "mini"


def _item(name: str, body: bytes) -> ItemRecord:
    return ItemRecord(name, int(body.split()[-1]), body, b"entry of " + body, name.encode().ljust(16, b"-")[:16])


def _vector(number: float) -> bytes:
    return np.array([number, 1], "<f4").tobytes()


def _filled(vault: Vault) -> CubeStore:
    """A cube of three items, one of which is about zebras."""
    store = vault.attach(REF, b"about zebra")
    bodies = {"a": b"plain a 1", "z": b"a zebra 2", "b": b"plain b 3"}
    items = [_item(name, body) for name, body in bodies.items()]
    store.commit(
        Commit(
            events=[EventRecord(seq, 2, item.id, item.body) for seq, item in enumerate(items, 1)],
            items=items,
            receipts=[Receipt("plain", b"r" * 16, b"plain", 1.0), Receipt("key", b"r" * 16, b"zebra", 1.0)],
            tasks=[TaskRecord("t1", "read", b"plain"), TaskRecord("t2", "read", b"zebra", 1, 2.0, "zebra")],
            vectors=[(item.content, MODEL, _vector(place)) for place, item in enumerate(items)],
        )
    )
    return store


ZEBRA = Erasure(
    events=frozenset({2}),
    items=frozenset({"z"}),
    contents=frozenset({b"z".ljust(16, b"-")}),
    receipts=frozenset({"key"}),
    tasks=frozenset({"t2"}),
    about=b"about",
)


class EraseContract:
    """Mixed into ``VaultContract``."""

    def test_what_is_erased_is_gone_and_the_rest_is_as_it_was(self, vault: Vault) -> None:
        """The number of the event stays and says that it was erased; the journal goes on behind its head."""
        store = _filled(vault)
        assert store.about() == b"about zebra"
        assert store.with_vectors([b"z".ljust(16, b"-"), b"a".ljust(16, b"-"), b"unknown"]) == 2
        assert {receipt.key for receipt in store.receipts()} == {"plain", "key"}
        assert store.erase(ZEBRA) == 0
        with pytest.raises(UnavailableError):
            store.load()
        store = vault.attach(REF)
        contents = store.load()
        assert [found.id for found in sorted(contents.items)] == ["a", "b"]
        assert ([task.id for task in contents.tasks], contents.about) == (["t1"], b"about")
        assert [head.about for head in vault.list("acme")] == [b"about"]
        assert [receipt.key for receipt in store.receipts()] == ["plain"]
        assert store.receipt("key") is None
        events = store.events()
        assert [event.seq for event in events] == [1, 2, 3]
        assert [event.kind for event in events] == [2, ERASED, 2]
        assert (events[1].item_id, events[0].body, events[2].body) == ("", b"plain a 1", b"plain b 3")
        assert sorted(store.vectors(MODEL)[0]) == [b"a".ljust(16, b"-"), b"b".ljust(16, b"-")]
        assert store.head == 3
        store.commit(Commit(events=[EventRecord(4, 4, "b", b"gone 4")], dropped=["b"]))
        store.close()
        report = vault.check(REF)
        assert report.sound, report.findings
        assert (report.events, report.items, report.lost_events) == (4, 1, 0)

    def test_erasing_twice_and_erasing_nothing_is_fine(self, vault: Vault) -> None:
        """A second time finds it gone; erased events follow on each other and stay provable."""
        _filled(vault).erase(ZEBRA)
        vault.attach(REF).erase(ZEBRA)
        vault.attach(REF).erase(Erasure(events=frozenset({1, 3, 99}), items=frozenset({"unknown", "a", "b"})))
        vault.attach(REF).erase(Erasure())
        store = vault.attach(REF)
        assert [event.kind for event in store.events()] == [ERASED] * 3
        assert store.load().items == []
        store.close()
        assert vault.check(REF).sound

    def test_a_replaced_writer_erases_nothing(self, vault: Vault) -> None:
        """Only the newest one may; what it has is not touched by an older one's try."""
        old = _filled(vault)
        new = vault.attach(REF)
        with pytest.raises(StaleEpochError):
            old.erase(ZEBRA)
        assert len(new.load().items) == 3
        new.commit(Commit(events=[EventRecord(4, 2, "c", b"plain c 4")], items=[_item("c", b"plain c 4")]))
        new.close()
        assert vault.check(REF).sound
