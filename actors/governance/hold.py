"""Legal holds: which memories may not be deleted, by anyone or anything, until they are released.

One file a tenant, ``<vault>/governance/holds/<tenant>.json``, written by the gateway (``hold_file``) and read by every
frame that is about to delete (``Holds``): a look at the file's time a batch, so that a hold counts from the next call
on. A file that can't be read keeps everything: nothing is deleted until it is put right.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from memcube.actors.governance.tenant_file import Shape, TenantFile
from memcube.model.errors import InvalidArgumentError
from memcube.model.filters import Filter, filter_from_proto, matches
from memcube.model.item import Item
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["Holds", "check_hold", "hold_file", "holds_at"]

MOST_HOLDS = 1000
MOST_REASON_CHARS = 2000


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One hold, ready to be asked."""

    wire: audit_pb2.Hold
    filter: Filter | None

    def keeps_of(self, cube_id: str) -> bool:
        """Whether it may keep something of a cube."""
        return fnmatchcase(cube_id, self.wire.cubes or "*")

    def keeps(self, item: Item) -> bool:
        """Whether it keeps this memory, of a cube that it is about."""
        return self.wire.user_id in ("", item.user_id) and matches(self.filter, item)


def check_hold(hold: audit_pb2.Hold) -> None:
    """Raise InvalidArgumentError for a hold that nobody could understand later."""
    for name, most in (("name", 100), ("cubes", 256), ("user_id", 256), ("reason", MOST_REASON_CHARS)):
        value = getattr(hold, name)
        if len(value) > most:
            raise InvalidArgumentError(f"hold.{name}", f"has {len(value)} characters, the most is {most}")
    for name in ("name", "reason"):
        if not getattr(hold, name).strip():
            raise InvalidArgumentError(f"hold.{name}", "is empty")
    if not hold.name.isprintable():
        raise InvalidArgumentError("hold.name", "has control characters")
    if hold.HasField("filter"):
        filter_from_proto(hold.filter)


_SHAPE = Shape(audit_pb2.ListHoldsResponse, "holds", check_hold, "legal holds", MOST_HOLDS)


def hold_file(folder: Path, tenant: str) -> TenantFile[audit_pb2.Hold]:
    """The holds of one tenant on disk."""
    return TenantFile(folder, tenant, _SHAPE)


class Holds:
    """The holds of all tenants as their files have them now; used by frames and gateways."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int, int] | None, list[_Compiled]]] = {}

    def of(self, tenant: str) -> list[_Compiled]:
        """The tenant's holds. Raises DamagedError where they can't be read: then nothing may be deleted."""
        file = hold_file(self._folder, tenant)
        try:
            stat = os.stat(file.path)
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            mark = None
        known = self._known.get(tenant)
        if known is not None and known[0] == mark:
            return known[1]
        holds = [
            _Compiled(hold, filter_from_proto(hold.filter) if hold.HasField("filter") else None)
            for hold in (file.load() if mark is not None else [])
        ]
        self._known[tenant] = (mark, holds)
        return holds

    def of_cube(self, tenant: str, cube_id: str) -> list[_Compiled]:
        """Those that may keep something of a cube."""
        return [hold for hold in self.of(tenant) if hold.keeps_of(cube_id)]

    def keeping(self, tenant: str, item: Item) -> str:
        """The name of a hold that keeps this memory; empty for none."""
        for hold in self.of_cube(tenant, item.cube_id):
            if hold.keeps(item):
                return hold.wire.name
        return ""


@cache
def holds_at(folder: str) -> Holds:
    """The holds in a folder; one look at each file for all cubes of this process."""
    return Holds(Path(folder))
