"""A folder or a tar file of this machine."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

from memcube.interchange.index import INDEX, files_in
from memcube.interchange.mip import open_bundle
from memcube.interchange.mip.blobs import write_tar
from memcube.interchange.package import is_bundle
from memcube.model.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, UnavailableError

__all__ = ["LocalTarget"]


class LocalTarget:
    """See ``Target``. What ends in ``.tar`` is one file; a dump of one file goes to the very path, where that has an
    ending; else the path is a folder, which has to be empty or missing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, folder: Path) -> str:
        """See ``Target``. The whole appears at once: it is made beside the path, synced, and renamed."""
        path = self._path
        files = list(files_in(folder))
        made = path.with_name(f".{path.name}.part-{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not (path.is_dir() and not any(path.iterdir())):
                raise AlreadyExistsError("file or folder with files", str(path))
            if path.suffix == ".tar":
                _pack(folder, made, files)
                os.rename(made, path)
            elif len(files) <= 2 and path.suffix and not path.is_dir() and not is_bundle(folder):
                source = next(place for name, place in files if name != INDEX)
                shutil.copyfile(source, made)
                _synced(made)
                os.rename(made, path)
            else:
                # A folder is for people to look at and to change: an index would refuse it then.
                shutil.copytree(folder, made, ignore=shutil.ignore_patterns(INDEX))
                for _, place in files_in(made):
                    _synced(place)
                if path.is_dir():
                    path.rmdir()
                os.rename(made, path)
            _synced(path.parent)
        except OSError as error:
            raise UnavailableError(f"{path} ({error.strerror or error})") from error
        finally:
            if made.is_dir():
                shutil.rmtree(made, ignore_errors=True)
            else:
                made.unlink(missing_ok=True)
        return str(path)

    def fetch(self, into: Path) -> Path:
        """See ``Target``; nothing is copied, and what is read is verified by who reads it."""
        if not self._path.exists():
            raise NotFoundError("file or folder", str(self._path))
        return self._path


def _pack(folder: Path, made: Path, files: list[tuple[str, Path]]) -> None:
    """One tar file, the same for the same content."""
    if is_bundle(folder):
        with open_bundle(folder) as bundle:
            write_tar(bundle.source, bundle.index_bytes, bundle.blobs(), made)
        return
    with tarfile.open(made, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, place in files:
            info = tarfile.TarInfo(name)
            info.size = place.stat().st_size
            with place.open("rb") as file:
                try:
                    archive.addfile(info, file)
                except ValueError as error:
                    raise InvalidArgumentError(name[:100], f"has no place in a tar file: {error}") from error
    _synced(made)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
