"""The Merkle tree over a bundle's item headers: RFC 9162's hashes, computed in one pass with O(log n) memory.

A leaf is SHA-256(0x00 ‖ header), a node SHA-256(0x01 ‖ left ‖ right). Whoever has only some of the headers puts the
hashes of the subtrees that are missing in their places (``Tree.gap``), and comes to the same root.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from memcube.model.errors import InvalidArgumentError

__all__ = ["EMPTY_ROOT", "Gap", "Tree", "leaf_hash", "proof_of", "root_of_proof"]

EMPTY_ROOT = sha256(b"").hexdigest()
Gap = tuple[int, int, bytes]
"""A subtree that is not there: its first leaf, how many leaves it has (a power of two), its hash."""


def leaf_hash(header: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\0" + header).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows to the right. ``size`` counts its leaves, those in gaps included."""

    def __init__(self, start: int = 0) -> None:
        self.size = start
        self._start = start
        self._stack: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf's hash."""
        self._push(1, leaf)

    def gap(self, at: int, size: int, digest: bytes) -> None:
        """Append a subtree by its hash; InvalidArgumentError where no such subtree can follow."""
        if at != self.size or size < 1 or size & (size - 1) or at % size or len(digest) != 32:
            raise InvalidArgumentError("bundle.gaps", f"a subtree of {size} leaves cannot be at leaf {at}")
        self._push(size, digest)

    def _push(self, size: int, digest: bytes) -> None:
        self.size += size
        end = self.size
        # Two neighbours of the same size are one node where the left one starts at a multiple of both.
        while self._stack and self._stack[-1][0] == size and (end - 2 * size) % (2 * size) == 0:
            digest = _node(self._stack.pop()[1], digest)
            size *= 2
        self._stack.append((size, digest))

    @property
    def root(self) -> str:
        """The root as hexadecimal digits."""
        if not self._stack:
            return EMPTY_ROOT
        digest = self._stack[-1][1]
        for _, left in reversed(self._stack[:-1]):
            digest = _node(left, digest)
        return digest.hex()

    def subtrees(self) -> list[Gap]:
        """The whole subtrees that it consists of, from the left: what a gap in another tree is told by."""
        found, at = [], self._start
        for size, digest in self._stack:
            found.append((at, size, digest))
            at += size
        return found


def proof_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 9162's inclusion proof of one leaf, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise InvalidArgumentError("index", f"{index} is not within {len(leaves)} leaves")
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*proof_of(left, index), _root(right)]
    return [*proof_of(right, index - split), _root(left)]


def _root(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return bytes.fromhex(tree.root)


def root_of_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> str:
    """The root that a proof leads to; InvalidArgumentError for one of another length than there can be."""
    if not 0 <= index < size:
        raise InvalidArgumentError("proof", f"leaf {index} is not within {size}")
    node, last, digest = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise InvalidArgumentError("proof", "is too long")
        if node & 1 or node == last:
            digest = _node(step, digest)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            digest = _node(digest, step)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidArgumentError("proof", "is too short")
    return digest.hex()
