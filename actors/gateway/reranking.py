"""The first hits put in order anew by a model that reads question and memory together. A search never fails for it.

MemOS's failing reranker scored 0.0, and its relevance filter then emptied the answer. Here a reranker that fails, is
late, or answers nonsense leaves the hits as they were, and the answer says so; one that scores all alike changes nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from time import perf_counter

from memcube.actors.gateway.composite import standing
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.seam import Reranker
from memcube.actors.recall.fusion import squashed
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["FIRST", "PART", "blended", "rerank"]

FIRST = 30
"""Hits that are read again: what stands below has little to gain, and each costs a forward pass."""
PART = "rerank"
"""The name that the reranker's say has among a score's parts."""
WEIGHT = 1.0
"""Of the reranker beside the fused score, each in standard deviations over the hits that are read again."""
MAX_TEXT_CHARS = 2_000
"""Of a memory: cross-encoders read some 512 tokens."""
SHARE, MAX_S = 0.5, 5.0
"""Part of the time left that it may take, and the most."""


async def rerank(
    reranker: Reranker | None, tenant: str, query: str, hits: Sequence[pb.Hit], left_s: float
) -> tuple[list[pb.Hit], str, float]:
    """The hits in their new order, what could not be done (empty: nothing), and the milliseconds it took."""
    if reranker is None:
        return list(hits), "reranker: none is configured; ranked by the fused score", 0.0
    first, rest = hits[:FIRST], hits[FIRST:]
    if len(first) < 2:
        return list(hits), "", 0.0
    within_s = min(MAX_S, left_s * SHARE)
    began_s = perf_counter()
    try:
        async with asyncio.timeout(within_s):
            texts = [hit.item.memory[:MAX_TEXT_CHARS] for hit in first]
            scores = [float(score) for score in await reranker.rerank(tenant, query, texts, within_s)]
        if len(scores) != len(first) or not all(map(math.isfinite, scores)):
            problem = f"its answer is not {len(first)} numbers"
        else:
            return sorted([*blended(first, scores), *rest], key=standing, reverse=True), "", _ms_since(began_s)
    except TimeoutError:
        problem = f"no answer within {within_s:.1f} s"
    except Exception as failure:  # noqa: BLE001 - a search never fails for want of a better order
        problem = as_error(failure, "the reranker").message
    return list(hits), f"reranker: {problem}; ranked by the fused score", _ms_since(began_s)


def blended(hits: Sequence[pb.Hit], scores: Sequence[float]) -> list[pb.Hit]:
    """Copies of the hits with the reranker's part in their scores: as far from the mean, in standard deviations."""
    totals = [sum(part.value for part in hit.parts) for hit in hits]
    mean, deviation = fmean(scores), pstdev(scores)
    scale = WEIGHT * (pstdev(totals) or 1.0) / deviation if deviation else 0.0
    changed = []
    for hit, total, score in zip(hits, totals, scores, strict=True):
        copy = pb.Hit()
        copy.CopyFrom(hit)
        own = scale * (score - mean)
        copy.parts.add(name=PART, value=own)
        copy.score = squashed(total + own)
        changed.append(copy)
    return changed


def _ms_since(began_s: float) -> float:
    return (perf_counter() - began_s) * 1000
