"""Which cubes have background work that is not done: one empty file each, so that no cube is opened to find out.

``<root>/pending/<tenant folder>/<key>``. A mark is durable before the commit that needs it, and goes after the last
work has ended: a crash in between leaves a mark too many, which costs its finder one look.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memcube.actors.vault.paths import is_key, make_folder, sync_folder, tenant_folder
from memcube.model.ids import CubeRef


class Marks:
    """The marks of one vault. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "pending"

    def put(self, ref: CubeRef) -> None:
        """Mark a cube, durably; a second time costs little."""
        path = self._path(ref)
        make_folder(path.parent)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)

    def has(self, ref: CubeRef) -> bool:
        """Whether a cube is marked."""
        return self._path(ref).exists()

    def drop(self, ref: CubeRef) -> None:
        """Take a mark away; it may come back after a loss of power."""
        self._path(ref).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(tenant folder, key) of every mark."""
        if not self._folder.is_dir():
            return
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            yield from ((folder.name, name) for name in sorted(os.listdir(folder)) if is_key(name))

    def _path(self, ref: CubeRef) -> Path:
        return self._folder / tenant_folder(ref.tenant) / ref.key
