"""What of a cube's memories a call may see and do: rules (``governance.rule``) asked once a memory and change.

A cube keeps its verdicts by rule: a search of somebody who asked before looks at what changed since, not at ten
thousand memories. Without a rule nothing here is reached.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from memcube.actors.governance.rule import Judge, Rule
from memcube.actors.vault.base import ERASED, EventRecord
from memcube.model.codec import item_to_proto
from memcube.model.errors import NotFoundError
from memcube.model.item import EventKind, Item
from memcube.protos.memcube.v1 import event_pb2

if TYPE_CHECKING:
    from memcube.actors.cube.call import Call
    from memcube.actors.cube.state import Held, Items

__all__ = ["Governed", "Verdicts", "allows", "judge_of", "visible_records"]

RULES_KEPT = 16
"""Of a cube; the one asked longest ago goes."""


class Verdicts:
    """One rule over the live items of one cube."""

    def __init__(self, rule: bytes) -> None:
        self.judge = judge_of(rule)
        self._denied: set[str] | None = None
        self._changed: set[str] = set()

    def note(self, ids: Iterable[str]) -> None:
        """These items were put or dropped."""
        if self._denied is not None:
            self._changed.update(ids)

    def denied(self, items: Items) -> set[str]:
        """Ids of the live items that the rule does not allow."""
        judge = self.judge
        if self._denied is None:
            self._denied = {held.id for held in items if not judge(held.wire)}
        elif self._changed:
            for item_id in self._changed:
                held = items.get(item_id)
                if held is not None and not judge(held.wire):
                    self._denied.add(item_id)
                else:
                    self._denied.discard(item_id)
            self._changed.clear()
        return self._denied


class Governed:
    """The verdicts that a cube keeps; a part of its ``View``. ``denied`` and ``sees`` are the event loop's."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Verdicts] = OrderedDict()

    def verdicts(self, rule: bytes) -> Verdicts:
        """Those of a rule."""
        kept = self._kept.get(rule)
        if kept is None:
            kept = self._kept[rule] = Verdicts(rule)
            if len(self._kept) > RULES_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(rule)
        return kept

    def note(self, ids: Iterable[str]) -> None:
        """Take in what a commit changed."""
        for kept in self._kept.values():
            kept.note(ids)

    def denied(self, call: Call, items: Items, cube_id: str) -> set[str]:
        """Ids of the live items that the call may not see. Raises NotFoundError("cube") where it may see none, and
        the cube itself is not the caller's: then it looks as if there were none."""
        if not call.rule:
            return set()
        verdicts = self.verdicts(call.rule)
        denied = verdicts.denied(items)
        if not verdicts.judge.base and len(denied) == len(items):
            raise NotFoundError("cube", cube_id)
        return denied

    def sees(self, call: Call, held: Held) -> bool:
        """Whether the call may see this item."""
        return not call.rule or self.verdicts(call.rule).judge(held.wire)


@lru_cache(maxsize=64)
def judge_of(rule: bytes) -> Judge:
    """The judge of a rule, for whichever thread asks: what it remembers may be written by two at once."""
    return Judge(Rule.from_bytes(rule))


def allows(rule: bytes, item: Item) -> bool:
    """Whether a rule allows an item as it is here; none allows every one."""
    return not rule or judge_of(rule)(item_to_proto(item))


def visible_records(
    records: Iterable[EventRecord], judge: Judge, before: Callable[[str, int], EventRecord | None]
) -> list[EventRecord]:
    """The events that a rule lets be seen: each whose memory it allows as it was then.

    A deletion holds no memory any more; it is shown where the version ``before`` it (an item's id, and the deletion's
    number) was allowed.
    """
    shown = []
    for record in records:
        told: EventRecord | None = record
        if record.kind == EventKind.ITEM_DELETED:
            told = before(record.item_id, record.seq)
        event = event_pb2.Event()
        if told is not None and told.kind != ERASED:
            event.MergeFromString(told.body)
        if not record.item_id or (event.HasField("item") and judge(event.item)):
            shown.append(record)
    return shown
