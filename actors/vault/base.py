"""The store contract of MemVault: what a place that keeps cubes must do.

One ``Vault`` holds many cubes; ``attach`` opens one for its single effective writer and raises the cube's epoch.
Everything below is plain, blocking Python on bytes: the vault knows neither protobuf nor ranking. A frame calls it
from its commit thread. ``tests/contract/vault_contract.py`` is this page as tests; every store subclasses it.

Any call may raise UnavailableError when another process holds the cube's locks for longer than the vault waits
(a frozen owner, say: end it, its locks go with it), and DamagedError once the store has failed. No wait is unbounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memcube.model.errors import MemCubeError
from memcube.model.ids import CubeRef

Matrix = npt.NDArray[np.float16]

LOST = 0
"""The kind of a journal entry whose content ``repair`` could not save; its ``item_id`` and ``body`` are empty."""

ERASED = -1
"""The kind of a journal entry whose content was erased on purpose; its ``item_id`` is empty, and its ``body`` holds what
the journal's running digest was before and after it, so that the entries around it are still proven."""


class EventRecord(NamedTuple):
    """One journal entry. ``seq`` must be head + 1, + 2, … of the cube; ``item_id`` is empty for cube events."""

    seq: int
    kind: int
    item_id: str
    body: bytes


class ItemRecord(NamedTuple):
    """The present state of one live item: ``body`` (the item), ``entry`` (its index entry), ``content`` (16-byte
    digest of its text, the key of its vectors). A deleted item has no ItemRecord; its events remain.

    A tuple and no dataclass: a page-in makes thousands, and a frozen dataclass costs five times as long (measured).
    """

    id: str
    version: int
    body: bytes
    entry: bytes
    content: bytes


Rebuild = Callable[[EventRecord], ItemRecord | None]
"""What an item's event made of it: its record right after the event, None if the event deleted it. The cube's codec
supplies it; ``check`` and ``repair`` replay the journal with it. It is asked about no cube event, no LOST and no ERASED
entry."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The first answer to an idempotency key, for retries. ``request`` is a 16-byte digest of the request."""

    key: str
    request: bytes
    response: bytes
    time_s: float


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Background work in the cube's outbox, written in the commit that caused it."""

    id: str
    kind: str
    payload: bytes
    attempts: int = 0
    not_before_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction does: all of it becomes durable, or none.

    An id in both ``items`` and ``dropped`` is dropped; dropping what is not there, and finishing a task that is not
    there, do nothing. A task with a known id replaces it. A receipt whose key is kept already refuses the commit.
    """

    events: Sequence[EventRecord] = ()
    items: Sequence[ItemRecord] = ()
    dropped: Sequence[str] = ()
    receipts: Sequence[Receipt] = ()
    tasks: Sequence[TaskRecord] = ()
    finished_tasks: Sequence[str] = ()
    about: bytes | None = None
    vectors: Sequence[tuple[bytes, str, bytes]] = ()
    """Rows of (content digest, model id, float32 little-endian vector); kept at least to float16's precision."""
    pending: bool = False
    """Whether the cube has unfinished tasks after this: then ``Vault.pending`` names it, whatever happens, from before
    anything of the commit is durable until ``CubeStore.drop_pending``."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be gone from a cube's files: the content of journal entries by their numbers, live items by id,
    vectors by content digest, receipts by key, tasks by id. What is not there is no matter. ``about``, if given, is the
    cube's description from then on."""

    events: frozenset[int] = frozenset()
    items: frozenset[str] = frozenset()
    contents: frozenset[bytes] = frozenset()
    receipts: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    about: bytes | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a frame needs to serve a cube, read at one point of its journal."""

    about: bytes
    epoch: int
    head: int
    items: list[ItemRecord]
    tasks: list[TaskRecord]


@dataclass(frozen=True, slots=True)
class CubeHead:
    """A cube as a listing shows it, without opening its contents."""

    ref: CubeRef
    about: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``check`` found wrong. ``repairable`` says whether ``repair`` can restore all of it."""

    path: str
    problem: str
    repairable: bool


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What ``check`` or ``repair`` saw of one cube.

    ``events`` is the length of its journal, ``lost_events`` of them are or would be LOST entries; ``items`` are those
    that are there or can be restored. ``repaired`` says whether ``repair`` put a new file in place.
    """

    path: str
    cube_id: str
    events: int
    items: int
    findings: list[Finding] = field(default_factory=list)
    lost_events: int = 0
    repaired: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class CubeStore(ABC):
    """One attached cube. Every write carries the epoch of the attach; a newer attach makes it stale for good."""

    ref: CubeRef
    epoch: int

    @property
    @abstractmethod
    def head(self) -> int:
        """Sequence number of the last committed event as this writer knows it; 0 for none."""

    @abstractmethod
    def load(self) -> Contents:
        """Read the whole cube. Raises DamagedError when anything in it is not what was written."""

    @abstractmethod
    def commit(self, commit: Commit) -> None:
        """Make ``commit`` durable (fsync) before returning.

        Raises StaleEpochError (a newer epoch exists), DamagedError (seq is not head + 1, or the disk failed: then
        this store refuses everything from then on), StorageFullError, IdempotencyConflictError (a receipt's key is
        kept already), InvalidArgumentError (a vector of another size than its model's, or one that float16 cannot
        hold). On any raise nothing of it is kept.
        """

    @abstractmethod
    def verify_epoch(self) -> None:
        """Raise StaleEpochError if a newer writer attached: what a linearizable read asks."""

    @abstractmethod
    def receipt(self, key: str) -> Receipt | None:
        """The receipt of an idempotency key, if it is still kept."""

    @abstractmethod
    def receipts(self) -> list[Receipt]:
        """All receipts that are still kept; for erasure, which has to find those that tell of what it erases."""

    @abstractmethod
    def about(self) -> bytes:
        """The cube's description as it is now."""

    @abstractmethod
    def with_vectors(self, contents: Collection[bytes]) -> int:
        """How many of these content digests have a vector, of any model: for erasure, which tells how many go."""

    @abstractmethod
    def erase(self, erasure: Erasure) -> int:
        """Write the cube's files anew without what is named, durably, and end this store: attach again after it.

        Nothing of it is left in any file of the cube, in no page that was freed and no log; damaged originals that
        ``repair`` kept go as a whole, and how many files they were is returned. A crash leaves the cube as it was or
        as it is to be, and in the first case the same call does it again. Raises what ``commit`` raises.
        """

    @abstractmethod
    def vectors(self, model: str) -> tuple[list[bytes], Matrix]:
        """Content digests and the float16 matrix (n, dimension) of all vectors of ``model``; (n, 0)-shaped if none."""

    @abstractmethod
    def events(self, from_seq: int = 1, limit: int = 1000, item_id: str | None = None) -> list[EventRecord]:
        """Journal entries in order, of one item if ``item_id`` is given."""

    @abstractmethod
    def file_bytes(self) -> int:
        """Bytes on disk, all files of the cube together."""

    @abstractmethod
    def tidy(self, receipts_before_s: float, keep_model: str | None) -> None:
        """Drop receipts older than a time, and vectors of other models or of no live item (not while re-embedding)."""

    @abstractmethod
    def drop_pending(self) -> None:
        """Take the cube off the list of ``Vault.pending``: its last task has ended. Raises StaleEpochError, and then
        a newer writer's place on the list is as it was."""

    @abstractmethod
    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and seal it. A no-op when nothing was written since."""

    @abstractmethod
    def snapshot(self, target: Path) -> None:
        """Write a consistent, sealed copy of the cube to ``target`` (a ``.db`` path; its ``.seal`` comes beside it)
        while the cube stays in use. Raises AlreadyExistsError if there is something at ``target``."""

    @abstractmethod
    def close(self, *, checkpoint: bool = True) -> None:
        """Let go of the cube; closing twice is fine. Without a checkpoint (or with little in it) the log is left for
        the next attach. Every later call but close raises UnavailableError."""


class Vault(ABC):
    """Where cubes are kept."""

    @abstractmethod
    def attach(self, ref: CubeRef, create: bytes | None = None) -> CubeStore:
        """Open a cube as its writer, with the next epoch, durably.

        ``create`` (the cube's ``about``) makes it if it is missing, with an empty journal. Raises NotFoundError,
        DamagedError, StorageFullError.
        """

    @abstractmethod
    def find(self, tenant: str, key: str) -> CubeRef | None:
        """The cube with this key in the tenant: how a memory id finds its cube."""

    @abstractmethod
    def list(self, tenant: str, after_key: str = "", limit: int = 100) -> list[CubeHead]:
        """Cubes of a tenant in the order of their keys, those after ``after_key``."""

    @abstractmethod
    def delete(self, ref: CubeRef) -> None:
        """Fence every writer of the cube, then remove its files, kept damaged originals included. Works on damaged
        cubes too. Raises NotFoundError."""

    @abstractmethod
    def check(self, ref: CubeRef) -> CheckReport:
        """Look at everything of a cube without changing it: seals, digests, journal against state. Raises
        NotFoundError."""

    @abstractmethod
    def repair(self, ref: CubeRef, *, accept_loss: bool = False) -> CheckReport:
        """Rebuild what can be rebuilt (state from the journal); the damaged original is kept beside it, renamed.

        The findings say what was wrong; those that are not ``repairable`` say exactly what is lost. A sound cube is
        left alone. So is one of which nothing can be saved, unless it is proven that it was empty: it stays damaged,
        lest its memories read as none; ``accept_loss`` puts an empty cube with LOST entries in its place. Raises UnavailableError while anyone has the cube attached, NotFoundError.
        """

    @abstractmethod
    def pending(self) -> Iterator[CubeRef]:
        """Cubes of all tenants that have unfinished tasks, without opening any: those of ``Commit.pending``. A crash
        may leave one on the list that has none; a deleted or damaged one may be on it too."""

    @abstractmethod
    def every(self) -> Iterator[CubeRef | MemCubeError]:
        """All cubes of all tenants, damaged ones too: for ``memcube check`` and ``repair``. In the place of a cube
        that can't be told by name there is the error that says where its files are."""
