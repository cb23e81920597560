"""Erasure, retention and legal holds in the planning of a commit: part of ``plan.Planner``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.erasing import find
from memcube.actors.cube.retaining import MOST_AT_ONCE, select
from memcube.actors.cube.state import Held, Items
from memcube.actors.governance.hold import Holds, holds_at
from memcube.actors.vault.base import CubeStore, ItemRecord
from memcube.model.errors import HeldError, InvalidArgumentError
from memcube.model.ids import CubeRef
from memcube.model.item import EventKind, Item, Status
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["RecordPlanner", "holds_of"]


def holds_of(config: FrameConfig) -> Holds | None:
    """The holds that a frame has to keep; None where it is told of none (tools that open a single cube)."""
    return holds_at(config.holds_path) if config.holds_path else None


class RecordPlanner:
    """See the module; ``Planner`` supplies what is declared here."""

    _ref: CubeRef
    _store: CubeStore
    _items: Items
    _now: datetime
    _config: FrameConfig
    _put: dict[str, tuple[Held, ItemRecord]]
    _dropped: set[str]
    _emit: Callable[..., Any]
    _live: Callable[[str], Item]
    _remove: Callable[[Call, str, Sequence[str]], None]

    def _check_held(self, item_id: str) -> None:
        """Raise HeldError where a hold keeps a memory that is about to be deleted, for whatever reason."""
        holds = holds_of(self._config)
        if holds is not None and holds.of_cube(self._ref.tenant, self._ref.cube_id):
            name = holds.keeping(self._ref.tenant, self._live(item_id))
            if name:
                raise HeldError(f"memory {item_id}", name)

    def _erase(self, call: Call, key: str, request: audit_pb2.EraseCubeRequest) -> bytes:
        """Delete what is about a user; the purge of what was deleted follows the commit (``Cube.purge``)."""
        if not request.user_id:
            raise InvalidArgumentError("user_id", "is empty")
        found = find(self._store, (request.user_id,), holds_of(self._config))
        if found.held:
            raise HeldError(f"a memory in cube {self._ref.cube_id}", found.held)
        staged = [held.id for held, _ in self._put.values() if held.item.user_id == request.user_id]
        live = [item_id for item_id in [*sorted(found.ids), *staged] if self._is_live(item_id)]
        self._remove(call, key, live)
        derived = len(found.derived & set(live))
        erased = audit_pb2.ErasedCube(cube_id=self._ref.cube_id, items=len(live), derived=derived)
        return audit_pb2.EraseCubeResponse(erased=erased).SerializeToString()

    def _retain(self, call: Call, key: str, request: audit_pb2.RetainRequest) -> bytes:
        """One step of a rule of retention."""
        rule, limit = request.rule, min(request.limit or MOST_AT_ONCE, MOST_AT_ONCE)
        found = select(self._items, rule, self._now, limit, holds_of(self._config), self._ref.tenant)
        ids = [item.id for item in found.items if self._is_live(item.id)]
        if rule.action == "archive":
            for item_id in ids:
                old = self._live(item_id)
                new = replace(old, version=old.version + 1, recorded_at=self._now, status=Status.ARCHIVED)
                self._emit(call, key, EventKind.ITEM_UPDATED, new, cause="retention")
        else:
            self._remove(call, key, ids)
        response = audit_pb2.RetainResponse(done=len(ids), held=found.held, more=found.more)
        return response.SerializeToString()

    def _is_live(self, item_id: str) -> bool:
        return item_id in self._put or (item_id not in self._dropped and self._items.get(item_id) is not None)
