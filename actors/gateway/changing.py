"""The verbs at the gateway that change memories, one or many, or say something of them; part of ``Verbs``."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from memcube.actors.cube.task_bulk import check_archive_all, check_update_all
from memcube.actors.cube.validate import check_filter
from memcube.actors.feedback.check import check_feedback
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.feedback import find_meant
from memcube.actors.gateway.intake import digest_of
from memcube.actors.gateway.queries import Queries, Query
from memcube.actors.gateway.wire import parse
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["ChangingVerbs"]


class _Ways(Protocol):
    """Ways to the router; see ``Verbs``."""

    _queries: Queries

    def _scope(self, caller: Caller, verb: str, scope: pb.Scope) -> CubeRef: ...

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
    ) -> bytes: ...

    async def _read(
        self, caller: Caller, ref: CubeRef, verb: str, body: bytes, query: Query | None = None
    ) -> bytes: ...

    async def _by_id(self, caller: Caller, verb: str, memory_id: str, body: bytes, key: str | None = None) -> bytes: ...


class ChangingVerbs:
    """See the module; ``Verbs`` supplies ``_Ways``."""

    async def _update_all(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.UpdateAllRequest, body)
        ref = self._scope(caller, "update_all", request.scope)
        check_update_all(request)
        return await self._mutate(caller, ref, "update_all", body, request.idempotency_key)

    async def _archive_all(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ArchiveAllRequest, body)
        ref = self._scope(caller, "archive_all", request.scope)
        check_archive_all(request)
        return await self._mutate(caller, ref, "archive_all", body, request.idempotency_key)

    async def _feedback(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.FeedbackRequest, body)
        ref = self._scope(caller, "feedback", request.scope)
        del request.found_ids[:]
        check_feedback(request)
        # A retry is the same request, whatever a search finds by then.
        key, origin = request.idempotency_key, digest_of(request)
        embed = partial(self._queries.embed, caller.principal.tenant, left_s=caller.left_s)
        await find_meant(request, embed, partial(self._read, caller, ref, "batch_search"))
        body = request.SerializeToString()
        return await self._mutate(caller, ref, "feedback", body, key, create=True, origin=origin)

    async def _archive(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.ArchiveRequest, body)
        return await self._by_id(caller, "archive", request.id, body, request.idempotency_key)

    async def _restore(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.RestoreRequest, body)
        return await self._by_id(caller, "restore", request.id, body, request.idempotency_key)

    async def _delete_all(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.DeleteAllRequest, body)
        ref = self._scope(caller, "delete_all", request.scope)
        check_filter(request)
        return await self._mutate(caller, ref, "delete_all", body, request.idempotency_key)

    async def _update(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.UpdateRequest, body)
        return await self._by_id(caller, "update", request.id, body, request.idempotency_key)

    async def _delete(self: _Ways, caller: Caller, body: bytes) -> bytes:
        request = parse(pb.DeleteRequest, body)
        return await self._by_id(caller, "delete", request.id, body, request.idempotency_key)
