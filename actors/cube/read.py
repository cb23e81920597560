"""Reads that are answered from memory: get, list, search, the cube's own status. On the state as of the last commit."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime

import numpy as np

from memcube.actors.cube.about import is_open
from memcube.actors.cube.call import Call
from memcube.actors.cube.export_read import export_items
from memcube.actors.cube.preferences import answer_preferences
from memcube.actors.cube.scope import scope_filter
from memcube.actors.cube.state import Held
from memcube.actors.cube.task_reads import get_task, list_tasks, task_counts, wait_tasks
from memcube.actors.cube.validate import check_search, parse_request
from memcube.actors.cube.view import View
from memcube.actors.recall.index import Hit
from memcube.actors.recall.pack import pack, without_duplicates, without_sources
from memcube.actors.recall.query import parse_query
from memcube.actors.recall.tokens import estimate_tokens
from memcube.actors.trust import FLOORS, STRICT, Ranked, channel_of, origin_of, shared_out
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.filters import Condition, Filter, Not, filter_from_proto, matches
from memcube.model.ids import ID_CHARS
from memcube.model.item import Status
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import cube_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["answer_read", "cube_of"]

DEFAULT_TOP_K = 10
DEFAULT_PAGE = 100
MAX_PAGE = 1000
MAX_BATCH = 256
PAGE_BYTES = 8 << 20
"""A page ends before it holds more, except that it always holds one item."""
FOUND_BYTES = 32 << 20
"""Hits end before they are more, in one search or in a batch: half of what a message on its way may have."""
OVERFETCH = 2
CROWDED = 200
"""Hits ranked where most are from outside: what waits behind the cap on sources needs something in its place."""
MOST_RANKED = 1000
"""Hits ranked for each one wanted, so that removing near-duplicates leaves enough; twice as many if it does not."""


def answer_read(view: View, call: Call, now: datetime) -> bytes:
    """The serialized response of a read verb. Raises MemCubeError; called by ``Cube.read``."""
    if view.head == 0 or not is_open(view.about):
        # Attached for a first write that never came, or being imported: to every reader there is no such cube.
        raise NotFoundError("cube", view.ref.cube_id)
    return _VERBS[call.verb](view, call, now)


def cube_of(view: View) -> cube_pb2.Cube:
    """The cube's description with its counters."""
    cube = cube_pb2.Cube()
    cube.CopyFrom(view.about)
    cube.head, cube.epoch, cube.items = view.head, view.epoch, len(view.items)
    return cube


def _get(view: View, call: Call, now: datetime) -> bytes:
    request = parse_request(pb.GetRequest, call.request)
    held = view.items.get(request.id)
    if held is None or held.item.expired(now) or not view.governed.sees(call, held):
        raise NotFoundError("memory", request.id)
    return pb.GetResponse(item=held.wire).SerializeToString()


def _get_cube(view: View, call: Call, now: datetime) -> bytes:
    return pb.GetCubeResponse(cube=cube_of(view)).SerializeToString()


def _list(view: View, call: Call, now: datetime) -> bytes:
    request = parse_request(pb.ListRequest, call.request)
    if request.page_size > MAX_PAGE:
        raise InvalidArgumentError("page_size", f"is {request.page_size}, the most is {MAX_PAGE}")
    # Of a memory that is gone by now it still says where to go on; of another cube it would skip some or all.
    if request.page_token and not re.fullmatch(rf"{view.ref.key}-[a-z2-7]{{{ID_CHARS}}}", request.page_token):
        raise InvalidArgumentError("page_token", "is none of those that a listing of this cube gave")
    size = request.page_size or DEFAULT_PAGE
    unseen, passes = _unseen(view, request, now, call), _passes(view, request.scope, request)
    response = pb.ListResponse()
    if passes is None:
        response.total = len(view.items) - len(unseen)
    else:
        response.total = sum(held.id not in unseen and passes(held) for held in view.items)
    page: list[Held] = []
    size_bytes = 0
    for held in view.items.newest_first(request.page_token):
        if held.id not in unseen and (passes is None or passes(held)):
            size_bytes += len(held.body)
            if len(page) == size or (page and size_bytes > PAGE_BYTES):
                response.next_page_token = page[-1].id
                break
            page.append(held)
    response.items.extend(held.wire for held in page)
    return response.SerializeToString()


def _unseen(view: View, request: pb.ListRequest | pb.SearchRequest, now: datetime, call: Call) -> set[str]:
    """Ids of the items that are over: past their time, merged, archived; less those that the request asks for. And of
    those that the caller may not see."""
    unseen = set() if request.include_expired else view.items.expired(now)
    if not (request.HasField("filter") and _tests(filter_from_proto(request.filter), "status")):
        unseen |= view.items.retired(but=Status.EXPIRED if request.include_expired else None)
    return unseen | view.governed.denied(call, view.items, view.ref.cube_id) if call.rule else unseen


def _passes(view: View, scope: pb.Scope, request: pb.ListRequest | pb.SearchRequest) -> Callable[[Held], bool] | None:
    """The test that an item must pass to be wanted, None when all are."""
    inside: Filter | None = scope_filter(view.ref, scope)
    wanted = filter_from_proto(request.filter) if request.HasField("filter") else None
    kinds = frozenset(map(int, request.memory_types)) if isinstance(request, pb.SearchRequest) else frozenset()
    if inside is None and wanted is None and not kinds:
        return None

    def passes(held: Held) -> bool:
        if kinds and int(held.item.memory_type) not in kinds:
            return False
        return matches(inside, held.item) and matches(wanted, held.item)

    return passes


def _anything(held: Held) -> bool:
    return True


def _tests(wanted: Filter, name: str) -> bool:
    """Whether a filter looks at the field ``name`` anywhere."""
    if isinstance(wanted, Condition):
        return wanted.field == name
    if isinstance(wanted, Not):
        return _tests(wanted.filter, name)
    return any(_tests(one, name) for one in wanted.filters)


def _search(view: View, call: Call, now: datetime) -> bytes:
    request = parse_request(pb.SearchRequest, call.request)
    vector = np.frombuffer(call.vector, np.float32) if call.vector else None
    return search(view, request, vector, call, now, call.room_bytes or FOUND_BYTES).SerializeToString()


def search(
    view: View,
    request: pb.SearchRequest,
    vector: np.ndarray | None,
    call: Call,
    now: datetime,
    room_bytes: int,
) -> pb.SearchResponse:
    """One search. ``vector`` is the query's embedding of ``call.model``; another model's is left out, and said so.

    So are the hits for which ``room_bytes`` do not suffice.
    """
    check_search(request)
    response = pb.SearchResponse(seq=view.head, embed_ms=call.embed_ms)
    if call.note:
        response.degraded.append(call.note)
    if vector is not None and call.model != view.model:
        vector = None
        response.degraded.append(f"embedder: this cube's vectors of {call.model} are being made; ranked by words only")
    reference = from_timestamp("reference_time", request.reference_time) if request.HasField("reference_time") else now
    unseen, passes = _unseen(view, request, now, call), _passes(view, request.scope, request)
    if 2 * len(unseen) > len(view.items) and passes is None:
        passes = _anything
    # What is over is left out of the ranked hits, which comes to the same, as a score does not depend on what else is
    # allowed: to name all the others to the index takes 10 ms of 10,000 memories.
    allowed = None if passes is None else {held.id for held in view.items if held.id not in unseen and passes(held)}
    top_k = request.top_k or DEFAULT_TOP_K
    started = time.perf_counter()
    query = parse_query(request.query, reference, vector, call.model)
    limit = top_k * OVERFETCH
    while True:
        hits = view.index.search(query, limit=limit, allowed=allowed)
        response.index_ms += (time.perf_counter() - started) * 1000
        ranked = [
            (hit, view.items.text(hit.id)) for hit in hits if hit.score >= request.threshold and hit.id not in unseen
        ]
        distinct: list[Hit] = without_sources(
            (hit, hit.id, view.items[hit.id].item.derived_from) for hit in without_duplicates(ranked)
        )
        channels = [channel_of(view.items[hit.id].item.sources) for hit in distinct]
        offered = [Ranked(hit, hit.score, channel) for hit, channel in zip(distinct, channels, strict=True)]
        chosen = shared_out(offered, top_k, STRICT if request.strict_sources else FLOORS)
        all_seen = len(hits) < limit or hits[-1].score < request.threshold
        # Planted texts may fill all that was fetched: then the others are looked for further down, once.
        crowded = limit < CROWDED and sum(map(bool, channels)) * 2 > len(channels)
        if all_seen or (len(chosen) == top_k and not crowded) or limit >= MOST_RANKED + len(unseen):
            break
        limit = CROWDED if crowded else 2 * limit
        started = time.perf_counter()
    if request.token_budget:
        chosen, _ = pack([(hit, view.items.text(hit.id)) for hit in chosen], request.token_budget)
    for fitting, hit in enumerate(chosen):
        room_bytes -= len(view.items[hit.id].body)
        if room_bytes < 0:
            response.degraded.append(f"answer: {fitting} of {len(chosen)} hits fit into a message; ask for fewer")
            break
        tokens = estimate_tokens(view.items.text(hit.id))
        parts = [pb.ScorePart(name=name, value=value) for name, value in hit.parts.items()]
        origin = origin_of(view.items[hit.id].item.sources)
        response.hits.add(item=view.items.wire(hit.id), score=hit.score, parts=parts, tokens=tokens, origin=origin)
        response.tokens += tokens
    response.vector_coverage = view.index.vector_coverage
    return response


def _batch_search(view: View, call: Call, now: datetime) -> bytes:
    request = parse_request(pb.BatchSearchRequest, call.request)
    count = len(request.requests)
    if not 0 < count <= MAX_BATCH:
        raise InvalidArgumentError("requests", f"has {count} searches, 1 to {MAX_BATCH} are taken")
    vectors = np.frombuffer(call.vector, np.float32).reshape(count, -1) if call.vector else None
    response = pb.BatchSearchResponse()
    room_bytes = call.room_bytes or FOUND_BYTES
    for i, one in enumerate(request.requests):
        result = response.results.add()
        try:
            found = search(view, one, None if vectors is None else vectors[i], call, now, room_bytes)
            room_bytes -= sum(hit.item.ByteSize() for hit in found.hits)
            result.found.CopyFrom(found)
        except MemCubeError as error:
            result.error.CopyFrom(error_to_detail(error))
    return response.SerializeToString()


def _preferences(view: View, call: Call, now: datetime) -> bytes:
    request = parse_request(pb.PreferencesRequest, call.request)
    unseen, wanted = _unseen(view, pb.SearchRequest(), now, call), _passes(view, request.scope, pb.SearchRequest())

    def passes(held: Held) -> bool:
        return held.id not in unseen and (wanted is None or wanted(held))

    return answer_preferences(view, request, call, passes).SerializeToString()


def _cube_status(view: View, call: Call, now: datetime) -> bytes:
    waiting = len(view.unembedded)
    status = pb.CubeStatus(
        cube=cube_of(view),
        vector_coverage=view.index.vector_coverage,
        file_bytes=view.store.file_bytes(),
    )
    status.tasks.add(kind="embed", waiting=waiting, failed=view.embed_failures, last_error=view.embed_error)
    status.tasks.extend(task_counts(view, now))
    return status.SerializeToString()


_VERBS: dict[str, Callable[[View, Call, datetime], bytes]] = {
    "get": _get,
    "get_cube": _get_cube,
    "list": _list,
    "search": _search,
    "batch_search": _batch_search,
    "preferences": _preferences,
    "cube_status": _cube_status,
    "get_task": get_task,
    "list_tasks": list_tasks,
    "wait_tasks": wait_tasks,
    "export_items": export_items,
}
