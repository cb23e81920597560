"""The index of a dump: its files with their digests. Written last, read first; a file that is not in it is not taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcube.interchange.package import safe_name
from memcube.interchange.strict_json import loads
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["INDEX", "FileEntry", "digest_of_file", "files_in", "index_of", "read_index", "write_index"]

INDEX = "memcube-dump.json"
MAX_INDEX_BYTES = 64 << 20
STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an index."""

    name: str
    size: int
    sha256: str


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """A folder's files by their relative names, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


def digest_of_file(path: Path) -> str:
    """SHA-256 in hex, read in steps."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while step := file.read(STEP_BYTES):
            digest.update(step)
    return digest.hexdigest()


def index_of(folder: Path, format_name: str) -> dict[str, Any]:
    """The index of a folder's files."""
    files = [
        {"name": name, "size": path.stat().st_size, "sha256": digest_of_file(path)}
        for name, path in files_in(folder)
        if name != INDEX
    ]
    return {"memcube_dump": 1, "format": format_name, "files": files}


def write_index(folder: Path, format_name: str) -> str:
    """Write the index of a folder's files into it; returns its own digest."""
    body = json.dumps(index_of(folder, format_name), indent=1, ensure_ascii=False).encode()
    (folder / INDEX).write_bytes(body)
    return "sha256:" + hashlib.sha256(body).hexdigest()


def read_index(body: bytes, digest: str = "") -> list[FileEntry]:
    """The files that an index names. Raises InvalidArgumentError, also where ``digest`` is given and is not its own."""
    if len(body) > MAX_INDEX_BYTES:
        raise TooLargeError(INDEX, len(body), MAX_INDEX_BYTES)
    if digest and digest.removeprefix("sha256:") != hashlib.sha256(body).hexdigest():
        raise InvalidArgumentError(INDEX, f"does not have the digest {digest[:80]}")
    try:
        plain = loads(body.decode(), INDEX)
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(INDEX, "is not UTF-8") from error
    if not isinstance(plain, dict) or plain.get("memcube_dump") != 1 or not isinstance(plain.get("files"), list):
        raise InvalidArgumentError(INDEX, "is no index of a dump")
    entries = []
    for place, one in enumerate(plain["files"]):
        where = f"{INDEX}.files[{place}]"
        name, size, sha = (one.get(key) if isinstance(one, dict) else None for key in ("name", "size", "sha256"))
        if not isinstance(name, str) or type(size) is not int or size < 0 or not isinstance(sha, str) or len(sha) != 64:
            raise InvalidArgumentError(where, "names no file with size and digest")
        entries.append(FileEntry(safe_name(where, name), size, sha))
    if len({one.name for one in entries}) != len(entries):
        raise InvalidArgumentError(INDEX, "names a file twice")
    return entries
