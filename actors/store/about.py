"""What a topic is: its name, bounds and identity, in a file of its own. Plain."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from memcube.actors.store.log import Kept
from memcube.actors.vault.paths import write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError

__all__ = ["TopicAbout", "key_of"]

_MAGIC = b"MCABOUT1"
FILE = "topic.bin"


def key_of(*names: str) -> str:
    """A folder or file name for names of any kind: 20 characters of their digest."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return base64.b32encode(digest)[:20].decode().lower()


@dataclass(frozen=True, slots=True)
class TopicAbout:
    """A topic's description. ``incarnation`` tells a topic from a later one of the same name; ``made_by`` is the
    idempotency key and digest of the request that made it."""

    tenant: str
    name: str
    owner: str
    description: str
    created_us: int
    kept: Kept = field(default_factory=Kept)
    low_seq: int = 1
    incarnation: bytes = field(default_factory=lambda: os.urandom(8))
    made_by: str = ""

    @property
    def key(self) -> str:
        """The name of its folder."""
        return key_of(self.tenant, self.name)

    def with_low(self, low_seq: int) -> TopicAbout:
        """The same, with its oldest events gone."""
        return replace(self, low_seq=low_seq)

    def save(self, folder: Path) -> None:
        """Put it into the topic's folder, durably. Raises StorageFullError, DamagedError, UnavailableError."""
        body: bytes = msgpack.packb(asdict(self))
        try:
            os.close(write_durably(folder / FILE, _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body))
        except OSError as error:
            raise vault_error(error, folder / FILE) from error

    @classmethod
    def load(cls, folder: Path) -> TopicAbout:
        """What is in a topic's folder. Raises DamagedError, also where there is nothing."""
        path = folder / FILE
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DamagedError(str(path), f"cannot be read: {error.strerror}") from error
        head, body = data[:12], data[12:]
        if head[:8] != _MAGIC or zlib.crc32(body) != int.from_bytes(head[8:], "little"):
            raise DamagedError(str(path), "its checksum is wrong")
        try:
            plain: dict[str, Any] = msgpack.unpackb(body)
            return cls(**{**plain, "kept": Kept(**plain["kept"])})
        except (TypeError, ValueError, KeyError) as error:
            raise DamagedError(str(path), f"it is of no format that is known here: {error}") from error
