"""What changed between two states of a cube as a bundle of its own, and the later state made from it; section 9.

Both walk along two bundles in the order of ids, and hold one chunk of each in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcube.interchange.mip.bundle import Bundle
from memcube.interchange.mip.descriptor import Descriptor, SeqRange
from memcube.interchange.mip.fields import RawItem
from memcube.interchange.mip.keys import Signer
from memcube.interchange.mip.manifest import Blob
from memcube.interchange.mip.media import DELETED, GAPS, ITEMS, ORIGIN, REDACTIONS
from memcube.interchange.mip.writer import BundleWriter
from memcube.model.errors import InvalidArgumentError

__all__ = ["apply_delta", "write_delta"]

_OWN = frozenset({ITEMS, DELETED, GAPS, REDACTIONS, ORIGIN})


def write_delta(parent: Bundle, child: Bundle, folder: Path | str, signer: Signer) -> Blob:
    """A bundle of what ``child`` has other than ``parent``: items whose headers differ, ids that are gone, layers that
    are new. The caller has verified both; they are whole states of one cube."""
    _check_whole(parent, child)
    about = child.descriptor
    descriptor = _continued(about, seq=SeqRange.of(parent.descriptor.seq.to, about.seq.to), parent=parent.digest)
    with BundleWriter(folder, descriptor, signer) as writer:
        for old, new in _side_by_side(parent, child):
            if new is None and old is not None:
                writer.delete(old[0].id, old[1]["version"])
            elif new is not None and (old is None or old[0].header != new[0].header):
                writer.add_raw(new[0])
        had = {layer.digest for layer in parent.manifest.layers}
        for layer in child.manifest.layers:
            if layer.media_type not in _OWN and layer.digest not in had:
                writer.copy_layer(child.source, layer)
        return writer.finish()


def apply_delta(parent: Bundle, delta: Bundle, folder: Path | str, signer: Signer) -> Blob:
    """The state after ``delta`` as a whole bundle, signed by whoever makes it. The caller has verified both.

    Raises InvalidArgumentError("bundle.descriptor.parent") where the delta is not one of this parent.
    """
    if delta.descriptor.parent != parent.digest:
        raise InvalidArgumentError("bundle.descriptor.parent", f"is not {parent.digest}")
    deleted = dict(delta.deleted())
    about = delta.descriptor
    descriptor = _continued(about, seq=SeqRange.of(parent.descriptor.seq.from_, about.seq.to), parent=None)
    with BundleWriter(folder, descriptor, signer) as writer:
        for old, new in _side_by_side(parent, delta):
            if new is not None:
                writer.add_raw(new[0])
            elif old is not None and old[0].id not in deleted:
                writer.add_raw(old[0])
        layers = {layer.digest: (bundle, layer) for bundle in (parent, delta) for layer in bundle.manifest.layers}
        for bundle, layer in layers.values():
            if layer.media_type not in _OWN:
                writer.copy_layer(bundle.source, layer)
        return writer.finish()


def _check_whole(*bundles: Bundle) -> None:
    first = bundles[0].descriptor.cube.id
    for bundle in bundles:
        about = bundle.descriptor
        if about.parent is not None or about.derived is not None or about.cube.id != first:
            raise InvalidArgumentError("bundle", "is not a whole state of the cube")


def _continued(about: Descriptor, **changed: Any) -> Descriptor:
    """A descriptor as another one, of its cube and state; what the writer counts it fills in."""
    plain = about.model_dump(exclude={"issuer", "items", "deleted", "policy", "derived", "created_at", "seq", "parent"})
    return Descriptor(**{**plain, "cube": about.cube, **changed})


Placed = tuple[RawItem, dict[str, Any]]


def _side_by_side(one: Bundle, other: Bundle) -> Iterator[tuple[Placed | None, Placed | None]]:
    """The items of both by their ids: pairs, None where one of them has no such item."""
    left, right = one.raw_items(), other.raw_items()
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0].id.encode() < b[0].id.encode()):
            yield a, None
            a = next(left, None)
        elif a is None or b[0].id.encode() < a[0].id.encode():
            yield None, b
            b = next(right, None)
        else:
            yield a, b
            a, b = next(left, None), next(right, None)
