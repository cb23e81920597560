"""Reading a bundle; section 3 of MIP.md. Every byte is held against its digest before anything is made of it.

What a bundle says is not to be believed before ``verify`` has found a trusted signature: ``Bundle`` itself looks at
none, so that a bundle of strangers can be inspected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memcube.interchange.mip.blobs import BlobSource, open_source, read_all
from memcube.interchange.mip.chunks import read_items, read_lines
from memcube.interchange.mip.descriptor import Descriptor
from memcube.interchange.mip.fields import BundleItem, RawItem, item_of
from memcube.interchange.mip.limits import JSON_BYTES, LINE_BYTES, MOST_CHUNK_BYTES
from memcube.interchange.mip.manifest import LAYOUT, Blob, Manifest, read_index, read_signature_manifest
from memcube.interchange.mip.media import (
    DELETED,
    GAPS,
    ITEMS,
    LINES,
    ORIGIN,
    POLICY,
    PROVENANCE,
    RECORDS,
    REDACTIONS,
    TENSORS,
)
from memcube.interchange.mip.strict import loads_object
from memcube.interchange.mip.tensors import check_tensors
from memcube.interchange.mip.tree import Gap
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["Bundle", "Record", "Redaction", "open_bundle"]

KNOWN_LAYERS = LINES | TENSORS | {ORIGIN, POLICY, PROVENANCE, *RECORDS}


@dataclass(frozen=True, slots=True)
class Redaction:
    """A certificate that a field was taken away: of which leaf, which digest, why, by whom, when (RFC 3339)."""

    at: int
    leaf: str
    field: str
    reason: str
    by: str
    time: str

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"at": self.at, "leaf": self.leaf, "field": self.field, "reason": self.reason, "by": self.by,
                "time": self.time}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """Tensors and what is said of them: ``media_type`` is VECTORS, KV or LORA of ``media``."""

    media_type: str
    record: Mapping[str, Any]
    tensors: Blob


class Bundle:
    """An open bundle; use it as a context manager, or ``close`` it. Iterators read it anew each time."""

    def __init__(self, source: BlobSource, most_bytes: int | None = None) -> None:
        self.source = source
        if source.small("oci-layout") != LAYOUT:
            raise InvalidArgumentError("bundle.oci-layout", f"is not {LAYOUT.decode()}")
        self.index_bytes = source.small("index.json")
        self.blob, signatures = read_index(self.index_bytes)
        self.manifest_bytes = read_all(source, self.blob)
        self.manifest = Manifest.read(self.manifest_bytes)
        self.descriptor_bytes = read_all(source, self.manifest.config)
        self.descriptor = Descriptor.read(self.descriptor_bytes)
        self._signatures = signatures
        self.envelopes: list[bytes] = []
        self._envelope_blobs: list[Blob] = []
        for signature in signatures:
            envelope = read_signature_manifest(read_all(source, signature), self.blob)
            self._envelope_blobs.append(envelope)
            self.envelopes.append(read_all(source, envelope))
        self._check_layers(most_bytes)

    def _check_layers(self, most_bytes: int | None) -> None:
        for i, layer in enumerate(self.manifest.layers):
            most = MOST_CHUNK_BYTES if layer.media_type in LINES else JSON_BYTES
            if layer.media_type in KNOWN_LAYERS - TENSORS and layer.size > most:
                raise TooLargeError(f"bundle.manifest.layers[{i}]", layer.size, most)
        size = self.size_bytes
        if most_bytes is not None and size > most_bytes:
            raise TooLargeError("bundle", size, most_bytes)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its blobs, as the manifest says."""
        layers = {layer.digest: layer.size for layer in self.manifest.layers}
        return self.blob.size + self.manifest.config.size + sum(layers.values())

    @property
    def digest(self) -> str:
        """The bundle's name: its manifest's digest."""
        return self.blob.digest

    def blobs(self) -> list[Blob]:
        """All blobs, each once: first those that say what the others are."""
        blobs = [self.blob, *self._signatures, *self._envelope_blobs, self.manifest.config, *self.manifest.layers]
        if self._signatures:
            from memcube.interchange.mip.manifest import EMPTY_BLOB, blob_of
            from memcube.interchange.mip.media import EMPTY

            blobs.append(blob_of(EMPTY_BLOB, EMPTY))
        return list({blob.digest: blob for blob in blobs}.values())

    def layers(self, *kinds: str) -> list[Blob]:
        """Its layers of these media types."""
        return [layer for layer in self.manifest.layers if layer.media_type in kinds]

    @property
    def unknown_layers(self) -> list[Blob]:
        """Layers of media types that this version does not know: to be kept, and passed on as they are."""
        return [layer for layer in self.manifest.layers if layer.media_type not in KNOWN_LAYERS]

    def check_digests(self) -> int:
        """Read every layer and hold it against its digest; tensors' headers too. Returns the bytes read."""
        total = 0
        for layer in {layer.digest: layer for layer in self.manifest.layers}.values():
            if layer.media_type in TENSORS:
                check_tensors(self.source.steps(layer), layer.size)
            else:
                for _ in self.source.steps(layer):
                    pass
            total += layer.size
        for blob in self.blobs():
            if blob.size == 2:
                read_all(self.source, blob)
        return total

    def raw_items(self) -> Iterator[tuple[RawItem, dict[str, Any]]]:
        """The items byte for byte, with their parsed headers, in the order of their ids' bytes."""
        last = b""
        for layer in self.layers(ITEMS):
            for raw, header in read_items(read_all(self.source, layer, MOST_CHUNK_BYTES)):
                key = raw.id.encode()
                if key <= last:
                    raise InvalidArgumentError("bundle.item.id", "is not behind the one before it")
                last = key
                yield raw, header

    def items(self) -> Iterator[BundleItem]:
        """The memories, in the order of their ids."""
        cube_id = self.descriptor.cube.id
        for raw, header in self.raw_items():
            yield item_of(raw, header, cube_id)

    def deleted(self) -> Iterator[tuple[str, int]]:
        """In a delta: ids that were deleted since the parent, with their last version."""
        for line in self._lines(DELETED):
            plain = loads_object(line, "bundle.deleted", LINE_BYTES)
            if set(plain) != {"id", "version"} or not isinstance(plain["id"], str) or type(plain["version"]) is not int:
                raise InvalidArgumentError("bundle.deleted", "has a line that is no id and version")
            yield plain["id"], plain["version"]

    def gaps(self) -> Iterator[Gap]:
        """Subtrees of the tree that are not in the bundle, from the left."""
        for line in self._lines(GAPS):
            plain = loads_object(line, "bundle.gaps", LINE_BYTES)
            at, size, digest = plain.get("at"), plain.get("size"), plain.get("hash")
            if set(plain) != {"at", "size", "hash"} or type(at) is not int or type(size) is not int:
                raise InvalidArgumentError("bundle.gaps", "has a line that is no subtree")
            yield at, size, _hash("bundle.gaps", digest)

    def redactions(self) -> Iterator[Redaction]:
        """Certificates of what was taken away, in the order of the leaves."""
        for line in self._lines(REDACTIONS):
            plain = loads_object(line, "bundle.redactions", LINE_BYTES)
            texts = [plain.get(name) for name in ("leaf", "field", "reason", "by", "time")]
            if (
                set(plain) != {"at", "leaf", "field", "reason", "by", "time"}
                or type(plain["at"]) is not int
                or not all(isinstance(text, str) for text in texts)
            ):
                raise InvalidArgumentError("bundle.redactions", "has a line that is no certificate")
            yield Redaction(**plain)

    def _lines(self, kind: str) -> Iterator[bytes]:
        for layer in self.layers(kind):
            yield from read_lines(read_all(self.source, layer, MOST_CHUNK_BYTES), f"bundle.{kind.split('.')[2]}")

    def records(self) -> Iterator[Record]:
        """What it says of vectors, KV blocks and adapters; each has its tensors in the bundle."""
        for layer in self.layers(*RECORDS):
            record = loads_object(read_all(self.source, layer), "bundle.record")
            inside = RECORDS[layer.media_type]
            tensors = [blob for blob in self.layers(inside) if blob.digest == record.get("tensors")]
            if not tensors:
                raise InvalidArgumentError("bundle.record.tensors", "are not in the bundle")
            yield Record(layer.media_type, record, tensors[0])

    def provenance(self) -> Iterator[dict[str, Any]]:
        """Its PROV-JSON documents."""
        for layer in self.layers(PROVENANCE):
            yield loads_object(read_all(self.source, layer), "bundle.prov")

    def policy(self) -> str | None:
        """The policy under which it was given away, in Cedar."""
        layers = self.layers(POLICY)
        if len(layers) > 1 or self.descriptor.policy != (layers[0].digest if layers else None):
            raise InvalidArgumentError("bundle.descriptor.policy", "is not the one policy of the bundle")
        try:
            return read_all(self.source, layers[0]).decode() if layers else None
        except UnicodeDecodeError as error:
            raise InvalidArgumentError("bundle.policy", "is not valid UTF-8") from error

    def origin(self) -> bytes | None:
        """Of a derived bundle the envelope of what it was derived from."""
        derived = self.descriptor.derived
        layers = self.layers(ORIGIN)
        if derived is None and not layers:
            return None
        if derived is None or [layer.digest for layer in layers] != [derived.origin]:
            raise InvalidArgumentError("bundle.descriptor.derived", "does not name the one origin of the bundle")
        return read_all(self.source, layers[0])

    def close(self) -> None:
        """Let go of its files."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _hash(what: str, digits: object) -> bytes:
    if not isinstance(digits, str) or len(digits) != 64 or digits.strip("0123456789abcdef"):
        raise InvalidArgumentError(what, "has a hash that is not 64 digits")
    return bytes.fromhex(digits)


def open_bundle(path: Path | str, *, most_bytes: int | None = None, digests: bool = True) -> Bundle:
    """The bundle in a folder or tar file, every layer held against its digest first (unless ``digests`` is False:
    then each when it is read).

    Raises NotFoundError, InvalidArgumentError("bundle.…") for what is no sound bundle, TooLargeError for one over a
    limit, ``most_bytes`` among them. No signature is looked at: see ``verify``.
    """
    source = open_source(Path(path))
    try:
        bundle = Bundle(source, most_bytes)
        if digests:
            bundle.check_digests()
    except BaseException:
        source.close()
        raise
    return bundle
