"""MIP bundles in and out of a cube, for loads and dumps: the service Interchange carries them, whole or not at all.

A memory that a load of a foreign format made keeps its baggage in a bundle, and has it in the cube that the bundle is
loaded into: what came as Portable AI Memory can be given back as such from there.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from memcube.interchange.mip import PublicKey, verify
from memcube.interchange.report import Report
from memcube.interchange.steps import BundleKey, Head, PullBundle, PushBundle

__all__ = ["MIP", "dump_bundle", "load_bundle"]

MIP = "mip"


def load_bundle(
    path: Path, trusted: Sequence[PublicKey], report: Report, *, dry_run: bool
) -> Generator[BundleKey | Head | PushBundle, Any, None]:
    """Take in a bundle once all of it is verified here, too: digests, signature by a key that is trusted, every leaf.

    Trusted are the keys given and the server's own. Raises what ``mip.verify`` and the server raise.
    """
    report.format = MIP
    own = yield BundleKey()
    found = verify(path, [*trusted, PublicKey.parse(own)])
    report.digest, report.read = found.bundle, found.present
    report.documents.append(found.descriptor.cube.id)
    report.find("note", found.descriptor.cube.id, f"is whole, and signed by {found.key}")
    if found.redacted or found.withheld:
        report.find("note", found.descriptor.cube.id, f"{found.redacted} fields redacted, {found.withheld} withheld")
    if dry_run:
        return
    head = yield Head()
    told = yield PushBundle(path)
    if told["seq"] <= head:
        report.already = found.present  # the answer is that of the first time: nothing was changed now
    else:
        report.added, report.updated, report.already = told["added"], told["updated"], told["unchanged"]
    if told["kept_layers"]:
        report.find("note", found.descriptor.cube.id, f"layers kept as they are: {told['kept_layers']}")


def dump_bundle(folder: Path, report: Report) -> Generator[PullBundle, Any, None]:
    """Have the server make a bundle of what is selected, signed with its tenant's key, in this folder."""
    report.format = MIP
    told = yield PullBundle(folder)
    report.digest, report.read, report.written = told["bundle"], told["items"], told["items"]
