"""Makes the golden vectors of MIP: ``python benchmarks/interchange_golden.py protos/golden/mip``.

Bundles that a reader must accept, with what it must find in them, and bundles that it must refuse; and the hashes and
encodings on which all of that rests. Everything is fixed (keys, times, salts), so that making them again makes the
same bytes: a test does.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from interchange_bundles import BEGAN, CUBE, assemble, item, items, parts_of
from interchange_forgeries import REDACTED, SELECTED
from interchange_payloads import payloads

from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    KvRecord,
    LoraRecord,
    SeqRange,
    Signer,
    Tensor,
    convert,
    derive,
    open_bundle,
    provenance_of,
    tensors_bytes,
    verify,
)
from memcube.interchange.mip.dsse import pae
from memcube.interchange.mip.fields import digest_of
from memcube.interchange.mip.tree import Tree, leaf_hash, proof_of
from memcube.model.item import Item

__all__ = ["make"]

TIME = "2026-03-01T12:00:00Z"
ORIGIN, REDACTOR, STRANGER = (Signer.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
KEYS = [ORIGIN.public, REDACTOR.public]
FORGED = ("drop_field", "change_header", "certify_present", "own_root", "claim_whole")
HOSTILE = (
    "ids in no order", "an id twice", "a name twice", "not a number", "deep lists", "half a character",
    "a number of 5000 digits", "a critical member that nobody knows", "a critical name that nobody knows",
    "a version to come", "a time without a zone", "a digest that climbs", "a layer that is not there",
    "a pickle for tensors", "tensors that overlap", "bytes behind the tensors", "an index with a name twice",
    "an index with more behind it",
)  # fmt: skip
ARCHIVES = ("an entry that climbs", "an entry that is a link", "an entry twice", "an archive with more behind it")


def _write(
    folder: Path, memories: list[Item], *, parent: str | None = None, seq: int = 12, decoys: int = 0, rest: bool = False
) -> Path:
    about = CubeAbout(id=CUBE, description="What Alice lived through", config={"language": "en"})
    descriptor = Descriptor(
        cube=about, epoch=3, seq=SeqRange.of(0, seq), parent=parent, created_at=TIME, generator="golden vectors",
        **({"x.weather": {"tomorrow": "rain"}} if rest else {}),
    )  # fmt: skip
    with BundleWriter(
        folder, descriptor, ORIGIN, decoys=decoys, annotations={"x.note": "kept"} if rest else None
    ) as writer:
        for memory in memories:
            odd = rest and memory.id.endswith("3")
            writer.add(memory, {"x.colour": ["red", {"deep": 1}]} if odd else None, {"x.level": 2} if odd else None)
        if parent:
            writer.delete("m-00000007", 1)
        if rest:
            for document in provenance_of(memories, "golden vectors", "export", TIME):
                writer.provenance(document)
            writer.policy('permit(principal, action == Action::"search", resource);\n')
            tensors = tensors_bytes({"k": Tensor("F16", (2, 2, 3, 4), bytes(range(96)))}, {"format": "pt"})
            vectors = Tensor("F32", (len(memories), 2), bytes(8 * len(memories)))
            record = {"model": "tiny", "revision": "sha256:" + "0" * 64, "metric": "cosine", "normalised": True}
            writer.vectors(record, [memory.id for memory in memories], vectors)
            writer.kv(KvRecord(weights_digest="sha256:" + "1" * 64, dtype="F16", n_layers=2, n_tokens=3), tensors)
            writer.lora(LoraRecord(weights_digest="sha256:" + "1" * 64, r=2, target_modules=("q",)), tensors)
            writer.layer(b"\x00\x01 nobody here knows this", "application/vnd.example.thing.v7+octets")
        writer.finish()
    return folder


def _good(work: Path) -> dict[str, Path]:
    memories = list(items(12))
    found = {"whole": _write(work / "whole", memories, rest=True)}
    found["empty"] = _write(work / "empty", [], seq=0)
    found["decoys"] = _write(work / "decoys", memories[:3], decoys=8, seq=3)
    with open_bundle(found["whole"]) as whole:
        changed = [item(2, 2), item(12)]
        found["delta"] = _write(work / "delta", changed, parent=whole.digest, seq=15)
        redacted = work / "redacted"
        derive(
            whole, redacted, REDACTOR, reason="asked for by Alice", by="privacy@example.org", time=TIME,
            drop=lambda one: frozenset({"memory", "info"}) if int(one.item.id[-2:]) % 4 == 0 else frozenset(),
        )  # fmt: skip
        selection = work / "selection"
        derive(whole, selection, REDACTOR, keep=lambda one: int(one.item.id[-2:]) in (1, 2, 7, 11), time=TIME)
    both = work / "redacted-selection"
    with open_bundle(redacted) as first:
        derive(
            first, both, REDACTOR, keep=lambda one: int(one.item.id[-2:]) in (0, 3, 8), time=TIME, reason="again",
            drop=lambda one: frozenset({"sources"}),
        )  # fmt: skip
    return {**found, "redacted": redacted, "selection": selection, "redacted-selection": both}


def _refused(work: Path, good: dict[str, Path]) -> dict[str, tuple[Path, str]]:
    small = _write(work / "small", list(items(3)), seq=3)
    made: dict[str, tuple[Path, str]] = {}
    for name, changes in (("redacted", REDACTED), ("selection", SELECTED)):
        for change in changes:
            said = change.__name__.strip("_")
            if said in FORGED and (name == "redacted" or said == "drop_field"):
                parts = parts_of(good[name])
                change(parts, Random(7))
                made[f"{name}-{said.replace('_', '-')}"] = (assemble(work / f"f-{name}-{said}", REDACTOR, parts), said)
    makers = payloads(small, ORIGIN)
    for number, name in enumerate((*HOSTILE, *ARCHIVES)):
        made[name.replace(" ", "-")] = (makers[name](work / f"p{number}"), name)
    made["by-a-stranger"] = (assemble(work / "stranger", STRANGER, parts_of(small)), "the key is not trusted")
    other = assemble(work / "other", ORIGIN, parts_of(small), subject="sha256:" + "0" * 64)
    made["signature-of-another"] = (other, "the signature is about another bundle")
    made["unsigned"] = (_changed(small, work / "unsigned", _unsign), "no signature")
    made["one-bit"] = (_changed(small, work / "one-bit", _flip), "a bit of the items is another")
    made["cut"] = (_changed(small, work / "cut", _cut), "a byte of the items is missing")
    return made


def _changed(source: Path, target: Path, change: Callable[[Path], None]) -> Path:
    shutil.copytree(source, target)
    change(target)
    return target


def _unsign(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_bytes())
    index["manifests"] = index["manifests"][:1]
    (folder / "index.json").write_bytes(json.dumps(index, separators=(",", ":")).encode())


def _items_blob(folder: Path) -> Path:
    with open_bundle(folder) as bundle:
        return folder / "blobs/sha256" / bundle.manifest.layers[0].hex


def _flip(folder: Path) -> None:
    path = _items_blob(folder)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))


def _cut(folder: Path) -> None:
    path = _items_blob(folder)
    path.write_bytes(path.read_bytes()[:-1])


def _tar(folder: Path, target: Path) -> None:
    """The folder as it is, sound or not, as a tar file."""
    from memcube.interchange.mip.blobs import _header

    names = [
        "oci-layout",
        "index.json",
        *sorted(f"blobs/sha256/{path.name}" for path in (folder / "blobs/sha256").iterdir()),
    ]
    with open(target, "wb") as file:
        for name in names:
            data = (folder / name).read_bytes()
            file.write(_header(name, len(data)) + data + bytes(-len(data) % 512))
        file.write(bytes(1024))


def _primitives() -> dict[str, Any]:
    leaves = [leaf_hash(str(number).encode()) for number in range(11)]

    def root(count: int) -> str:
        tree = Tree()
        for leaf in leaves[:count]:
            tree.add(leaf)
        return tree.root

    disclosure = '["2GLC42sKQveCfGfryNRN9w","memory","Alice likes \u8336 \U0001f375"]'
    return {
        "pae": {
            "type": "application/vnd.in-toto+json",
            "payload": "hello",
            "hex": pae("application/vnd.in-toto+json", b"hello").hex(),
        },
        "leaves": "leaf n is the header whose bytes are the decimal digits of n",
        "leaf_0": leaves[0].hex(),
        "roots": {str(count): root(count) for count in range(12)},
        "proofs": [
            {"index": at, "size": 11, "proof": [step.hex() for step in proof_of(leaves, at)]} for at in (0, 5, 8, 10)
        ],
        "disclosure": {"line": disclosure, "digest": digest_of(disclosure.encode())},
        "keys": {
            str(signer.public): {
                "id": signer.public.key_id,
                "signature_of_hello": base64.b64encode(signer.sign(b"hello")).decode(),
            }
            for signer in (ORIGIN, REDACTOR, STRANGER)
        },
    }


def make(target: Path) -> None:
    """Write all vectors into a folder that has none."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        good = _good(work)
        bundles: list[dict[str, Any]] = []
        for name, folder in good.items():
            convert(folder, target / f"{name}.tar")
            report = verify(folder, KEYS).plain()
            del report["layers"], report["size_bytes"]
            with open_bundle(folder) as bundle:
                texts = {one.item.id: one.item.memory for one in bundle.items()}
            bundles.append({"file": f"{name}.tar", "good": True, "report": report, "memories": texts})
        for name, (path, why) in _refused(work, good).items():
            if path.is_dir():
                _tar(path, target / f"bad-{name}.tar")
            else:
                shutil.copy(path, target / f"bad-{name}.tar")
            bundles.append({"file": f"bad-{name}.tar", "good": False, "why": why})
        known = {"epoch": 3, "seq": 13, "bundle": "sha256:" + "0" * 64}
        bundles.append({"file": "whole.tar", "good": False, "why": "older than what is known", "known": known})
        bundles.append(
            {"file": "delta.tar", "good": False, "why": "a change of another state", "known": {**known, "seq": 12}}
        )
    document = {
        "mip": "1.0",
        "began": BEGAN.isoformat(),
        "trusted": list(map(str, KEYS)),
        "bundles": bundles,
        "primitives": _primitives(),
    }
    (target / "vectors.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
