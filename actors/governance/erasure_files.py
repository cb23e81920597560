"""Files of a vault, beside the cubes, that may hold a subject's memories for a while: they go with an erasure.

Bundles of ``<vault>/interchange``: what was exported of the tenant and can still be pulled, what is on its way in, and
what bundles had that no cube holds, kept beside an erased subject's cubes. They can't be told apart by subject, so they
go as a whole; exports can be made anew, and what was on its way is pushed again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from memcube.actors.vault.paths import tenant_folder
from memcube.model.ids import CubeRef

__all__ = ["purge_files"]


def purge_files(vault: Path, tenant: str, cubes: Sequence[CubeRef]) -> int:
    """Remove them; how many files there were. Blocking; a second time finds none."""
    root, name = vault / "interchange", tenant_folder(tenant)
    folders = [root / "exports" / name, root / "spool" / name]
    folders += [root / "kept" / name / ref.key for ref in cubes]
    count = 0
    for folder in folders:
        if folder.is_dir():
            count += sum(len(files) for _, _, files in os.walk(folder))
            shutil.rmtree(folder)
    return count
