"""MemCube's core: one cube's state and verbs, in plain Python. ``actor.py`` is its Ray shell, the frame.

Who calls what, from where: ``open``, ``plan`` + ``store.commit``, ``slow_read`` and ``close`` run in the frame's
commit thread (they touch the disk); ``apply`` and ``read`` run in its event loop, so a read sees the state before a
commit or after it, never between. One plan is in flight at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memcube.actors.cube.about import is_open
from memcube.actors.cube.call import Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.erasing import find, purge
from memcube.actors.cube.governed import judge_of, visible_records
from memcube.actors.cube.plan import Plan, Planner
from memcube.actors.cube.read import answer_read
from memcube.actors.cube.record_plan import holds_of
from memcube.actors.cube.shading import Shading
from memcube.actors.cube.state import Items, document_of
from memcube.actors.cube.tasks import Tasks
from memcube.actors.cube.validate import parse_request
from memcube.actors.cube.view import View
from memcube.actors.governance.rule import Judge
from memcube.actors.recall.analysis import analyze
from memcube.actors.recall.index import CubeIndex
from memcube.actors.redaction import Level
from memcube.actors.redaction.token_keys import TokenKeys
from memcube.actors.trust import Admission
from memcube.actors.vault.base import ERASED, Commit, CubeStore, EventRecord, ItemRecord
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import HeldError, InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import audit_pb2, cube_pb2, event_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Cube"]

log = logging.getLogger("memcube.cube")

EVENTS_PER_READ = 500
EVENT_BYTES_PER_READ = 8 << 20
RECEIPTS_KEPT_S = 7 * 24 * 3600.0
"""How long a retry with the same idempotency key is recognised."""

INDEXED_AT_ONCE = 2_000
"""A larger cube is indexed while it is loaded, in the frame's thread; a smaller one, in about 3 ms, by the first call
that needs the index: what only gets, lists or writes after a page-in does not wait for it."""
NEED_INDEX = frozenset({"search", "batch_search", "preferences", "cube_status"})
ERASED_CAUSE = "erased"
"""The cause of an event that readers of the journal see in the place of one whose content was erased."""
INDEX_BYTES_PER_ITEM = 600
"""Of the lexical index, columns and dictionaries; measured on conversations."""


class Cube:
    """One attached cube. See the module for which thread calls which method."""

    def __init__(self, view: View, clock: Callable[[], datetime] = utc_now, config: FrameConfig | None = None) -> None:
        self.view = view
        self._config = config or FrameConfig()
        self._clock = clock
        self._admission = _admission_of(self._config, view.ref.tenant)
        self._shading = Shading(self._config.redaction)
        self._unindexed: Sequence[ItemRecord] | None = None
        self.purged = False
        """Whether its files were written anew: then it has to be dropped."""

    @classmethod
    def open(
        cls,
        store: CubeStore,
        model: str = "",
        clock: Callable[[], datetime] = utc_now,
        config: FrameConfig | None = None,
    ) -> Cube:
        """Load a cube that the vault attached. ``model`` is the id of the embedding model in use, empty for none.

        Raises DamagedError. Blocking: about 2.5 ms for 1,000 memories.
        """
        contents = store.load()
        view = View(
            ref=store.ref,
            store=store,
            about=cube_pb2.Cube.FromString(contents.about),
            items=Items(contents.items),
            index=CubeIndex(),
            model=model,
            head=contents.head,
            epoch=contents.epoch,
            tasks=Tasks(contents.tasks),
        )
        if view.tasks.unfinished:
            # The mark may be missing where files were brought back from elsewhere.
            store.commit(Commit(pending=True))
        cube = cls(view, clock, config)
        cube._unindexed = contents.items
        if len(contents.items) > INDEXED_AT_ONCE:
            cube.index()
        return cube

    def index(self) -> None:
        """Build the index, unless it is there: from the entries loaded, and the vectors of the model in use.

        Items without a vector become pending texts; until their vectors are made they are ranked by everything else.
        Raises DamagedError, and then the cube must be dropped.
        """
        if self._unindexed is None:
            return
        view = self.view
        view.index = _index_of(self._unindexed, view.items)
        view.items.settle()
        if view.model:
            self._load_vectors(view.model)
        self._unindexed = None

    def _load_vectors(self, model: str) -> None:
        view = self.view
        contents, matrix = view.store.vectors(model)
        row_of = {content: row for row, content in enumerate(contents)}
        ids: list[str] = []
        rows: list[int] = []
        for held in view.items:
            row = row_of.get(held.content)
            if row is None:
                view.unembedded.setdefault(held.content, set()).add(held.id)
            else:
                ids.append(held.id)
                rows.append(row)
        view.dimension = matrix.shape[1] if ids else 0
        if ids:
            view.index.set_vectors(ids, matrix[rows], model)

    def plan(self, calls: Sequence[Call]) -> Plan:
        """Stage a batch of mutations. Commit ``plan.commit`` next unless it is ``empty``, then ``apply`` it."""
        view = self.view
        planner = Planner(
            view.ref,
            view.store,
            view.about,
            view.items,
            view.positions,
            self._clock(),
            view.tasks,
            view.derived,
            self._config,
            # The index knows without looking at each item; while there is none yet, the cube is small.
            view.items.next_position if self._unindexed is not None else view.index.next_position,
            self._admission,
        )
        return planner.plan(calls)

    def apply(self, plan: Plan) -> list[Answer]:
        """Show a committed plan to readers; returns the calls' answers."""
        self.index()
        view = self.view
        for item_id in plan.dropped:
            self._forget(item_id)
        for held, entry in plan.put.values():
            old = view.items.get(held.id)
            same_text = old is not None and old.content == held.content
            if not same_text:
                self._forget_text(held.id)
                # Putting a document again would cost it its vector; what recall sees of it has not changed.
                view.index.put(held.id, entry)
                if view.model:
                    view.unembedded.setdefault(held.content, set()).add(held.id)
            view.items.put(held)
            view.derived.put(held)
        for task in plan.tasks.values():
            view.tasks.put(task)
        for task_id in plan.forgotten_tasks:
            view.tasks.drop(task_id)
        view.tasks.open_windows(plan.windows)
        if plan.about is not None:
            view.about = plan.about
        view.positions.update(plan.positions)
        view.head = view.store.head
        view.governed.note((*plan.put, *plan.dropped))
        return plan.answers

    def _forget(self, item_id: str) -> None:
        self._forget_text(item_id)
        self.view.items.drop(item_id)
        self.view.derived.drop(item_id)
        self.view.index.drop(item_id)

    def _forget_text(self, item_id: str) -> None:
        held = self.view.items.get(item_id)
        waiting = self.view.unembedded.get(held.content) if held else None
        if held is not None and waiting is not None:
            waiting.discard(item_id)
            if not waiting:
                del self.view.unembedded[held.content]

    def read(self, call: Call) -> Answer:
        """Answer a read from memory. Raises DamagedError only where the index had to be built first."""
        if call.verb in NEED_INDEX:
            self.index()
        try:
            return Answer(True, self._shading.shaded(call, answer_read(self.view, call, self._clock())))
        except MemCubeError as error:
            return Answer(False, error_to_detail(error).SerializeToString())

    def slow_read(self, call: Call) -> Answer:
        """Answer a read of the journal; blocking."""
        try:
            if self.view.head == 0 or not is_open(self.view.about):
                raise NotFoundError("cube", self.view.ref.cube_id)
            if call.verb == "erasable":
                return Answer(True, self._erasable(call))
            answer = self._history(call) if call.verb == "history" else self._read_events(call)
            return Answer(True, self._shading.shaded(call, answer))
        except MemCubeError as error:
            return Answer(False, error_to_detail(error).SerializeToString())

    def _history(self, call: Call) -> bytes:
        request = parse_request(pb.HistoryRequest, call.request)
        records: list[EventRecord] = []
        while page := self.view.store.events(records[-1].seq + 1 if records else 1, EVENTS_PER_READ, request.id):
            records += page
        if call.rule:
            records = visible_records(records, judge_of(call.rule), self._before)
        if not records:
            raise NotFoundError("memory", request.id)
        return _events_response(records)

    def _read_events(self, call: Call) -> bytes:
        """A page of the journal as a HistoryResponse; the gateway asks again from the last seq on, until none come."""
        request = parse_request(pb.ReadEventsRequest, call.request)
        # Nothing is behind the head; asking SQLite for numbers beyond 63 bits would be an error.
        beyond = request.from_seq > self.view.head
        records = [] if beyond else self.view.store.events(max(1, request.from_seq), EVENTS_PER_READ)
        if call.rule:
            records = self._visible_page(records, judge_of(call.rule))
        kept = size_bytes = 0
        while kept < len(records) and (not kept or size_bytes + len(records[kept].body) <= EVENT_BYTES_PER_READ):
            size_bytes += len(records[kept].body)
            kept += 1
        return _events_response(records[:kept])

    def _visible_page(self, records: list[EventRecord], judge: Judge) -> list[EventRecord]:
        """The first page, from these records on, in which there is anything that may be seen; empty at the end."""
        while records:
            visible = visible_records(records, judge, self._before)
            if visible:
                return visible
            records = self.view.store.events(records[-1].seq + 1, EVENTS_PER_READ)
        return []

    def _before(self, item_id: str, seq: int) -> EventRecord | None:
        """The last event before ``seq`` that holds the item."""
        found: EventRecord | None = None
        after = 1
        while page := self.view.store.events(after, EVENTS_PER_READ, item_id):
            for record in page:
                if record.seq >= seq:
                    return found
                found = record
            after = page[-1].seq + 1
        return found

    def _erasable(self, call: Call) -> bytes:
        """What an erasure would purge here; HeldError where a hold forbids it."""
        request = parse_request(audit_pb2.EraseCubeRequest, call.request)
        found = find(self.view.store, (request.user_id,) if request.user_id else None, holds_of(self._config))
        if found.held:
            raise HeldError(f"a memory in cube {self.view.ref.cube_id}", found.held)
        erased = audit_pb2.ErasedCube(cube_id=self.view.ref.cube_id, events=len(found.events), files=min(found.lost, 1))
        return audit_pb2.EraseCubeResponse(erased=erased).SerializeToString()

    def purge(self, calls: Sequence[Call], answers: Sequence[Answer]) -> list[Answer]:
        """After the commit of a batch with calls of ``erase``: purge the files of what they deleted, and tell of it.

        Blocking. The store is at its end then, and so is this cube: drop it.
        """
        told = list(answers)
        places = [place for place, call in enumerate(calls) if call.verb == "erase" and told[place].ok]
        if places:
            self.purged = True
            users = {audit_pb2.EraseCubeRequest.FromString(calls[place].request).user_id for place in places}
            purged = purge(self.view.store, users)
            for place in places:
                response = audit_pb2.EraseCubeResponse.FromString(told[place].body)
                response.erased.MergeFrom(purged)
                told[place] = Answer(True, response.SerializeToString())
        return told

    def pending_texts(self, limit: int) -> list[tuple[bytes, str]]:
        """Up to ``limit`` (content digest, text) pairs that have no vector of the present model yet, oldest first."""
        self.index()
        pending: list[tuple[bytes, str]] = []
        for content, ids in self.view.unembedded.items():
            if len(pending) == limit:
                break
            held = self.view.items.get(next(iter(ids)))
            if held is not None:
                pending.append((content, document_of(held.item).embedded_text))
        return pending

    def plan_vectors(self, model: str, contents: Sequence[bytes], matrix: npt.NDArray[np.float32]) -> Commit:
        """The commit that keeps freshly made vectors; follow it with ``apply_vectors``."""
        if matrix.ndim != 2 or len(matrix) != len(contents):
            raise InvalidArgumentError("vectors", f"of shape {matrix.shape} are no {len(contents)} vectors")
        width = self.view.dimension
        if width and model == self.view.model and matrix.shape[1] != width:
            raise InvalidArgumentError("vectors", f"have {matrix.shape[1]} numbers, those of {model} have {width}")
        if not np.isfinite(matrix).all():
            raise InvalidArgumentError("vectors", "hold numbers that are not finite")
        rows = matrix.astype("<f4")
        return Commit(vectors=[(content, model, row.tobytes()) for content, row in zip(contents, rows, strict=True)])

    def apply_vectors(self, model: str, contents: Sequence[bytes], matrix: npt.NDArray[np.float32]) -> None:
        """Rank with vectors that were committed; those of texts that are gone by now are left out."""
        self.index()
        view = self.view
        if model != view.model:
            return
        ids: list[str] = []
        rows: list[int] = []
        for row, content in enumerate(contents):
            for item_id in view.unembedded.pop(content, ()):
                ids.append(item_id)
                rows.append(row)
        if ids:
            view.dimension = matrix.shape[1]
            view.index.set_vectors(ids, matrix[rows], model)
        view.embed_error = ""

    def note_embed_failure(self, problem: str) -> None:
        """Record that making vectors failed, for ``status``; the texts stay pending."""
        self.view.embed_failures += 1
        self.view.embed_error = problem

    def memory_bytes(self) -> int:
        """Estimate of what the cube takes in this process: items and index."""
        view = self.view
        return view.items.memory_bytes * 2 + len(view.items) * (view.dimension + INDEX_BYTES_PER_ITEM)

    def settle_pending(self) -> None:
        """Take the cube off the vault's list of pending ones if none of its tasks is left. Blocking, in turn with
        commits: where it is not on the list, a look at a file."""
        if not self.view.tasks.unfinished:
            self.view.store.drop_pending()

    def close(self) -> None:
        """Tidy, fold the log into the file, let go. Blocking: about 1 ms clean, 5 ms after writes."""
        view = self.view
        try:
            if view.head and self._unindexed is None and not view.unembedded:
                view.store.tidy(self._clock().timestamp() - RECEIPTS_KEPT_S, view.model or None)
            self.settle_pending()
        finally:
            view.store.close()


def _index_of(records: Sequence[ItemRecord], items: Items) -> CubeIndex:
    """The index of a cube's items; entries that another version wrote are made again, in memory only."""
    index = CubeIndex()
    ids = [record.id for record in records]
    try:
        index.load(ids, [record.entry for record in records])
    except InvalidArgumentError as error:
        log.warning("the index entries of %d memories are made again: %s", len(records), error)
        index.load(ids, [analyze(document_of(held.item)) for held in map(items.get, ids) if held is not None])
    return index


def _events_response(records: Sequence[EventRecord]) -> bytes:
    response = pb.HistoryResponse()
    for record in records:
        # Where a repair could not save an event, the journal holds an empty one: the gap is shown, not skipped.
        event = (
            event_pb2.Event(cause=ERASED_CAUSE) if record.kind == ERASED else event_pb2.Event.FromString(record.body)
        )
        event.seq = record.seq
        response.events.append(event)
    return response.SerializeToString()


def _admission_of(config: FrameConfig, tenant: str) -> Admission:
    """What becomes of texts on their way in. The tenant's key is looked for only where something becomes a token."""
    redaction = config.redaction.at("write")
    tokens = config.tokens_path and Level.TOKEN in redaction.levels.values()
    return Admission(redaction, TokenKeys(Path(config.tokens_path)).of(tenant).of if tokens else None)
