"""Erasures go on after whatever ended them, and provenance follows what memories were made from."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.local import LocalRouter
from memcube.actors.governance.audit_records import Records
from memcube.actors.governance.erasure import Purges
from memcube.actors.governance.erasure_files import purge_files
from memcube.actors.governance.hold import hold_file
from memcube.actors.governance.keystore import Keystore, user_subject
from memcube.actors.governance.provenance import Document
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import HeldError, NotFoundError
from memcube.model.ids import CubeRef, Principal
from memcube.model.item import Event, EventKind, Item, Source
from memcube.model.tree_head import erasure_text, verifies
from memcube.protos.memcube.v1 import audit_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

ADMIN = Principal("acme", "admin", ("admin",))
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def run(work: Any) -> Any:
    """In an event loop of its own."""
    return asyncio.run(work)


async def add(router: LocalRouter, cube_id: str, user: str, text: str) -> None:
    """One memory."""
    request = pb.AddRequest(scope=pb.Scope(cube_id=cube_id, user_id=user), messages=[pb.Message(content=text)])
    call = Call("add", request.SerializeToString(), ADMIN, f"{cube_id}{user}{text}")
    await router.mutate(CubeRef("acme", cube_id), call, create=True, timeout_s=10)


class Failing(LocalRouter):
    """A router that ends with its process at the n-th purge."""

    left = 1

    async def mutate(self, ref: CubeRef, call: Call, **named: Any) -> bytes:
        """See ``LocalRouter``."""
        if call.verb == "erase":
            self.left -= 1
            if self.left < 0:
                raise ProcessLookupError
        return await super().mutate(ref, call, **named)


def test_an_erasure_that_was_cut_off_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """Ended between two cubes: the rest is purged, the keys are destroyed, and the certificate is there."""
    keys = Keystore(tmp_path / "keys", bytes(32))
    keys.of("acme").sealing(user_subject("bob"))

    async def first() -> None:
        router = Failing(SqliteVault(tmp_path / "vault"))
        for n in range(3):
            await add(router, f"cube{n}", "bob", f"quokka number {n}")
            await add(router, f"cube{n}", "carol", f"wombat number {n}")
        records = Records(tmp_path / "vault", router, purges=Purges(keys=keys))
        request = audit_pb2.EraseRequest(user_id="bob", idempotency_key="e")
        with pytest.raises(ProcessLookupError):
            await records.erasures.erase(ADMIN, request)
        await router.close()
        await records.close()

    async def second() -> audit_pb2.EraseResponse:
        router = LocalRouter(SqliteVault(tmp_path / "vault"))
        files = partial(purge_files, tmp_path / "vault")
        records = Records(tmp_path / "vault", router, purges=Purges(keys=keys, files=files))
        await records.erasures.resume()
        (done,) = records.erasures.known("acme", 10)
        await router.close()
        await records.close()
        return done

    run(first())
    exported = tmp_path / "vault" / "interchange" / "exports" / "acme" / "sha256"
    exported.mkdir(parents=True)
    (exported / "blob").write_text("a quokka that was exported")
    assert list((tmp_path / "vault" / "governance" / "erasures").rglob("*.open"))
    done = run(second())
    assert verifies(done.public_key, done.signature, erasure_text(done.statement))
    told = audit_pb2.Erasure.FromString(done.statement)
    assert told.keys_destroyed >= 1
    assert told.files == 1
    assert list((tmp_path / "vault" / "governance" / "erasures").rglob("*.open")) == []
    data = [path.read_bytes() for path in (tmp_path / "vault").rglob("*") if path.is_file()]
    assert sum(one.count(b"quokka") for one in data) == 0
    assert sum(one.count(b"wombat") for one in data) > 0


def test_a_hold_in_one_cube_keeps_every_cube_as_it_is(tmp_path: Path) -> None:
    """All cubes are asked before the first is touched."""
    folder = tmp_path / "vault" / "governance" / "holds"

    async def work() -> int:
        router = LocalRouter(SqliteVault(tmp_path / "vault"), frame=FrameConfig(holds_path=str(folder)))
        for n in range(3):
            await add(router, f"cube{n}", "bob", f"quokka number {n}")
        hold_file(folder, "acme").save([audit_pb2.Hold(name="case", reason="r", cubes="cube1")])
        records = Records(tmp_path / "vault", router)
        with pytest.raises(HeldError):
            await records.erasures.erase(ADMIN, audit_pb2.EraseRequest(user_id="bob", idempotency_key="e"))
        assert records.erasures.known("acme", 10) == []
        listed = pb.ListRequest(scope=pb.Scope(cube_id="cube0")).SerializeToString()
        answer = await router.read(CubeRef("acme", "cube0"), Call("list", listed, ADMIN), timeout_s=10)
        await router.close()
        await records.close()
        return len(pb.ListResponse.FromString(answer).items)

    assert run(work()) == 1


def item(name: str, version: int = 1, **fields: Any) -> Item:
    """An item of the cube."""
    return Item(name, version, "user:alice", "secret words", NOW, NOW, **fields)


def event(seq: int, kind: EventKind, of: Item, cause: str, who: str = "alice") -> Event:
    """What happened to it."""
    return Event(seq, 1, NOW, kind, f"key-{seq}", who, cause, of)


def test_provenance_follows_derivation_models_merges_and_deletion() -> None:
    """Versions are revisions, sources primary; what a task made is the system's, on behalf of who caused it."""
    document = Document()
    source = Source("document", "report.pdf", "Ann", start=10, end=20)
    document.add(
        [
            event(1, EventKind.ITEM_ADDED, item("a", sources=(source,)), "add"),
            event(2, EventKind.ITEM_UPDATED, item("a", 2, merged_into="c", sources=(source,)), "mem_organize"),
            event(5, EventKind.ITEM_DELETED, item("a", 3), "delete", "bob"),
        ]
    )
    made = item("b", derived_from=("a", "gone"), info={"model": "tiny-llm"})
    assert document.add([event(3, EventKind.ITEM_ADDED, made, "mem_read")]) == ["a", "gone"]
    document.derive("b", "a")
    document.derive("b", "gone")
    told = document.to_plain()
    assert "secret words" not in str(told)
    derived = {(one["prov:generatedEntity"], one["prov:usedEntity"]) for one in told["wasDerivedFrom"].values()}
    assert {("mem:a/v2", "mem:a/v1"), ("mem:b/v1", "mem:a/v2"), ("mem:b/v1", "mem:gone")} <= derived
    assert any(one.get("prov:type") == "prov:PrimarySource" for one in told["wasDerivedFrom"].values())
    (src,) = [facts for name, facts in told["entity"].items() if name.startswith("src:")]
    assert (src["memcube:id"], src["memcube:start"], src["prov:type"]) == ("report.pdf", 10, "memcube:document")
    assert {"agent:alice", "agent:bob", "agent:memcube", "agent:model:tiny-llm"} == set(told["agent"])
    (behalf, *_) = told["actedOnBehalfOf"].values()
    assert (behalf["prov:delegate"], behalf["prov:responsible"]) == ("agent:memcube", "agent:alice")
    (gone,) = told["wasInvalidatedBy"].values()
    assert gone["prov:entity"] == "mem:a/v2"
    assert [one["prov:alternate2"] for one in told["alternateOf"].values()] == ["mem:c"]
    names = {name for kind in ("entity", "activity", "agent") for name in told[kind]}
    for relation, records in told.items():
        if relation in ("prefix", "entity", "activity", "agent"):
            continue
        for one in records.values():
            ends = {value for key, value in one.items() if key not in ("prov:type", "prov:time")}
            assert ends <= names, (relation, one)


def test_a_cube_that_is_not_there_is_not_certified_as_erased(tmp_path: Path) -> None:
    """It is told, no key is replaced, and nothing is left that would be taken for an erasure."""

    async def scenario() -> None:
        records = Records(tmp_path / "vault", LocalRouter(SqliteVault(tmp_path / "vault")), purges=Purges())
        with pytest.raises(NotFoundError):
            await records.erasures.erase(ADMIN, audit_pb2.EraseRequest(cube_id="nowhere", idempotency_key="e"))
        assert records.erasures.known("acme", 10) == []
        await records.close()

    run(scenario())


def test_two_calls_with_one_key_are_one_erasure(tmp_path: Path) -> None:
    """At the same time: both get the one certificate, which says all that was purged."""

    async def scenario() -> None:
        router = LocalRouter(SqliteVault(tmp_path / "vault"))
        for n in range(3):
            await add(router, f"cube{n}", "bob", f"quokka number {n}")
        records = Records(tmp_path / "vault", router, purges=Purges())
        request = audit_pb2.EraseRequest(user_id="bob", idempotency_key="e")
        one, other = await asyncio.gather(*(records.erasures.erase(ADMIN, request) for _ in range(2)))
        assert one == other
        assert len(audit_pb2.Erasure.FromString(one.statement).cubes) == 3
        await router.close()
        await records.close()

    run(scenario())
