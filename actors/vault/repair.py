"""Rebuilding a damaged cube from what its files still prove."""

from __future__ import annotations

import os
from dataclasses import replace as changed
from datetime import UTC, datetime

from memcube.actors.vault.analysis import Analysis, analyse
from memcube.actors.vault.base import CheckReport, Rebuild
from memcube.actors.vault.build import image_of, seal_of, write_synced
from memcube.actors.vault.evidence import Evidence, gather
from memcube.actors.vault.files import CubeFiles, is_file
from memcube.actors.vault.locks import alone
from memcube.actors.vault.paths import CubePaths, sync_folder
from memcube.actors.vault.removal import replace
from memcube.actors.vault.seal import State
from memcube.model.errors import DamagedError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef


def repair_cube(
    paths: CubePaths,
    ref: CubeRef,
    rebuild: Rebuild | None,
    known_about: bytes | None,
    wait_s: float,
    *,
    accept_loss: bool,
) -> CheckReport:
    """See ``Vault.repair``; the caller holds the folder's lock. Raises NotFoundError, UnavailableError."""
    try:
        files: CubeFiles | None = CubeFiles(paths)
    except (FileNotFoundError, DamagedError):
        files = None
    try:
        if files is not None:
            files.lock(wait_s)
            if not alone(files.db):
                raise UnavailableError(f"cube {ref} (repair needs it detached; it is attached)")
        evidence = gather(paths, wait_s, files)
        if evidence is None or evidence.unborn:
            raise NotFoundError("cube", ref.cube_id)
        return _repair(evidence, ref, analyse(evidence, ref, rebuild, known_about), accept_loss)
    finally:
        if files is not None:
            files.close()


def _repair(evidence: Evidence, ref: CubeRef, analysis: Analysis, accept_loss: bool) -> CheckReport:
    paths, whole = evidence.paths, analysis.whole
    report = analysis.report(evidence, ref)
    if report.sound or (analysis.hopeless and not accept_loss):
        return report
    image = image_of(ref, whole)
    incoming = paths.db.with_name(paths.db.name + ".repaired")
    write_synced(incoming, image)
    _keep(paths)
    generation = evidence.seal.generation + 1 if evidence.seal else 1
    seal = seal_of(ref, image, whole.epoch, len(whole.events), generation)
    replace(paths, seal.turn(State.REPLACED, incoming.name))
    return changed(report, repaired=True)


def _keep(paths: CubePaths) -> None:
    """Give the damaged originals a second name, under which they stay; what is no file can only be moved there."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    for path in (paths.db, paths.wal, paths.seal):
        if os.path.lexists(path):
            keep = os.link if is_file(path) else os.rename
            keep(path, path.with_name(f"{path.name}.damaged-{stamp}"))
    sync_folder(paths.folder)
