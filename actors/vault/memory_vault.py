"""A vault in this process's memory: the same contract without files. For tests, and for cubes that need not last."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from memcube.actors.vault import schema
from memcube.actors.vault.base import (
    CheckReport,
    Commit,
    Contents,
    CubeHead,
    CubeStore,
    Erasure,
    EventRecord,
    ItemRecord,
    Matrix,
    Receipt,
    TaskRecord,
    Vault,
)
from memcube.actors.vault.build import Whole, image_of, write_cube
from memcube.actors.vault.vector_rows import joined, to_halves
from memcube.model.errors import (
    DamagedError,
    IdempotencyConflictError,
    MemCubeError,
    NotFoundError,
    StaleEpochError,
    UnavailableError,
)
from memcube.model.ids import CubeRef


@dataclass(slots=True)
class _Cube:
    """What the files of a cube would hold; ``lock`` is its transaction lock."""

    ref: CubeRef
    about: bytes
    epoch: int = 0
    events: list[EventRecord] = field(default_factory=list)
    items: dict[str, ItemRecord] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    vectors: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    pending: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryStore(CubeStore):
    """See ``CubeStore``."""

    def __init__(self, cube: _Cube) -> None:
        self.ref = cube.ref
        self.epoch = cube.epoch
        self._cube = cube
        self._closed = False

    @property
    def head(self) -> int:
        """See ``CubeStore.head``."""
        return len(self._cube.events)

    def load(self) -> Contents:
        """See ``CubeStore.load``."""
        cube = self._open()
        with cube.lock:
            self._fence()
            return Contents(cube.about, self.epoch, self.head, [*cube.items.values()], [*cube.tasks.values()])

    def commit(self, commit: Commit) -> None:
        """See ``CubeStore.commit``: everything that can be refused is looked at before anything changes."""
        cube = self._open()
        with cube.lock:
            self._fence()
            for expected, event in enumerate(commit.events, self.head + 1):
                if event.seq != expected:
                    raise DamagedError(str(self.ref), f"event {event.seq} was to follow {expected - 1}")
            keys = set(cube.receipts)
            for receipt in commit.receipts:
                if receipt.key in keys:
                    raise IdempotencyConflictError(receipt.key)
                keys.add(receipt.key)
            vectors = self._halves(commit)
            cube.events += commit.events
            cube.items.update({item.id: item for item in commit.items})
            for id_ in commit.dropped:
                cube.items.pop(id_, None)
            cube.receipts.update({receipt.key: receipt for receipt in commit.receipts})
            cube.tasks.update({task.id: task for task in commit.tasks})
            for id_ in commit.finished_tasks:
                cube.tasks.pop(id_, None)
            for model, halves in vectors.items():
                cube.vectors.setdefault(model, {}).update(halves)
            cube.about = cube.about if commit.about is None else commit.about
            cube.pending = cube.pending or commit.pending

    def verify_epoch(self) -> None:
        """See ``CubeStore.verify_epoch``."""
        with self._open().lock:
            self._fence()

    def receipt(self, key: str) -> Receipt | None:
        """See ``CubeStore.receipt``."""
        return self._open().receipts.get(key)

    def vectors(self, model: str) -> tuple[list[bytes], Matrix]:
        """See ``CubeStore.vectors``."""
        cube = self._open()
        with cube.lock:
            return joined([*cube.vectors.get(model, {}).items()])

    def events(self, from_seq: int = 1, limit: int = 1000, item_id: str | None = None) -> list[EventRecord]:
        """See ``CubeStore.events``."""
        found = self._open().events[max(from_seq, 1) - 1 :]
        return [event for event in found if item_id is None or event.item_id == item_id][:limit]

    def receipts(self) -> list[Receipt]:
        """See ``CubeStore.receipts``."""
        return [*self._open().receipts.values()]

    def about(self) -> bytes:
        """See ``CubeStore.about``."""
        return self._open().about

    def with_vectors(self, contents: Collection[bytes]) -> int:
        """See ``CubeStore.with_vectors``."""
        known = {content for halves in self._open().vectors.values() for content in halves}
        return len(known.intersection(contents))

    def erase(self, erasure: Erasure) -> int:
        """See ``CubeStore.erase``: there are no files, so only what is named goes."""
        cube = self._open()
        with cube.lock:
            self._fence()
            chain = schema.FIRST_CHAIN
            for place, event in enumerate(cube.events):
                if event.seq in erasure.events:
                    cube.events[place] = schema.erased(chain, event)
                chain = schema.chained(chain, event)
            for kept, gone in (
                (cube.items, erasure.items),
                (cube.receipts, erasure.receipts),
                (cube.tasks, erasure.tasks),
                *((halves, erasure.contents) for halves in cube.vectors.values()),
            ):
                for name in gone:
                    kept.pop(name, None)  # type: ignore[attr-defined]
            if erasure.about is not None:
                cube.about = erasure.about
        self.close()
        return 0

    def file_bytes(self) -> int:
        """See ``CubeStore.file_bytes``: there are no files."""
        self._open()
        return 0

    def tidy(self, receipts_before_s: float, keep_model: str | None) -> None:
        """See ``CubeStore.tidy``."""
        cube = self._open()
        with cube.lock:
            self._fence()
            cube.receipts = {key: kept for key, kept in cube.receipts.items() if kept.time_s >= receipts_before_s}
            if keep_model is not None:
                live = {item.content for item in cube.items.values()}
                kept = cube.vectors.get(keep_model, {})
                cube.vectors = {keep_model: {content: half for content, half in kept.items() if content in live}}

    def drop_pending(self) -> None:
        """See ``CubeStore.drop_pending``."""
        cube = self._open()
        with cube.lock:
            self._fence()
            cube.pending = False

    def checkpoint(self) -> None:
        """See ``CubeStore.checkpoint``: there is no log."""
        self._open()

    def snapshot(self, target: Path) -> None:
        """See ``CubeStore.snapshot``."""
        cube = self._open()
        with cube.lock:
            vectors = [
                (content, model, row.astype("<f4").tobytes())
                for model, halves in cube.vectors.items()
                for content, row in zip(*joined([*halves.items()]), strict=True)
            ]
            events, items = [*cube.events], [*cube.items.values()]
            receipts, tasks = [*cube.receipts.values()], [*cube.tasks.values()]
            whole = Whole(cube.about, self.epoch, events, items, receipts, tasks, vectors)
        write_cube(target, self.ref, image_of(self.ref, whole), self.epoch, len(events))

    def close(self, *, checkpoint: bool = True) -> None:
        """See ``CubeStore.close``."""
        self._closed = True

    def _open(self) -> _Cube:
        if self._closed:
            raise UnavailableError(f"cube {self.ref} (let go of by this writer)")
        return self._cube

    def _fence(self) -> None:
        if self._cube.epoch != self.epoch:
            raise StaleEpochError(self.ref.cube_id, self.epoch, self._cube.epoch)

    def _halves(self, commit: Commit) -> dict[str, dict[bytes, bytes]]:
        vectors: dict[str, dict[bytes, bytes]] = {}
        for content, model, vector in commit.vectors:
            known = self._cube.vectors.get(model) or vectors.get(model)
            size = len(next(iter(known.values()))) // 2 if known else len(vector) // 4
            vectors.setdefault(model, {})[content] = to_halves([vector], size)[0]
        return vectors


class MemoryVault(Vault):
    """See ``Vault``."""

    def __init__(self) -> None:
        self._cubes: dict[tuple[str, str], _Cube] = {}
        self._lock = threading.Lock()

    def attach(self, ref: CubeRef, create: bytes | None = None) -> CubeStore:
        """See ``Vault.attach``."""
        with self._lock:
            cube = self._cubes.get((ref.tenant, ref.key))
            if cube is None:
                if create is None:
                    raise NotFoundError("cube", ref.cube_id)
                cube = self._cubes[ref.tenant, ref.key] = _Cube(ref, create)
        with cube.lock:
            cube.epoch += 1
            return MemoryStore(cube)

    def find(self, tenant: str, key: str) -> CubeRef | None:
        """See ``Vault.find``."""
        cube = self._cubes.get((tenant, key))
        return cube.ref if cube else None

    def list(self, tenant: str, after_key: str = "", limit: int = 100) -> list[CubeHead]:
        """See ``Vault.list``."""
        with self._lock:
            keys = sorted(key for owner, key in self._cubes if owner == tenant and key > after_key)[:limit]
            return [CubeHead(self._cubes[tenant, key].ref, self._cubes[tenant, key].about) for key in keys]

    def delete(self, ref: CubeRef) -> None:
        """See ``Vault.delete``."""
        with self._lock:
            cube = self._cubes.pop((ref.tenant, ref.key), None)
        if cube is None:
            raise NotFoundError("cube", ref.cube_id)
        with cube.lock:
            cube.epoch += 1

    def check(self, ref: CubeRef) -> CheckReport:
        """See ``Vault.check``: memory has nothing to find."""
        cube = self._cubes.get((ref.tenant, ref.key))
        if cube is None:
            raise NotFoundError("cube", ref.cube_id)
        return CheckReport("memory", ref.cube_id, len(cube.events), len(cube.items))

    def repair(self, ref: CubeRef, *, accept_loss: bool = False) -> CheckReport:
        """See ``Vault.repair``."""
        return self.check(ref)

    def pending(self) -> Iterator[CubeRef]:
        """See ``Vault.pending``."""
        with self._lock:
            refs = [cube.ref for cube in self._cubes.values() if cube.pending]
        yield from refs

    def every(self) -> Iterator[CubeRef | MemCubeError]:
        """See ``Vault.every``."""
        with self._lock:
            refs = [cube.ref for cube in self._cubes.values()]
        yield from refs
