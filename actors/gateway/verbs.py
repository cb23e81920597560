"""What each verb does at the gateway, whatever the transport: scope, access, one call to the router.

No memory logic: requests travel to the cube as the bytes that arrived, answers as the bytes that the cube made.
Every method raises MemCubeError for what the caller did, and leaves what is a defect to ``Door``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from memcube.actors.cube.call import Call
from memcube.actors.cube.preferences import check_preferences
from memcube.actors.cube.scope import cube_id_of
from memcube.actors.cube.task_reads import check_list_tasks, check_wait_tasks
from memcube.actors.cube.validate import check_cube, check_filter, check_key, check_query, check_search
from memcube.actors.cube.validate_add import check_add
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.changing import ChangingVerbs
from memcube.actors.gateway.composite import places_of
from memcube.actors.gateway.echo import as_told
from memcube.actors.gateway.intake import has_parts, origin_of, taken, with_skipped
from memcube.actors.gateway.queries import Queries, Query
from memcube.actors.gateway.receipts import Receipts
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.searching import Asked, Searching, check_plain, is_plain
from memcube.actors.gateway.understanding import answer_understand
from memcube.actors.gateway.waiting import DEFAULT_WAIT_S, changes, outcome
from memcube.actors.gateway.wire import parse
from memcube.actors.governance import Access
from memcube.actors.governance.hold_check import check_cube as check_hold
from memcube.actors.governance.hold_check import check_tenant
from memcube.actors.store.mounting import mounted_in
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, TooLargeError
from memcube.model.ids import KEY_CHARS, CubeRef, key_of_memory, new_idempotency_key
from memcube.protos.memcube.v1 import cube_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Caller", "Verbs"]

MAX_PAGE = 1000
DEFAULT_PAGE = 100
STREAM_PAGE = 500
MAX_BATCH = 256
_CUBE_KEY = re.compile(rf"[a-z2-7]{{{KEY_CHARS}}}")


class Verbs(ChangingVerbs):
    """The verbs of ``memcube.v1.MemCubeService`` over what the gateway speaks with. Used by one event loop."""

    def __init__(self, neighbours: Neighbours, queries: Queries, access: Access) -> None:
        self._neighbours = neighbours
        self._router = neighbours.router
        self._queries = queries
        self._access = access
        self._receipts = Receipts()
        self._searching = Searching(neighbours, queries)
        self._handlers: dict[str, Callable[[Caller, bytes], Awaitable[bytes]]] = {
            "create_cube": self._create_cube,
            "get_cube": self._get_cube,
            "list_cubes": self._list_cubes,
            "delete_cube": self._delete_cube,
            "add": self._add,
            "search": self._search,
            "batch_search": self._batch_search,
            "preferences": self._preferences,
            "understand": self._understand,
            "get": self._get,
            "list": self._list,
            "update": self._update,
            "delete": self._delete,
            "delete_all": self._delete_all,
            "update_all": self._update_all,
            "archive": self._archive,
            "restore": self._restore,
            "archive_all": self._archive_all,
            "feedback": self._feedback,
            "history": self._history,
            "list_tasks": self._list_tasks,
            "get_task": self._get_task,
            "cancel_task": self._cancel_task,
            "retry_task": self._retry_task,
            "wait_tasks": self._wait_tasks,
            "reset": self._reset,
        }

    async def answer(self, verb: str, caller: Caller, body: bytes) -> bytes:
        """The serialized response of a verb that takes one request and gives one response."""
        return await self._handlers[verb](caller, body)

    async def cube_status(self, caller: Caller, scope: pb.Scope) -> pb.CubeStatus | None:
        """The status of the scope's cube, None when the scope names none; checks that the caller may ask at all."""
        self._access.check_tenant(caller.principal, "status")
        if not scope.ByteSize():
            return None
        ref = self._scope(caller, "status", scope)
        request = pb.StatusRequest(scope=scope).SerializeToString()
        return pb.CubeStatus.FromString(await self._read(caller, ref, "cube_status", request))

    async def list_all(self, caller: Callable[[], Caller], body: bytes) -> AsyncIterator[bytes]:
        """The items of a cube, each serialized; pages are read as fast as they are taken."""
        request = parse(pb.ListRequest, body)
        request.page_size = STREAM_PAGE
        ref = self._scope(caller(), "list", request.scope)
        while True:
            self._access.check(caller().principal, "list", ref)
            page = pb.ListResponse.FromString(await self._read(caller(), ref, "list", request.SerializeToString()))
            for item in page.items:
                yield item.SerializeToString()
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def events(self, caller: Callable[[], Caller], body: bytes) -> AsyncIterator[bytes]:
        """The events of a cube from a sequence number up to its head at the end of the reading."""
        request = parse(pb.ReadEventsRequest, body)
        ref = self._cube(caller(), "read_events", request.cube_id)
        request.from_seq = max(1, request.from_seq)
        while True:
            self._access.check(caller().principal, "read_events", ref)
            page = pb.HistoryResponse.FromString(
                await self._read(caller(), ref, "read_events", request.SerializeToString())
            )
            if not page.events:
                return
            for event in page.events:
                yield event.SerializeToString()
            request.from_seq = page.events[-1].seq + 1

    async def watch_tasks(self, caller: Callable[[], Caller], body: bytes) -> AsyncIterator[bytes]:
        """Tasks of a cube, each time that one of them changes."""
        request = parse(pb.WaitTasksRequest, body)
        ref = self._scope(caller(), "watch_tasks", request.scope)
        check_wait_tasks(request)
        ends_s = monotonic() + (request.timeout_s or DEFAULT_WAIT_S)

        async for task in changes(partial(self._how_tasks_are, caller, ref), request.task_ids, ends_s):
            yield task.SerializeToString()

    # Cubes

    async def _create_cube(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.CreateCubeRequest, body)
        ref = self._cube(caller, "create_cube", request.cube_id)
        check_cube(request)
        return await self._mutate(caller, ref, "create_cube", body, request.idempotency_key, create=True)

    async def _get_cube(self, caller: Caller, body: bytes) -> bytes:
        ref = self._cube(caller, "get_cube", parse(pb.GetCubeRequest, body).cube_id)
        return await self._read(caller, ref, "get_cube", body)

    async def _list_cubes(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ListCubesRequest, body)
        self._access.check_tenant(caller.principal, "list_cubes")
        if request.page_size > MAX_PAGE:
            raise InvalidArgumentError("page_size", f"is {request.page_size}, the most is {MAX_PAGE}")
        if request.page_token and not _CUBE_KEY.fullmatch(request.page_token):
            raise InvalidArgumentError("page_token", "is none of those that a listing gave")
        wanted = request.page_size or DEFAULT_PAGE
        answer = pb.ListCubesResponse()
        after = request.page_token
        # On to the end, within the call's deadline: a token in the midst of what the caller may not see would name it.
        while True:
            heads = await self._router.cubes(caller.principal.tenant, after, wanted)
            for head in heads:
                after = head.ref.key
                if self._access.allows(caller.principal, "list_cubes", head.ref):
                    seen = cube_pb2.Cube.FromString(head.about)
                    answer.cubes.add(
                        id=head.ref.cube_id, owner=seen.owner, description=seen.description, created_at=seen.created_at
                    )
                    if len(answer.cubes) == wanted:
                        answer.next_page_token = after
                        return answer.SerializeToString()
            if len(heads) < wanted:
                return answer.SerializeToString()

    async def _delete_cube(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.DeleteCubeRequest, body)
        ref = self._cube(caller, "delete_cube", request.cube_id)
        check_key(request.idempotency_key)

        async def delete() -> bytes:
            await check_hold(self._neighbours.records, caller, ref)
            await self._router.delete(ref)
            return pb.DeleteCubeResponse().SerializeToString()

        return await self._receipts.once(caller.principal, request.idempotency_key, b"delete_cube" + body, delete)

    async def _reset(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ResetRequest, body)
        self._access.check_tenant(caller.principal, "reset")
        check_key(request.idempotency_key)

        async def reset() -> bytes:
            await check_tenant(self._neighbours.records, caller.principal.tenant)
            count = await self._router.reset(caller.principal.tenant)
            return pb.ResetResponse(cubes_deleted=count).SerializeToString()

        return await self._receipts.once(caller.principal, request.idempotency_key, b"reset" + body, reset)

    # Memories of a scope

    async def _add(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.AddRequest, body)
        ref = self._scope(caller, "add", request.scope)
        # Asked here too because the call may create the cube: bad input changes nothing.
        check_add(request)
        if not has_parts(request):
            return await self._mutate(caller, ref, "add", body, request.idempotency_key, create=True)
        key, origin = request.idempotency_key, await origin_of(request)
        skipped = await taken(caller, request, self._neighbours.scheduler)
        body = request.SerializeToString()
        answer = await self._mutate(caller, ref, "add", body, key, create=True, origin=origin)
        return with_skipped(answer, skipped)

    async def _list(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ListRequest, body)
        ref = self._scope(caller, "list", request.scope)
        check_filter(request)
        return await self._read(caller, ref, "list", body)

    async def _search(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.SearchRequest, body)
        ref = self._scope(caller, "search", request.scope)
        check_search(request)
        may = partial(self._access.allows, caller.principal, "search")
        mounted = await mounted_in(self._neighbours.store, ref, request, may)
        if is_plain(request) and not (mounted.sources or mounted.notes):
            query = await self._queries.embed(caller.principal.tenant, [request.query], caller.left_s)
            return await self._read(caller, ref, "search", body, query)
        mounted.widen(request)
        asked = Asked(caller, request, places_of(request, ref, may), partial(self._read, caller))
        answer = await self._searching.search(asked)
        mounted.mark(answer)
        return answer.SerializeToString()

    async def _batch_search(self, caller: Caller, body: bytes) -> bytes:
        requests = parse(pb.BatchSearchRequest, body).requests
        if len(requests) > MAX_BATCH:
            raise TooLargeError("requests", len(requests), MAX_BATCH, "items")
        results: list[pb.BatchSearchResult | None] = [None] * len(requests)
        of_cube: dict[CubeRef, list[int]] = {}
        for place, request in enumerate(requests):
            try:
                ref = self._scope(caller, "batch_search", request.scope)
                check_search(request)
                check_plain(request)
                if self._neighbours.store is not None and await self._neighbours.store.has_mounts(ref):
                    found = pb.SearchResponse.FromString(await self._search(caller, request.SerializeToString()))
                    results[place] = pb.BatchSearchResult(found=found)
                else:
                    of_cube.setdefault(ref, []).append(place)
            except MemCubeError as error:
                results[place] = pb.BatchSearchResult(error=error_to_detail(error))
        places = [place for group in of_cube.values() for place in group]
        texts = [requests[place].query for place in places]
        query = await self._queries.embed(caller.principal.tenant, texts, caller.left_s)

        async def ask(ref: CubeRef, group: list[int]) -> None:
            part = pb.BatchSearchRequest(requests=[requests[place] for place in group]).SerializeToString()
            rows = query.rows(places.index(group[0]), len(group), len(places))
            try:
                found = pb.BatchSearchResponse.FromString(await self._read(caller, ref, "batch_search", part, rows))
                answers = list(found.results)
            except MemCubeError as error:
                answers = [pb.BatchSearchResult(error=error_to_detail(error))] * len(group)
            for place, answer in zip(group, answers, strict=True):
                results[place] = answer

        async with asyncio.TaskGroup() as asking:
            for ref, group in of_cube.items():
                asking.create_task(ask(ref, group))
        return pb.BatchSearchResponse(results=[one for one in results if one is not None]).SerializeToString()

    async def _preferences(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.PreferencesRequest, body)
        ref = self._scope(caller, "preferences", request.scope)
        check_preferences(request)
        if not request.query.strip():
            return await self._read(caller, ref, "preferences", body)
        query = await self._queries.embed(caller.principal.tenant, [request.query], caller.left_s)
        return await self._read(caller, ref, "preferences", body, query)

    async def _understand(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.UnderstandRequest, body)
        self._access.check_tenant(caller.principal, "understand")
        check_query(request)
        return (await answer_understand(self._neighbours.scheduler, caller, request)).SerializeToString()

    # One memory

    async def _get(self, caller: Caller, body: bytes) -> bytes:
        return await self._by_id(caller, "get", parse(pb.GetRequest, body).id, body)

    async def _history(self, caller: Caller, body: bytes) -> bytes:
        return await self._by_id(caller, "history", parse(pb.HistoryRequest, body).id, body)

    async def _by_id(
        self, caller: Caller, verb: str, memory_id: str, body: bytes, key: str | None = None, *, kind: str = "memory"
    ) -> bytes:
        """Route by the id alone. Whatever is not there, cube or memory, is this memory (or task) that is not there."""
        if not memory_id:
            raise InvalidArgumentError("id", "is empty")
        try:
            allows = partial(self._access.allows, caller.principal, verb)
            ref = await self._router.find(caller.principal.tenant, key_of_memory(memory_id), allows)
            if key is None:
                return await self._read(caller, ref, verb, body)
            return await self._mutate(caller, ref, verb, body, key)
        except NotFoundError as error:
            raise NotFoundError(kind, memory_id[:256]) from error

    # Tasks

    async def _list_tasks(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ListTasksRequest, body)
        ref = self._scope(caller, "list_tasks", request.scope)
        check_list_tasks(request)
        return await self._read(caller, ref, "list_tasks", body)

    async def _get_task(self, caller: Caller, body: bytes) -> bytes:
        return await self._by_id(caller, "get_task", parse(pb.GetTaskRequest, body).id, body, kind="task")

    async def _cancel_task(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.CancelTaskRequest, body)
        return await self._by_id(caller, "cancel_task", request.id, body, request.idempotency_key, kind="task")

    async def _retry_task(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.RetryTaskRequest, body)
        return await self._by_id(caller, "retry_task", request.id, body, request.idempotency_key, kind="task")

    async def _wait_tasks(self, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.WaitTasksRequest, body)
        ref = self._scope(caller, "wait_tasks", request.scope)
        check_wait_tasks(request)
        # Answered in time: a call that is given up tells its caller nothing.
        wait_s = min(request.timeout_s or DEFAULT_WAIT_S, 0.9 * caller.left_s)
        ask = partial(self._how_tasks_are, lambda: caller, ref)
        return (await outcome(ask, request.task_ids, monotonic() + wait_s)).SerializeToString()

    async def _how_tasks_are(
        self, caller: Callable[[], Caller], ref: CubeRef, task_ids: Sequence[str]
    ) -> pb.WaitTasksResponse:
        self._access.check(caller().principal, "wait_tasks", ref)
        asked = pb.WaitTasksRequest(task_ids=task_ids).SerializeToString()
        return pb.WaitTasksResponse.FromString(await self._read(caller(), ref, "wait_tasks", asked))

    # Ways to the router

    def _cube(self, caller: Caller, verb: str, cube_id: str) -> CubeRef:
        ref = CubeRef(caller.principal.tenant, cube_id)
        self._access.check(caller.principal, verb, ref)
        return ref

    def _scope(self, caller: Caller, verb: str, scope: pb.Scope) -> CubeRef:
        return self._cube(caller, verb, cube_id_of(scope))

    async def _mutate(
        self,
        caller: Caller,
        ref: CubeRef,
        verb: str,
        body: bytes,
        key: str,
        *,
        create: bool = False,
        origin: bytes = b"",
    ) -> bytes:
        check_key(key)
        rule = self._access.rule(caller.principal, verb, ref)
        call = Call(verb, body, caller.principal, key or new_idempotency_key(), origin=origin, rule=rule)
        answer = await self._router.mutate(ref, call, create=create, timeout_s=caller.left_s)
        return as_told(verb, answer, self._access, caller.principal, ref)

    async def _read(
        self,
        caller: Caller,
        ref: CubeRef,
        verb: str,
        body: bytes,
        query: Query | None = None,
        *,
        within_s: float | None = None,
        room_bytes: int = 0,
    ) -> bytes:
        rule = self._access.rule(caller.principal, verb, ref)
        call = Call(verb, body, caller.principal, room_bytes=room_bytes, rule=rule)
        if query is not None:
            call = replace(call, vector=query.vector, model=query.model, note=query.note, embed_ms=query.embed_ms)
        left_s = caller.left_s
        return await self._router.read(ref, call, timeout_s=left_s if within_s is None else min(within_s, left_s))
