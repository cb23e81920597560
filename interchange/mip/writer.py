"""Writing a bundle: items in any number and any order, in bounded memory; section 3 of MIP.md.

with BundleWriter(folder, Descriptor(cube=CubeAbout(id="user:alice")), signer) as writer:
    for item in items:
        writer.add(item)
    manifest = writer.finish()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memcube.interchange.mip.blobs import BlobSource, FileSource, FolderTarget
from memcube.interchange.mip.chunks import chunks_of_items, chunks_of_lines
from memcube.interchange.mip.compat import KvRecord, LoraRecord
from memcube.interchange.mip.descriptor import Descriptor, ItemsAbout, SeqRange
from memcube.interchange.mip.dsse import seal, statement
from memcube.interchange.mip.fields import RawItem, raw_of
from memcube.interchange.mip.keys import Signer
from memcube.interchange.mip.limits import JSON_BYTES, LINE_BYTES
from memcube.interchange.mip.manifest import EMPTY_BLOB, Blob, Manifest, index_of, signature_manifest
from memcube.interchange.mip.media import (
    DELETED,
    DESCRIPTOR,
    EMPTY,
    ENVELOPE,
    ITEMS,
    KV,
    KV_TENSORS,
    LORA,
    LORA_TENSORS,
    OCI_MANIFEST,
    POLICY,
    PROVENANCE,
    VECTOR_TENSORS,
    VECTORS,
)
from memcube.interchange.mip.runs import Runs
from memcube.interchange.mip.strict import dumps
from memcube.interchange.mip.tensors import Tensor, tensors_bytes
from memcube.interchange.mip.tree import Tree, leaf_hash
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import Item

__all__ = ["BundleWriter"]


class BundleWriter:
    """Makes one signed bundle in an empty or missing folder. Used by one thread.

    What it is given is in the folder when ``finish`` has returned, and is no bundle before. Raises AlreadyExistsError
    where the folder has files, InvalidArgumentError and TooLargeError for what no bundle takes; every ``OSError`` of
    the disk passes. ``decoys`` fills the digests of each header up to a multiple of so many. ``replacing``: an item
    added later takes the place of one with its id, which is refused otherwise.
    """

    def __init__(
        self,
        folder: Path | str,
        descriptor: Descriptor,
        signer: Signer,
        *,
        decoys: int = 0,
        replacing: bool = False,
        annotations: Mapping[str, str] | None = None,
        manifest_extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = FolderTarget(Path(folder))
        self._descriptor = descriptor
        self._signer = signer
        self._decoys = decoys
        self._annotations = annotations or {}
        self._manifest_extra = manifest_extra or {}
        self._runs = Runs(str(self._target.path), replacing=replacing)
        self._deleted: list[bytes] = []
        self._forgotten: set[str] = set()
        self._layers: list[Blob] = []
        self._policy: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runs.close()

    def at(self, epoch: int, seq: int) -> None:
        """The state that the items are of, where it was not known before they were read."""
        range_ = SeqRange.of(self._descriptor.seq.from_, seq)
        self._descriptor = self._descriptor.model_copy(update={"epoch": epoch, "seq": range_})

    @property
    def path(self) -> Path:
        """The bundle's folder."""
        return self._target.path

    @property
    def written_bytes(self) -> int:
        """Bytes of all files so far."""
        return self._target.written_bytes

    def add(
        self, item: Item, extra: Mapping[str, Any] | None = None, header_extra: Mapping[str, Any] | None = None
    ) -> None:
        """Take in a memory. ``extra`` are fields beside its own that are kept for who knows them, ``header_extra``
        such members of its header (not withheld with its text: nothing personal)."""
        self.add_raw(raw_of(item, self._signer.salt_seed, extra, header_extra, self._decoys))

    def add_raw(self, raw: RawItem) -> None:
        """Take in a memory of another bundle as it is, byte for byte."""
        self._runs.add(raw)

    def forget(self, item_ids: Iterable[str]) -> None:
        """Leave these out though they were, or will be, added."""
        self._forgotten.update(item_ids)

    def delete(self, item_id: str, version: int) -> None:
        """In a delta: this memory was deleted since the parent, its last version was this one."""
        self._deleted.append(dumps({"id": item_id, "version": version}))

    def provenance(self, document: Mapping[str, Any]) -> None:
        """A W3C PROV-JSON document (see ``prov.py``); may be called several times."""
        self.layer(dumps(document), PROVENANCE)

    def policy(self, text: str) -> None:
        """The policy under which it is given away: Cedar, as text. At most one."""
        if self._policy is not None:
            raise InvalidArgumentError("policy", "was given already")
        self._policy = self.layer(text.encode(), POLICY).digest

    def vectors(self, record: Mapping[str, Any], ids: Sequence[str], vectors: Tensor) -> None:
        """Vectors of memories: row i of ``vectors`` (2 dimensions) is that of ``ids[i]``.

        ``record`` names the model by what it is: ``model``, ``revision`` (digest of its weights), ``metric``
        ("cosine", "dot", "euclidean"), ``normalised``. A few thousand rows a call: the record is read whole.
        """
        if len(vectors.shape) != 2 or vectors.shape[0] != len(ids):
            raise InvalidArgumentError("vectors", f"of shape {vectors.shape} are not those of {len(ids)} memories")
        tensors = self.layer(tensors_bytes({"vectors": vectors}), VECTOR_TENSORS)
        document = {**record, "dim": vectors.shape[1], "ids": list(ids), "tensors": tensors.digest}
        self.layer(dumps(document), VECTORS)

    def kv(self, record: KvRecord, tensors: bytes | Iterable[bytes]) -> None:
        """A KV block: its compatibility record, and its safetensors file whole or in steps."""
        self._tensors(record.plain(), tensors, KV, KV_TENSORS)

    def lora(self, record: LoraRecord, tensors: bytes | Iterable[bytes]) -> None:
        """A LoRA adapter, as ``kv``."""
        self._tensors(record.plain(), tensors, LORA, LORA_TENSORS)

    def _tensors(self, record: dict[str, Any], tensors: bytes | Iterable[bytes], kind: str, inside: str) -> None:
        steps = iter([tensors]) if isinstance(tensors, bytes) else iter(tensors)
        blob = self._target.put_steps(steps, inside)
        self._layers.append(blob)
        self.layer(dumps({**record, "tensors": blob.digest}), kind)

    def layer(self, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Blob:
        """A layer as it is: of a kind that has no method here, or of one that nobody here knows."""
        if media_type.endswith("+json") and len(data) > JSON_BYTES:
            raise TooLargeError("layer", len(data), JSON_BYTES)
        self._layers.append(self._target.put(data, media_type, annotations))
        return self._layers[-1]

    def copy_layer(self, source: BlobSource, blob: Blob) -> None:
        """A layer of another bundle, byte for byte."""
        if blob.media_type == POLICY:
            self._policy = blob.digest
        self._layers.append(self._target.copy(source, blob))

    def copy_file(self, path: Path, blob: Blob) -> None:
        """A layer that lies in a file of its own; InvalidArgumentError where it is not what ``blob`` names."""
        self.copy_layer(FileSource(path), blob)

    def finish(self) -> Blob:
        """Write what is left, sign it, and make the folder a bundle; its manifest's digest is the bundle's name."""
        tree = Tree()
        counts = {"disclosures": 0}
        layers = [self._target.put(chunk, ITEMS) for chunk in chunks_of_items(self._counted(tree, counts))]
        about = ItemsAbout(
            count=tree.size,
            present=tree.size,
            disclosures=counts["disclosures"],
            decoys=self._decoys,
            root=tree.root,
        )
        return self.seal_layers(layers, {"items": about})

    def _counted(self, tree: Tree, counts: dict[str, int]) -> Iterator[RawItem]:
        for raw in self._runs:
            if raw.id in self._forgotten:
                continue
            tree.add(leaf_hash(raw.header))
            counts["disclosures"] += len(raw.disclosures)
            yield raw

    def seal_layers(self, layers: list[Blob], counted: dict[str, Any]) -> Blob:
        """As ``finish``, with layers of items that are written already: for ``derive``."""
        deleted = sorted(self._deleted)
        layers += [self._target.put(chunk, DELETED) for chunk in chunks_of_lines(deleted)]
        layers += self._layers
        if any(len(line) > LINE_BYTES for line in deleted):
            raise TooLargeError("deleted", LINE_BYTES + 1, LINE_BYTES)
        counted |= {"deleted": len(deleted), "policy": self._policy}
        descriptor = self._descriptor.filled(self._signer.public, **counted)
        config = self._target.put(descriptor.encoded(), DESCRIPTOR)
        manifest = Manifest(config, tuple(layers), self._annotations, self._manifest_extra).encoded()
        bundle = self._target.put(manifest, OCI_MANIFEST)
        envelope = seal(statement(bundle.digest, predicate_of(descriptor, config)), self._signer)
        self._target.put(EMPTY_BLOB, EMPTY)
        signature = self._target.put(signature_manifest(bundle, self._target.put(envelope, ENVELOPE)), OCI_MANIFEST)
        self._target.finish(index_of(bundle, [signature]))
        self._runs.close()
        return bundle


def predicate_of(descriptor: Descriptor, config: Blob) -> dict[str, Any]:
    """What a signature says of a bundle besides its digest: enough to hold a redacted one against it later."""
    items = descriptor.items
    return {
        "mip": descriptor.mip,
        "descriptor": config.digest,
        "cube": descriptor.cube.id,
        "epoch": descriptor.epoch,
        "seq": {"from": descriptor.seq.from_, "to": descriptor.seq.to},
        "parent": descriptor.parent,
        "items": {
            "count": items.count,
            "disclosures": items.disclosures,
            "decoys": items.decoys,
            "root": items.root,
        },
    }
