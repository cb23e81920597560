"""Who is let in over gRPC, and what those who are not learn: nothing."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from memcube.model.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from memcube.model.ids import new_memory_id
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

RPCS = pb.DESCRIPTOR.services_by_name["MemCubeService"].methods


async def test_every_rpc_wants_a_key_once_there_are_keys(start: Any, keys: Any) -> None:
    """No key, a wrong key: UNAUTHENTICATED from every method of the service, streams too."""
    async with start(keys=keys) as running:
        for key in ("", "mck_wrong"):
            caller = running.caller(key)
            for rpc in RPCS:
                if rpc.client_streaming:
                    call = caller.add_stream([pb.AddRequest()])
                elif rpc.server_streaming:
                    call = anext(caller.stream(rpc.name, getattr(pb, rpc.input_type.name)()))
                else:
                    call = caller.call(rpc.name, getattr(pb, rpc.input_type.name)())
                error = await running.refused(call)
                assert error.args == UnauthenticatedError("the call carries no valid key").args, rpc.name


async def test_either_header_carries_the_key(start: Any, keys: Any) -> None:
    """authorization: Bearer, with any case of the word, or x-api-key."""
    async with start(keys=keys) as running:
        request = pb.StatusRequest()
        stub = running.caller().stub
        for metadata in (("authorization", "bearer mck_alice"), ("x-api-key", "mck_alice")):
            assert await stub.Status(request, metadata=(metadata,))
        for metadata in (("authorization", "Basic mck_alice"), ("authorization", "mck_alice"), ("x-api-key", "Bearer")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Status(request, metadata=(metadata,))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_denied_and_missing_cannot_be_told_apart(start: Any, keys: Any) -> None:
    """For every verb on a cube or memory: code, message and trailers are the same bytes, but for the name sent."""
    async with start(keys=keys) as running:
        admin = running.caller("mck_admin")
        hidden = await admin.add("a secret", user_id="bobby")
        absent_id = new_memory_id(hidden.id[:20])
        foreign_id = new_memory_id("a" * 20)
        alice = running.caller("mck_alice")

        async def answer(rpc: str, request: Any, name: str) -> tuple[Any, ...]:
            method = getattr(alice.stub, rpc)
            try:
                if rpc in ("ListStream", "ReadEvents"):
                    await method(request, metadata=alice.metadata, timeout=10).read()
                else:
                    await method(request, metadata=alice.metadata, timeout=10)
            except grpc.aio.AioRpcError as failure:
                trailers = dict(failure.trailing_metadata() or ())["grpc-status-details-bin"]
                return failure.code(), failure.details().replace(name, "?"), trailers.replace(name.encode(), b"?")
            raise AssertionError(f"{rpc} was answered")

        message = pb.Message(content="x")
        of_memory = {
            "Get": pb.GetRequest(),
            "History": pb.HistoryRequest(),
            "Update": pb.UpdateRequest(memory="x"),
            "Delete": pb.DeleteRequest(),
        }
        for rpc, request in of_memory.items():
            answers = set()
            for memory_id in (hidden.id, absent_id, foreign_id):
                request.id = memory_id
                answers.add(await answer(rpc, request, memory_id))
            assert len(answers) == 1, rpc
        of_scope = {
            "Search": pb.SearchRequest(query="secret"),
            "List": pb.ListRequest(),
            "ListStream": pb.ListRequest(),
            "DeleteAll": pb.DeleteAllRequest(),
            "Status": pb.StatusRequest(),
            "Add": pb.AddRequest(messages=[message]),
        }
        for rpc, request in of_scope.items():
            answers = set()
            # The first exists and is not hers; the second does not exist; the third is hers and does not exist.
            for cube_id in ("user:bobby", "user:nobod", *(() if rpc == "Add" else ("team-x",))):
                request.scope.cube_id = cube_id
                answers.add(await answer(rpc, request, cube_id))
            assert len({(code, details) for code, details, _ in answers}) == 1, rpc
            assert len({trailers for *_, trailers in answers}) <= 2, rpc  # "team-x" is shorter: lengths differ
        of_cube = {
            "GetCube": pb.GetCubeRequest(),
            "ReadEvents": pb.ReadEventsRequest(),
            "DeleteCube": pb.DeleteCubeRequest(),
            "CreateCube": pb.CreateCubeRequest(),
        }
        for rpc, request in of_cube.items():
            answers = set()
            for cube_id in ("user:bobby", "user:nobod"):
                request.cube_id = cube_id
                answers.add(await answer(rpc, request, cube_id))
            assert len(answers) == 1, rpc
        assert (await admin.call("Get", pb.GetRequest(id=hidden.id))).item.version == 1


async def test_tenants_share_nothing(start: Any, keys: Any) -> None:
    """The same user id in two tenants is two cubes; an id of another tenant is not found."""
    async with start(keys=keys) as running:
        admin, mallory = running.caller("mck_admin"), running.caller("mck_mallory")
        item = await admin.add("acme's")
        assert isinstance(await running.refused(mallory.call("Get", pb.GetRequest(id=item.id))), NotFoundError)
        assert (await mallory.add("other's")).id[:20] != item.id[:20]
        assert (await mallory.call("Reset", pb.ResetRequest())).cubes_deleted == 1
        assert (await admin.call("Get", pb.GetRequest(id=item.id))).item.memory == "acme's"


async def test_listings_show_only_what_may_be_seen(start: Any, keys: Any) -> None:
    """And page past what may not."""
    async with start(keys=keys) as running:
        admin = running.caller("mck_admin")
        for number in range(12):
            await admin.add("x", user_id=f"u{number}")
        for name in ("team-a", "team-b"):
            await admin.call("CreateCube", pb.CreateCubeRequest(cube_id=name))
        alice = running.caller("mck_alice")
        names, token = [], "start"
        while token:
            request = pb.ListCubesRequest(page_size=1, page_token="" if token == "start" else token)
            page = await alice.call("ListCubes", request)
            names += [cube.id for cube in page.cubes]
            token = page.next_page_token
        assert sorted(names) == ["team-a", "team-b"]


async def test_verbs_on_the_tenant_are_refused_openly(start: Any, keys: Any) -> None:
    """Reset is for admins of everything."""
    async with start(keys=keys) as running:
        for key in ("mck_alice", "mck_reader", "mck_narrow"):
            error = await running.refused(running.caller(key).call("Reset", pb.ResetRequest()))
            assert isinstance(error, PermissionDeniedError)
            assert error.verb == "reset"
