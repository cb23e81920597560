"""The verb ``feedback`` at the gateway: what it may be about is searched for, and named to the cube with the request.

A search never keeps feedback from being taken: without one, what the caller named is all that it can be about.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from memcube.actors.cube.read import DEFAULT_TOP_K
from memcube.actors.feedback.reading import Attitude, read_feedback
from memcube.actors.feedback.rules import rival_words
from memcube.actors.gateway.queries import Query
from memcube.model.errors import MemCubeError, NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["FOUND", "find_meant"]

log = logging.getLogger(__name__)

FOUND = 20
"""Memories that a search names at most: MemOS looks at as many."""
QUERY_CHARS = 1000
Search = Callable[[bytes, Query], Awaitable[bytes]]
Embed = Callable[[list[str]], Awaitable[Query]]


async def find_meant(request: pb.FeedbackRequest, embed: Embed, search: Search) -> None:
    """Fill in ``found_ids`` of a checked request, in place: by its words, by what it wants replaced or forgotten, and
    by what was said last. Raises nothing: a cube that is not there yet has nothing it could be about."""
    del request.found_ids[:]
    texts = _questions(request)
    asked = pb.BatchSearchRequest(
        requests=[pb.SearchRequest(scope=request.scope, query=text, top_k=DEFAULT_TOP_K) for text in texts]
    )
    if not texts:
        return
    try:
        body = await search(asked.SerializeToString(), await embed(texts))
    except NotFoundError:
        return
    except MemCubeError as error:
        log.info("feedback goes without a search for what it may be about: %s", error)
        return
    found = pb.BatchSearchResponse.FromString(body)
    named = set(request.memory_ids)
    hits = (hit.item.id for result in found.results for hit in result.found.hits)
    request.found_ids.extend([one for one in dict.fromkeys(hits) if one not in named][:FOUND])


def _questions(request: pb.FeedbackRequest) -> list[str]:
    """What to search for; nothing where the feedback is about what is named, or about nothing."""
    read = read_feedback(request.feedback)
    if read.attitude in (Attitude.CONFIRM, Attitude.REJECT) or (read.attitude is Attitude.FORGET and not read.about):
        return []
    said = [message.content for message in request.history if message.content.strip()]
    texts = [read.about or read.claim or request.feedback, read.old, rival_words(read.claim), *said[-1:]]
    return [text for text in dict.fromkeys(one.strip()[:QUERY_CHARS] for one in texts) if text]
