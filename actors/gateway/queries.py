"""The vectors of queries. A search never fails for want of one: it is then ranked by words, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt

from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.metrics import Metrics
from memcube.actors.gateway.seam import Embedder
from memcube.model.errors import UnavailableError

__all__ = ["Queries", "Query"]

Matrix = npt.NDArray[np.float32]
EMBED_SHARE = 0.5
"""Part of a call's time that its embedding may take before the search goes on without."""
MAX_EMBED_S = 5.0
AT_ONCE = 8
"""Queries embedded in one call: those of others come in between, and what is late is not begun."""


@dataclass(frozen=True, slots=True)
class Query:
    """One or several queries' vectors as ``Call`` carries them; ``vector`` is empty where there are none."""

    vector: bytes = b""
    model: str = ""
    note: str = ""
    embed_ms: float = 0.0

    def rows(self, start: int, count: int, total: int) -> Query:
        """The part for queries ``start`` to ``start + count`` of ``total``."""
        row_bytes = len(self.vector) // max(1, total)
        part = self.vector[start * row_bytes : (start + count) * row_bytes]
        return Query(part, self.model, self.note, self.embed_ms)


class Queries:
    """Embeds queries through an embedder, if there is one."""

    def __init__(self, embedder: Embedder | None, metrics: Metrics) -> None:
        self._embedder = embedder
        self._metrics = metrics

    async def embed(self, tenant: str, texts: Sequence[str], left_s: float) -> Query:
        """The vectors of ``texts`` (n rows), or a note saying why there are none. Never fails."""
        if not texts:
            return Query()
        if self._embedder is None:
            self._metrics.embedded(None, degraded=True)
            return Query(note="embedder: none is configured; ranked by words only")
        began_s = perf_counter()
        query = await self._try(self._embedder, tenant, texts, min(MAX_EMBED_S, left_s * EMBED_SHARE))
        took_s = perf_counter() - began_s
        self._metrics.embedded(took_s, degraded=not query.vector)
        return Query(query.vector, query.model, query.note, took_s * 1000)

    async def _try(self, embedder: Embedder, tenant: str, texts: Sequence[str], within_s: float) -> Query:
        try:
            async with asyncio.timeout(within_s):
                if len(texts) == 1:
                    model, vectors = await embedder.embed_query(tenant, texts[0])
                else:
                    model, vectors = await _embed_in_parts(embedder, tenant, texts)
        except TimeoutError:
            return Query(note=f"embedder: no answer within {within_s:.1f} s; ranked by words only")
        except Exception as failure:  # noqa: BLE001 - a search never fails for want of a vector
            return Query(note=f"embedder: {as_error(failure, 'the embedder').message}; ranked by words only")
        return Query(np.ascontiguousarray(vectors, dtype="<f4").tobytes(), model)


async def _embed_in_parts(embedder: Embedder, tenant: str, texts: Sequence[str]) -> tuple[str, Matrix]:
    parts: list[Matrix] = []
    models: set[str] = set()
    for start in range(0, len(texts), AT_ONCE):
        model, part = await embedder.embed_queries(tenant, texts[start : start + AT_ONCE])
        parts.append(part)
        models.add(model)
    if len(models) > 1:
        raise UnavailableError("the embedder (its model changed meanwhile)")
    return models.pop(), np.concatenate(parts)
