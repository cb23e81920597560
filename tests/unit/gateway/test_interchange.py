"""Bundles pulled out of cubes and pushed into them, over a real gRPC channel, on the real cube core."""

from __future__ import annotations

import json
import os
from asyncio import gather
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import pytest

from memcube.actors.cube import export_read
from memcube.actors.cube.call import Call
from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.caller import Caller
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client.async_memory import AsyncMemory
from memcube.client.carrying import Push
from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    KvRecord,
    PublicKey,
    SeqRange,
    Signer,
    Tensor,
    open_bundle,
    tensors_bytes,
    verify,
)
from memcube.interchange.mip.limits import FRAME_BYTES
from memcube.interchange.mip.media import KV
from memcube.model.errors import (
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    TooLargeError,
    UnavailableError,
    UntrustedError,
)
from memcube.model.ids import CubeRef
from memcube.model.item import Item, Source
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import mip_pb2 as mip

pytestmark = pytest.mark.anyio

FOREIGN = Signer.from_seed(b"f" * 32)
KEY = str(FOREIGN.public)


def connect(running: Any, key: str = "") -> AsyncMemory:
    """A client of the gateway."""
    return AsyncMemory(running.server.grpc_address, api_key=key or None)


def foreign_item(number: int, version: int = 1) -> Item:
    """A memory of some other system, with an id of its kind."""
    now = utc_now()
    return Item(
        f"their-{number:05d}", version, "their cube", f"fact {number} of version {version}", now, now,
        tags=("t",), info={"n": float(number)}, derived_from=(f"their-{number - 1:05d}",) if number % 10 == 5 else (),
        sources=(Source("message", f"m{number}", "Bo", "user", now, position=number),), session_id="theirs",
    )  # fmt: skip


def foreign_bundle(
    folder: Path,
    numbers: Iterator[int] | range,
    *,
    version: int = 1,
    seq: int = 0,
    parent: str | None = None,
    gone: tuple[int, ...] = (),
    more: Callable[[BundleWriter], None] | None = None,
) -> str:
    """A bundle of theirs; its digest."""
    about = Descriptor(
        cube=CubeAbout(id="team-x", description="theirs", config={"a": 1}), seq=SeqRange.of(0, seq), parent=parent,
        **{"x.weather": "rain"},
    )  # fmt: skip
    with BundleWriter(folder, about, FOREIGN) as writer:
        for number in numbers:
            extra = {"x.colour": {"deep": [1, 2.5, "ü"]}} if number == 3 else None
            writer.add(foreign_item(number, version), extra, {"x.level": 7} if number == 3 else None)
        for number in gone:
            writer.delete(f"their-{number:05d}", 1)
        if more is not None:
            more(writer)
        return writer.finish().digest


async def texts(memory: AsyncMemory, **scope: Any) -> dict[str, str]:
    """All memories of a cube by id."""
    listed = await memory.get_all(**scope, top_k=1000)
    return {one["id"]: one["memory"] for one in listed["results"]}


async def test_a_cube_moves_to_another_tenant(start: Any, keys: Any, tmp_path: Path) -> None:
    """Pulled, verified with the key that the server told, pushed into another tenant's cube: the texts are there."""
    async with (
        start(keys=keys) as running,
        connect(running, "mck_alice") as alice,
        connect(running, "mck_mallory") as mallory,
    ):
        added = await alice.add("I moved to Lisbon in March", user_id="alice", metadata={"mood": "happy"})
        await alice.add("My cat is called Miso", user_id="alice")
        pulled = await alice.pull(tmp_path / "bundle", user_id="alice")
        key = await alice.bundle_key()
        report = verify(tmp_path / "bundle", [PublicKey.parse(key)])
        assert report.present == pulled["items"] == 2
        with pytest.raises(UntrustedError):
            await mallory.push(tmp_path / "bundle")
        with pytest.raises(NotFoundError):
            await mallory.get_all(cube_id="user:alice")
        done = await mallory.push(tmp_path / "bundle", trusted_keys=[key])
        assert (done["cube_id"], done["added"]) == ("user:alice", 2)
        listed = (await mallory.get_all(user_id="alice"))["results"]
        assert {one["memory"] for one in listed} == {"I moved to Lisbon in March", "My cat is called Miso"}
        old = added["results"][0]["id"]
        moved = next(one for one in listed if "Lisbon" in one["memory"])
        assert moved["id"] != old
        assert [source["id"] for source in moved["sources"] if source["kind"] == "mip"] == [old]
        assert moved["metadata"] == {"mood": "happy"}
        found = await mallory.search("where is Lisbon", user_id="alice")
        assert found["results"][0]["id"] == moved["id"]
        again = await mallory.push(tmp_path / "bundle", trusted_keys=[key])
        assert {**again, "sent_bytes": 0} == {**done, "sent_bytes": 0}
        assert os.stat(running.server.config.keys_path).st_mode & 0o77 == 0
        pems = list((tmp_path / "vault" / "interchange" / "keys").iterdir())
        assert {path.stat().st_mode & 0o777 for path in pems} == {0o600}


async def test_a_cube_is_restored_with_its_ids_and_versions(start: Any, tmp_path: Path) -> None:
    """What was deleted or lost comes back as it was; what is newer here stays; a delta brings what changed since."""
    async with start() as running, connect(running) as memory:
        ids = [(await memory.add(f"fact {n}", user_id="alice"))["results"][0]["id"] for n in range(4)]
        await memory.update(ids[1], "fact 1, corrected")
        first = await memory.pull(tmp_path / "one", user_id="alice")
        await memory.delete(ids[0])
        await memory.update(ids[2], "fact 2, newer")
        await memory.add("fact 4", user_id="alice")
        await memory.pull(tmp_path / "two", user_id="alice", parent=first["bundle"])
        key = PublicKey.parse(await memory.bundle_key())
        report = verify(tmp_path / "two", [key])
        assert (report.present, report.deleted, report.descriptor.parent) == (2, 1, first["bundle"])
        done = await memory.push(tmp_path / "one")
        assert (done["added"], done["updated"], done["unchanged"]) == (1, 0, 3)
        assert (await memory.get(ids[0]))["memory"] == "fact 0"
        assert (await memory.get(ids[2]))["memory"] == "fact 2, newer"
        assert (await memory.get(ids[1]))["version"] == 2
        done = await memory.push(tmp_path / "two")
        assert (done["deleted"], done["unchanged"]) == (1, 2)
        with pytest.raises(UntrustedError, match="older"):
            await memory.push(tmp_path / "one", idempotency_key="again")
        with pytest.raises(NotFoundError):
            await memory.pull(tmp_path / "three", user_id="alice", parent="sha256:" + "0" * 64)


async def test_a_large_import_is_not_there_before_it_is_whole(start: Any, tmp_path: Path) -> None:
    """In many commits into a new cube: nobody sees it meanwhile, nobody writes to it, and then all of it is there."""
    foreign_bundle(tmp_path / "bundle", range(130))
    seen: list[Any] = []

    class Watched(LocalRouter):
        """Looks at the cube before every part but the first."""

        async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
            """As the router does."""
            if call.verb == "import_items" and call.key.endswith((":1", ":2")):
                seen.append([head.ref.cube_id for head in await self.cubes(ref.tenant, "", 10)])
                for verb in ("get_cube", "list", "read_events", "delete_all", "add"):
                    way = self.mutate if verb in ("add", "delete_all") else self.read
                    more = {"create": False} if way == self.mutate else {}
                    try:
                        await way(ref, replace(call, verb=verb, request=b"", key="k"), timeout_s=5.0, **more)  # type: ignore[operator]
                    except (NotFoundError, UnavailableError) as error:
                        seen.append(type(error).__name__)
            return await super().mutate(ref, call, create=create, timeout_s=timeout_s)

    router = Watched(SqliteVault(tmp_path / "vault"))
    async with start(router=router, interchange_items=40, interchange_batch=40) as running, connect(running) as memory:
        done = await memory.push(tmp_path / "bundle", trusted_keys=[KEY])
        assert done["added"] == 130
        assert seen == [[], "NotFoundError", "NotFoundError", "NotFoundError", "NotFoundError", "UnavailableError"] * 2
        found = await texts(memory, cube_id="team-x")
        assert sorted(found.values()) == sorted(foreign_item(n).memory for n in range(130))
        # What was derived still is.
        fifth = next(id_ for id_, text in found.items() if text == "fact 5 of version 1")
        fourth = next(id_ for id_, text in found.items() if text == "fact 4 of version 1")
        assert (await memory.get(fifth))["derived_from"] == [fourth]
        with pytest.raises(TooLargeError):
            foreign_bundle(tmp_path / "more", range(130), version=2, seq=5)
            await memory.push(tmp_path / "more", trusted_keys=[KEY])
    await router.close()


async def test_an_import_that_fails_leaves_nothing(start: Any, tmp_path: Path) -> None:
    """Broken off in the middle, by an error or by the end of the process, nothing of it is there, and it works again."""
    foreign_bundle(tmp_path / "bundle", range(90))
    broken = [True]

    class Breaking(LocalRouter):
        """Fails at the second part while it is told to."""

        async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
            """As the router does, or not."""
            if broken[0] and call.verb == "import_items" and call.key.endswith(":1"):
                raise InvalidArgumentError("items", "broken on purpose")
            return await super().mutate(ref, call, create=create, timeout_s=timeout_s)

        async def delete(self, ref: CubeRef) -> None:
            """As the router does, unless the process is to have ended."""
            if broken[0] == "killed":
                raise UnavailableError("the router")
            await super().delete(ref)

    router = Breaking(SqliteVault(tmp_path / "vault"))
    settings = {"router": router, "interchange_items": 30, "interchange_batch": 30}
    async with start(**settings) as running, connect(running) as memory:
        with pytest.raises(InvalidArgumentError, match="on purpose"):
            await memory.push(tmp_path / "bundle", trusted_keys=[KEY])
        assert await router.cubes("default", "", 10) == []
        assert not [one for one in (tmp_path / "vault" / "cubes").rglob("*.db") if one.is_file()]
        broken[0] = "killed"  # type: ignore[call-overload]
        caller = running.caller()
        with pytest.raises(UnavailableError):
            await _push_once(caller, tmp_path / "bundle")
        broken[0] = False
    async with start(**settings) as running, connect(running) as memory:
        await memory.bundle_key()
        assert await router.cubes("default", "", 10) == []
        assert not [one for one in (tmp_path / "vault" / "cubes").rglob("*.db") if one.is_file()]
        assert (await memory.push(tmp_path / "bundle", trusted_keys=[KEY]))["added"] == 90
        assert len(await texts(memory, cube_id="team-x")) == 90
    await router.close()


async def _push_once(caller: Any, bundle: Path, most_bytes: int = 1 << 40) -> tuple[int, list[Any]]:
    """One push without any retry, broken off after so many bytes; what was sent, and the acks."""
    none = {"user_id": None, "agent_id": None, "run_id": None, "cube_id": None}
    push = Push(bundle, none, [KEY])
    try:
        async for answer in caller.stub.Have(push.questions(), metadata=caller.metadata):
            push.note(answer)
        acks = [
            one
            async for one in caller.stub.Push(
                takewhile(lambda _: push.sent_bytes < most_bytes, push.frames()), metadata=caller.metadata
            )
        ]
        return push.sent_bytes, acks
    except grpc.aio.AioRpcError as failure:
        from google.rpc.status_pb2 import Status

        from memcube.model.error_codec import detail_to_error
        from memcube.protos.memcube.v1 import error_pb2

        status = Status.FromString(dict(failure.trailing_metadata() or ())["grpc-status-details-bin"])
        detail = error_pb2.ErrorDetail()
        status.details[0].Unpack(detail)
        raise detail_to_error(detail) from failure
    finally:
        push.close()


async def test_a_push_goes_on_where_it_was_acknowledged(start: Any, keys: Any, tmp_path: Path) -> None:
    """Broken off anywhere, the next one sends only what was not acknowledged; nobody else learns what is there."""

    def blob(writer: BundleWriter) -> None:
        data = Tensor("U8", (3_500_000,), os.urandom(3_500_000))
        writer.kv(KvRecord(), tensors_bytes({"k": data}))

    foreign_bundle(tmp_path / "bundle", range(30), more=blob)
    with open_bundle(tmp_path / "bundle") as bundle:
        total = sum(one.size for one in bundle.blobs())
        digests = [one.digest for one in bundle.blobs()]
    async with start(keys=keys) as running:
        caller, other = running.caller("mck_alice"), running.caller("mck_admin")
        acked: dict[str, int] = {}
        for most_bytes in (10, 1_900_000, 1_300_000):
            sent, acks = await _push_once(caller, tmp_path / "bundle", most_bytes)
            assert sent < most_bytes + FRAME_BYTES
            acked |= {ack.blob.digest: ack.blob.offset_bytes for ack in acks}
        assert max(acked.values()) in (2 << 20, 3 << 20)
        (told,) = [
            one async for one in other.stub.Have(iter([mip.HaveRequest(digests=digests)]), metadata=other.metadata)
        ]
        assert {state.offset_bytes for state in told.blobs} == {0}
        sent, acks = await _push_once(caller, tmp_path / "bundle")
        assert sent == total - sum(acked.values())
        assert acks[-1].committed.added == 30
        assert list((tmp_path / "vault" / "interchange" / "spool" / "acme").rglob("*.part")) == []
        (told,) = [
            one async for one in caller.stub.Have(iter([mip.HaveRequest(digests=digests)]), metadata=caller.metadata)
        ]
        assert {state.offset_bytes for state in told.blobs} == {0}


async def test_what_no_cube_holds_is_given_back(start: Any, tmp_path: Path) -> None:
    """Unknown fields, members and layers, and KV blocks, come out of a pull as they went in by a push."""

    def more(writer: BundleWriter) -> None:
        writer.layer(b"\x00 nobody knows", "application/vnd.example.thing+octets", {"a": "b"})
        writer.kv(KvRecord(n_layers=3), tensors_bytes({"k": Tensor("F16", (2,), b"1234")}))

    foreign_bundle(tmp_path / "in", range(5), more=more)
    async with start() as running, connect(running) as memory:
        done = await memory.push(tmp_path / "in", trusted_keys=[KEY], cube_id="mine")
        assert done["kept_layers"] == 3
        pulled = await memory.pull(tmp_path / "out", cube_id="mine")
        assert pulled["items"] == 5
        with open_bundle(tmp_path / "out") as bundle:
            assert bundle.descriptor.model_extra == {"x.weather": "rain"}
            assert bundle.descriptor.cube.description == "theirs"
            (layer,) = bundle.unknown_layers
            assert b"".join(bundle.source.steps(layer)) == b"\x00 nobody knows"
            assert layer.annotations == {"a": "b"}
            (record,) = bundle.records()
            assert (record.media_type, record.record["n_layers"]) == (KV, 3)
            third = next(one for one in bundle.items() if one.item.memory.startswith("fact 3"))
            assert third.extra == {"x.colour": {"deep": [1, 2.5, "ü"]}}
            assert third.header_extra == {"x.level": 7}
            assert json.loads(third.raw.header)["x.level"] == 7
        # Of a cube that was deleted and made again nothing is left.
        await memory.delete_cube("mine")
        await memory.add("anew", cube_id="mine")
        await memory.pull(tmp_path / "anew", cube_id="mine")
        with open_bundle(tmp_path / "anew") as bundle:
            assert bundle.unknown_layers == []


async def test_a_delta_of_theirs_changes_what_was_taken_in(start: Any, tmp_path: Path) -> None:
    """New versions, deletions, in order only: not without its parent, not twice from another state."""
    first = foreign_bundle(tmp_path / "a", range(10), seq=1)
    second = foreign_bundle(tmp_path / "b", range(3), version=2, seq=2, parent=first, gone=(7, 8))
    foreign_bundle(tmp_path / "c", range(3), version=3, seq=3, parent="sha256:" + "9" * 64)
    async with start() as running, connect(running) as memory:
        with pytest.raises(UntrustedError, match="change of"):
            await memory.push(tmp_path / "b", trusted_keys=[KEY])
        await memory.push(tmp_path / "a", trusted_keys=[KEY])
        done = await memory.push(tmp_path / "b", trusted_keys=[KEY])
        assert (done["updated"], done["deleted"]) == (3, 2)
        found = sorted((await texts(memory, cube_id="team-x")).values())
        assert found == sorted(
            [foreign_item(n, 2).memory for n in range(3)] + [foreign_item(n).memory for n in (3, 4, 5, 6, 9)]
        )
        for late in ("a", "c"):
            with pytest.raises(UntrustedError):
                await memory.push(tmp_path / late, trusted_keys=[KEY], idempotency_key="late")
        # Into a new cube of that name an older state is a restore, and no replay.
        await memory.delete_cube("team-x")
        assert (await memory.push(tmp_path / "a", trusted_keys=[KEY], idempotency_key="anew"))["added"] == 10
        assert second != first


async def test_refused_pushes_change_nothing(start: Any, keys: Any, tmp_path: Path) -> None:
    """By role, by cube, by key, by what comes: typed errors, and no cube."""
    foreign_bundle(tmp_path / "bundle", range(5))
    async with start(keys=keys) as running:
        alice, reader = connect(running, "mck_alice"), connect(running, "mck_reader")
        with pytest.raises(PermissionDeniedError):
            await reader.push(tmp_path / "bundle", trusted_keys=[KEY])
        for cube in ("user:bob", "no-such"):
            with pytest.raises(NotFoundError) as denied:
                await alice.push(tmp_path / "bundle", trusted_keys=[KEY], cube_id=cube)
            assert denied.value.facts == {"kind": "cube", "name": cube}
            with pytest.raises(NotFoundError) as missing:
                await alice.pull(tmp_path / cube, cube_id=cube)
            assert missing.value.facts == {"kind": "cube", "name": cube}
        with pytest.raises(UntrustedError):
            await alice.push(tmp_path / "bundle")
        with pytest.raises(InvalidArgumentError, match="key"):
            await alice.push(tmp_path / "bundle", trusted_keys=["ed25519:nonsense"])
        caller = running.caller("mck_alice")
        digest = "sha256:" + "0" * 64
        for frames, field in (
            ([mip.PushFrame()], "frame"),
            ([mip.PushFrame(chunk=mip.Chunk(data=b"x"))], "frame"),
            ([mip.PushFrame(start=mip.BlobStart(digest="../../x", size_bytes=1))], "digest"),
            ([mip.PushFrame(start=mip.BlobStart(digest=digest, size_bytes=1 << 60))], "size_bytes"),
            ([mip.PushFrame(start=mip.BlobStart(digest=digest, size_bytes=1 << 63))], "size_bytes"),
            ([mip.PushFrame(start=mip.BlobStart(digest=digest, size_bytes=9, offset_bytes=4))], "offset_bytes"),
            (_blob(digest, b"hello"), "digest"),
            (_blob(digest, b"x" * 300_000, whole=True), "chunk.data"),
            ([mip.PushFrame(commit=mip.Commit(bundle=digest, index=b"{}"))], "bundle.index.schemaVersion"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                [one async for one in caller.stub.Push(iter(frames), metadata=caller.metadata)]
            assert f"{field}:" in str(failure.value.details()), failure.value.details()
        admin = connect(running, "mck_admin")
        assert (await admin.push(tmp_path / "bundle", trusted_keys=[KEY], idempotency_key="k"))["added"] == 5
        foreign_bundle(tmp_path / "other", range(6), seq=1)
        with pytest.raises(IdempotencyConflictError):
            await admin.push(tmp_path / "other", trusted_keys=[KEY], idempotency_key="k")
        listed = await running.caller("mck_admin").call("ListCubes", _listing())
        assert [cube.id for cube in listed.cubes] == ["team-x"]
        for memory in (alice, reader, admin):
            await memory.close()


def _listing() -> Any:
    from memcube.protos.memcube.v1 import service_pb2 as pb

    return pb.ListCubesRequest()


def _blob(digest: str, data: bytes, *, whole: bool = False) -> list[mip.PushFrame]:
    step = len(data) if whole else 2
    chunks = [mip.Chunk(offset_bytes=at, data=data[at : at + step]) for at in range(0, len(data), step)]
    return [
        mip.PushFrame(start=mip.BlobStart(digest=digest, size_bytes=len(data))),
        *(mip.PushFrame(chunk=chunk) for chunk in chunks),
        mip.PushFrame(end=mip.BlobEnd()),
    ]


async def test_an_export_is_of_one_state_while_others_write(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages memories are added, changed and deleted: the bundle is the cube as of its last event."""
    monkeypatch.setattr(export_read, "PAGE_ITEMS", 3)
    changes: list[Any] = []

    class Written(LocalRouter):
        """Writes behind every page."""

        async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
            """As the router does."""
            answer = await super().read(ref, call, timeout_s=timeout_s)
            if call.verb == "export_items" and changes:
                await changes.pop(0)()
            return answer

    router = Written(SqliteVault(tmp_path / "vault"))
    async with start(router=router) as running, connect(running) as memory:
        ids = [(await memory.add(f"fact {n}", user_id="alice"))["results"][0]["id"] for n in range(8)]
        changes += [
            lambda: gather(memory.update(ids[0], "fact 0, changed behind its page"), memory.delete(ids[1])),
            lambda: memory.add("fact 8", user_id="alice"),
        ]
        await memory.pull(tmp_path / "bundle", user_id="alice")
        assert changes == []
        present = await texts(memory, user_id="alice")
        with open_bundle(tmp_path / "bundle") as bundle:
            assert {one.item.id: one.item.memory for one in bundle.items()} == present
            about = bundle.descriptor
        assert (about.epoch, about.seq.to) == (1, 12)
        selected = await memory.pull(tmp_path / "some", user_id="alice", filters={"memory": {"contains": "8"}})
        assert selected["items"] == 1
    await router.close()


async def test_a_right_that_is_taken_away_ends_a_pull_that_goes_on(start: Any, keys: Any, tmp_path: Path) -> None:
    """A policy closes the cube between two frames of its bundle: the next one is not sent, nor is it to be resumed."""
    async with start(keys=keys) as running, connect(running, "mck_alice") as memory:
        await memory.add("fact", user_id="alice")
        [pull] = [part.streams["pull"] for part in running.server.door.parts if "pull" in part.streams]

        def caller() -> Caller:
            return Caller(keys["mck_alice"], monotonic() + 60.0)

        frames = pull(caller, mip.PullRequest(cube_id="user:alice").SerializeToString())
        first = [mip.PullFrame.FromString(await anext(frames)) for _ in range(2)]
        assert first[0].HasField("bundle") and first[1].HasField("start")
        policy = gov.AccessPolicy(name="shut", text='forbid(principal == User::"alice", action, resource);')
        await running.caller("mck_admin").call("PutPolicy", gov.PutPolicyRequest(policy=policy))
        running.server.door.access.look()
        with pytest.raises(NotFoundError):
            await anext(frames)
        again = pull(caller, mip.PullRequest(bundle=first[0].bundle.bundle).SerializeToString())
        with pytest.raises(NotFoundError):
            await anext(again)
