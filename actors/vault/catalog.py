"""Which cubes a tenant has: a log of lines beside the cubes, so that listing opens no cube.

It is a view of the files. Whoever creates, deletes or describes a cube appends ``touch`` (durably) before, and ``put``
or ``drop`` after; a cube whose last line is ``touch`` is looked up in its file, so a crash in between misleads nobody.
A missing log, or a line whose checksum is wrong, makes the next reader write the log anew from the files.
"""

from __future__ import annotations

import base64
import fcntl
import logging
import os
import threading
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path

from memcube.actors.vault import locks
from memcube.actors.vault.base import CubeHead
from memcube.actors.vault.paths import make_folder, write_all, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.model.ids import CubeRef

log = logging.getLogger("memcube.vault")

Peek = Callable[[CubeRef], CubeHead | None]
"""What a cube's file says of it; None if there is no such cube."""

_WAIT_S = 5.0
_SLACK_LINES = 1000
_TRIES = 10


class Catalog:
    """The catalog of one tenant. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, tenant: str, peek: Peek, scan: Callable[[], Iterable[CubeRef]]) -> None:
        self._folder = folder
        self._path = folder / "catalog.log"
        self._tenant = tenant
        self._peek = peek
        self._scan = scan
        self._heads: dict[str, tuple[str, bytes]] = {}
        self._unsure: set[str] = set()
        self._keys: list[str] = []
        self._lines = self._offset = self._inode = 0
        self._lock = threading.Lock()

    def touch(self, ref: CubeRef) -> None:
        """Say, durably, that the cube is about to be created, described anew or deleted."""
        self._append("touch", ref, b"", sync=True)

    def put(self, ref: CubeRef, about: bytes) -> None:
        """Say that the cube is described by ``about``, now that it is so. Raises nothing: ``touch`` covers a failure."""
        self._append_quietly("put", ref, about)

    def drop(self, ref: CubeRef) -> None:
        """Say that the cube is gone, now that it is. Raises nothing: ``touch`` covers a failure."""
        self._append_quietly("drop", ref, b"")

    def list(self, after_key: str, limit: int) -> list[CubeHead]:
        """Cubes in the order of their keys, at most ``limit``, those after ``after_key``."""
        with self._lock:
            self._refresh()
            start = bisect_right(self._keys, after_key)
            found: list[CubeHead] = []
            for key in self._keys[start:]:
                if len(found) >= limit:
                    break
                head = self._head(key)
                if head is not None:
                    found.append(head)
            return found

    def compact(self) -> None:
        """Write the log anew now: of cubes that are gone, and of older descriptions, nothing is left in it."""
        with self._lock:
            try:
                if self._folder.exists():
                    self._rebuild()
            except OSError as error:
                raise vault_error(error, self._path) from error

    def find(self, key: str) -> CubeRef | None:
        """Whose key it is, as far as the catalog knows, whether the cube's files are there or not."""
        with self._lock:
            self._refresh()
            known = self._heads.get(key)
        return CubeRef(self._tenant, known[0]) if known else None

    def about(self, key: str) -> bytes | None:
        """The last description of a cube, if the catalog is sure of it: for a repair that lost the cube's own."""
        with self._lock:
            self._refresh()
            return self._heads[key][1] if key in self._heads and key not in self._unsure else None

    def _head(self, key: str) -> CubeHead | None:
        cube_id, about = self._heads[key]
        ref = CubeRef(self._tenant, cube_id)
        return self._peek(ref) if key in self._unsure else CubeHead(ref, about)

    def _append_quietly(self, verb: str, ref: CubeRef, about: bytes) -> None:
        try:
            self._append(verb, ref, about, sync=False)
        except MemCubeError as error:
            log.warning("the catalog of tenant %r could not be told of %s: %s", self._tenant, ref, error)

    def _append(self, verb: str, ref: CubeRef, about: bytes, *, sync: bool) -> None:
        line = _line(verb, ref.key, ref.cube_id, about)
        try:
            with self._lock:
                make_folder(self._folder)
                for _ in range(_TRIES):
                    if self._append_once(line, sync):
                        return
        except OSError as error:
            raise vault_error(error, self._path) from error
        raise UnavailableError(f"catalog {self._path}")

    def _append_once(self, line: bytes, sync: bool) -> bool:
        """Append to the log that has the name; False if there was none, or another took the name meanwhile."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            self._rebuild()
            return False
        try:
            locks.lock_file(descriptor, f"catalog {self._path}", _WAIT_S, fcntl.LOCK_SH)
            if not self._path.exists() or not os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                return False
            write_all(descriptor, line)
            if sync:
                os.fdatasync(descriptor)
            return True
        finally:
            os.close(descriptor)

    def _refresh(self) -> None:
        """Read what was appended since the last look; write the log anew if it is missing, damaged or mostly old."""
        try:
            if not self._folder.exists():
                self._forget()
                return
            sound = self._path.exists() and self._read()
            if not sound or self._lines > 2 * len(self._heads) + _SLACK_LINES:
                self._rebuild()
                self._read()
        except OSError as error:
            raise vault_error(error, self._path) from error

    def _read(self) -> bool:
        with self._path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_ino != self._inode or stat.st_size < self._offset:
                self._forget()
                self._inode = stat.st_ino
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            if not self._apply(line):
                return False
        self._offset += len(whole)
        if whole:
            self._keys = sorted(self._heads)
        return True

    def _apply(self, line: bytes) -> bool:
        crc, _, content = line.partition(b"\t")
        parts = content.split(b"\t")
        if len(parts) != 4 or crc != b"%08x" % zlib.crc32(content):
            return False
        verb, key, about, cube_id = parts
        name = key.decode()
        self._lines += 1
        if verb == b"drop":
            self._heads.pop(name, None)
            self._unsure.discard(name)
        elif verb == b"put":
            self._heads[name] = (cube_id.decode(), base64.b64decode(about))
            self._unsure.discard(name)
        else:
            self._heads.setdefault(name, (cube_id.decode(), b""))
            self._unsure.add(name)
        return True

    def _rebuild(self) -> None:
        """Write the log anew: what the present one is sure of stays, the rest comes from the cubes' files."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            locks.lock_file(descriptor, f"catalog {self._path}", _WAIT_S)
            self._forget()
            if self._path.exists():
                with self._path.open("rb") as old:
                    locks.lock_file(old.fileno(), f"catalog {self._path}", _WAIT_S)
                    os.close(write_durably(self._path, self._anew(sound=self._read())))
            else:
                os.close(write_durably(self._path, self._anew(sound=False)))
            self._forget()
        finally:
            os.close(descriptor)

    def _anew(self, *, sound: bool) -> bytes:
        if sound:
            return b"".join(
                _line("touch" if key in self._unsure else "put", key, cube_id, about)
                for key, (cube_id, about) in sorted(self._heads.items())
            )
        lines = []
        for ref in self._scan():
            head = self._peek(ref)
            if head is not None:
                lines.append(_line("put", ref.key, ref.cube_id, head.about))
        if lines:
            log.warning("the catalog of tenant %r is written anew from its %d cubes", self._tenant, len(lines))
        return b"".join(lines)

    def _forget(self) -> None:
        self._heads, self._unsure, self._keys = {}, set(), []
        self._lines = self._offset = self._inode = 0


def _line(verb: str, key: str, cube_id: str, about: bytes) -> bytes:
    content = b"\t".join([verb.encode(), key.encode(), base64.b64encode(about), cube_id.encode()])
    return b"%08x\t%s\n" % (zlib.crc32(content), content)
