"""Exact dense scores: one float16 matrix, a row a memory, that grows by doubling.

A scan takes as long as its bytes take to come from memory; the vault keeps vectors as float16 anyway, so nothing is
lost by it (products and sums are float32's).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simsimd

from memcube.model.errors import InvalidArgumentError

__all__ = ["Dense", "Vectors"]

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Halves = np.ndarray[Any, np.dtype[np.float16]]
Vectors = Matrix | Halves
PRIOR = 20
"""The mean of a cube is taken as if it held this many memories more, with vectors that average to zero."""


class Dense:
    """Vectors of one model. Rows without one hold zeros and are not ``known``."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all vectors and the model."""
        self.model = ""
        self.count = 0
        self._matrix: Halves = np.zeros((0, 0), np.float16)
        self._known = np.zeros(0, bool)
        self._sum = np.zeros(0, np.float64)

    @property
    def size(self) -> int:
        """Dimensions of the vectors, 0 while there are none."""
        return int(self._matrix.shape[1])

    def known(self, used: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of the first ``used`` rows have a vector."""
        self._reserve(used)
        return self._known[:used]

    def set(self, rows: np.ndarray[Any, np.dtype[np.int64]], vectors: Vectors, model: str) -> None:
        """Set the vectors of distinct ``rows``; another ``model`` than before clears what is there first.

        Raises InvalidArgumentError("vectors") for a wrong shape or a value that is not finite; nothing is changed.
        """
        if vectors.ndim != 2 or len(vectors) != len(rows) or not vectors.shape[1]:
            raise InvalidArgumentError("vectors", f"shape {vectors.shape} does not fit {len(rows)} ids")
        if model == self.model and self.size not in (0, vectors.shape[1]):
            raise InvalidArgumentError("vectors", f"{vectors.shape[1]} dimensions, model {model!r} has {self.size}")
        if not np.isfinite(vectors).all():
            raise InvalidArgumentError("vectors", "hold a value that is not finite")
        if model != self.model or not self.size:
            self.clear()
            self.model = model
            self._matrix = np.zeros((0, vectors.shape[1]), np.float16)
            self._sum = np.zeros(vectors.shape[1], np.float64)
        if not len(rows):
            return
        self._reserve(int(rows.max()) + 1)
        fresh = ~self._known[rows]
        halves = vectors.astype(np.float16, copy=False)
        self._sum += _sum(halves) - _sum(self._matrix[rows[~fresh]])
        self._matrix[rows] = halves
        self._known[rows] = True
        self.count += int(fresh.sum())

    def drop(self, row: int) -> None:
        """Forget the vector of ``row``, if it has one."""
        if row < len(self._known) and self._known[row]:
            self._sum -= self._matrix[row]
            self._matrix[row] = 0
            self._known[row] = False
            self.count -= 1

    def compact(self, new_row: np.ndarray[Any, np.dtype[np.int32]]) -> None:
        """Renumber as ``Rows.compact`` says."""
        self._reserve(len(new_row))
        kept = np.flatnonzero(new_row >= 0)
        self._matrix, self._known = self._matrix[kept], self._known[kept]

    def scores(self, vector: Matrix, used: int) -> Matrix:
        """Inner products of ``vector``, less the cube's mean vector, with the first ``used`` rows.

        Taking the mean away lowers what resembles everything ('Hey, how are you?'), at the cost of nothing.
        Raises InvalidArgumentError("vector") if its size is not ``size``.
        """
        if vector.shape != (self.size,):
            raise InvalidArgumentError("vector", f"shape {vector.shape}, the cube's vectors have {self.size}")
        self._reserve(used)
        if not used:
            return np.zeros(0, np.float32)
        centred = (vector - self._sum / (self.count + PRIOR)).astype(np.float16)
        return np.asarray(simsimd.inner(centred[None], self._matrix[:used])).astype(np.float32)

    def _reserve(self, rows: int) -> None:
        have = len(self._known)
        if rows > have:
            matrix = np.zeros((max(64, 2 * have, rows), self.size), np.float16)
            matrix[:have] = self._matrix
            known = np.zeros(len(matrix), bool)
            known[:have] = self._known
            self._matrix, self._known = matrix, known


def _sum(halves: Halves) -> np.ndarray[Any, np.dtype[np.float64]]:
    total: np.ndarray[Any, np.dtype[np.float64]] = halves.astype(np.float32).sum(axis=0, dtype=np.float64)
    return total
