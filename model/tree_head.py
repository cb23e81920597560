"""Signed statements: heads of audit logs and certificates of erasure, and how they are verified with a public key alone.

Ed25519 (``cryptography``, imported when it is needed). What is signed begins with its own name, so that one kind of
statement can never be taken for another.
"""

from __future__ import annotations

from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["ERASURE", "erasure_text", "head_text", "public_key_of", "verifies"]

HEAD = b"memcube-audit-head/v1\n"
ERASURE = b"memcube-erasure/v1\n"
KEY_BYTES = 32


def head_text(head: audit_pb2.TreeHead) -> bytes:
    """The bytes that a head's signature is over; the protocol file has them in words."""
    time_ns = head.time.ToNanoseconds()
    return HEAD + f"{head.tenant}\n{head.size}\n{head.root.hex()}\n{time_ns}\n".encode()


def erasure_text(statement: bytes) -> bytes:
    """The bytes that a certificate's signature is over."""
    return ERASURE + statement


def public_key_of(text: str) -> bytes:
    """A public key as people hand it on: 64 hexadecimal digits. Raises InvalidArgumentError("key")."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidArgumentError("key", "is not the 64 hexadecimal digits of an Ed25519 public key")
    return key


def verifies(public_key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the key's owner signed the text."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
