"""What a rule of retention selects in a cube: memories that are older than it keeps them.

Carried out step by step (``limit`` memories a commit), asked by the gateway's retention; see ``actors.governance``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from memcube.actors.cube.state import Items
from memcube.actors.governance.hold import Holds
from memcube.model.item import Item, MemoryType, Status
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["MOST_AT_ONCE", "Selected", "select"]

MOST_AT_ONCE = 500


@dataclass(slots=True)
class Selected:
    """``items`` are to be deleted or archived now; ``held`` were selected, and a hold keeps them."""

    items: list[Item] = field(default_factory=list)
    held: int = 0
    more: bool = False


def select(
    items: Items, rule: audit_pb2.RetentionRule, now: datetime, limit: int, holds: Holds | None, tenant: str
) -> Selected:
    """The oldest memories that the rule is about. Items are in the order of their adding: the first that is too young
    ends the look."""
    found = Selected()
    before = now - timedelta(seconds=rule.keep_s)
    kind = MemoryType(rule.memory_type) if rule.memory_type else None
    archiving = rule.action == "archive"
    for held in items:
        item = held.item
        if item.created_at > before:
            break
        if kind is not None and item.memory_type is not kind:
            continue
        if rule.tag and rule.tag not in item.tags:
            continue
        if archiving and item.status is not Status.ACTIVATED:
            continue
        if holds is not None and holds.keeping(tenant, item):
            found.held += 1
            continue
        if len(found.items) == limit:
            found.more = True
            break
        found.items.append(item)
    return found
