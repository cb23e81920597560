"""What a caller may do with single memories of a cube, as it travels with a call into the frame, and its judge there.

The gateway makes a ``Rule`` only where a policy that looks at memories, a share of a selection, or a narrowed grant
concerns the call; most calls have none. The frame asks the judge before it ranks. Verdicts are remembered by what the
policies look at, so that ten thousand memories of a few kinds are a few decisions.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memcube.actors.governance.cedar import ITEM_ATTRIBUTES, PolicySet, Ruling
from memcube.actors.trust import Origin, origin_of
from memcube.model.codec import item_from_proto, source_from_proto
from memcube.model.filters import Filter, filter_from_proto, matches
from memcube.model.item import MEMORY_TYPES, STATUSES, MemoryType, Status
from memcube.protos.memcube.v1 import filter_pb2, item_pb2

__all__ = ["Judge", "Rule", "attributes_of", "trust_of"]

MOST_VERDICTS = 20_000


def trust_of(item: item_pb2.Item) -> str:
    """ "trusted" for what somebody said here, "untrusted" for what came from a document, a tool, the web or others."""
    origin = origin_of([source_from_proto(source) for source in item.sources])
    return "trusted" if origin is Origin.SAID else "untrusted"


def _kind(item: item_pb2.Item) -> str:
    known = item.memory_type in MemoryType._value2member_map_
    return MEMORY_TYPES[MemoryType(item.memory_type)] if known else ""


def _status(item: item_pb2.Item) -> str:
    return STATUSES[Status(item.status)] if item.status in Status._value2member_map_ else ""


_READ: dict[str, Callable[[item_pb2.Item], Any]] = {
    "memory_type": _kind,
    "tags": lambda item: tuple(sorted(item.tags)),
    "sensitivity": lambda item: item.sensitivity,
    "visibility": lambda item: item.visibility,
    "status": _status,
    "user_id": lambda item: item.user_id,
    "agent_id": lambda item: item.agent_id,
    "run_id": lambda item: item.run_id,
    "session_id": lambda item: item.session_id,
    "origin": lambda item: item.sources[0].kind if item.sources else "",
    "trust": trust_of,
    "role": lambda item: item.sources[0].role if item.sources else "",
}
assert [*_READ] == [*ITEM_ATTRIBUTES]


def attributes_of(item: item_pb2.Item) -> dict[str, Any]:
    """What policies may ask of a memory."""
    return {name: list(value) if isinstance(value := read(item), tuple) else value for name, read in _READ.items()}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a call may see and do of a cube's memories.

    A memory is allowed where ``base`` (all are) or one of ``any_of`` (selections shared) or a ``permit`` of
    ``policies`` says so, and all of ``all_of`` (bounds of a grant) hold, and no ``forbid`` of ``policies`` matches.
    ``request`` is the call as Cedar sees it but for the memory; ``entities`` the principal and the cube.
    """

    base: bool
    any_of: tuple[bytes, ...] = ()
    all_of: tuple[bytes, ...] = ()
    policies: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    entities: Sequence[Mapping[str, Any]] = ()

    @property
    def same_for_all(self) -> bool:
        """Whether it keeps from its principal only what it keeps from everyone: policies that name no principal."""
        statements = json.loads(self.policies)["staticPolicies"].values() if self.policies else ()
        general = all(
            one["principal"] == {"op": "All"} and '"principal"' not in json.dumps(one["conditions"])
            for one in statements
        )
        return self.base and not self.any_of and not self.all_of and general

    def to_bytes(self) -> bytes:
        """As it travels; the same rule is the same bytes."""
        selections = [[b64encode(one).decode() for one in many] for many in (self.any_of, self.all_of)]
        plain = [self.base, *selections, self.policies, dict(self.request), list(self.entities)]
        return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> Rule:
        """The rule that ``to_bytes`` wrote; raises ValueError for anything else."""
        base, any_of, all_of, policies, request, entities = json.loads(body)
        selections = [tuple(b64decode(one) for one in many) for many in (any_of, all_of)]
        return cls(bool(base), selections[0], selections[1], policies, request, entities)


class Judge:
    """Says of each memory whether a rule allows it. Made once a rule; not thread-safe, but any thread may make one."""

    def __init__(self, rule: Rule) -> None:
        self.base = rule.base
        self._any = [_selection(one) for one in rule.any_of]
        self._all = [_selection(one) for one in rule.all_of]
        self._policies = PolicySet.from_json(rule.policies)
        self._request, self._entities = rule.request, list(rule.entities)
        looked_at = rule.policies
        self._names = [name for name in _READ if f'"{name}"' in looked_at]
        self._reads = [_READ[name] for name in self._names]
        # Only a policy that names one memory by its id needs the ids.
        self._by_id = '"type": "Item"' in looked_at
        self._verdicts: dict[tuple[Any, ...], tuple[bool, bool]] = {}

    def __call__(self, item: item_pb2.Item) -> bool:
        """Whether the memory may be seen, or become what it is here."""
        permitted, forbidden = self._ask(item)
        if forbidden:
            return False
        if not (permitted or self._all or self._any):
            return self.base
        whole = item_from_proto(item) if self._all or (self._any and not (self.base or permitted)) else None
        if whole is not None and not all(matches(one, whole) for one in self._all):
            return False
        return self.base or permitted or (whole is not None and any(matches(one, whole) for one in self._any))

    def _ask(self, item: item_pb2.Item) -> tuple[bool, bool]:
        """Whether a permit, and whether a forbid, of the policies matches."""
        if not self._policies:
            return False, False
        key = (item.id if self._by_id else "", *[read(item) for read in self._reads])
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MOST_VERDICTS:
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._decide(item)
        return verdict

    def _decide(self, item: item_pb2.Item) -> tuple[bool, bool]:
        ruling = self.ruling(item)
        return bool(ruling.permits), ruling.forbidden

    def ruling(self, item: item_pb2.Item) -> Ruling:
        """What the policies say of one memory, and which."""
        if not self._policies:
            return Ruling()
        uid = {"type": "Item", "id": item.id if self._by_id else "-"}
        cube = {"type": "Cube", "id": self._request["cube"]}
        this = {"uid": uid, "attrs": attributes_of(item), "parents": [cube]}
        asked = {name: self._request[name] for name in ("principal", "action", "context")}
        return self._policies.rule({**asked, "resource": uid}, [*self._entities, this])


def _selection(body: bytes) -> Filter | None:
    return filter_from_proto(filter_pb2.Filter.FromString(body))
