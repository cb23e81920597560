"""A bundle's OCI documents: the index, the manifests, and their strict reading; section 3 of MIP.md.

Nothing of the index is signed, so nothing may stand in it but what the specification names: whatever is changed in
it is noticed by that, or by the digests that it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from memcube.interchange.mip.limits import MOST_LAYERS, MOST_SIGNATURES
from memcube.interchange.mip.media import BUNDLE, DESCRIPTOR, EMPTY, ENVELOPE, OCI_INDEX, OCI_MANIFEST
from memcube.interchange.mip.strict import dumps, loads_object
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["EMPTY_BLOB", "LAYOUT", "Blob", "Manifest", "blob_of", "index_of", "read_index", "signature_manifest"]

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
"""The file ``oci-layout``, byte for byte."""
EMPTY_BLOB = b"{}"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MEDIA = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_MOST_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class Blob:
    """What OCI calls a descriptor: the digest ("sha256:…"), the size and the media type of some bytes."""

    digest: str
    size: int
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def hex(self) -> str:
        """The digest's digits: its file's name."""
        return self.digest[7:]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return {**found, "annotations": dict(self.annotations)} if self.annotations else found


def blob_of(data: bytes, media_type: str) -> Blob:
    """The blob that these bytes are."""
    return Blob(f"sha256:{sha256(data).hexdigest()}", len(data), media_type)


def read_blob(what: str, plain: Any, *, more: frozenset[str] = frozenset()) -> Blob:
    """A blob as JSON has it; ``more`` are members that may stand beside its own. Raises InvalidArgumentError(what)."""
    known = {"mediaType", "digest", "size", "annotations"} | more
    if not isinstance(plain, dict) or not {"mediaType", "digest", "size"} <= set(plain) <= known:
        raise InvalidArgumentError(what, "is no OCI descriptor, or has members that are not known")
    digest, size, media, notes = plain["digest"], plain["size"], plain["mediaType"], plain.get("annotations", {})
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidArgumentError(f"{what}.digest", "is not sha256: and 64 digits")
    if type(size) is not int or not 0 <= size <= _MOST_BYTES:
        raise InvalidArgumentError(f"{what}.size", "is no size")
    if not isinstance(media, str) or not _MEDIA.fullmatch(media):
        raise InvalidArgumentError(f"{what}.mediaType", "is no media type")
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise InvalidArgumentError(f"{what}.annotations", "are not texts by name")
    return Blob(digest, size, media, notes)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A bundle's manifest. ``extra`` are members that this version does not know: they are kept."""

    config: Blob
    layers: tuple[Blob, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """As it is written, once: its digest is the bundle's name from then on."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": BUNDLE,
            "config": self.config.plain(),
            "layers": [layer.plain() for layer in self.layers],
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return dumps({**document, **self.extra})

    @classmethod
    def read(cls, data: bytes) -> Manifest:
        """What ``encoded`` wrote; raises InvalidArgumentError("bundle.manifest…")."""
        what = "bundle.manifest"
        document = loads_object(data, what)
        _check_kind(what, document, OCI_MANIFEST, BUNDLE)
        layers = document.get("layers")
        if not isinstance(layers, list):
            raise InvalidArgumentError(f"{what}.layers", "are no list")
        if len(layers) > MOST_LAYERS:
            raise TooLargeError(f"{what}.layers", len(layers), MOST_LAYERS, "layers")
        config = read_blob(f"{what}.config", document.get("config"))
        if config.media_type != DESCRIPTOR:
            raise InvalidArgumentError(f"{what}.config.mediaType", f"is not {DESCRIPTOR}")
        read = tuple(read_blob(f"{what}.layers[{i}]", layer) for i, layer in enumerate(layers))
        known = {"schemaVersion", "mediaType", "artifactType", "config", "layers", "annotations"}
        if "subject" in document:
            raise InvalidArgumentError(f"{what}.subject", "is not for a bundle")
        notes = document.get("annotations", {})
        if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
            raise InvalidArgumentError(f"{what}.annotations", "are not texts by name")
        return cls(config, read, notes, {name: value for name, value in document.items() if name not in known})


def _check_kind(what: str, document: dict[str, Any], media: str, artifact: str) -> None:
    if type(document.get("schemaVersion")) is not int or document["schemaVersion"] != 2:
        raise InvalidArgumentError(f"{what}.schemaVersion", "is not 2")
    if document.get("mediaType") != media:
        raise InvalidArgumentError(f"{what}.mediaType", f"is not {media}")
    if artifact and document.get("artifactType") != artifact:
        raise InvalidArgumentError(f"{what}.artifactType", f"is not {artifact}")


def signature_manifest(subject: Blob, envelope: Blob) -> bytes:
    """The manifest that puts an envelope beside the bundle that it is about."""
    return dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": ENVELOPE,
            "config": blob_of(EMPTY_BLOB, EMPTY).plain(),
            "layers": [envelope.plain()],
            "subject": subject.plain(),
        }
    )


def read_signature_manifest(data: bytes, subject: Blob) -> Blob:
    """The envelope that such a manifest names; it must be about ``subject``."""
    what = "bundle.signature"
    document = loads_object(data, what)
    _check_kind(what, document, OCI_MANIFEST, ENVELOPE)
    layers = document.get("layers")
    if set(document) != {"schemaVersion", "mediaType", "artifactType", "config", "layers", "subject"}:
        raise InvalidArgumentError(what, "has members that are not known, or lacks some")
    if read_blob(f"{what}.subject", document["subject"]) != subject:
        raise InvalidArgumentError(f"{what}.subject", "is not this bundle")
    if not isinstance(layers, list) or len(layers) != 1:
        raise InvalidArgumentError(f"{what}.layers", "are not one envelope")
    if read_blob(f"{what}.config", document["config"]) != blob_of(EMPTY_BLOB, EMPTY):
        raise InvalidArgumentError(f"{what}.config", "is not empty")
    envelope = read_blob(f"{what}.layers[0]", layers[0])
    if envelope.media_type != ENVELOPE:
        raise InvalidArgumentError(f"{what}.layers[0].mediaType", f"is not {ENVELOPE}")
    return envelope


def index_of(bundle: Blob, signatures: Sequence[Blob]) -> bytes:
    """The file ``index.json``: the bundle first, then the manifests of its signatures."""
    entries = [{**bundle.plain(), "artifactType": BUNDLE}]
    entries += [{**signature.plain(), "artifactType": ENVELOPE} for signature in signatures]
    return dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


def read_index(data: bytes) -> tuple[Blob, list[Blob]]:
    """The bundle's manifest, and those of its signatures; raises InvalidArgumentError("bundle.index…")."""
    what = "bundle.index"
    document = loads_object(data, what)
    _check_kind(what, document, OCI_INDEX, "")
    entries = document.get("manifests")
    if set(document) - {"annotations"} != {"schemaVersion", "mediaType", "manifests"} or not isinstance(entries, list):
        raise InvalidArgumentError(what, "has members that are not known, or lacks some")
    if len(entries) > MOST_SIGNATURES + 1:
        raise TooLargeError(f"{what}.manifests", len(entries), MOST_SIGNATURES + 1, "manifests")
    bundles: list[Blob] = []
    signatures: list[Blob] = []
    for i, entry in enumerate(entries):
        blob = read_blob(f"{what}.manifests[{i}]", entry, more=frozenset({"artifactType"}))
        if blob.media_type != OCI_MANIFEST:
            raise InvalidArgumentError(f"{what}.manifests[{i}].mediaType", f"is not {OCI_MANIFEST}")
        # Registries' tools note a name at an entry: of the bundle that is no part.
        plain = Blob(blob.digest, blob.size, blob.media_type)
        if entry.get("artifactType") == BUNDLE:
            bundles.append(plain)
        elif entry.get("artifactType") == ENVELOPE:
            signatures.append(plain)
        else:
            raise InvalidArgumentError(f"{what}.manifests[{i}].artifactType", "is neither a bundle nor a signature")
    if len(bundles) != 1:
        raise InvalidArgumentError(f"{what}.manifests", f"name {len(bundles)} bundles, not one")
    return bundles[0], signatures
