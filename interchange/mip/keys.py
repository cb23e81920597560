"""Keys that sign and check bundles: Ed25519, written as ``ed25519:`` and the 32 bytes in base64url."""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from memcube.model.errors import DamagedError, InvalidArgumentError

__all__ = ["PublicKey", "Signer", "b64url", "unb64url"]

_WRITTEN = re.compile(r"ed25519:([A-Za-z0-9_-]{43})")


def b64url(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(what: str, text: str) -> bytes:
    """The bytes of ``b64url``; InvalidArgumentError(what) for anything that it would not have written."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError(what, "is no base64url") from error
    if b64url(data) != text:
        raise InvalidArgumentError(what, "is no base64url")
    return data


@dataclass(frozen=True)
class PublicKey:
    """Whose signature is meant. ``str(key)`` is how documents write it."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise InvalidArgumentError("key", f"has {len(self.raw)} bytes, an Ed25519 key has 32")

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The key that ``str(key)`` wrote; raises InvalidArgumentError("key")."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise InvalidArgumentError("key", "is not of the form ed25519:… with 43 characters of base64url")
        return cls(unb64url("key", match.group(1)))

    def __str__(self) -> str:
        return f"ed25519:{b64url(self.raw)}"

    @cached_property
    def key_id(self) -> str:
        """SHA-256 of the key as hexadecimal digits: how an envelope names it."""
        return sha256(self.raw).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key's owner signed exactly these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key. Its bytes leave this object only into the file that ``save`` writes."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.private_bytes_raw()
        self.public = PublicKey(private.public_key().public_bytes_raw())
        self.salt_seed = blake2b(raw, digest_size=32, person=b"mip salts").digest()
        """What the salts of disclosures are made from: as secret as the key."""

    @classmethod
    def generate(cls) -> Signer:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Signer:
        """The key of these 32 secret bytes; raises InvalidArgumentError("seed")."""
        if len(seed) != 32:
            raise InvalidArgumentError("seed", f"has {len(seed)} bytes, not 32")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> Signer:
        """The key in a PEM file; raises DamagedError for what is none, FileNotFoundError where there is no file."""
        data = path.read_bytes()
        try:
            private = serialization.load_pem_private_key(data, None)
        except (ValueError, TypeError) as error:
            raise DamagedError(str(path), f"holds no private key: {error}"[:200]) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise DamagedError(str(path), "holds a key that is not Ed25519")
        return cls(private)

    @classmethod
    def load_or_make(cls, path: Path) -> Signer:
        """The key in this file, made first where there is none. Raises DamagedError."""
        try:
            return cls.load(path)
        except FileNotFoundError:
            return cls.generate().save(path)

    def save(self, path: Path) -> Signer:
        """Write the key to a PEM file that only its owner may read, durably; whoever was there first is kept.

        Returns the key that is in the file then.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made = path.with_name(f"{path.name}.{os.getpid()}.new")
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, pem)
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            os.link(made, path)
        except FileExistsError:
            return self.load(path)
        finally:
            made.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self

    def sign(self, message: bytes) -> bytes:
        """The signature of exactly these bytes."""
        return self._private.sign(message)
