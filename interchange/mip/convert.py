"""A bundle as a folder or as one tar file: the same blobs, and so the same bundle."""

from __future__ import annotations

from pathlib import Path

from memcube.interchange.mip.blobs import FolderTarget, write_tar
from memcube.interchange.mip.bundle import open_bundle

__all__ = ["convert"]


def convert(source: Path | str, target: Path | str) -> str:
    """Copy the bundle at ``source`` to ``target``: a tar file where the name ends with .tar, else a folder.

    Every byte is checked on the way; signatures stay as they are. Returns the bundle's digest. Raises what
    ``open_bundle`` raises, and AlreadyExistsError where there is something at ``target``.
    """
    with open_bundle(source, digests=False) as bundle:
        if str(target).endswith(".tar"):
            write_tar(bundle.source, bundle.index_bytes, bundle.blobs(), Path(target))
        else:
            folder = FolderTarget(Path(target))
            for blob in bundle.blobs():
                folder.copy(bundle.source, blob)
            folder.finish(bundle.index_bytes)
        return bundle.digest
