"""The Merkle tree of RFC 9162 (SHA-256): roots, proofs that an entry is in it, proofs that it only grew.

Nodes are asked of a function, so that a tree of any size needs no memory; the audit log keeps them in a table, a
verifier needs none. Used by ``actors.governance.audit_log`` (makes proofs) and ``client`` (verifies them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "EMPTY_ROOT",
    "Frontier",
    "consistency_path",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY_ROOT = hashlib.sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""The hash of the complete subtree of 2**level leaves that begins at leaf ``index * 2**level``: ``node(level, index)``."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: what has to be known to append. ``size`` is the number of leaves.

    About 3 microseconds an entry; 32 bytes for each bit of the size.
    """

    def __init__(self, size: int = 0, node: Node | None = None) -> None:
        """Go on with a tree of ``size`` leaves whose complete subtrees ``node`` gives."""
        self.size = size
        self._edge: list[bytes] = []
        for level, index in _edges(size):
            if node is None:
                raise ValueError("a tree that is not empty needs its nodes")
            self._edge.append(node(level, index))

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; the complete subtrees that it made, itself first, as (level, index, hash)."""
        made = [(0, self.size, leaf)]
        level, index, value = 0, self.size, leaf
        while index & 1:
            value = node_hash(self._edge.pop(), value)
            level, index = level + 1, index >> 1
            made.append((level, index, value))
        self._edge.append(value)
        self.size += 1
        return made

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return _joined(self._edge)


def root_of(size: int, node: Node) -> bytes:
    """The root of the tree over the first ``size`` leaves."""
    return _joined([node(level, index) for level, index in _edges(size)])


def inclusion_path(leaf: int, size: int, node: Node) -> list[bytes]:
    """The proof that leaf number ``leaf`` is in the tree of ``size`` leaves. Raises ValueError where it is not."""
    if not 0 <= leaf < size:
        raise ValueError(f"leaf {leaf} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the tree of ``new`` leaves begins with that of ``old``. Raises ValueError if it is larger."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not begin with one of {old}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range(middle, end, node))
            end = middle
        else:
            path.append(_range(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_range(start, end, node))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether ``path`` proves that the leaf's hash is number ``index`` of the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether ``path`` proves that the tree of ``new`` leaves begins with that of ``old`` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = hashes[0]
    for value in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(value, first), node_hash(value, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, value)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _edges(size: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees that a tree of ``size`` leaves is made of, from the left."""
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level


def _joined(edge: Iterable[bytes]) -> bytes:
    values = list(edge)
    if not values:
        return EMPTY_ROOT
    value = values.pop()
    while values:
        value = node_hash(values.pop(), value)
    return value


def _range(start: int, end: int, node: Node) -> bytes:
    """The root over leaves ``start`` to ``end``; ``start`` is a multiple of what the range is rounded up to."""
    values = [node(level, (start >> level) + index) for level, index in _edges(end - start)]
    return _joined(values)
