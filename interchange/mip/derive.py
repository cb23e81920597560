"""Giving away less than was signed, and proving it: redaction and selection; section 9 of MIP.md.

What is left keeps the bytes that were signed. A field that is dropped leaves its digest and a certificate; an item
that is left out leaves the hashes of the subtrees that it was in. Whoever has the result comes to the same signed root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from memcube.interchange.mip.bundle import Bundle, Redaction
from memcube.interchange.mip.chunks import chunks_of_items, chunks_of_lines
from memcube.interchange.mip.descriptor import Derived, Descriptor, ItemsAbout
from memcube.interchange.mip.fields import BundleItem, RawItem, digest_of, item_of
from memcube.interchange.mip.keys import Signer
from memcube.interchange.mip.manifest import Blob
from memcube.interchange.mip.media import GAPS, ITEMS, ORIGIN, POLICY, REDACTIONS
from memcube.interchange.mip.strict import dumps, loads
from memcube.interchange.mip.tree import Tree, leaf_hash
from memcube.interchange.mip.verify import placed
from memcube.interchange.mip.writer import BundleWriter
from memcube.model.errors import InvalidArgumentError
from memcube.model.times import rfc3339, utc_now

__all__ = ["derive"]

Keep = Callable[[BundleItem], bool]
Drop = Callable[[BundleItem], frozenset[str]]


def derive(
    bundle: Bundle,
    folder: Path | str,
    signer: Signer,
    *,
    keep: Keep | None = None,
    drop: Drop | None = None,
    reason: str = "",
    by: str = "",
    time: str = "",
) -> Blob:
    """Write what ``keep`` says of the items (None: all), without the fields that ``drop`` names of each.

    ``reason``, ``by`` and ``time`` (RFC 3339; now) stand in the certificates. The caller has verified ``bundle``. Vectors, KV blocks, adapters, provenance and layers that are not known are
    left out: they may tell what was dropped. Raises InvalidArgumentError for a delta, which has to be applied first,
    and what ``BundleWriter`` raises.
    """
    about = bundle.descriptor
    if about.parent is not None:
        raise InvalidArgumentError("bundle", "is a change of another bundle: nothing can be left out of it")
    origin = bundle.origin() or bundle.envelopes[0]
    time = time or rfc3339(utc_now())
    work = _Work(bundle, keep, drop, reason, by, time)
    descriptor = Descriptor(
        cube=about.cube,
        epoch=about.epoch,
        seq=about.seq,
        created_at=time,
        generator=about.generator,
        critical=("derived",),
        **(about.model_extra or {}),
    )
    with BundleWriter(folder, descriptor, signer) as writer:
        layers = [writer.layer(chunk, ITEMS) for chunk in chunks_of_items(work.items())]
        layers += [writer.layer(chunk, GAPS) for chunk in chunks_of_lines(work.gaps)]
        layers += [writer.layer(chunk, REDACTIONS) for chunk in chunks_of_lines(work.redactions)]
        blob = writer.layer(origin, ORIGIN)
        for layer in bundle.layers(POLICY):
            writer.copy_layer(bundle.source, layer)
        derived = Derived(
            kind="selection" if work.gaps else "redaction",
            origin=blob.digest,
            gaps=bool(work.gaps),
            redactions=len(work.redactions),
        )
        items = ItemsAbout(
            count=about.items.count,
            present=work.present,
            disclosures=about.items.disclosures,
            decoys=about.items.decoys,
            root=about.items.root,
        )
        # They were written by ``layer``, and so are among the writer's layers already.
        return writer.seal_layers([], {"items": items, "derived": derived})


class _Work:
    """One pass over the bundle: yields what is left, gathers what tells of the rest."""

    def __init__(self, bundle: Bundle, keep: Keep | None, drop: Drop | None, reason: str, by: str, time: str) -> None:
        self._bundle, self._keep, self._drop = bundle, keep, drop
        self._reason, self._by, self._time = reason, by, time
        self.gaps: list[bytes] = []
        self.redactions: list[bytes] = []
        self.present = 0

    def items(self) -> Iterator[RawItem]:
        """What is left."""
        missing: Tree | None = None
        earlier = self._bundle.redactions()
        redaction = next(earlier, None)
        for place in placed(self._bundle):
            if not isinstance(place[1], RawItem):
                missing = missing or Tree(place[0])
                missing.gap(*place)
                continue
            at, raw, header = place
            item = item_of(raw, header, self._bundle.descriptor.cube.id)
            kept = self._keep is None or self._keep(item)
            while redaction is not None and redaction.at == at:
                if kept:
                    self.redactions.append(dumps(redaction.plain()))
                redaction = next(earlier, None)
            if not kept:
                missing = missing or Tree(at)
                missing.add(leaf_hash(raw.header))
                continue
            self._note_gap(missing)
            missing = None
            self.present += 1
            yield self._redacted(at, raw, self._drop(item)) if self._drop is not None else raw
        self._note_gap(missing)

    def _note_gap(self, missing: Tree | None) -> None:
        for at, size, digest in missing.subtrees() if missing is not None else ():
            self.gaps.append(dumps({"at": at, "size": size, "hash": digest.hex()}))

    def _redacted(self, at: int, raw: RawItem, fields: frozenset[str]) -> RawItem:
        if not fields:
            return raw
        left = []
        leaf = leaf_hash(raw.header).hex()
        for line in raw.disclosures:
            if loads(line, "bundle.item")[1] in fields:
                gone = Redaction(at, leaf, digest_of(line), self._reason, self._by, self._time)
                self.redactions.append(dumps(gone.plain()))
            else:
                left.append(line)
        return RawItem(raw.id, raw.header, tuple(left))
