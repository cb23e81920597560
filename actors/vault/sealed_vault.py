"""Encryption at rest: a vault whose cubes hold sealed bytes, over any other vault.

Everything that says something is sealed (``sealing``): bodies of items and events, index entries, receipts, tasks,
vectors, descriptions. What is left in the clear says who has cubes and how many memories, never what is in them: names
of tenants and cubes, ids, numbers, times of receipts and tasks, models of vectors. A cube that was made without
encryption is sealed, whole and in one step, when it is attached first; ``reseal`` does the same with new keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, cast

from memcube.actors.governance.keystore import Keystore
from memcube.actors.vault.base import (
    CheckReport,
    CubeHead,
    CubeStore,
    EventRecord,
    ItemRecord,
    Rebuild,
    Vault,
)
from memcube.actors.vault.build import Whole
from memcube.actors.vault.sealed_store import SealedStore
from memcube.actors.vault.sealing import Seals, SubjectOf, is_sealed
from memcube.model.errors import DamagedError, MemCubeError
from memcube.model.ids import CubeRef

__all__ = ["SealedVault"]

log = logging.getLogger("memcube.vault")

OpenInner = Callable[[Rebuild | None], Vault]
"""Makes the vault below, with the codec that replays its journals."""


class _Rewrites(Protocol):
    """A store that can write its cube anew; see ``SqliteStore.rewrite``."""

    def rewrite(self, change: Callable[[Whole], Whole], *, described: bool = False) -> int:
        """End the store with other content in its files."""


class SealedVault(Vault):
    """See ``Vault``. ``rebuild`` and ``subject_of`` know the bytes that are sealed."""

    def __init__(
        self, open_inner: OpenInner, keystore: Keystore, subject_of: SubjectOf, rebuild: Rebuild | None = None
    ) -> None:
        self._open_inner = open_inner
        self._inner = open_inner(None)
        self._keystore = keystore
        self._subject_of = subject_of
        self._rebuild = rebuild

    def _seals(self, ref: CubeRef) -> Seals:
        return Seals(ref, self._keystore.of(ref.tenant), self._subject_of)

    def attach(self, ref: CubeRef, create: bytes | None = None) -> CubeStore:
        """See ``Vault.attach``. A cube that is not sealed yet is sealed now: that reads and writes all of it."""
        seals = self._seals(ref)
        sealed = None if create is None else seals.about(create)
        store = self._inner.attach(ref, sealed)
        try:
            about = store.about()
            if is_sealed(about):
                seals.open_about(about)  # a wrong or missing key is better told now than by the first call
            else:
                log.info("cube %s is sealed now", ref)
                cast("_Rewrites", store).rewrite(lambda whole: _sealed(seals, whole), described=True)
                store = self._inner.attach(ref)
        except BaseException:
            store.close(checkpoint=False)
            raise
        return SealedStore(store, seals)

    def reseal(self, ref: CubeRef) -> None:
        """Seal a cube with its subjects' newest keys. Raises what ``attach`` raises; a crash leaves it as it was or as
        it is to be."""
        seals = self._seals(ref)
        store = self._inner.attach(ref)
        try:
            about = store.about()

            def change(whole: Whole) -> Whole:
                return _sealed(seals, _opened(seals, whole) if is_sealed(about) else whole)

            cast("_Rewrites", store).rewrite(change, described=True)
        finally:
            store.close(checkpoint=False)

    def find(self, tenant: str, key: str) -> CubeRef | None:
        """See ``Vault.find``."""
        return self._inner.find(tenant, key)

    def list(self, tenant: str, after_key: str = "", limit: int = 100) -> list[CubeHead]:
        """See ``Vault.list``."""
        return [CubeHead(head.ref, self._described(head)) for head in self._inner.list(tenant, after_key, limit)]

    def _described(self, head: CubeHead) -> bytes:
        if not is_sealed(head.about):
            return head.about
        try:
            return self._seals(head.ref).open_about(head.about)
        except DamagedError as error:
            log.warning("the description of cube %s can't be read: %s", head.ref, error)
            return b""

    def delete(self, ref: CubeRef) -> None:
        """See ``Vault.delete``."""
        self._inner.delete(ref)

    def check(self, ref: CubeRef) -> CheckReport:
        """See ``Vault.check``."""
        return self._replaying(ref).check(ref)

    def repair(self, ref: CubeRef, *, accept_loss: bool = False) -> CheckReport:
        """See ``Vault.repair``."""
        return self._replaying(ref).repair(ref, accept_loss=accept_loss)

    def _replaying(self, ref: CubeRef) -> Vault:
        """The vault below with a codec for one cube: it opens an event, and seals what it made of an item."""
        rebuild = self._rebuild
        if rebuild is None:
            return self._inner
        seals = self._seals(ref)

        def sealed(event: EventRecord) -> ItemRecord | None:
            opened = seals.open_event(event)
            item = rebuild(opened) if opened is not None else None
            return None if item is None else seals.item_like(item, event.body)

        return self._open_inner(sealed)

    def pending(self) -> Iterator[CubeRef]:
        """See ``Vault.pending``."""
        return self._inner.pending()

    def every(self) -> Iterator[CubeRef | MemCubeError]:
        """See ``Vault.every``."""
        return self._inner.every()


def _opened(seals: Seals, whole: Whole) -> Whole:
    """A sealed cube's content in the clear; what destroyed keys sealed is gone, its events are erased ones."""
    vectors: list[tuple[bytes, str, bytes]] = []
    for content, model, vector in whole.vectors:
        opened = seals.open_vector(content, model, vector)
        if opened is not None:
            vectors.append(opened)
    return replace(
        whole,
        about=seals.open_about(whole.about),
        events=[seals.open_event(event) or event._replace(kind=-1, item_id="", body=b"") for event in whole.events],
        items=[item for item in map(seals.open_item, whole.items) if item is not None],
        receipts=[receipt for receipt in map(seals.open_receipt, whole.receipts) if receipt is not None],
        tasks=[task for task in map(seals.open_task, whole.tasks) if task is not None],
        vectors=vectors,
    )


def _sealed(seals: Seals, whole: Whole) -> Whole:
    """A cube's content, sealed with the newest keys."""
    seals.fresh()
    items = [seals.item(item) for item in whole.items]
    return replace(
        whole,
        about=seals.about(whole.about),
        events=[seals.event(event) for event in whole.events],
        items=items,
        receipts=[seals.receipt(receipt) for receipt in whole.receipts],
        tasks=[seals.task(task) for task in whole.tasks],
        vectors=[seals.vector(*row) for row in whole.vectors],
    )
