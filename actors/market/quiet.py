"""Canaries kept out of answers to questions that have nothing to do with them, without that any place is left empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memcube.actors.cube.call import Call
from memcube.actors.cube.read import DEFAULT_TOP_K
from memcube.actors.cube.validate import MAX_TOP_K
from memcube.actors.market.canary import Canary
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Quiet"]


class Quiet:
    """One search, or batch of them: ``call`` is what to ask the cube, ``answer`` what to make of what it says."""

    def __init__(self, call: Call, canaries: Sequence[Canary]) -> None:
        self._is_batch = call.verb == "batch_search"
        if self._is_batch:
            batch = pb.BatchSearchRequest.FromString(call.request)
            requests = list(batch.requests)
        else:
            batch, requests = None, [pb.SearchRequest.FromString(call.request)]
        self._wanted = [request.top_k or DEFAULT_TOP_K for request in requests]
        self._left_out = [{one.text for one in canaries if not one.is_asked_for(request.query)} for request in requests]
        for request, wanted, left_out in zip(requests, self._wanted, self._left_out, strict=True):
            request.top_k = max(wanted, min(MAX_TOP_K, wanted + len(left_out)))
        self.call = replace(call, request=(batch or requests[0]).SerializeToString())

    def answer(self, body: bytes) -> bytes:
        """The answer, with as many hits as were asked for at most, and no canary that was not."""
        if self._is_batch:
            batch = pb.BatchSearchResponse.FromString(body)
            for one, wanted, left_out in zip(batch.results, self._wanted, self._left_out, strict=True):
                if one.HasField("found"):
                    _quiet(one.found, wanted, left_out)
            return batch.SerializeToString()
        found = pb.SearchResponse.FromString(body)
        _quiet(found, self._wanted[0], self._left_out[0])
        return found.SerializeToString()


def _quiet(found: pb.SearchResponse, wanted: int, left_out: set[str]) -> None:
    kept = [hit for hit in found.hits if hit.item.memory not in left_out][:wanted]
    if len(kept) < len(found.hits):
        found.ClearField("hits")
        found.hits.extend(kept)
        found.tokens = sum(hit.tokens for hit in kept)
