"""Bundles taken into a cube, in the planning of a commit: part of ``plan.Planner``.

A small import is one commit. A large one is several, into a cube that is new: its description is dated by the last of
them, and until then there is no such cube for anybody, as with one that a first write never came to (``about.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from memcube.actors.cube.about import born, is_open
from memcube.actors.cube.call import Call
from memcube.actors.cube.state import Held, Items
from memcube.actors.cube.validate import check_info, check_text
from memcube.actors.vault.base import ItemRecord
from memcube.model.codec import item_from_proto
from memcube.model.errors import InvalidArgumentError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef, key_of_memory
from memcube.model.item import EventKind, Item
from memcube.protos.memcube.v1 import cube_pb2, item_pb2, mip_pb2

__all__ = ["ImportPlanner"]


class ImportPlanner:
    """See the module; ``Planner`` supplies what is declared here."""

    _ref: CubeRef
    _items: Items
    _now: datetime
    _about: cube_pb2.Cube
    _new_about: cube_pb2.Cube | None
    _put: dict[str, tuple[Held, ItemRecord]]
    _dropped: set[str]
    _positions: dict[str, int]
    _emit: Callable[..., Item | None]
    _next_position: Callable[[str], int]

    def _check_open(self, call: Call) -> None:
        """Refuse whatever is no part of it while a large import is under way."""
        if call.verb == "import_items" or is_open(self._new_about or self._about):
            return
        if call.verb in ("add", "create_cube", "feedback"):
            raise UnavailableError(f"cube {self._ref.cube_id}, which is being imported,", 1.0)
        raise NotFoundError("cube", self._ref.cube_id)

    def _import_items(self, call: Call, key: str, request: mip_pb2.ImportItems) -> bytes:
        done = mip_pb2.ImportedItems()
        about = self._new_about or self._about
        fresh = self._new_about is not None and not self._put and not len(self._items)
        if fresh or not is_open(about):
            self._describe_imported(call, request, about)
        for wire in request.items:
            self._import_item(call, key, wire, done)
        for gone in request.deleted:
            old = self._imported_before(gone.id)
            if old is None or old.version > gone.version:
                done.unchanged += 1
            else:
                self._emit(call, key, EventKind.ITEM_DELETED, Item(old.id, old.version, "", "", self._now, self._now))
                done.deleted += 1
        return done.SerializeToString()

    def _describe_imported(self, call: Call, request: mip_pb2.ImportItems, about: cube_pb2.Cube) -> None:
        """What is said of the new cube; dated by the last part."""
        check_info("config", request.config)
        made = born(about, call.principal, self._now)
        made.description = request.description or about.description
        made.config.CopyFrom(request.config if request.HasField("config") else about.config)
        if request.staged:
            made.ClearField("created_at")
        self._new_about = made

    def _import_item(self, call: Call, key: str, wire: item_pb2.Item, done: mip_pb2.ImportedItems) -> None:
        item = replace(item_from_proto(wire), cube_id=self._ref.cube_id)
        try:
            own = key_of_memory(item.id) == self._ref.key
        except NotFoundError:
            own = False
        if not own or not item.version:
            raise InvalidArgumentError("items", f"{item.id[:64]!r} is no id of this cube, or has no version")
        check_text("items.memory", item.memory)
        check_info("items.info", wire.info)
        old = self._imported_before(item.id)
        if old is not None and old.version >= item.version:
            done.unchanged += 1
            return
        self._emit(call, key, EventKind.ITEM_ADDED if old is None else EventKind.ITEM_UPDATED, item)
        done.added += old is None
        done.updated += old is not None
        if item.session_id and item.sources:
            behind = item.sources[0].position + 1
            known = self._positions.get(item.session_id)
            self._positions[item.session_id] = max(
                behind, self._next_position(item.session_id) if known is None else known
            )

    def _imported_before(self, item_id: str) -> Item | None:
        staged = self._put.get(item_id)
        held = staged[0] if staged else None if item_id in self._dropped else self._items.get(item_id)
        return None if held is None else held.item
