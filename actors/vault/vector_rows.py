"""Vectors in and out of a cube's database: float16 rows of one size a model."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from memcube.actors.vault import schema
from memcube.actors.vault.base import Matrix
from memcube.model.errors import InvalidArgumentError


def put_vectors(connection: sqlite3.Connection, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
    """Write rows of (content, model, float32 vector), replacing those of the same content and model.

    Raises InvalidArgumentError if a vector has another size than its model's others, or a value float16 can't hold.
    """
    models: dict[str, tuple[int, int]] = {
        name: (num, size) for num, name, size in connection.execute("SELECT num, name, size FROM models")
    }
    for model in dict.fromkeys(row[1] for row in rows):
        chosen = [row for row in rows if row[1] == model]
        if model not in models:
            models[model] = (max((num for num, _ in models.values()), default=0) + 1, len(chosen[0][2]) // 4)
            connection.execute(schema.PUT_MODEL, (models[model][0], model, models[model][1]))
        number, size = models[model]
        halves = to_halves([vector for _, _, vector in chosen], size)
        contents = [content for content, _, _ in chosen]
        connection.executemany(
            schema.PUT_VECTOR,
            [schema.vector_row(content, number, half) for content, half in zip(contents, halves, strict=True)],
        )


def to_halves(vectors: Sequence[bytes], size: int) -> list[bytes]:
    """float32 vectors of ``size`` numbers as float16; see ``put_vectors`` for what is refused."""
    for vector in vectors:
        if len(vector) != 4 * size or not size:
            raise InvalidArgumentError("vectors", f"one has {len(vector) // 4} numbers, the model's have {size}")
    matrix = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), size)
    with np.errstate(over="ignore"):
        halves = matrix.astype("<f2")
    if not np.isfinite(halves).all():
        raise InvalidArgumentError("vectors", "one has a number that is not finite, or over 65504")
    return [half.tobytes() for half in halves]


def joined(rows: Sequence[tuple[bytes, bytes]]) -> tuple[list[bytes], Matrix]:
    """Rows of (content, float16 vector) as the contents and one matrix; (0, 0)-shaped if there are none."""
    if not rows:
        return [], np.empty((0, 0), np.float16)
    matrix = np.frombuffer(b"".join([row[1] for row in rows]), "<f2").reshape(len(rows), -1)
    return [row[0] for row in rows], matrix
