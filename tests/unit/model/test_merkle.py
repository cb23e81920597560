"""The tree of RFC 9162 against its definition, written down as it stands there."""

from __future__ import annotations

import hashlib
import random

import pytest

from memcube.model.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)


def definition(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, by recursion."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\1" + definition(entries[:k]) + definition(entries[k:])).digest()


class Tree:
    """A tree whose nodes are all kept."""

    def __init__(self, entries: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontier = Frontier()
        for entry in entries:
            self.nodes.update({(level, at): value for level, at, value in self.frontier.append(leaf_hash(entry))})

    def node(self, level: int, index: int) -> bytes:
        """A complete subtree's hash."""
        return self.nodes[level, index]


ENTRIES = [b"entry %d" % number for number in range(70)]
TREE = Tree(ENTRIES)


def test_roots_are_those_of_the_definition() -> None:
    """At every size, from the edge and from the nodes alike; a tree goes on from its nodes."""
    assert EMPTY_ROOT == definition([]) == Frontier().root
    growing = Frontier()
    for size in range(1, len(ENTRIES) + 1):
        growing.append(leaf_hash(ENTRIES[size - 1]))
        wanted = definition(ENTRIES[:size])
        assert growing.root == root_of(size, TREE.node) == Frontier(size, TREE.node).root == wanted


@pytest.mark.parametrize("size", [*range(1, 20), 63, 64, 65, 70])
def test_every_entry_is_proven_and_no_other(size: int) -> None:
    """A path proves its leaf at its place only, with its own hashes only."""
    root = definition(ENTRIES[:size])
    rng = random.Random(size)
    for index in range(size):
        path = inclusion_path(index, size, TREE.node)
        assert verify_inclusion(leaf_hash(ENTRIES[index]), index, size, path, root)
        assert not verify_inclusion(leaf_hash(b"other"), index, size, path, root)
        other = rng.randrange(70)
        if other != index:
            assert not verify_inclusion(leaf_hash(ENTRIES[index]), other, size, path, root)
        assert not verify_inclusion(leaf_hash(ENTRIES[index]), index, size, [*path, root], root)
        if path:
            assert not verify_inclusion(leaf_hash(ENTRIES[index]), index, size, path[:-1], root)
            assert not verify_inclusion(leaf_hash(ENTRIES[index]), index, size, [root, *path[1:]], root)


def test_growth_is_proven_for_every_pair_of_sizes() -> None:
    """And for no other root, old or new."""
    for new in range(1, 41):
        for old in range(1, new + 1):
            path = consistency_path(old, new, TREE.node)
            roots = definition(ENTRIES[:old]), definition(ENTRIES[:new])
            assert verify_consistency(old, new, path, *roots), (old, new)
            assert not verify_consistency(old, new, path, EMPTY_ROOT, roots[1])
            assert not verify_consistency(old, new, path, roots[0], EMPTY_ROOT)
            assert not verify_consistency(old, new, [*path, roots[0]], *roots)
            if old < new:
                assert not verify_consistency(old, new, path[:-1], *roots)
                changed = definition([b"changed", *ENTRIES[1:old]])
                assert not verify_consistency(old, new, path, changed, roots[1])


@pytest.mark.parametrize(("leaf", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_in_a_tree_has_no_proof(leaf: int, size: int) -> None:
    """Asked for, it is an error; claimed, it is not believed."""
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_path(leaf, size, TREE.node)
    assert not verify_inclusion(leaf_hash(b""), leaf, size, [], EMPTY_ROOT)
    with pytest.raises(ValueError, match="does not begin"):
        consistency_path(5, 4, TREE.node)
    assert not verify_consistency(5, 4, [], EMPTY_ROOT, EMPTY_ROOT)
