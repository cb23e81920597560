"""Bundles for the benchmark of interchange and its tests: sound ones, and ones put together by hand, as a forger would.

``assemble`` signs whatever it is given, so that what refuses a forgery is the check that it is made for, not merely
the signature.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    KvRecord,
    LoraRecord,
    SeqRange,
    Signer,
    Tensor,
    open_bundle,
    provenance_of,
    tensors_bytes,
)
from memcube.interchange.mip.bundle import Bundle
from memcube.interchange.mip.dsse import seal, statement
from memcube.interchange.mip.manifest import LAYOUT, Manifest, blob_of, index_of, signature_manifest
from memcube.interchange.mip.media import DESCRIPTOR, EMPTY, ENVELOPE, GAPS, ITEMS, OCI_MANIFEST, ORIGIN, REDACTIONS
from memcube.model.item import Item, MemoryType, Source

__all__ = ["Parts", "assemble", "item", "items", "parts_of", "write_bundle"]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("moved", "likes", "bought", "visited", "forgot", "plans", "painted", "repaired", "sold", "planted")
THINGS = ("the garden", "a red bicycle", "Lisbon", "green tea", "the old piano", "two cats", "a boat", "the kitchen")
CUBE = "user:alice"


def item(number: int, version: int = 1, cube_id: str = CUBE) -> Item:
    """One memory of a made up life; the same for the same number and version."""
    said = f"{WORDS[number % len(WORDS)]} {THINGS[number // 7 % len(THINGS)]}"
    made = BEGAN + timedelta(seconds=37 * number)
    return Item(
        id=f"m-{number:08d}",
        version=version,
        cube_id=cube_id,
        memory=f"On day {number % 365} of year {number // 365} Alice {said}"
        + (f", said again {version}" * (version > 1)),
        recorded_at=made + timedelta(days=version - 1),
        created_at=made,
        memory_type=list(MemoryType)[number % 9],
        tags=("life",) if number % 3 else ("life", "home"),
        info={"mood": ("good", "fair", "poor")[number % 3], "place": number % 17},
        confidence=0.5 + number % 50 / 100,
        valid_from=made,
        sources=(Source("message", f"msg-{number}", "Alice", "user", made, 0, 20, number % 40),),
        derived_from=(f"m-{number - 1:08d}",) if number % 11 == 5 else (),
        user_id="alice",
        session_id=f"s{number // 40}",
    )


def items(count: int) -> Iterator[Item]:
    """The first so many."""
    return map(item, range(count))


def write_bundle(
    folder: Path,
    signer: Signer,
    memories: Iterator[Item],
    *,
    seq: int = 0,
    epoch: int = 3,
    full: bool = False,
    decoys: int = 0,
    parent: str | None = None,
) -> str:
    """A sound bundle; ``full`` has every kind of layer. Returns its digest."""
    about = CubeAbout(id=CUBE, description="What Alice lived through")
    descriptor = Descriptor(cube=about, epoch=epoch, seq=SeqRange.of(0, seq), parent=parent)
    with BundleWriter(folder, descriptor, signer, decoys=decoys) as writer:
        known = []
        for memory in memories:
            writer.add(memory, {"x.colour": ["red", {"deep": memory.version}]} if memory.id.endswith("3") else None)
            known.append(memory.id)
        if full:
            for document in provenance_of(items(20), "benchmark", "export", "2026-01-01T00:00:00Z"):
                writer.provenance(document)
            writer.policy('permit(principal, action == Action::"search", resource);')
            vectors = Tensor("F32", (len(known), 4), bytes(16 * len(known)))
            writer.vectors({"model": "tiny", "revision": "sha256:" + "0" * 64, "metric": "cosine"}, known, vectors)
            tensors = tensors_bytes({"k": Tensor("F16", (2, 2, 3, 4), bytes(range(96)))}, {"format": "pt"})
            writer.kv(KvRecord(weights_digest="sha256:" + "1" * 64, dtype="F16", n_layers=2), tensors)
            writer.lora(LoraRecord(weights_digest="sha256:" + "1" * 64, r=2, target_modules=("q",)), tensors)
            writer.layer(b"\x00\x01 nobody here knows this", "application/vnd.example.thing.v7+octets")
        return writer.finish().digest


@dataclass(slots=True)
class Parts:
    """All of a bundle, to be changed at will: ``items`` are (header, disclosures), the rest lines or documents."""

    descriptor: dict[str, Any]
    items: list[tuple[bytes, list[bytes]]] = field(default_factory=list)
    gaps: list[bytes] = field(default_factory=list)
    redactions: list[bytes] = field(default_factory=list)
    origin: bytes | None = None
    others: list[tuple[bytes, str]] = field(default_factory=list)


def parts_of(folder: Path) -> Parts:
    """A sound bundle taken apart."""
    with open_bundle(folder) as bundle:
        known = (ITEMS, GAPS, REDACTIONS, ORIGIN)
        return Parts(
            json.loads(bundle.descriptor_bytes),
            [(raw.header, list(raw.disclosures)) for raw, _ in bundle.raw_items()],
            _lines(bundle, GAPS),
            _lines(bundle, REDACTIONS),
            bundle.origin(),
            [
                (b"".join(bundle.source.steps(layer)), layer.media_type)
                for layer in bundle.manifest.layers
                if layer.media_type not in known
            ],
        )


def _lines(bundle: Bundle, kind: str) -> list[bytes]:
    return [line for layer in bundle.layers(kind) for line in b"".join(bundle.source.steps(layer)).split(b"\n") if line]


def assemble(
    target: Path,
    signer: Signer,
    parts: Parts | None = None,
    *,
    layers: Sequence[tuple[bytes, str]] = (),
    descriptor: bytes | None = None,
    manifest: Callable[[bytes], bytes] | None = None,
    index: Callable[[bytes], bytes] | None = None,
    subject: str = "",
) -> Path:
    """Write what may be no sound bundle, signed by ``signer``; ``manifest`` and ``index`` may change those documents."""
    blobs = target / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, kind: str) -> Any:
        blob = blob_of(data, kind)
        (blobs / blob.hex).write_bytes(data)
        return blob

    found: list[tuple[bytes, str]] = []
    if parts is not None:
        lines = b"".join(b"\n".join((header, *disclosures, b"")) for header, disclosures in parts.items)
        found += [(lines, ITEMS)] if lines else []
        found += [
            (b"\n".join([*some, b""]), kind)
            for some, kind in ((parts.gaps, GAPS), (parts.redactions, REDACTIONS))
            if some
        ]
        found += [(parts.origin, ORIGIN)] if parts.origin is not None else []
        found += parts.others
        descriptor = descriptor or _compact({**parts.descriptor, "issuer": str(signer.public)})
    found += layers
    assert descriptor is not None
    config = put(descriptor, DESCRIPTOR)
    written = Manifest(config, tuple(put(data, kind) for data, kind in found)).encoded()
    bundle = put(manifest(written) if manifest else written, OCI_MANIFEST)
    put(b"{}", EMPTY)
    said = _predicate(descriptor, config.digest)
    envelope = put(seal(statement(subject or bundle.digest, said), signer), ENVELOPE)
    signature = put(signature_manifest(bundle, envelope), OCI_MANIFEST)
    document = index_of(bundle, [signature])
    (target / "oci-layout").write_bytes(LAYOUT)
    (target / "index.json").write_bytes(index(document) if index else document)
    return target


def _compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _predicate(descriptor: bytes, digest: str) -> dict[str, Any]:
    try:
        about = json.loads(descriptor)
        about_items = about["items"]
        return {
            "mip": about["mip"],
            "descriptor": digest,
            "cube": about["cube"]["id"],
            "epoch": about["epoch"],
            "seq": about["seq"],
            "parent": about.get("parent"),
            "items": {name: about_items[name] for name in ("count", "disclosures", "decoys", "root")},
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
