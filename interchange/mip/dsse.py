"""Signatures: DSSE envelopes around in-toto statements; section 6 of MIP.md.

The exact bytes of the statement are signed, and parsed only after a signature over them was found good.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from memcube.interchange.mip.keys import PublicKey, Signer
from memcube.interchange.mip.limits import MOST_SIGNATURES
from memcube.interchange.mip.strict import dumps, loads_object
from memcube.model.errors import InvalidArgumentError, UntrustedError

__all__ = ["PREDICATE", "open_envelope", "pae", "seal", "signed_by", "statement"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:mip:bundle:v1"


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(subject: str, predicate: Mapping[str, Any]) -> bytes:
    """The in-toto statement that says ``predicate`` of the manifest with the digest ``subject`` ("sha256:…")."""
    algorithm, _, digest = subject.partition(":")
    subjects = [{"name": "bundle", "digest": {algorithm: digest}}]
    return dumps({"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": dict(predicate)})


def seal(payload: bytes, signer: Signer) -> bytes:
    """An envelope around these bytes."""
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return dumps(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": signer.public.key_id, "sig": base64.b64encode(signature).decode()}],
        }
    )


def _bytes(what: str, text: object) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise InvalidArgumentError(what, "is no base64")
    return data


def signed_by(envelope: bytes, keys: Iterable[PublicKey], what: str) -> tuple[PublicKey, bytes]:
    """Which of these keys signed the envelope, and its payload.

    Raises InvalidArgumentError for what is no envelope, UntrustedError where none of the keys signed it.
    """
    document = loads_object(envelope, what)
    if set(document) != {"payloadType", "payload", "signatures"} or document["payloadType"] != PAYLOAD_TYPE:
        raise InvalidArgumentError(what, "is no DSSE envelope of an in-toto statement")
    payload = _bytes(f"{what}.payload", document["payload"])
    signatures = document["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise InvalidArgumentError(f"{what}.signatures", f"are not 1 to {MOST_SIGNATURES}")
    by_id = {key.key_id: key for key in keys}
    message = pae(PAYLOAD_TYPE, payload)
    for signature in signatures:
        if not isinstance(signature, dict) or set(signature) != {"keyid", "sig"}:
            raise InvalidArgumentError(f"{what}.signatures", "hold what is no signature")
        key = by_id.get(str(signature["keyid"]))
        if key is not None:
            if not key.verifies(_bytes(f"{what}.signatures", signature["sig"]), message):
                raise UntrustedError(what, f"has a signature in the name of {key} that is not of that key")
            return key, payload
    raise UntrustedError(what, "is signed by none of the keys that are trusted here")


def open_envelope(envelope: bytes, keys: Iterable[PublicKey], what: str) -> tuple[PublicKey, str, dict[str, Any]]:
    """Who signed it, the digest of its subject ("sha256:…"), and what it says of that. Raises as ``signed_by``."""
    key, payload = signed_by(envelope, keys, what)
    document = loads_object(payload, what)
    subjects = document.get("subject")
    if (
        document.get("_type") != STATEMENT
        or document.get("predicateType") != PREDICATE
        or not isinstance(document.get("predicate"), dict)
        or not isinstance(subjects, list)
        or len(subjects) != 1
        or not isinstance(subjects[0], dict)
        or not isinstance(subjects[0].get("digest"), dict)
        or not isinstance(subjects[0]["digest"].get("sha256"), str)
    ):
        raise InvalidArgumentError(what, "is no statement about one bundle")
    return key, f"sha256:{subjects[0]['digest']['sha256']}", document["predicate"]
