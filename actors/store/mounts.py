"""Which cubes are searched with which others: a small table, whole in memory, in one journal. Plain."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcube.actors.store.about import key_of
from memcube.actors.store.journal import Journal
from memcube.model.errors import DamagedError, ExhaustedError, NotFoundError

__all__ = ["Mount", "MountTable", "rows_of"]


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: a search of ``cube_id`` looks into ``source`` too. Times are seconds since 1970, 0: never."""

    tenant: str
    cube_id: str
    source: str
    owner: str
    created_s: float
    expires_s: float = 0.0

    @property
    def id(self) -> str:
        """The same for the same two cubes."""
        return key_of(self.tenant, self.cube_id, self.source)

    def row(self) -> list[Any]:
        """For journal and wire."""
        return [self.tenant, self.cube_id, self.source, self.owner, self.created_s, self.expires_s]


class MountTable:
    """All mounts of a store; every change is durable when the call returns. Raises what ``Journal`` does."""

    def __init__(self, path: Path, each: int) -> None:
        self.version = time.time_ns()
        """Grows with each change, and from one start of the store to the next."""
        self._each = each
        self._mounts: dict[tuple[str, str], Mount] = {}
        try:
            self._journal, entries = Journal.open(path)
        except FileNotFoundError:
            self._journal, entries = Journal.create(path, []), [[]]
        try:
            for mount in rows_of(entries[0]):
                self._mounts[mount.tenant, mount.id] = mount
            for kind, row in entries[1:]:
                if kind == "+":
                    mount = Mount(*row)
                    self._mounts[mount.tenant, mount.id] = mount
                else:
                    self._mounts.pop((row[0], row[1]), None)
        except (TypeError, ValueError, IndexError) as error:
            raise DamagedError(str(path), f"it holds what is no mount: {error!r}") from error

    def rows(self) -> list[list[Any]]:
        """All of them, for the wire."""
        return [mount.row() for mount in self._mounts.values()]

    def put(self, mount: Mount) -> Mount:
        """Make a mount, or give an existing one another end."""
        old = self._mounts.get((mount.tenant, mount.id))
        if old is not None and old.expires_s == mount.expires_s:
            return old
        beside = [one for one in self._mounts.values() if (one.tenant, one.cube_id) == (mount.tenant, mount.cube_id)]
        if old is None and len(beside) >= self._each:
            raise ExhaustedError("the cube's mounts", self._each, 60.0)
        self._change("+", mount.row())
        self._mounts[mount.tenant, mount.id] = mount
        return mount

    def drop(self, tenant: str, mount_id: str) -> None:
        """End a mount; raises NotFoundError."""
        if (tenant, mount_id) not in self._mounts:
            raise NotFoundError("mount", mount_id)
        self._change("-", [tenant, mount_id])
        del self._mounts[tenant, mount_id]

    def expire(self, now_s: float) -> None:
        """End those whose time is over."""
        for mount in [one for one in self._mounts.values() if one.expires_s and one.expires_s <= now_s]:
            self.drop(mount.tenant, mount.id)

    def _change(self, kind: str, row: list[Any]) -> None:
        if self._journal.grown:
            self._journal.rewrite(self.rows())
        self._journal.append([[kind, row]])
        self.version += 1

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()


def rows_of(rows: Iterable[Sequence[Any]]) -> list[Mount]:
    """The mounts of ``MountTable.rows``."""
    return [Mount(*row) for row in rows]
