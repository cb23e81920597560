"""Tokens: what stands in the place of a value and can be turned back by those who hold the tenant's key.

A token is the value itself, encrypted with AES-SIV (RFC 5297): the same value has the same token within a tenant, so
that memories about one person can still be joined; no table is kept; and destroying the key destroys every value.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["Tokens"]

_PREFIX = "mct"
_TOKEN = re.compile(rf"\[[A-Z]+ ({_PREFIX}[a-z2-7]{{26,8000}})\]")
_PURPOSE = b"memcube redaction token v1"
KEY_BYTES = 64
"""Of AES-SIV with AES-256: one half authenticates, one encrypts."""


class Tokens:
    """The tokens of one tenant. ``secret`` is a key of the tenant's of at least 32 random bytes; the tokens' key is
    derived from it (HKDF-SHA256), so that it serves nothing else."""

    def __init__(self, secret: bytes, tenant: str) -> None:
        derived = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=_PURPOSE + b"\0" + tenant.encode()).derive(secret)
        self._cipher = AESSIV(derived)

    def of(self, value: str) -> str:
        """The token of a value: "mct" and base32, 16 bytes longer than the value before that."""
        return _PREFIX + base64.b32encode(self._cipher.encrypt(value.encode(), None)).decode().rstrip("=").lower()

    def value(self, token: str) -> str | None:
        """The value of a token; None where this key did not make it, or it was changed."""
        body = token.removeprefix(_PREFIX).upper()
        try:
            return self._cipher.decrypt(base64.b32decode(body + "=" * (-len(body) % 8)), None).decode()
        except (InvalidTag, binascii.Error, ValueError):
            return None

    def restored(self, text: str) -> str:
        """``text`` with each mark that holds a token of this key turned back; others stay as they are."""

        def turn(mark: re.Match[str]) -> str:
            value = self.value(mark.group(1))
            return mark.group() if value is None else value

        return _TOKEN.sub(turn, text)
