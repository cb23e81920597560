"""Several cubes in one answer: which ones, each asked in parallel with the same vector, and their hits merged. No LLM.

Scores of two cubes can be compared as they are: each signal is standardised over its own cube, and small cubes are
taken to hold ordinary memories besides (``recall.fusion``). LoCoMo's conversations, split over three cubes, lose 1.9
to 2.2 of 84 points of recall@10 (``benchmarks/composite.py``), and small cubes of unrelated memories push next to nothing
out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from memcube.actors.cube.read import DEFAULT_TOP_K, FOUND_BYTES, OVERFETCH
from memcube.actors.cube.scope import cube_id_of, scope_filter
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.queries import Query
from memcube.actors.gateway.together import together
from memcube.actors.recall.pack import pack, without_duplicates, without_sources
from memcube.actors.trust import FLOORS, STRICT, Ranked, channel_of, shared_out
from memcube.model.codec import source_from_proto
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["MAX_MORE", "Place", "Read", "ask_all", "fill", "places_of", "ranked", "standing"]

MAX_MORE = 15
LEAST_ROOM_BYTES = 4 << 20
"""Hits that each of many cubes may send at least, whatever their number: 16 of them come to 64 MiB."""
LOOP_BYTES = 1 << 20
"""Hits that are merged in the event loop: of more, comparing the texts would keep other calls waiting."""
MORE_SHARE = 0.6
"""Part of the call's time that further cubes may take: what is late is told, and the others are still answered."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cube to search, and the scope that says what of it. A ``denied`` one is told as if it were not there."""

    ref: CubeRef
    scope: pb.Scope
    denied: bool = False


class Read(Protocol):
    """One read of one cube as the caller, e.g. ``Verbs.read``; raises MemCubeError."""

    async def __call__(
        self, ref: CubeRef, verb: str, body: bytes, query: Query, *, within_s: float, room_bytes: int = 0
    ) -> bytes:
        """The serialized response."""


def places_of(request: pb.SearchRequest, main: CubeRef, may: Callable[[CubeRef], bool]) -> list[Place]:
    """The main cube, which is allowed, and the further ones of a search, each once; raises what is wrong with one.

    Two scopes on one cube are two places unless they select the same of it.
    """
    if len(request.more) > MAX_MORE:
        raise TooLargeError("more", len(request.more), MAX_MORE, "items")
    seen = {(main, scope_filter(main, request.scope))}
    places = [Place(main, request.scope)]
    for number, scope in enumerate(request.more):
        try:
            ref = CubeRef(main.tenant, cube_id_of(scope))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"more[{number}].{error.field}", error.problem) from error
        selected = (ref, scope_filter(ref, scope))
        if selected not in seen:
            seen.add(selected)
            places.append(Place(ref, scope, denied=not may(ref)))
    return places


def asked_of(request: pb.SearchRequest, place: Place) -> pb.SearchRequest:
    """What one of several cubes is asked: all but the budget, which holds for the hits of all together."""
    one = pb.SearchRequest()
    one.CopyFrom(request)
    one.scope.CopyFrom(place.scope)
    for name in ("more", "token_budget", "mode", "rerank", "preferences"):
        one.ClearField(name)
    return one


async def ask_all(
    read: Read, places: Sequence[Place], requests: Sequence[pb.SearchRequest], query: Query, left_s: float
) -> tuple[list[list[pb.SearchResponse]], list[str]]:
    """Every place's answers to every request (their vectors are ``query``'s rows), and what could not be asked.

    One hop a place. The first place has to answer: its error is raised (a cube that is not there is NotFoundError).
    What keeps another from answering is told. A place that did not answer has no answers.
    """
    room_bytes = 0 if len(places) == 1 else max(FOUND_BYTES // len(places), LEAST_ROOM_BYTES)

    async def ask(place: Place, within_s: float) -> list[pb.SearchResponse]:
        asked = [asked_of(one, place) for one in requests]
        if len(asked) == 1:
            body = await read(
                place.ref, "search", asked[0].SerializeToString(), query, within_s=within_s, room_bytes=room_bytes
            )
            return [pb.SearchResponse.FromString(body)]
        batch = pb.BatchSearchRequest(requests=asked).SerializeToString()
        body = await read(place.ref, "batch_search", batch, query, within_s=within_s, room_bytes=room_bytes)
        results = pb.BatchSearchResponse.FromString(body).results
        for one in results:
            if one.HasField("error"):
                raise detail_to_error(one.error)
        return [one.found for one in results]

    problems: dict[int, str] = {}

    async def ask_further(number: int) -> list[pb.SearchResponse]:
        place = places[number]
        try:
            if place.denied:
                raise NotFoundError("cube", place.ref.cube_id)
            return await ask(place, left_s * MORE_SHARE)
        except NotFoundError:
            problems[number] = "not found"
        except Exception as failure:  # noqa: BLE001 - one cube's trouble is told, and the others are answered
            problems[number] = as_error(failure, "a search of several cubes").message
        return []

    answers = await together(ask(places[0], left_s), *map(ask_further, range(1, len(places))))
    # In the order of the request: that of arrival would tell what is denied, and never asked, from what is missing.
    return list(answers), [f"cube {places[number].ref.cube_id}: {problems[number]}" for number in sorted(problems)]


def ranked(
    parts: Sequence[tuple[Place, pb.SearchResponse]], question: Query, notes: Sequence[str]
) -> tuple[pb.SearchResponse, list[pb.Hit]]:
    """An answer without its hits yet, and the hits of several cubes as one ranking, best score first.

    What holds of the question is told once, what a cube says of itself with its name, and ``notes`` last. Counters of the answer: ``seq`` is the first cube's, ``vector_coverage`` the lowest, times the longest.
    """
    answer = pb.SearchResponse(
        seq=parts[0][1].seq,
        vector_coverage=min(part.vector_coverage for _, part in parts),
        index_ms=max(part.index_ms for _, part in parts),
        embed_ms=max(part.embed_ms for _, part in parts),
    )
    answer.degraded.extend([question.note] if question.note else [])
    for place, part in parts:
        name = f"cube {place.ref.cube_id}: " if len(parts) > 1 else ""
        answer.degraded.extend(name + note for note in part.degraded if note != question.note)
    answer.degraded.extend(notes)
    hits = {hit.item.id: hit for _, part in reversed(parts) for hit in part.hits}
    return answer, sorted(hits.values(), key=standing, reverse=True)


def standing(hit: pb.Hit) -> tuple[float, float, str]:
    """What hits are ordered by: the score; where it can't tell two of the best apart, the sum that it was made of."""
    return hit.score, sum(part.value for part in hit.parts), hit.item.id


async def fill(answer: pb.SearchResponse, hits: Sequence[pb.Hit], request: pb.SearchRequest) -> None:
    """Put the first of ``hits`` into an answer: near-duplicates once, within budget and message; says what did not fit."""
    if sum(hit.ByteSize() for hit in hits) < LOOP_BYTES:
        _fill(answer, hits, request)
    else:
        await asyncio.to_thread(_fill, answer, hits, request)


def _channel(hit: pb.Hit) -> str:
    return channel_of([source_from_proto(source) for source in hit.item.sources])


def _fill(answer: pb.SearchResponse, hits: Sequence[pb.Hit], request: pb.SearchRequest) -> None:
    top_k, token_budget = request.top_k or DEFAULT_TOP_K, request.token_budget
    floors = STRICT if request.strict_sources else FLOORS
    limit = top_k * OVERFETCH
    while True:
        distinct = without_sources(
            (hit, hit.item.id, hit.item.derived_from)
            for hit in without_duplicates([(hit, hit.item.memory) for hit in hits[:limit]])
        )
        channels = [_channel(hit) for hit in distinct]
        offered = [Ranked(hit, hit.score, channel) for hit, channel in zip(distinct, channels, strict=True)]
        chosen = shared_out(offered, top_k, floors)
        # Where most are from outside, what stands further down is looked at too: it may come before them.
        crowded = sum(map(bool, channels)) * 2 > len(channels)
        if limit >= len(hits) or (len(chosen) == top_k and not crowded):
            break
        limit = len(hits) if crowded else 2 * limit
    if token_budget:
        chosen, _ = pack([(hit, hit.item.memory) for hit in chosen], token_budget)
    room_bytes = FOUND_BYTES
    for fitting, hit in enumerate(chosen):
        room_bytes -= hit.ByteSize()
        if room_bytes < 0:
            answer.degraded.append(f"answer: {fitting} of {len(chosen)} hits fit into a message; ask for fewer")
            break
        answer.hits.append(hit)
        answer.tokens += hit.tokens
