"""What is kept, proven and erased, as the gateway serves it: the part ``RecordsService``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from memcube.actors.cube.call import Call
from memcube.actors.cube.validate import check_key
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.part import Part
from memcube.actors.gateway.wire import parse
from memcube.actors.governance.access import Access
from memcube.actors.governance.audit_log import AuditLog
from memcube.actors.governance.audit_records import Records
from memcube.actors.governance.hold import check_hold, hold_file
from memcube.actors.governance.hold_check import check_cube
from memcube.actors.governance.provenance import Document
from memcube.actors.governance.retention import check_rule, retention_file
from memcube.model.codec import event_from_proto
from memcube.model.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotConfiguredError,
    NotFoundError,
)
from memcube.model.ids import MAX_NAME_CHARS, CubeRef, key_of_memory
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import audit_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["RecordsService"]

SERVICE = audit_pb2.DESCRIPTOR.services_by_name["RecordsService"]
DEFAULT_PAGE, MOST_PAGE = 100, 1000
DEFAULT_DEPTH, MOST_DEPTH = 8, 32
MOST_MEMORIES, MOST_RECORDS = 500, 5000


class RecordsService:
    """The handlers. Used by one event loop."""

    def __init__(self, records: Records | None, access: Access) -> None:
        self._given = records
        self._access = access

    def part(self) -> Part:
        """As the gateway serves it."""
        return Part(
            SERVICE,
            answers={
                "read_audit": self._read_audit,
                "audit_head": self._audit_head,
                "prove_inclusion": self._prove_inclusion,
                "prove_consistency": self._prove_consistency,
                "provenance": self._provenance,
                "erase": self._erase,
                "list_erasures": self._list_erasures,
                "put_hold": self._put_hold,
                "release_hold": self._release_hold,
                "list_holds": self._list_holds,
                "put_retention": self._put_retention,
                "delete_retention": self._delete_retention,
                "list_retention": self._list_retention,
            },
            long=frozenset({"erase"}),
        )

    @property
    def _records(self) -> Records:
        if self._given is None:
            raise NotConfiguredError("the keeping of records")
        return self._given

    # The audit log

    async def _log(self, caller: Caller, verb: str) -> AuditLog:
        """The caller's tenant's log, with everything in it that was told until now."""
        self._access.check_tenant(caller.principal, verb)
        keeper = self._records.keeper

        def open_log() -> AuditLog:
            if self._records.spool is not None:
                self._records.spool.flush()
            keeper.drain()
            return keeper.log(caller.principal.tenant)

        return await asyncio.to_thread(open_log)

    async def _read_audit(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ReadAuditRequest, body)
        size = _page("page_size", request.page_size)
        log = await self._log(caller, "read_audit")
        rows = await asyncio.to_thread(
            log.read,
            request.from_seq,
            size,
            principal=request.principal_id,
            verb=request.verb,
            resource=request.resource,
        )
        answer = audit_pb2.ReadAuditResponse(entries=[entry for _, entry in rows])
        if len(rows) == size:
            answer.next_seq = rows[-1][0] + 1
        if log.size:
            answer.head.CopyFrom(log.head())
        return answer.SerializeToString()

    async def _audit_head(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.AuditHeadRequest, body)
        log = await self._log(caller, "audit_head")
        return (await asyncio.to_thread(log.head, _size("size", request.size))).SerializeToString()

    async def _prove_inclusion(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ProveInclusionRequest, body)
        log = await self._log(caller, "prove_inclusion")
        proof = await asyncio.to_thread(log.prove_inclusion, request.seq, _size("size", request.size))
        return proof.SerializeToString()

    async def _prove_consistency(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ProveConsistencyRequest, body)
        log = await self._log(caller, "prove_consistency")
        sizes = request.from_size, _size("to_size", request.to_size)
        return (await asyncio.to_thread(log.prove_consistency, *sizes)).SerializeToString()

    # Provenance

    async def _provenance(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ProvenanceRequest, body)
        if not request.id:
            raise InvalidArgumentError("id", "is empty")
        if request.depth > MOST_DEPTH:
            raise InvalidArgumentError("depth", f"is {request.depth}, the most is {MOST_DEPTH}")
        document, cut = Document(), False
        links = await self._take_in(caller, document, request.id)
        queue = [(request.id, source, 1) for source in links]
        while queue:
            made, source, depth = queue.pop(0)
            if source not in document.seen:
                if (
                    depth > (request.depth or DEFAULT_DEPTH)
                    or len(document.seen) >= MOST_MEMORIES
                    or document.size >= MOST_RECORDS
                ):
                    cut = True
                else:
                    try:
                        further = await self._take_in(caller, document, source)
                        queue += [(source, one, depth + 1) for one in further]
                    except NotFoundError:
                        pass  # deleted and erased, or not the caller's to see: it is named, and no more
            document.derive(made, source)
        answer = audit_pb2.ProvenanceResponse(root=document.seen.get(request.id, f"mem:{request.id}"), cut=cut)
        answer.document.update(document.to_plain())
        return answer.SerializeToString()

    async def _take_in(self, caller: Caller, document: Document, memory_id: str) -> list[str]:
        """Add a memory's history; what it was made from. Whatever is not there, or denied, is this memory not there."""
        principal = caller.principal
        try:
            allows = partial(self._access.allows, principal, "provenance")
            ref = await self._records.router.find(principal.tenant, key_of_memory(memory_id), allows)
            request = pb.HistoryRequest(id=memory_id).SerializeToString()
            call = Call("history", request, principal, rule=self._access.rule(principal, "history", ref))
            body = await self._records.router.read(ref, call, timeout_s=caller.left_s)
        except NotFoundError as error:
            raise NotFoundError("memory", memory_id[:256]) from error
        return document.add(map(event_from_proto, pb.HistoryResponse.FromString(body).events))

    # Erasure

    async def _erase(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.EraseRequest, body)
        self._access.check_tenant(caller.principal, "erase")
        check_key(request.idempotency_key)
        if not request.idempotency_key:
            raise InvalidArgumentError("idempotency_key", "is empty")
        if bool(request.user_id) == bool(request.cube_id):
            raise InvalidArgumentError("user_id", "give exactly one of user_id and cube_id")
        if len(request.user_id) > MAX_NAME_CHARS:
            raise InvalidArgumentError(
                "user_id", f"has {len(request.user_id)} characters, the most is {MAX_NAME_CHARS}"
            )
        if len(request.reason) > 2000:
            raise InvalidArgumentError("reason", f"has {len(request.reason)} characters, the most is 2000")
        if request.cube_id:
            ref = CubeRef(caller.principal.tenant, request.cube_id)
            self._access.check(caller.principal, "erase", ref)
            await check_cube(self._records, caller, ref)
        certificate = await self._records.erasures.erase(caller.principal, request)
        return certificate.SerializeToString()

    async def _list_erasures(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ListErasuresRequest, body)
        self._access.check_tenant(caller.principal, "list_erasures")
        size = _page("page_size", request.page_size)
        found = await asyncio.to_thread(self._records.erasures.known, caller.principal.tenant, size)
        return audit_pb2.ListErasuresResponse(erasures=found).SerializeToString()

    # Legal holds

    async def _put_hold(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.PutHoldRequest, body)
        self._access.check_tenant(caller.principal, "put_hold")
        check_hold(request.hold)
        hold = request.hold
        hold.principal_id = caller.principal.id
        hold.created_at.FromDatetime(utc_now())

        def change(holds: list[audit_pb2.Hold]) -> list[audit_pb2.Hold]:
            for known in holds:
                if known.name == hold.name:
                    if not _same(known, hold):
                        raise AlreadyExistsError("hold", hold.name)
                    hold.CopyFrom(known)
                    return holds
            return [*holds, hold]

        await self._change_holds(caller, change)
        return audit_pb2.PutHoldResponse(hold=hold).SerializeToString()

    async def _release_hold(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.ReleaseHoldRequest, body)
        self._access.check_tenant(caller.principal, "release_hold")

        def change(holds: list[audit_pb2.Hold]) -> list[audit_pb2.Hold]:
            if all(hold.name != request.name for hold in holds):
                raise NotFoundError("hold", request.name[:256])
            return [hold for hold in holds if hold.name != request.name]

        await self._change_holds(caller, change)
        return audit_pb2.ReleaseHoldResponse().SerializeToString()

    async def _change_holds(
        self, caller: Caller, change: Callable[[list[audit_pb2.Hold]], list[audit_pb2.Hold]]
    ) -> None:
        file = hold_file(self._records.holds_folder, caller.principal.tenant)
        async with self._records.holds_lock:
            await asyncio.to_thread(lambda: file.save(change(file.load())))

    async def _list_holds(self, caller: Caller, body: bytes) -> bytes:
        parse(audit_pb2.ListHoldsRequest, body)
        self._access.check_tenant(caller.principal, "list_holds")
        file = hold_file(self._records.holds_folder, caller.principal.tenant)
        return audit_pb2.ListHoldsResponse(holds=await asyncio.to_thread(file.load)).SerializeToString()

    # Retention

    async def _put_retention(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.PutRetentionRequest, body)
        self._access.check_tenant(caller.principal, "put_retention")
        rule = request.rule
        check_rule(rule)
        for name in ("last_run_at", "done", "held"):
            rule.ClearField(name)
        rule.principal_id = caller.principal.id
        rule.created_at.FromDatetime(utc_now())

        def change(rules: list[audit_pb2.RetentionRule]) -> list[audit_pb2.RetentionRule]:
            return [*(one for one in rules if one.name != rule.name), rule]

        await self._change_rules(caller, change)
        self._records.retention.wake()
        return audit_pb2.PutRetentionResponse(rule=rule).SerializeToString()

    async def _delete_retention(self, caller: Caller, body: bytes) -> bytes:
        request = parse(audit_pb2.DeleteRetentionRequest, body)
        self._access.check_tenant(caller.principal, "delete_retention")

        def change(rules: list[audit_pb2.RetentionRule]) -> list[audit_pb2.RetentionRule]:
            if all(rule.name != request.name for rule in rules):
                raise NotFoundError("rule", request.name[:256])
            return [rule for rule in rules if rule.name != request.name]

        await self._change_rules(caller, change)
        return audit_pb2.DeleteRetentionResponse().SerializeToString()

    async def _change_rules(
        self,
        caller: Caller,
        change: Callable[[list[audit_pb2.RetentionRule]], list[audit_pb2.RetentionRule]],
    ) -> None:
        retention, tenant = self._records.retention, caller.principal.tenant
        file = retention_file(self._records.folder / "retention", tenant)

        def work() -> None:
            retention.know(tenant)
            file.save(change(file.load()))

        async with retention.lock:
            await asyncio.to_thread(work)

    async def _list_retention(self, caller: Caller, body: bytes) -> bytes:
        parse(audit_pb2.ListRetentionRequest, body)
        self._access.check_tenant(caller.principal, "list_retention")
        file = retention_file(self._records.folder / "retention", caller.principal.tenant)
        return audit_pb2.ListRetentionResponse(rules=await asyncio.to_thread(file.load)).SerializeToString()


def _same(one: audit_pb2.Hold, other: audit_pb2.Hold) -> bool:
    names = ("name", "reason", "cubes", "user_id", "filter")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _page(field: str, asked: int) -> int:
    if asked > MOST_PAGE:
        raise InvalidArgumentError(field, f"is {asked}, the most is {MOST_PAGE}")
    return asked or DEFAULT_PAGE


def _size(field: str, asked: int) -> int:
    if asked >= 1 << 62:
        raise InvalidArgumentError(field, "is no size of a log")
    return asked
