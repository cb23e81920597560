"""Judges a history of calls against what a cube holds afterwards; plain Python, O(n log n), no system needed.

Callers write down every logical call (one idempotency key, however often it was sent) as an ``Operation``; the cube's
journal and its memories are read back through the API at the end. ``judge`` then counts, per cube:

- ``lost``: an acknowledged effect that the journal or the present memories do not have as it was acknowledged;
- ``duplicated``: an effect that happened more than once, or a retry that was answered otherwise than the first time;
- ``phantom``: something stored that nobody sent, or that was refused for good;
- ``inversions``: a call that was answered before another one was made, but stands behind it in the journal;
- ``stale_accepted``: an event of an older epoch behind one of a newer epoch;
- ``gaps``: sequence numbers that are not 1, 2, 3, …

A call whose outcome its caller never learned may have happened once or not at all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Self

__all__ = ["ADD", "DELETE", "UPDATE", "Entry", "Memory", "Operation", "Verdict", "judge"]

ADD, UPDATE, DELETE = "add", "update", "delete"
EVENT_OF = {ADD: "ADD", UPDATE: "UPDATE", DELETE: "DELETE"}
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Operation:
    """One logical call. ``texts`` are what it stores, one for each memory; empty for a delete.

    ``target`` is the id that an update or a delete names. ``sent_s`` is when it was first sent and ``answered_s`` when
    it was first acknowledged (both of one monotonic clock), None as long as it was not. ``ids`` and ``seq`` are what
    the answer said; ``refused`` says that it was answered with an error that no retry can change.
    ``other_answers`` counts retries whose answer differed from the first one.
    """

    key: str
    cube: str
    caller: str
    verb: str
    texts: tuple[str, ...]
    sent_s: float
    answered_s: float | None = None
    ids: tuple[str, ...] = ()
    seq: int = 0
    target: str = ""
    refused: bool = False
    other_answers: int = 0

    @property
    def acknowledged(self) -> bool:
        """Whether the caller was told that it happened."""
        return self.answered_s is not None

    @property
    def effects(self) -> int:
        """How many events it makes."""
        return 1 if self.verb == DELETE else len(self.texts)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the journal that changes an item; ``kind`` is ADD, UPDATE or DELETE."""

    seq: int
    epoch: int
    kind: str
    key: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Memory:
    """One present memory as a listing shows it."""

    id: str
    text: str


@dataclass(slots=True)
class Verdict:
    """What was counted; add them up with ``+=``. ``examples`` are the first few findings, in words."""

    operations: int = 0
    acknowledged: int = 0
    unknown: int = 0
    refused: int = 0
    events: int = 0
    lost: int = 0
    duplicated: int = 0
    phantom: int = 0
    inversions: int = 0
    stale_accepted: int = 0
    gaps: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        broken = self.lost, self.duplicated, self.phantom, self.inversions, self.stale_accepted, self.gaps
        return not any(broken)

    def __iadd__(self, other: Verdict) -> Self:
        for name in self.__slots__:
            if name != "examples":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples.extend(other.examples[: SHOWN - len(self.examples)])
        return self

    def note(self, what: str, words: str, count: int = 1) -> None:
        """Count ``what`` and remember it."""
        setattr(self, what, getattr(self, what) + count)
        if len(self.examples) < SHOWN:
            self.examples.append(f"{what}: {words}")


def judge(
    operations: Iterable[Operation],
    journals: Mapping[str, Sequence[tuple[int, int, Entry | None]]],
    memories: Mapping[str, Sequence[Memory]],
) -> Verdict:
    """Compare what was sent with what is stored.

    ``journals`` maps each cube to its events in the order read, as (seq, epoch, entry or None for an event of the cube
    itself); ``memories`` maps it to its present memories.
    """
    of_cube: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        of_cube[operation.cube].append(operation)
    total = Verdict()
    for cube in sorted(of_cube.keys() | journals.keys() | memories.keys()):
        total += _judge_cube(cube, of_cube.get(cube, []), journals.get(cube, ()), memories.get(cube, ()))
    return total


def _judge_cube(
    cube: str,
    operations: Sequence[Operation],
    journal: Sequence[tuple[int, int, Entry | None]],
    memories: Sequence[Memory],
) -> Verdict:
    verdict = Verdict(
        operations=len(operations),
        acknowledged=sum(operation.acknowledged for operation in operations),
        refused=sum(operation.refused for operation in operations),
        events=len(journal),
    )
    verdict.unknown = verdict.operations - verdict.acknowledged - verdict.refused
    _check_journal(cube, journal, verdict)
    entries = [entry for _, _, entry in journal if entry is not None]
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[entry.key].append(entry)
    known = {operation.key: operation for operation in operations}
    for operation in operations:
        _check_operation(cube, operation, by_key.get(operation.key, []), verdict)
    for key, found in by_key.items():
        if key not in known:
            verdict.note("phantom", f"{cube}: events of key {key!r}, which nobody sent: {found[0]}", len(found))
    for text, times in Counter(entry.text for entry in entries if entry.kind != "DELETE").items():
        if times > 1:
            verdict.note("duplicated", f"{cube}: {text!r} was stored {times} times", times - 1)
    _check_order(cube, known, by_key, verdict)
    _check_memories(cube, entries, memories, verdict)
    return verdict


def _check_journal(cube: str, journal: Sequence[tuple[int, int, Entry | None]], verdict: Verdict) -> None:
    highest = 0
    for place, (seq, epoch, _) in enumerate(journal, start=1):
        if seq != place:
            verdict.note("gaps", f"{cube}: event {place} has seq {seq}")
        if epoch < highest:
            verdict.note("stale_accepted", f"{cube}: seq {seq} is of epoch {epoch}, behind one of epoch {highest}")
        highest = max(highest, epoch)


def _check_operation(cube: str, operation: Operation, found: Sequence[Entry], verdict: Verdict) -> None:
    name = f"{cube}: {operation.verb} {operation.key}"
    if operation.other_answers:
        verdict.note("duplicated", f"{name} was answered in different ways", operation.other_answers)
    if operation.refused and found:
        verdict.note("phantom", f"{name} was refused and happened", len(found))
        return
    wanted = Counter(operation.texts) if operation.verb != DELETE else Counter([""])
    stored = Counter("" if operation.verb == DELETE else entry.text for entry in found)
    extra = stored - wanted
    repeated = {text: count for text, count in extra.items() if text in wanted}
    if repeated and operation.verb == DELETE:  # repeated texts are counted once for the whole journal
        verdict.note("duplicated", f"{name} happened {len(found)} times", sum(repeated.values()))
    strange = extra.total() - sum(repeated.values())
    if strange:
        verdict.note("phantom", f"{name} stored what it did not send: {list(extra)[:3]}", strange)
    wrong = [entry for entry in found if entry.kind != EVENT_OF[operation.verb]]
    if wrong:
        verdict.note("phantom", f"{name} made events of another kind: {wrong[0]}", len(wrong))
    missing = wanted - stored
    if missing and operation.acknowledged:
        verdict.note("lost", f"{name} was acknowledged; missing: {list(missing)[:3]}", missing.total())
    elif missing and found:
        verdict.note("lost", f"{name} happened in part: {len(found)} of {operation.effects}", missing.total())
    elif operation.acknowledged:
        ids = {entry.item_id for entry in found}
        promised = set(operation.ids) if operation.verb == ADD else {operation.target}
        if ids != promised:
            verdict.note("lost", f"{name} was acknowledged for {sorted(promised)[:3]}, stored as {sorted(ids)[:3]}")
        elif operation.seq and operation.seq != max(entry.seq for entry in found):
            verdict.note("lost", f"{name} was acknowledged as seq {operation.seq}, stored as {found[-1].seq}")


def _check_order(
    cube: str, known: Mapping[str, Operation], by_key: Mapping[str, Sequence[Entry]], verdict: Verdict
) -> None:
    """What was answered before something else was sent must stand before it, whoever the callers were."""
    happened = sorted((min(entry.seq for entry in found), key) for key, found in by_key.items() if key in known)
    earliest, behind = inf, ""
    for seq, key in reversed(happened):
        operation = known[key]
        if earliest < operation.sent_s:
            verdict.note("inversions", f"{cube}: {key} (seq {seq}) was sent after {behind} was answered")
        if operation.answered_s is not None and operation.answered_s < earliest:
            earliest, behind = operation.answered_s, key


def _check_memories(cube: str, entries: Sequence[Entry], memories: Sequence[Memory], verdict: Verdict) -> None:
    """The present memories must be what the journal leads to."""
    expected: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "DELETE":
            expected.pop(entry.item_id, None)
        else:
            expected[entry.item_id] = entry.text
    present: dict[str, str] = {}
    for memory in memories:
        if memory.id in present:
            verdict.note("duplicated", f"{cube}: {memory.id} is listed twice")
        present[memory.id] = memory.text
    for item_id in expected.keys() - present.keys():
        verdict.note("lost", f"{cube}: {item_id} is in the journal, not among the memories")
    for item_id in present.keys() - expected.keys():
        verdict.note("phantom", f"{cube}: {item_id} is among the memories, not in the journal")
    for item_id in expected.keys() & present.keys():
        if expected[item_id] != present[item_id]:
            verdict.note("lost", f"{cube}: {item_id} is {present[item_id]!r}, the journal says {expected[item_id]!r}")
