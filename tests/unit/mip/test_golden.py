"""The golden vectors are what MIP.md says, and what this code makes."""

from __future__ import annotations

import base64
import contextlib
import filecmp
import json
from pathlib import Path
from typing import Any

import pytest
from interchange_golden import make

from memcube.interchange.mip import Known, PublicKey, open_bundle, verify
from memcube.interchange.mip.dsse import pae
from memcube.interchange.mip.fields import digest_of
from memcube.interchange.mip.tree import Tree, leaf_hash, root_of_proof
from memcube.model.errors import InvalidArgumentError, MemCubeError

GOLDEN = Path(__file__).resolve().parents[3] / "protos" / "golden" / "mip"
VECTORS: dict[str, Any] = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", VECTORS["bundles"], ids=lambda case: case["file"] + case.get("why", ""))
def test_bundles_are_accepted_or_refused(case: dict[str, Any]) -> None:
    """As the vectors say, with all that they say of the good ones."""
    keys = [PublicKey.parse(key) for key in VECTORS["trusted"]]
    known = Known(**case["known"]) if "known" in case else None
    if not case["good"]:
        with pytest.raises(MemCubeError):
            verify(GOLDEN / case["file"], keys, known=known)
        return
    report = verify(GOLDEN / case["file"], keys).plain()
    assert case["report"].items() <= report.items()
    with open_bundle(GOLDEN / case["file"]) as bundle:
        assert {one.item.id: one.item.memory for one in bundle.items()} == case["memories"]


def test_the_vectors_are_what_this_code_makes(tmp_path: Path) -> None:
    """Made again, byte for byte: a change of the format shows here, and needs a new version."""
    make(tmp_path)
    names = sorted(path.name for path in GOLDEN.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    _, differ, wrong = filecmp.cmpfiles(GOLDEN, tmp_path, names, shallow=False)
    assert (differ, wrong) == ([], [])


def test_hashes_and_encodings() -> None:
    """Leaf, roots, inclusion proofs, disclosure, pre-authentication encoding, keys."""
    facts = VECTORS["primitives"]
    leaves = [leaf_hash(str(number).encode()) for number in range(11)]
    assert leaves[0].hex() == facts["leaf_0"]
    for count, root in facts["roots"].items():
        tree = Tree()
        for leaf in leaves[: int(count)]:
            tree.add(leaf)
        assert tree.root == root
    for one in facts["proofs"]:
        steps = [bytes.fromhex(step) for step in one["proof"]]
        assert root_of_proof(leaves[one["index"]], one["index"], 11, steps) == facts["roots"]["11"]
        for wrong in (steps[:-1], [*steps, steps[0]], steps[::-1]):
            with contextlib.suppress(InvalidArgumentError):
                assert root_of_proof(leaves[one["index"]], one["index"], 11, wrong) != facts["roots"]["11"]
    assert digest_of(facts["disclosure"]["line"].encode()) == facts["disclosure"]["digest"]
    assert pae(facts["pae"]["type"], facts["pae"]["payload"].encode()).hex() == facts["pae"]["hex"]
    for text, said in facts["keys"].items():
        key = PublicKey.parse(text)
        assert key.key_id == said["id"]
        assert key.verifies(base64.b64decode(said["signature_of_hello"]), b"hello")
        assert not key.verifies(base64.b64decode(said["signature_of_hello"]), b"hallo")
