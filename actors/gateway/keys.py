"""API keys: a key's SHA-256 to the principal that it stands for. Keys themselves are stored nowhere.

The file is JSON, ``{"keys": [{"sha256": "…", "tenant": "…", "principal": "…", "roles": ["writer"], "cubes": ["*"]}]}``;
``memcube keys add`` writes it, the gateway reads it again when it changes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memcube.model.errors import DamagedError, UnauthenticatedError
from memcube.model.ids import Principal

__all__ = ["LOCAL", "KeyFile", "KeyRing", "digest_of", "new_key"]

LOCAL = Principal("default", "local", ("admin",), ("*",), credential="local")
"""Who every caller is while no key is configured (and only loopback is served)."""

_FIELDS = {"sha256", "tenant", "principal", "roles", "cubes"}


def new_key() -> str:
    """A fresh secret: "mck_" and 160 random bits in base32."""
    return "mck_" + base64.b32encode(os.urandom(20)).decode().lower()


def digest_of(key: str) -> str:
    """What is stored of a key: its SHA-256 in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys at one time: digest to principal. ``closed`` is one that had keys once: without any it lets nobody in."""

    principals: dict[str, Principal] = field(default_factory=dict)
    closed: bool = False

    @property
    def open_to_all(self) -> bool:
        """Whether callers need no key."""
        return not self.principals and not self.closed

    def principal_of(self, key: str) -> Principal:
        """Who sends this key; raises UnauthenticatedError, the same one for a missing and for a wrong key.

        While it is ``open_to_all`` everyone is ``LOCAL``.
        """
        if self.open_to_all:
            return LOCAL
        sent = digest_of(key)
        found: Principal | None = None
        # Every entry is compared in full, so that the time taken tells nothing about any of them.
        for digest, principal in self.principals.items():
            if hmac.compare_digest(digest, sent):
                found = principal
        if found is None:
            raise UnauthenticatedError("the call carries no valid key")
        return found

    def with_key(self, key: str, principal: Principal) -> KeyRing:
        """A ring that also has ``key``."""
        return KeyRing({**self.principals, digest_of(key): principal})

    def without(self, tenant: str, principal_id: str) -> KeyRing:
        """A ring without the keys of one principal."""
        return KeyRing({d: p for d, p in self.principals.items() if (p.tenant, p.id) != (tenant, principal_id)})

    def save(self, path: Path) -> None:
        """Put the ring into place atomically, readable by its owner only."""
        rows = [
            {"sha256": d, "tenant": p.tenant, "principal": p.id, "roles": list(p.roles), "cubes": list(p.cubes)}
            for d, p in self.principals.items()
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"keys": rows}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """The ring in a file; empty when there is none. Raises DamagedError for anything that it does not know:
        a half-read key file must never open the door."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise DamagedError(str(path), f"cannot be read: {error}") from error
        try:
            rows = json.loads(text)["keys"]
            return cls(dict(_entry(row) for row in rows))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(str(path), f"is no key file: {error}") from error


def _entry(row: dict[str, Any]) -> tuple[str, Principal]:
    if unknown := set(row) - _FIELDS:
        raise ValueError(f"unknown field {min(unknown)!r}")
    digest = row["sha256"]
    if len(bytes.fromhex(digest)) != hashlib.sha256().digest_size:
        raise ValueError("sha256 is not 64 hex digits")
    for name in ("roles", "cubes"):
        if name in row and not (isinstance(row[name], list) and all(isinstance(one, str) for one in row[name])):
            raise ValueError(f"{name} is no list of texts")
    roles, cubes = tuple(row.get("roles", ("reader",))), tuple(row.get("cubes", ("*",)))
    return digest.lower(), Principal(row["tenant"], row["principal"], roles, cubes)


class KeyFile:
    """The key file of a running gateway: looked at four times a second at most, and read again when it changed.

    A file that has become unreadable or damaged keeps the ring that was last read: nobody new gets in, and nobody
    becomes ``LOCAL``. One that was emptied or removed lets nobody in any more: only a restart opens a gateway that
    had keys.
    """

    CHECK_EVERY_S = 0.25

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = ""
        self._stamp = self._look()
        self.ring = KeyRing.load(path) if path else KeyRing()
        self._looked_s = 0.0

    def _look(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self.path) if self.path else None
        except OSError:
            found = None
        return (found.st_mtime_ns, found.st_ino, found.st_size) if found else (0, 0, 0)

    def current(self, now_s: float) -> KeyRing:
        """The ring at ``now_s`` (monotonic seconds)."""
        if self.path is not None and now_s - self._looked_s >= self.CHECK_EVERY_S:
            self._looked_s = now_s
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload(self.path)
        return self.ring

    def _reload(self, path: Path) -> None:
        try:
            ring = KeyRing.load(path)
        except DamagedError as error:
            self.problem = error.message
            return
        self.problem = ""
        self.ring = KeyRing(ring.principals, closed=not self.ring.open_to_all)
        if self.ring.closed and not ring.principals:
            self.problem = f"{path} has no keys any more; nobody is let in until there is one, or a restart"
