"""Whether a bundle is what a trusted key signed, whole, and newer than what is known; section 8 of MIP.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memcube.interchange.mip.bundle import Bundle, Redaction, open_bundle
from memcube.interchange.mip.compat import KvRecord, LoraRecord
from memcube.interchange.mip.descriptor import Descriptor
from memcube.interchange.mip.dsse import open_envelope
from memcube.interchange.mip.fields import RawItem, digest_of, item_of
from memcube.interchange.mip.keys import PublicKey
from memcube.interchange.mip.media import KV, LORA
from memcube.interchange.mip.tree import Gap, Tree, leaf_hash
from memcube.interchange.mip.writer import predicate_of
from memcube.model.errors import InvalidArgumentError, UntrustedError

__all__ = ["Known", "Report", "check_fresh", "placed", "verify", "verify_bundle"]


@dataclass(frozen=True, slots=True)
class Known:
    """The newest state of a cube that was taken in from one issuer: what an older one is refused against."""

    epoch: int
    seq: int
    bundle: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a bundle is that was found good. ``bundle`` is its digest.

    ``key`` signed it; ``origin_key`` signed what it was derived from, and is ``key`` otherwise. Of ``count`` leaves
    ``present`` are there. ``redacted`` fields have a certificate, ``withheld`` digests have neither value nor
    certificate: decoys, or fields that a selection left out where decoys hide how many there are.
    """

    bundle: str
    descriptor: Descriptor
    key: PublicKey
    origin_key: PublicKey
    count: int
    present: int
    disclosures: int
    redacted: int
    withheld: int
    deleted: int
    size_bytes: int
    layers: dict[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON: what ``memcube mip verify`` prints."""
        about = self.descriptor
        return {
            "bundle": self.bundle,
            "cube": about.cube.id,
            "epoch": about.epoch,
            "seq": {"from": about.seq.from_, "to": about.seq.to},
            "parent": about.parent,
            "created_at": about.created_at,
            "key": str(self.key),
            "origin_key": str(self.origin_key),
            "root": about.items.root,
            "count": self.count,
            "present": self.present,
            "disclosures": self.disclosures,
            "redacted": self.redacted,
            "withheld": self.withheld,
            "deleted": self.deleted,
            "size_bytes": self.size_bytes,
            "layers": self.layers,
        }


def verify(path: Path | str, trusted_keys: Iterable[PublicKey], *, known: Known | None = None) -> Report:
    """Check all of the bundle at ``path``: digests, signature, tree, every disclosure and certificate, order, counts.

    Raises NotFoundError, InvalidArgumentError("bundle.…"), TooLargeError, or UntrustedError: no trusted key signed
    it, or it is older than ``known``. One pass, memory for one chunk.
    """
    with open_bundle(path) as bundle:
        return verify_bundle(bundle, trusted_keys, known=known)


def verify_bundle(bundle: Bundle, trusted_keys: Iterable[PublicKey], *, known: Known | None = None) -> Report:
    """As ``verify``, of an open bundle whose digests were checked."""
    keys = list(trusted_keys)
    descriptor = bundle.descriptor
    key = _signed(bundle, keys)
    origin_key = _check_origin(bundle, keys) or key
    if known is not None:
        check_fresh(known, bundle.digest, descriptor.epoch, descriptor.seq.to, descriptor.parent)
    tally = _check_items(bundle)
    _check_counts(descriptor, tally)
    deleted = sum(1 for _ in bundle.deleted())
    if deleted != descriptor.deleted or (deleted and descriptor.parent is None):
        raise InvalidArgumentError("bundle.descriptor.deleted", f"is {descriptor.deleted}, there are {deleted}")
    bundle.policy()
    for record in bundle.records():
        if record.media_type == KV:
            KvRecord.read(record.record)
        elif record.media_type == LORA:
            LoraRecord.read(record.record)
    for _ in bundle.provenance():
        pass
    layers: dict[str, int] = {}
    for layer in bundle.manifest.layers:
        layers[layer.media_type] = layers.get(layer.media_type, 0) + 1
    return Report(
        bundle=bundle.digest,
        descriptor=descriptor,
        key=key,
        origin_key=origin_key,
        count=descriptor.items.count,
        present=tally.present,
        disclosures=tally.disclosed,
        redacted=tally.redacted,
        withheld=tally.withheld,
        deleted=deleted,
        size_bytes=bundle.size_bytes,
        layers=layers,
    )


def _signed(bundle: Bundle, keys: list[PublicKey]) -> PublicKey:
    what = "bundle.signature"
    if not bundle.envelopes:
        raise UntrustedError(what, "is missing: unsigned bundles are not accepted")
    failure: UntrustedError | None = None
    for envelope in bundle.envelopes:
        try:
            key, subject, said = open_envelope(envelope, keys, what)
        except UntrustedError as error:
            failure = error
            continue
        if subject != bundle.digest:
            raise UntrustedError(what, "is of another bundle")
        if said != predicate_of(bundle.descriptor, bundle.manifest.config):
            raise InvalidArgumentError(what, "says something else of the bundle than it does itself")
        if str(key) != bundle.descriptor.issuer:
            raise UntrustedError("bundle.descriptor.issuer", "is not who signed the bundle")
        return key
    assert failure is not None
    raise failure


def _check_origin(bundle: Bundle, keys: list[PublicKey]) -> PublicKey | None:
    """Who signed what a derived bundle was derived from; the tree, the cube and its state must be those of it."""
    envelope = bundle.origin()
    if envelope is None:
        return None
    key, _, said = open_envelope(envelope, keys, "bundle.origin")
    ours = predicate_of(bundle.descriptor, bundle.manifest.config)
    for name in ("mip", "cube", "epoch", "seq", "items"):
        if said.get(name) != ours[name]:
            raise InvalidArgumentError(f"bundle.origin.{name}", "is not that of the bundle derived from it")
    return key


def check_fresh(known: Known | None, digest: str, epoch: int, seq: int, parent: str | None) -> None:
    """Refuse an older state than is known, and a change of a state that is not the one known: UntrustedError.

    The same bundle once more is no older one.
    """
    if known is not None and digest == known.bundle:
        return
    if known is not None and (epoch < known.epoch or seq < known.seq):
        raise UntrustedError(
            "bundle",
            f"is of epoch {epoch}, event {seq}: older than epoch {known.epoch}, event {known.seq}, which is known",
        )
    if parent is not None and (known is None or parent != known.bundle):
        raise UntrustedError("bundle", f"is a change of {parent}, which is not the last that was taken in")


@dataclass(slots=True)
class _Tally:
    present: int = 0
    disclosed: int = 0
    redacted: int = 0
    withheld: int = 0
    gaps: int = 0
    root: str = ""
    count: int = 0


def placed(bundle: Bundle) -> Iterator[tuple[int, RawItem, dict[str, Any]] | Gap]:
    """The tree's leaves from the left: items with their places, and gaps in the places of others."""
    at = 0
    gaps = bundle.gaps()
    gap = next(gaps, None)
    for raw, header in bundle.raw_items():
        while gap is not None and gap[0] == at:
            yield gap
            at += gap[1]
            gap = next(gaps, None)
        yield at, raw, header
        at += 1
    while gap is not None:
        yield gap
        at += gap[1]
        gap = next(gaps, None)


def _check_items(bundle: Bundle) -> _Tally:
    tree, tally = Tree(), _Tally()
    redactions = bundle.redactions()
    redaction = next(redactions, None)
    for place in placed(bundle):
        if not isinstance(place[1], RawItem):
            tree.gap(*place)
            tally.gaps += 1
            continue
        at, raw, header = place
        leaf = leaf_hash(raw.header)
        tree.add(leaf)
        certified: set[str] = set()
        while redaction is not None and redaction.at == at:
            _check_redaction(redaction, leaf, raw, header, certified)
            certified.add(redaction.field)
            redaction = next(redactions, None)
        left = item_of(raw, header).withheld
        tally.present += 1
        tally.disclosed += len(raw.disclosures)
        tally.redacted += len(certified)
        tally.withheld += len(left) - len(certified)
    if redaction is not None:
        raise InvalidArgumentError(
            "bundle.redactions", f"are of leaf {redaction.at}, which is not there, or in no order"
        )
    tally.root, tally.count = tree.root, tree.size
    return tally


def _check_redaction(redaction: Redaction, leaf: bytes, raw: RawItem, header: dict[str, Any], before: set[str]) -> None:
    what = "bundle.redactions"
    if redaction.leaf != leaf.hex():
        raise InvalidArgumentError(what, f"name another leaf at {redaction.at} than there is")
    if redaction.field not in header["_sd"] or redaction.field in before:
        raise InvalidArgumentError(what, f"name a field of leaf {redaction.at} that it does not have, or one twice")
    if redaction.field in map(digest_of, raw.disclosures):
        raise InvalidArgumentError(what, f"name a field of leaf {redaction.at} that is there")


def _check_counts(descriptor: Descriptor, tally: _Tally) -> None:
    items, derived = descriptor.items, descriptor.derived
    if tally.root != items.root or tally.count != items.count:
        raise InvalidArgumentError("bundle.descriptor.items.root", "is not the root of the tree over the items")
    if tally.present != items.present:
        raise InvalidArgumentError("bundle.descriptor.items.present", f"is {items.present}, there are {tally.present}")
    if (derived.redactions if derived else 0) != tally.redacted:
        raise InvalidArgumentError("bundle.redactions", f"are {tally.redacted}, not as many as the descriptor says")
    if (derived is not None and derived.gaps) is not (tally.gaps > 0):
        raise InvalidArgumentError("bundle.gaps", "are not as the descriptor says")
    if not items.decoys and tally.withheld:
        raise InvalidArgumentError("bundle.item", f"lacks {tally.withheld} fields without a certificate")
    if not tally.gaps and tally.disclosed + tally.redacted != items.disclosures:
        raise InvalidArgumentError(
            "bundle.descriptor.items.disclosures",
            f"are {items.disclosures}; there are {tally.disclosed}, and certificates for {tally.redacted}",
        )
