"""A search that is more than one read of one cube: several cubes, a reranker, a language model, preferences.

What can't be used is told in the answer's ``degraded``; only the first cube's own failure fails a search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memcube.actors.cube.read import DEFAULT_TOP_K
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.composite import Place, Read, ask_all, fill, ranked
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.fine import Fine, fused, is_worth_it
from memcube.actors.gateway.queries import Queries, Query
from memcube.actors.gateway.reranking import FIRST, rerank
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.together import together
from memcube.actors.llm.bill import spending_of
from memcube.model.errors import InvalidArgumentError
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Asked", "Searching", "check_plain", "is_plain"]

PREFERENCES_SHARE = 0.6
"""Part of the time left that the preferences may take before the hits go without them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search on its way: ``places`` starts with the main cube, ``read`` reads as the caller."""

    caller: Caller
    request: pb.SearchRequest
    places: Sequence[Place]
    read: Read


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer without its hits yet, and all that were found, best first."""

    answer: pb.SearchResponse
    hits: list[pb.Hit]


def check_plain(request: pb.SearchRequest) -> None:
    """Refuse what a batch of searches does not do; raises InvalidArgumentError naming the field."""
    if request.mode not in (pb.SEARCH_MODE_UNSPECIFIED, pb.SEARCH_MODE_FAST):
        raise InvalidArgumentError("mode", "is fast in a batch; ask the others by Search, one by one")
    for name in ("more", "rerank", "preferences"):
        if getattr(request, name):
            raise InvalidArgumentError(name, "is not taken in a batch; ask by Search")


def is_plain(request: pb.SearchRequest) -> bool:
    """Whether a search is one read of one cube: its bytes travel as they are."""
    fast = request.mode in (pb.SEARCH_MODE_UNSPECIFIED, pb.SEARCH_MODE_FAST)
    return fast and not (request.more or request.rerank or request.preferences)


class Searching:
    """The searches of one gateway that are not plain."""

    def __init__(self, neighbours: Neighbours, queries: Queries) -> None:
        self._reranker = neighbours.reranker
        self._queries = queries
        self._fine = Fine(neighbours.scheduler)

    async def search(self, asked: Asked) -> pb.SearchResponse:
        """The whole answer. Raises MemCubeError for the first cube's failure."""
        query = await self._embed(asked, [asked.request.query])
        if not asked.request.preferences:
            return await self._hits(asked, query)
        answer, preferring = await together(self._hits(asked, query), self._preferences(asked, query))
        answer.preferences.extend(preferring.preferences)
        answer.preference_block = preferring.block
        answer.degraded.extend(note for note in preferring.degraded if note not in answer.degraded)
        return answer

    async def _hits(self, asked: Asked, query: Query) -> pb.SearchResponse:
        request = asked.request
        asking = self._fine.asking(asked.caller.principal, request.query, asked.caller.left_s)
        if request.mode == pb.SEARCH_MODE_FINE:
            [whole], parts = await together(self._find(asked, [request.query], query), self._fine.split(asking))
            fine = True
        else:
            [whole] = await self._find(asked, [request.query], query)
            fine = request.mode == pb.SEARCH_MODE_MIXTURE and await asyncio.to_thread(
                is_worth_it, request.query, _reference(request), whole.hits, request.top_k or DEFAULT_TOP_K
            )
            parts = await self._fine.split(asking) if fine else []
        answer, hits = whole.answer, whole.hits
        if parts:
            founds = await self._find(asked, parts, await self._embed(asked, parts))
            hits = fused([hits, *(found.hits for found in founds)])
            _take_in(answer, [request.query, *parts], [found.answer for found in founds])
        await fill(answer, hits, request)
        if fine:
            await self._fine.answer(asking, answer)
            answer.spent.CopyFrom(spending_of(asking.spent))
            answer.degraded.extend([asking.note] if asking.note else [])
        return answer

    async def _embed(self, asked: Asked, questions: Sequence[str]) -> Query:
        return await self._queries.embed(asked.caller.principal.tenant, questions, asked.caller.left_s)

    async def _find(self, asked: Asked, questions: Sequence[str], query: Query) -> list[_Found]:
        """Each question searched in all places, in one hop a place, and its hits reranked where that is wanted."""
        requests = [_question(asked.request, text) for text in questions]
        answers, notes = await ask_all(asked.read, asked.places, requests, query, asked.caller.left_s)

        async def found(number: int) -> _Found:
            parts = [(place, given[number]) for place, given in zip(asked.places, answers, strict=True) if given]
            answer, hits = ranked(parts, query, notes)
            if asked.request.rerank:
                tenant, left_s = asked.caller.principal.tenant, asked.caller.left_s
                hits, note, answer.rerank_ms = await rerank(self._reranker, tenant, questions[number], hits, left_s)
                answer.degraded.extend([note] if note else [])
            return _Found(answer, hits)

        return list(await together(*map(found, range(len(questions)))))

    async def _preferences(self, asked: Asked, query: Query) -> pb.PreferencesResponse:
        """What the main cube's user prefers; what kept it from being told is a note, no error."""
        request, main = asked.request, asked.places[0]
        wanted = pb.PreferencesRequest(scope=main.scope, query=request.query, top_k=request.preferences)
        try:
            within_s = asked.caller.left_s * PREFERENCES_SHARE
            body = await asked.read(main.ref, "preferences", wanted.SerializeToString(), query, within_s=within_s)
            return pb.PreferencesResponse.FromString(body)
        except Exception as failure:  # noqa: BLE001 - the hits are answered all the same
            problem = as_error(failure, "the preferences").message
            return pb.PreferencesResponse(degraded=[f"preferences: {problem}; the hits come without them"])


def _question(request: pb.SearchRequest, text: str) -> pb.SearchRequest:
    one = pb.SearchRequest()
    one.CopyFrom(request)
    one.query = text
    if request.rerank:
        one.top_k = max(request.top_k or DEFAULT_TOP_K, FIRST)
    return one


def _take_in(answer: pb.SearchResponse, questions: Sequence[str], others: Sequence[pb.SearchResponse]) -> None:
    """Add to a question's answer what its parts' answers say besides their hits."""
    answer.sub_questions.extend(questions)
    for other in others:
        answer.vector_coverage = min(answer.vector_coverage, other.vector_coverage)
        answer.index_ms += other.index_ms
        answer.rerank_ms = max(answer.rerank_ms, other.rerank_ms)
        answer.degraded.extend(note for note in other.degraded if note not in answer.degraded)
    answer.embed_ms += others[0].embed_ms


def _reference(request: pb.SearchRequest) -> datetime:
    if request.HasField("reference_time"):
        return from_timestamp("reference_time", request.reference_time)
    return datetime.now(UTC)
