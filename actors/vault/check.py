"""Looking at a cube without changing it."""

from __future__ import annotations

import logging
import sqlite3

from memcube.actors.vault import schema
from memcube.actors.vault.analysis import analyse
from memcube.actors.vault.base import CheckReport, CubeHead, Finding, Rebuild
from memcube.actors.vault.evidence import Evidence, gather, seal_state
from memcube.actors.vault.paths import CubePaths
from memcube.actors.vault.seal import State
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.ids import CubeRef

log = logging.getLogger("memcube.vault")


def check_cube(
    paths: CubePaths, ref: CubeRef, rebuild: Rebuild | None, known_about: bytes | None, wait_s: float
) -> CheckReport:
    """See ``Vault.check``. Raises NotFoundError."""
    state = seal_state(paths)
    evidence = None if state is State.DELETED else gather(paths, wait_s)
    if evidence is None or evidence.unborn:
        raise NotFoundError("cube", ref.cube_id)
    if state is State.REPLACED:
        finding = Finding(str(paths.db), "a repair was interrupted; the next attach or repair finishes it", True)
        return CheckReport(str(paths.db), ref.cube_id, 0, 0, [finding])
    return analyse(evidence, ref, rebuild, known_about).report(evidence, ref)


def peek(paths: CubePaths, ref: CubeRef, wait_s: float) -> CubeHead | None:
    """What a cube's file says of it; a damaged cube has no description, one that was never finished isn't there."""
    if seal_state(paths) is State.DELETED:
        return None
    evidence = gather(paths, wait_s)
    if evidence is None or evidence.unborn:
        return None
    row = _cube_row(evidence)
    if row is None or row[:2] != (ref.tenant, ref.cube_id):
        log.warning("cube %s is damaged: its description can't be read", ref)
        return CubeHead(ref, b"")
    return CubeHead(ref, row[2])


def identity_of(paths: CubePaths, wait_s: float) -> CubeRef | None:
    """Whose database it is, read from the database: where the seal can't tell."""
    evidence = gather(paths, wait_s)
    row = _cube_row(evidence) if evidence is not None else None
    if row is None:
        return None
    try:
        ref = CubeRef(row[0], row[1])
    except (InvalidArgumentError, TypeError):
        return None
    return ref if ref.key == paths.key else None


def _cube_row(evidence: Evidence) -> tuple[str, str, bytes] | None:
    if not evidence.image:
        return None
    connection = schema.in_memory(evidence.image)
    try:
        row = connection.execute("SELECT tenant, cube_id, about, crc FROM cube").fetchone()
        return row[:3] if row is not None and schema.cube_row(*row[:3]) == row else None
    except (sqlite3.Error, TypeError):
        return None
    finally:
        connection.close()
