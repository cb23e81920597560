"""S3 and whatever speaks it, through fsspec: ``s3://bucket/prefix``, with ``#sha256:…`` held against the dump's digest.

Keys, region and endpoint are those of every AWS tool (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, profiles). Uploads
put what makes the dump one, its index, last; a second dump to the same place is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO, cast

from memcube.interchange.index import INDEX, files_in, read_index
from memcube.interchange.mip import open_bundle
from memcube.interchange.package import is_bundle, safe_name
from memcube.interchange.targets.base import copy_in_steps
from memcube.model.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    MemCubeError,
    MissingExtraError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)

__all__ = ["ObjectStoreTarget"]

CONNECT_S, READ_S, ATTEMPTS = 10, 60, 4
MAX_BYTES = 1 << 40
MAX_FILES = 100_000
_BUNDLE = re.compile(r"oci-layout|index\.json|blobs/sha256/[0-9a-f]{64}")
_LAST = ("index.json", INDEX)
"""What says that all is there."""


class ObjectStoreTarget:
    """See ``Target``."""

    def __init__(self, address: str, field: str = "target") -> None:
        plain, _, self._digest = address.partition("#")
        self._root = plain.removeprefix("s3://").strip("/")
        self._address = f"s3://{self._root}"
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,62}(/[\w.=@ +-]+)*", self._root):
            raise InvalidArgumentError(field, f"{address[:100]!r} is no s3://bucket/prefix")
        if self._digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", self._digest):
            raise InvalidArgumentError(field, "has something behind '#' that is no sha256 digest")
        self._store = _store()

    def send(self, folder: Path) -> str:
        """See ``Target``."""
        files = sorted(files_in(folder), key=lambda one: (one[0] in _LAST, one[0]))
        try:
            for name in _LAST:
                if self._store.exists(f"{self._root}/{name}"):
                    raise AlreadyExistsError("dump", f"{self._address}/{name}")
            for name, path in files:
                self._store.put_file(str(path), f"{self._root}/{name}")
        except Exception as error:
            raise _failure(error, self._address) from error
        return self._address

    def fetch(self, into: Path) -> Path:
        """See ``Target``."""
        try:
            self._store.invalidate_cache()
            if self._store.exists(f"{self._root}/{INDEX}"):
                self._fetch_files(into)
            elif self._store.exists(f"{self._root}/index.json"):
                self._fetch_bundle(into)
            elif self._store.isfile(self._root):
                name = safe_name(self._address, self._root.rpartition("/")[2])
                digest = self._copy(self._root, into / name, MAX_BYTES)
                if self._digest and self._digest != f"sha256:{digest}":
                    raise InvalidArgumentError(self._address, f"has the digest sha256:{digest}, not the one asked for")
                return into / name
            else:
                raise NotFoundError("dump", self._address)
        except Exception as error:
            raise _failure(error, self._address) from error
        return into

    def _fetch_files(self, into: Path) -> None:
        with self._store.open(f"{self._root}/{INDEX}", "rb") as file:
            body = file.read()
        for entry in read_index(body, self._digest):
            digest = self._copy(f"{self._root}/{entry.name}", into / entry.name, entry.size)
            if digest != entry.sha256:
                raise InvalidArgumentError(entry.name, "does not have the digest that the index names")
        (into / INDEX).write_bytes(body)

    def _fetch_bundle(self, into: Path) -> None:
        found = self._store.find(self._root, detail=True)
        if len(found) > MAX_FILES:
            raise TooLargeError(self._address, len(found), MAX_FILES, "files")
        for path, about in sorted(found.items()):
            name = path[len(self._root) + 1 :]
            if not _BUNDLE.fullmatch(name):
                raise InvalidArgumentError(name[:100], "is no file that a bundle has")
            self._copy(path, into / name, int(about["size"]))
        if not is_bundle(into):
            raise InvalidArgumentError(self._address, "is no whole bundle")
        with open_bundle(into) as bundle:
            if self._digest and bundle.digest != self._digest:
                raise InvalidArgumentError(self._address, f"is the bundle {bundle.digest}, not the one asked for")

    def _copy(self, path: str, target: Path, most_bytes: int) -> str:
        with self._store.open(path, "rb") as file:
            return copy_in_steps(cast(BinaryIO, file), target, most_bytes, path)


def _store() -> Any:
    try:
        import s3fs
    except ImportError as error:
        raise MissingExtraError("s3:// addresses", "s3") from error
    config = {"connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": {"max_attempts": ATTEMPTS}}
    return s3fs.S3FileSystem(config_kwargs=config, use_listings_cache=False)


def _failure(error: Exception, address: str) -> MemCubeError:
    """What a store raised, in our words; its own errors say neither what is retryable nor what is missing."""
    if isinstance(error, MemCubeError):
        return error
    if isinstance(error, FileNotFoundError):
        return NotFoundError("dump", address)
    if isinstance(error, PermissionError):
        return InvalidArgumentError(address, f"is not allowed with these credentials: {error}"[:300])
    return UnavailableError(f"{address} ({type(error).__name__}: {error})"[:300])
