"""The home's secrets that prove things: the key that signs audit heads and certificates, and the one of the digests.

They lie in ``<home>/secrets``, outside the vault, so that whoever copies the vault does not have them. Made when they
are first needed; a file that others can read, or that is not what was written, is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from memcube.model.errors import DamagedError, UnavailableError

__all__ = ["AuditKey", "read_secret", "secrets_folder"]

SECRET_BYTES = 32


def secrets_folder(home: Path) -> Path:
    """Where a home keeps its secrets."""
    return home / "secrets"


def read_secret(path: Path) -> bytes:
    """The 32 bytes in a file, made at random where there is none. Raises DamagedError, UnavailableError.

    Made under another name and linked into place, so that of two who come first both get the same.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, os.urandom(SECRET_BYTES).hex().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return _read(path)
    except OSError as error:
        raise UnavailableError(f"the secret {path} ({error.strerror})") from error


def _read(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii")
        secret = bytes.fromhex(text.strip())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DamagedError(str(path), "it holds no secret of this home") from error
    if len(secret) != SECRET_BYTES:
        raise DamagedError(str(path), f"it holds {len(secret)} bytes, a secret has {SECRET_BYTES}")
    return secret


class AuditKey:
    """Signs, and digests requests. Imports ``cryptography`` when it is first used."""

    def __init__(self, home: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        folder = secrets_folder(home)
        self._signer = Ed25519PrivateKey.from_private_bytes(read_secret(folder / "audit.key"))
        self._digests = read_secret(folder / "digest.key")
        self.public = self._signer.public_key().public_bytes_raw()
        """The 32 bytes that verify what this key signed."""

    def sign(self, text: bytes) -> bytes:
        """64 bytes; about 0.15 ms."""
        return self._signer.sign(text)

    def digest(self, verb: str, request: bytes) -> bytes:
        """32 bytes that stand for a request: with a key, so that nobody finds a short text by trying."""
        return hmac.new(self._digests, verb.encode() + b"\0" + request, hashlib.sha256).digest()
