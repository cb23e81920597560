"""What a cube's evidence proves: what is wrong, what can be restored, and what is lost. ``check`` reports it and
``repair`` writes it down; both therefore say the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from memcube.actors.vault import schema
from memcube.actors.vault.base import ERASED, LOST, CheckReport, EventRecord, Finding, ItemRecord, Rebuild
from memcube.actors.vault.build import Whole
from memcube.actors.vault.evidence import Evidence
from memcube.actors.vault.rows import Rows, read_rows
from memcube.model.ids import CubeRef

_NAMED = 5
_BELIEVED = 100_000
"""How far beyond what is known otherwise a head or an epoch may go; a damaged number would go anywhere."""


@dataclass(slots=True)
class Analysis:
    """``wrong`` can be restored from the rest; ``lost`` can't. ``whole`` is the cube as repair would write it.

    ``hopeless`` says that nothing of it could be saved: written down, lost memories would read as none.
    """

    whole: Whole
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    hopeless: bool = False

    def report(self, evidence: Evidence, ref: CubeRef) -> CheckReport:
        """All of it; damaged files are repairable if nothing of their content is lost."""
        events, items = self.whole.events, len(list(self.whole.items))
        lost = sum(event.kind == LOST for event in events)
        return CheckReport(str(evidence.paths.db), ref.cube_id, len(events), items, self._findings(evidence), lost)

    def _findings(self, evidence: Evidence) -> list[Finding]:
        found = [Finding(problem.path, problem.problem, not self.lost) for problem in evidence.problems]
        path = str(evidence.paths.db)
        found += [Finding(path, problem, not self.hopeless) for problem in self.wrong]
        return found + [Finding(path, problem, False) for problem in self.lost]


def analyse(evidence: Evidence, ref: CubeRef, rebuild: Rebuild | None, known_about: bytes | None) -> Analysis:
    """Read all that is sound, and hold the journal against the state. ``known_about`` is the catalog's description."""
    rows = read_rows(evidence.image, evidence.pages)
    wrong = [] if evidence.problems else [f"its structure is wrong: {problem}" for problem in rows.structure]
    lost: list[str] = []
    foreign = rows.cube is not None and rows.cube[:2] != (ref.tenant, ref.cube_id)
    if rows.cube is not None and foreign:
        lost.append(f"what is there belongs to the cube {rows.cube[1]!r}")
        rows = Rows()  # a row's checksum does not say whose it is: none of them may be taken for this cube's
    events = _journal(evidence, rows, wrong, lost)
    items = _items(events, rows, rebuild, wrong, lost)
    about = _about(rows, known_about, wrong, lost)
    if "receipts" in rows.torn:
        lost.append("some receipts can't be read: a retry of one of their requests would be a new request")
    if "tasks" in rows.torn:
        lost.append("some background tasks can't be read")
    if "vectors" in rows.torn or "models" in rows.torn:
        wrong.append("some vectors can't be read: they are dropped, to be computed anew")
    epoch = max(evidence.epoch, _believable(rows, 0, evidence.epoch))
    whole = Whole(about, epoch + 1, events, items, rows.receipts, rows.tasks, rows.vectors)
    hopeless = foreign or (bool(events) and not rows.events and not items)
    return Analysis(whole, wrong, lost, hopeless)


def _journal(evidence: Evidence, rows: Rows, wrong: list[str], lost: list[str]) -> list[EventRecord]:
    """The journal without gaps: LOST entries stand where events can't be saved."""
    head = max(evidence.head, max(rows.events, default=0))
    head = max(head, _believable(rows, 1, head))
    chain = schema.FIRST_CHAIN
    if not head and evidence.seal is None and (rows.state is None or rows.state[1:] != (0, chain)):
        lost.append("its journal can't be read, and nothing tells how long it was")
        return [EventRecord(1, LOST, "", b"")]
    missing = [seq for seq in range(1, head + 1) if seq not in rows.events]
    events = [rows.events.get(seq) or EventRecord(seq, LOST, "", b"") for seq in range(1, head + 1)]
    if missing:
        lost.append(f"{_named('event', [str(seq) for seq in missing])} can't be saved")
        return events
    for event in events:
        chain = schema.chained(chain, event)
    if rows.state is None:
        wrong.append("the journal's head can't be read")
    elif rows.state[1:] != (head, chain):
        if evidence.problems:
            wrong.append("the journal's head is not what was written")
        else:
            lost.append("the journal's digest does not match: events were changed, each with a right checksum")
    return events


def _believable(rows: Rows, column: int, known: int) -> int:
    """A number of the state's row, if its page is not known to be damaged; else 0."""
    if rows.state is None or "state" in rows.torn:
        return 0
    number = (rows.state[0], rows.state[1])[column]
    return number if number <= known + _BELIEVED else 0


def _items(
    events: list[EventRecord], rows: Rows, rebuild: Rebuild | None, wrong: list[str], lost: list[str]
) -> list[ItemRecord]:
    torn = "items" in rows.torn
    if rebuild is None:
        if torn:
            lost.append("some items can't be read, and no codec was given to rebuild them from the journal")
        return list(rows.items.values())
    replayed: dict[str, ItemRecord] = {}
    for event in events:
        if event.kind in (LOST, ERASED) or not event.item_id:
            continue
        item = rebuild(event)
        if item is None:
            replayed.pop(event.item_id, None)
        else:
            replayed[event.item_id] = item
    if any(event.kind == LOST for event in events):
        return _merged(replayed, rows.items, torn, lost)
    differing = [id_ for id_ in replayed.keys() | rows.items.keys() if _differ(replayed.get(id_), rows.items.get(id_))]
    if differing:
        wrong.append(f"{_named('item', sorted(differing))} not what the journal says")
    return [rows.items[id_] if id_ in rows.items and id_ not in differing else item for id_, item in replayed.items()]


def _differ(one: ItemRecord | None, other: ItemRecord | None) -> bool:
    """The index entry is a view of the body, and may be an older program's."""
    if one is None or other is None:
        return one is not other
    return one[:3] + one[4:] != other[:3] + other[4:]


def _merged(
    replayed: dict[str, ItemRecord], stored: dict[str, ItemRecord], torn: bool, lost: list[str]
) -> list[ItemRecord]:
    """The state beside a journal with gaps: the stored row where it is sound, else the newest that the journal has."""
    merged = dict(stored)
    doubtful = []
    for id_, item in replayed.items():
        if id_ not in stored and torn:
            merged[id_] = item
            doubtful.append(id_)
    if doubtful:
        lost.append(f"{_named('item', doubtful)} restored from the journal, and may lack a change of a lost event")
    return list(merged.values())


def _about(rows: Rows, known: bytes | None, wrong: list[str], lost: list[str]) -> bytes:
    if rows.cube is not None:
        return rows.cube[2]
    if known is not None:
        wrong.append("the cube's description can't be read; the catalog has it")
        return known
    lost.append("the cube's description can't be saved")
    return b""


def _named(noun: str, names: list[str]) -> str:
    """``event 3``, or ``events 3, 4, … (12 in all)``."""
    if len(names) == 1:
        return f"{noun} {names[0]}"
    shown = ", ".join(names[:_NAMED])
    return f"{noun}s {shown}" if len(names) <= _NAMED else f"{noun}s {shown}, … ({len(names)} in all)"
