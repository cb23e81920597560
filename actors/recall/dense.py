"""Dense scores of all memories: one int8 matrix with a scale a row, that grows by doubling.

A scan takes as long as its bytes take to come from memory and through SimSIMD: half of float16's. An inner product of
normalised vectors is off by less than 0.001 in most cases, a hundredth of what tells memories apart; the vault keeps
float16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simsimd

from memcube.model.errors import InvalidArgumentError

__all__ = ["Dense", "Matrix", "Vectors"]

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Halves = np.ndarray[Any, np.dtype[np.float16]]
Bytes = np.ndarray[Any, np.dtype[np.int8]]
Vectors = Matrix | Halves
PRIOR = 20
"""The mean of a cube is taken as if it held this many memories more, with vectors that average to zero."""
LARGEST = 127
TINY = 1e-30
"""Stands for the scale of a vector of zeros."""
QUANTISED_AT_ONCE = 1_024
"""Rows made int8 in one go: what lies between stays in the processor's cache."""


class Dense:
    """Vectors of one model. Rows without one hold zeros and are not ``known``."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all vectors and the model."""
        self.model = ""
        self.count = 0
        self._matrix: Bytes = np.zeros((0, 0), np.int8)
        self._scales = np.zeros(0, np.float32)
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
            self._matrix = np.zeros((0, vectors.shape[1]), np.int8)
            self._sum = np.zeros(vectors.shape[1], np.float64)
        if not len(rows):
            return
        self._reserve(int(rows.max()) + 1)
        fresh = ~self._known[rows]
        self._sum -= self._sum_of(rows[~fresh])
        for first in range(0, len(rows), QUANTISED_AT_ONCE):
            some = rows[first : first + QUANTISED_AT_ONCE]
            self._matrix[some], self._scales[some] = _quantised(vectors[first : first + QUANTISED_AT_ONCE])
            self._sum += self._sum_of(some)
        self._known[rows] = True
        self.count += int(fresh.sum())

    def drop(self, row: int) -> None:
        """Forget the vector of ``row``, if it has one."""
        if row < len(self._known) and self._known[row]:
            self._sum -= self._sum_of(np.array([row]))
            self._matrix[row], self._scales[row] = 0, 0
            self._known[row] = False
            self.count -= 1

    def compact(self, new_row: np.ndarray[Any, np.dtype[np.int32]]) -> None:
        """Renumber as ``Rows.compact`` says."""
        self._reserve(len(new_row))
        kept = np.flatnonzero(new_row >= 0)
        self._matrix, self._scales, self._known = self._matrix[kept], self._scales[kept], self._known[kept]

    def scores(self, vector: Matrix, used: int) -> Matrix:
        """Inner products, nearly, of ``vector``, less the cube's mean vector, with the first ``used`` rows.

        Taking the mean away lowers what resembles everything ('Hey, how are you?'), at the cost of nothing.
        Raises InvalidArgumentError("vector") if its size is not ``size``.
        """
        if vector.shape != (self.size,):
            raise InvalidArgumentError("vector", f"shape {vector.shape}, the cube's vectors have {self.size}")
        self._reserve(used)
        if not used:
            return np.zeros(0, np.float32)
        centred = vector - (self._sum / (self.count + PRIOR)).astype(np.float32)
        scale = max(float(centred.max()), -float(centred.min()), TINY) / LARGEST
        centred *= np.float32(1 / scale)
        small = np.rint(centred, out=centred).astype(np.int8)
        products = np.asarray(simsimd.inner(small[None], self._matrix[:used], out_dtype="float32"))
        products *= self._scales[:used]
        products *= np.float32(scale)
        return products

    def vector(self, row: int) -> Matrix | None:
        """The vector of ``row``, nearly, or None where it has none."""
        if row >= len(self._known) or not self._known[row]:
            return None
        vector: Matrix = self._matrix[row] * self._scales[row]
        return vector

    def lead(self, rows: np.ndarray[Any, np.dtype[Any]], weights: Matrix) -> Matrix:
        """The sum of the vectors of ``rows``, less the cube's mean vector, each times its weight; rows without a vector
        count nothing."""
        weights = weights * self._known.take(rows)
        centred = (weights * self._scales.take(rows)) @ self._matrix.take(rows, axis=0)
        centred -= float(weights.sum()) * (self._sum / (self.count + PRIOR))
        lead: Matrix = centred.astype(np.float32)
        return lead

    def near(self, vector: Matrix, rows: np.ndarray[Any, np.dtype[Any]]) -> Matrix:
        """Inner products, nearly, of ``vector`` with the vectors of ``rows``; 0 for those without one."""
        near: Matrix = self._matrix.take(rows, axis=0).astype(np.float32) @ vector
        near *= self._scales.take(rows)
        return near

    def _sum_of(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        total: np.ndarray[Any, np.dtype[np.float64]] = (self._scales[rows] @ self._matrix[rows]).astype(np.float64)
        return total

    def _reserve(self, rows: int) -> None:
        have = len(self._known)
        if rows > have:
            size = max(64, 2 * have, rows)
            matrix, scales, known = (
                np.zeros((size, self.size), np.int8),
                np.zeros(size, np.float32),
                np.zeros(size, bool),
            )
            matrix[:have], scales[:have], known[:have] = self._matrix, self._scales, self._known
            self._matrix, self._scales, self._known = matrix, scales, known


def _quantised(vectors: Vectors) -> tuple[Bytes, Matrix]:
    """Each row as int8, its largest number at 127, and what to multiply it with to have it back."""
    wide = vectors.astype(np.float32)
    scales = np.maximum(wide.max(axis=1), -wide.min(axis=1)) / np.float32(LARGEST)
    wide *= (1 / np.maximum(scales, np.float32(TINY)))[:, None]
    np.rint(wide, out=wide)
    return wide.astype(np.int8), scales
