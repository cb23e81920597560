"""Identities: which cube, which memory, who asks.

A cube's ``key`` is derived from its tenant and id, names its file in the vault and starts the id of every memory in
it, so that an id alone says where the memory lives, within the caller's tenant.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from dataclasses import dataclass, field
from functools import cached_property

from memcube.model.errors import InvalidArgumentError, NotFoundError

__all__ = ["ROLES", "CubeRef", "Principal", "cube_id_of_scope", "key_of_memory", "new_idempotency_key", "new_memory_id"]

KEY_CHARS = 20
ID_CHARS = 26
MAX_NAME_CHARS = 256
ROLES = ("reader", "writer", "admin")
"""What a principal may do, each role including the one before; ``actors.governance.access`` has the table."""

_MEMORY_ID = re.compile(rf"^([a-z2-7]{{{KEY_CHARS}}})-([a-z2-7]{{{ID_CHARS}}})$")
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
"""Base32 in ASCII order, so that ids sort as their numbers do."""


def check_name(field_name: str, value: str) -> str:
    """Return ``value`` if it can name a cube, tenant or principal; else raise InvalidArgumentError(field_name)."""
    if not value:
        raise InvalidArgumentError(field_name, "is empty")
    if len(value) > MAX_NAME_CHARS:
        raise InvalidArgumentError(field_name, f"has {len(value)} characters, the limit is {MAX_NAME_CHARS}")
    if not value.isprintable() or value != value.strip():
        raise InvalidArgumentError(field_name, "has control characters, or spaces at its ends")
    return value


@dataclass(frozen=True)
class CubeRef:
    """A cube's identity: the tenant is part of it, always."""

    tenant: str
    cube_id: str

    def __post_init__(self) -> None:
        check_name("tenant", self.tenant)
        check_name("cube_id", self.cube_id)

    @cached_property
    def key(self) -> str:
        """20 lower-case base32 characters (100 bits) of SHA-256 over tenant and id; a file name and an id's prefix."""
        digest = hashlib.sha256(f"{self.tenant}\0{self.cube_id}".encode()).digest()
        return base64.b32encode(digest)[:KEY_CHARS].decode().lower()

    def __str__(self) -> str:
        return self.cube_id


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a call: derived from its credentials by the gateway, carried to the frame and into the journal.

    ``cubes`` are glob patterns of the cube ids that the principal may touch; see ``actors.governance.access``.
    ``credential`` is what it showed: "local", "key", "oidc", "certificate" or "grant"; the latter acts for
    ``acts_for``, within what the grant of the digest ``grant`` allows. These three are the gateway's own.
    """

    tenant: str
    id: str
    roles: tuple[str, ...] = ("reader",)
    cubes: tuple[str, ...] = field(default=("*",))
    credential: str = "key"
    acts_for: str = ""
    grant: str = ""

    def __post_init__(self) -> None:
        check_name("tenant", self.tenant)
        check_name("principal", self.id)
        for role in self.roles:
            if role not in ROLES:
                raise InvalidArgumentError("roles", f"{role!r} is none of {', '.join(ROLES)}")


def cube_id_of_scope(cube_id: str, user_id: str, agent_id: str, run_id: str) -> str:
    """The cube that a call's scope means: the one named, else the user's, the agent's, the run's, in that order."""
    if cube_id:
        return check_name("cube_id", cube_id)
    for kind, value in (("user", user_id), ("agent", agent_id), ("run", run_id)):
        if value:
            return f"{kind}:{check_name(f'{kind}_id', value)}"
    raise InvalidArgumentError("user_id", "is missing: name a user_id, agent_id, run_id or cube_id")


def new_memory_id(key: str, now_s: float | None = None, after: str = "") -> str:
    """A new id in the cube of this key: 48 bits of milliseconds, then 82 random bits, so that ids sort by time.

    It sorts behind the id ``after`` too, whatever the clock does: then by a random distance, so that an id is never
    given out twice, not even where the last memory was deleted.
    """
    milliseconds = int((time.time() if now_s is None else now_s) * 1000)
    number = (milliseconds & (1 << 48) - 1) << 82 | int.from_bytes(os.urandom(11), "big") >> 6
    if after:
        last = 0
        for character in after[-ID_CHARS:]:
            last = last << 5 | _ALPHABET.index(character)
        if number <= last:
            number = last + 1 + int.from_bytes(os.urandom(8), "big")
    characters = [_ALPHABET[number >> shift & 31] for shift in range(5 * (ID_CHARS - 1), -1, -5)]
    return f"{key}-{''.join(characters)}"


def key_of_memory(memory_id: str) -> str:
    """The key of the cube that a memory id belongs to; an id of no valid form is simply not found."""
    match = _MEMORY_ID.fullmatch(memory_id)
    if match is None:
        raise NotFoundError("memory", memory_id[:MAX_NAME_CHARS])
    return match.group(1)


def new_idempotency_key() -> str:
    """A fresh key for a request whose caller named none: 26 random characters."""
    return base64.b32encode(os.urandom(16)).decode().rstrip("=").lower()
