"""Legal holds: which memories may not be deleted, by anyone or anything, until they are released.

One file a tenant, ``<vault>/governance/holds/<tenant>.json``, written by the gateway (``HoldFile``) and read by every
frame that is about to delete (``Holds``): a look at the file's time a batch, so that a hold counts from the next call
on. A file that can't be read keeps everything: nothing is deleted until it is put right.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from google.protobuf import json_format

from memcube.actors.vault.paths import make_folder, tenant_folder, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.model.filters import Filter, filter_from_proto, matches
from memcube.model.item import Item
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["HoldFile", "Holds", "check_hold", "holds_at"]

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


class HoldFile:
    """The holds of one tenant on disk. Raises DamagedError for a file that is none, never takes it for empty."""

    def __init__(self, folder: Path, tenant: str) -> None:
        self.path = folder / f"{tenant_folder(tenant)}.json"

    def load(self) -> list[audit_pb2.Hold]:
        """All holds; none where there is no file."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise vault_error(error, self.path) from error
        try:
            found = json_format.Parse(text, audit_pb2.ListHoldsResponse())
            for hold in found.holds:
                check_hold(hold)
        except (json_format.ParseError, UnicodeDecodeError, InvalidArgumentError) as error:
            raise DamagedError(str(self.path), f"it holds no legal holds: {error}") from error
        return list(found.holds)

    def save(self, holds: Sequence[audit_pb2.Hold]) -> None:
        """Replace all holds, durably."""
        if len(holds) > MOST_HOLDS:
            raise InvalidArgumentError("hold", f"{len(holds)} holds are more than {MOST_HOLDS}")
        text = json_format.MessageToJson(audit_pb2.ListHoldsResponse(holds=holds), ensure_ascii=False)
        try:
            make_folder(self.path.parent)
            os.close(write_durably(self.path, text.encode()))
        except OSError as error:
            raise vault_error(error, self.path) from error


class Holds:
    """The holds of all tenants as their files have them now; used by frames and gateways."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int, int] | None, list[_Compiled]]] = {}

    def of(self, tenant: str) -> list[_Compiled]:
        """The tenant's holds. Raises DamagedError where they can't be read: then nothing may be deleted."""
        file = HoldFile(self._folder, tenant)
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
