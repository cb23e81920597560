"""What is kept, proven and erased, over a real channel: the audit log, provenance, erasure, holds, retention."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from memcube.model.errors import (
    HeldError,
    IdempotencyConflictError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    PermissionDeniedError,
)
from memcube.model.merkle import leaf_hash, verify_consistency, verify_inclusion
from memcube.model.tree_head import erasure_text, head_text, verifies
from memcube.protos.memcube.v1 import audit_pb2, audit_pb2_grpc
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio
ALICE = pb.Scope(user_id="alice")


class Recorded:
    """Calls of the records' service, as a principal."""

    def __init__(self, running: Any, key: str = "mck_admin") -> None:
        self._stub = audit_pb2_grpc.RecordsServiceStub(running.channel)
        self._caller = running.caller(key)
        self._caller.stub = self._stub

    async def call(self, rpc: str, request: Any) -> Any:
        """A unary call by its rpc's name."""
        return await self._caller.call(rpc, request)

    async def entries(self, **fields: Any) -> list[audit_pb2.AuditEntry]:
        """The log."""
        answer = await self.call("ReadAudit", audit_pb2.ReadAuditRequest(**fields))
        return [audit_pb2.AuditEntry.FromString(one) for one in answer.entries]


async def refused(call: Any) -> MemCubeError:
    """The error that a call ends with."""
    try:
        answer = await call
    except MemCubeError as error:
        return error
    raise AssertionError(f"was not refused: {answer}")


def traces(root: Path, word: str) -> int:
    """How often a word is in the vault's files."""
    files = [path for path in (root / "vault").rglob("*") if path.is_file()]
    return sum(path.read_bytes().count(word.encode()) for path in files)


async def test_every_change_and_every_denial_is_in_the_log_and_proven(start: Any, keys: Any) -> None:
    """Who, what, how it ended; in the order of the calls, each proven by the signed head, and nobody else's to see."""
    async with start(keys=keys, records=True) as running:
        alice, admin = running.caller("mck_alice"), Recorded(running)
        item = await alice.add("Lisbon is sunny")
        await refused(alice.call("Get", pb.GetRequest(id=item.id[:20] + "-" + "a" * 26)))
        await refused(alice.call("Search", pb.SearchRequest(scope=pb.Scope(user_id="bob"), query="x")))
        await refused(running.caller("mck_nobody").call("Get", pb.GetRequest(id=item.id)))
        await alice.call("Delete", pb.DeleteRequest(id=item.id))
        found = await admin.entries()
        assert [(one.principal_id, one.verb, one.resource, one.outcome) for one in found[:4]] == [
            ("alice", "add", "cube:user:alice", "OK"),
            ("alice", "get", f"memory:{item.id[:20]}-{'a' * 26}", "NOT_FOUND"),
            ("alice", "search", "cube:user:bob", "NOT_FOUND"),
            ("alice", "delete", f"memory:{item.id}", "OK"),
        ]
        assert [one.seq for one in found] == list(range(len(found)))
        old = await admin.call("AuditHead", audit_pb2.AuditHeadRequest())
        await alice.add("Porto is rainy")
        new = await admin.call("ProveConsistency", audit_pb2.ProveConsistencyRequest(from_size=old.size))
        assert verifies(old.public_key, new.head.signature, head_text(new.head))
        assert verify_consistency(old.size, new.head.size, list(new.path), old.root, new.head.root)
        proof = await admin.call("ProveInclusion", audit_pb2.ProveInclusionRequest(seq=3))
        assert audit_pb2.AuditEntry.FromString(proof.entry).verb == "delete"
        assert verify_inclusion(leaf_hash(proof.entry), 3, proof.head.size, list(proof.path), proof.head.root)
        only = await admin.entries(verb="add", principal_id="alice")
        assert [one.verb for one in only] == ["add", "add"]
        other = Recorded(running, "mck_mallory")
        assert await other.entries() == []
        for key in ("mck_alice", "mck_reader"):
            error = await refused(Recorded(running, key).entries())
            assert isinstance(error, PermissionDeniedError)
        assert isinstance(await refused(admin.entries(page_size=1001)), InvalidArgumentError)


async def test_a_memory_tells_where_it_comes_from(start: Any, keys: Any) -> None:
    """Versions, the message it was taken from, who did it; nobody learns of what is not theirs."""
    async with start(keys=keys, records=True) as running:
        alice = running.caller("mck_alice")
        item = await alice.add("Lisbon is sunny")
        await alice.call("Update", pb.UpdateRequest(id=item.id, memory="Lisbon is hot"))
        told = await Recorded(running, "mck_alice").call("Provenance", audit_pb2.ProvenanceRequest(id=item.id))
        document = dict(told.document)
        assert (told.root, told.cut) == (f"mem:{item.id}/v2", False)
        assert {name for name in document["entity"] if name.startswith("mem:")} == {
            f"mem:{item.id}/v1",
            f"mem:{item.id}/v2",
        }
        kinds = {activity["prov:type"] for activity in document["activity"].values()}
        assert kinds == {"memcube:add", "memcube:update"}
        assert set(document["agent"]) == {"agent:alice"}
        derived = list(document["wasDerivedFrom"].values())
        assert any(one["prov:type"] == "prov:Revision" for one in derived)
        assert any(one["prov:usedEntity"].startswith("src:") for one in derived)
        assert "sunny" not in str(told.document)
        ask = audit_pb2.ProvenanceRequest(id=item.id)
        missing = audit_pb2.ProvenanceRequest(id=item.id[:-1] + "z")
        for request in (ask, missing):
            error = await refused(Recorded(running, "mck_mallory").call("Provenance", request))
            assert isinstance(error, NotFoundError)
            assert error.facts == {"kind": "memory", "name": request.id}


async def test_an_erased_user_is_gone_from_every_file_with_a_certificate(start: Any, keys: Any, tmp_path: Path) -> None:
    """From all cubes of the tenant, of no other tenant; told twice with one key, done once."""
    async with start(keys=keys, records=True) as running:
        admin = running.caller("mck_admin")
        for scope in (pb.Scope(user_id="bob"), pb.Scope(cube_id="team-1", user_id="bob"), ALICE):
            messages = [pb.Message(content=f"I own a quokka, says {scope.user_id}")]
            await admin.call("Add", pb.AddRequest(scope=scope, messages=messages))
        await running.caller("mck_mallory").add("I own a wombat", user_id="bob")
        before = traces(tmp_path, "quokka, says bob")
        assert before >= 4
        records = Recorded(running)
        request = audit_pb2.EraseRequest(user_id="bob", reason="bob asked for it", idempotency_key="e1")
        for key in ("mck_alice", "mck_reader"):
            assert isinstance(await refused(Recorded(running, key).call("Erase", request)), PermissionDeniedError)
        done = await records.call("Erase", request)
        assert verifies(done.public_key, done.signature, erasure_text(done.statement))
        told = audit_pb2.Erasure.FromString(done.statement)
        assert {cube.cube_id: (cube.events, cube.items) for cube in told.cubes} == {
            "user:bob": (2, 1),
            "team-1": (2, 1),
        }
        assert traces(tmp_path, "quokka, says bob") == 0
        assert traces(tmp_path, "quokka, says alice") > 0
        assert traces(tmp_path, "wombat") > 0
        assert (await records.call("Erase", request)).SerializeToString() == done.SerializeToString()
        request.user_id = "alice"
        assert isinstance(await refused(records.call("Erase", request)), IdempotencyConflictError)
        listed = await records.call("ListErasures", audit_pb2.ListErasuresRequest())
        assert [one.statement for one in listed.erasures] == [done.statement]
        hits = (await admin.call("List", pb.ListRequest(scope=pb.Scope(user_id="bob")))).items
        assert list(hits) == []
        whole = audit_pb2.EraseRequest(cube_id="user:alice", idempotency_key="e2")
        await records.call("Erase", whole)
        assert traces(tmp_path, "quokka") == 0


async def test_holds_keep_whole_cubes_too(start: Any, keys: Any) -> None:
    """Delete, delete_all, delete_cube, reset and erase are refused alike, until the hold is released; it is told of."""
    async with start(keys=keys, records=True) as running:
        admin, records = running.caller("mck_admin"), Recorded(running)
        item = await admin.add("evidence")
        other = await admin.add("trivia", user_id="carol")
        hold = audit_pb2.Hold(name="case-7", reason="a court asked", user_id="alice")
        put = audit_pb2.PutHoldRequest(hold=hold, idempotency_key="h1")
        first = await records.call("PutHold", put)
        assert (await records.call("PutHold", put)).hold == first.hold
        for rpc, request in (
            ("Delete", pb.DeleteRequest(id=item.id)),
            ("DeleteAll", pb.DeleteAllRequest(scope=ALICE)),
            ("DeleteCube", pb.DeleteCubeRequest(cube_id="user:alice")),
            ("Reset", pb.ResetRequest()),
        ):
            error = await refused(admin.call(rpc, request))
            assert isinstance(error, HeldError), rpc
            assert error.hold == "case-7"
        for request in (
            audit_pb2.EraseRequest(user_id="alice", idempotency_key="e1"),
            audit_pb2.EraseRequest(cube_id="user:alice", idempotency_key="e2"),
        ):
            assert isinstance(await refused(records.call("Erase", request)), HeldError)
        long = audit_pb2.EraseRequest(user_id="a" * 257, idempotency_key="e3")
        error = await refused(records.call("Erase", long))
        assert isinstance(error, InvalidArgumentError) and error.field == "user_id"
        await admin.call("Delete", pb.DeleteRequest(id=other.id))
        await admin.call("DeleteCube", pb.DeleteCubeRequest(cube_id="user:carol"))
        assert (await admin.call("Get", pb.GetRequest(id=item.id))).item.memory == "evidence"
        await records.call("ReleaseHold", audit_pb2.ReleaseHoldRequest(name="case-7"))
        assert isinstance(
            await refused(records.call("ReleaseHold", audit_pb2.ReleaseHoldRequest(name="case-7"))), NotFoundError
        )
        await records.call("Erase", audit_pb2.EraseRequest(user_id="alice", idempotency_key="e1"))
        verbs = [(one.verb, one.outcome) for one in await records.entries()]
        assert ("put_hold", "OK") in verbs
        assert ("erase", "FAILED_PRECONDITION") in verbs
        assert ("release_hold", "OK") in verbs


async def test_retention_deletes_what_is_old_and_tells_of_it(start: Any, keys: Any) -> None:
    """Put, it is carried out at once, in every cube that it is about and no other; deleted, it is over."""
    async with start(keys=keys, records=True) as running:
        admin, records = running.caller("mck_admin"), Recorded(running)
        await admin.add("old news")
        await admin.add("kept", user_id="carol")
        rule = audit_pb2.RetentionRule(name="short", cubes="user:a*", keep_s=0, action="delete")
        await records.call("PutRetention", audit_pb2.PutRetentionRequest(rule=rule))
        for _ in range(100):
            (known,) = (await records.call("ListRetention", audit_pb2.ListRetentionRequest())).rules
            if known.done:
                break
            await asyncio.sleep(0.02)
        assert (known.done, known.held) == (1, 0)
        assert list((await admin.call("List", pb.ListRequest(scope=ALICE))).items) == []
        assert len((await admin.call("List", pb.ListRequest(scope=pb.Scope(user_id="carol")))).items) == 1
        assert ("system", "retention") in [(one.principal_id, one.verb) for one in await records.entries()]
        for bad in ({"action": "burn"}, {"keep_s": -1.0}, {"name": ""}, {"memory_type": 77}):
            wrong = audit_pb2.RetentionRule(name="r", keep_s=1, action="delete")
            for name, value in bad.items():
                setattr(wrong, name, value)
            error = await refused(records.call("PutRetention", audit_pb2.PutRetentionRequest(rule=wrong)))
            assert isinstance(error, InvalidArgumentError)
            assert error.field.startswith("rule.")
        await records.call("DeleteRetention", audit_pb2.DeleteRetentionRequest(name="short"))
        assert list((await records.call("ListRetention", audit_pb2.ListRetentionRequest())).rules) == []


async def test_without_records_nothing_else_changes(start: Any) -> None:
    """A gateway that keeps none serves memories as ever, and says what is missing."""
    async with start() as running:
        item = await running.caller().add("as ever")
        error = await refused(Recorded(running, "").call("Provenance", audit_pb2.ProvenanceRequest(id=item.id)))
        assert error.CODE == "UNAVAILABLE"
        assert grpc
