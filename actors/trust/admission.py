"""What happens to a memory before it is stored: what is personal or secret in it, and whether it may be used at once.

A procedure (a memory of type SKILL) tells an agent what to do. One that was learned from outside waits: it is kept
with the status GENERATED, in no search, until someone who may write the cube restores it. MemoryGraft's planted
"successful experiences" are of this kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from memcube.actors.redaction import Redaction
from memcube.actors.trust.origin import Origin, origin_of
from memcube.model.item import Item, MemoryType, Status

__all__ = ["Admission"]

_RANK = {"": 0, "public": 1, "internal": 2, "personal": 3, "secret": 4}


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one tenant's cubes. Applied by the planner to every item that is made or whose text changes, in the
    frame's commit thread. ``token_of`` makes tokens with the tenant's key, where there is one."""

    redaction: Redaction
    token_of: Callable[[str], str] | None = None

    def admitted(self, item: Item) -> Item:
        """``item`` as it is stored: its text redacted, its sensitivity said, its status GENERATED where it has to wait.

        A sensitivity that the caller gave is only raised, a word of the caller's own is left alone.
        """
        seen = self.redaction.applied(item.memory, self.token_of)
        changes: dict[str, object] = {}
        if seen.changed:
            changes["memory"] = seen.text
        if seen.sensitivity and _RANK.get(item.sensitivity, 99) < _RANK[seen.sensitivity]:
            changes["sensitivity"] = seen.sensitivity
        if item.reasoning and self.redaction.takes_out:
            changes["reasoning"] = self.redaction.applied(item.reasoning, self.token_of).text
        if waits(item):
            changes["status"] = Status.GENERATED
        return replace(item, **changes) if changes else item  # type: ignore[arg-type]


def waits(item: Item) -> bool:
    """Whether the first version of an item has to be approved: a procedure that was learned from outside."""
    return (
        item.memory_type is MemoryType.SKILL
        and item.version == 1
        and item.status is Status.ACTIVATED
        and origin_of(item.sources) is Origin.OUTSIDE
    )
