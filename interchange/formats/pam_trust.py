"""What a Portable AI Memory export says to prove itself, looked at: content hashes, the checksum, the signature.

Three traps of the format, which the report names: a content hash is made of the text in small letters, so that two
different memories may share one; the signature does not cover relations, conversations and most of the owner; and an
export without a signature is to be taken all the same.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from memcube.interchange.jcs import canonical
from memcube.interchange.report import Report
from memcube.model.errors import InvalidArgumentError

__all__ = ["checksum_of", "content_hash", "judge_signature"]

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519 = b"\xed\x01"


def content_hash(text: str) -> str:
    """PAM's hash of a text: trimmed, in small letters, NFC, runs of blanks as one blank; then SHA-256."""
    plain = " ".join(unicodedata.normalize("NFC", text.strip().lower()).split())
    return "sha256:" + hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def checksum_of(canonicals: Any) -> str:
    """The checksum of memories that come in their canonical form, in the order of their ids."""
    digest = hashlib.sha256(b"[")
    for place, one in enumerate(canonicals):
        digest.update((b"," if place else b"") + one)
    digest.update(b"]")
    return "sha256:" + digest.hexdigest()


def judge_signature(skeleton: dict[str, Any], checksum: str, report: Report, document: str) -> None:
    """Say in the report what the signature is worth."""
    signature = skeleton.get("signature")
    if not isinstance(signature, dict):
        report.find("note", document, "is not signed")
        return
    owner = skeleton.get("owner") if isinstance(skeleton.get("owner"), dict) else {}
    told = {
        "checksum": checksum,
        "export_id": skeleton.get("export_id"),
        "export_date": skeleton.get("export_date"),
        "owner_id": owner.get("id") if isinstance(owner, dict) else None,
    }
    algorithm = str(signature.get("algorithm", ""))
    if algorithm != "Ed25519":
        report.find(
            "warning", document, f"its signature ({algorithm[:32]}) is not verified: only Ed25519 is known here"
        )
        return
    problem = _verify(str(signature.get("public_key", "")), str(signature.get("value", "")), canonical(told))
    if problem:
        report.find("warning", document, f"its signature is not valid: {problem}")
    else:
        report.find("note", document, "its signature is valid; it does not cover relations and conversations")


def _verify(key: str, value: str, message: bytes) -> str:
    """Why an Ed25519 signature does not hold; empty where it does."""
    try:
        plain = _base58(key.removeprefix("z"))
        raw = plain.removeprefix(_ED25519)
        given = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        if len(given) != 64:
            return f"it has {len(given)} bytes, an Ed25519 signature has 64"
        Ed25519PublicKey.from_public_bytes(raw).verify(given, message)
    except InvalidSignature:
        return "it is not this key's for this export"
    except (ValueError, InvalidArgumentError) as error:
        return f"it can't be read ({error})"[:200]
    return ""


def _base58(text: str) -> bytes:
    if len(text) > 128:
        raise ValueError("the key is too long")
    number = 0
    for character in text:
        place = _ALPHABET.find(character)
        if place < 0:
            raise ValueError("the key is no base58")
        number = number * 58 + place
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
