"""MIP bundles in and out of a cube, for the loader and the dumper.

A memory that a load of a foreign format made keeps its baggage in a bundle, and has it in the cube that the bundle is
loaded into: what came as Portable AI Memory can be given back as such from there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from memcube.interchange.carrier import carried_by, record_of
from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    PublicKey,
    SeqRange,
    Signer,
    open_bundle,
    verify,
)
from memcube.interchange.record import MAPPED, Attachment, Origin, Record
from memcube.interchange.report import Report
from memcube.interchange.steps import Listing
from memcube.interchange.strict_json import dumps
from memcube.model.item import Item

__all__ = ["MIP", "bundle_pieces", "write_bundle"]

MIP = "mip"


def bundle_pieces(path: Path, trusted: list[PublicKey], report: Report) -> Iterator[Record | Attachment | Item]:
    """The memories of a bundle, once all of it is verified: digests, signature, every leaf.

    Without trusted keys the bundle's own key is taken, and the report says whose that is: it is whole then, and nobody
    vouches for it. An ``Item`` is one that carries a load's baggage. Raises what ``mip.verify`` raises.
    """
    with open_bundle(path) as bundle:
        keys = trusted or [bundle.descriptor.key]
        found = verify(path, keys)
        report.digest = found.bundle
        report.documents.append(found.descriptor.cube.id)
        report.find("note" if trusted else "warning", path.name, f"is whole and signed by {found.key}")
        if not trusted:
            report.find("warning", path.name, "nobody vouches for that key: name those that you trust with --trust")
        for kind, count in found.layers.items():
            if "items" not in kind:
                report.kept[kind] += count
                report.find("note", path.name, f"{count} layers {kind} are not taken into the cube")
        for one in bundle.items():
            if one.withheld and not one.item.memory:
                report.find("note", one.item.id, "its text is redacted: there is nothing to take in")
                continue
            if carried_by(one.item) is not None:
                yield one.item
                continue
            origin = Origin(MIP, one.item.id, found.descriptor.cube.id)
            beside = {"sources": _sources(one.item), "version": one.item.version}
            beside |= {name: getattr(one.item, name) for name in ("merged_into", "superseded_by")}
            beside |= {"derived_from": list(one.item.derived_from), "extra": dict(one.extra)}
            rest = dumps({name: value for name, value in beside.items() if value})
            report.mapped.update(name for name in MAPPED if getattr(record_of(one.item, None), name))
            yield replace(record_of(one.item, None), origin=origin, rest=rest)


def _sources(item: Item) -> list[dict[str, Any]]:
    return [
        {"kind": one.kind, "id": one.id, "speaker": one.speaker, "role": one.role, "start": one.start, "end": one.end}
        for one in item.sources
    ]


def write_bundle(
    folder: Path, about: CubeAbout, signer: Signer, seq: int, epoch: int, report: Report
) -> Generator[Listing, Any, None]:
    """Write a bundle of a cube's memories into an empty folder, page by page, in bounded memory."""
    report.format = MIP
    descriptor = Descriptor(cube=about, epoch=max(1, epoch), seq=SeqRange.of(0, seq), generator="memcube")
    with BundleWriter(folder, descriptor, signer) as writer:
        token = ""
        while True:
            items, token = yield Listing(token)
            for item in items:
                writer.add(item)
                report.read += 1
                report.written += 1
            if not token:
                break
        report.digest = writer.finish().digest
