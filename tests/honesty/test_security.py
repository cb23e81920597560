"""MemOS' /product API asks nobody who they are, and reads files of its server for callers."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.actors.gateway.keys import KeyRing
from memcube.actors.gateway.limits import Bounds
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, UnauthenticatedError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

ALICE = pb.Scope(user_id="alice")


async def test_2202_nobody_gets_in_without_a_key(start: Any, keys: Any) -> None:
    """MemOS takes the user_id that the caller writes; here a key says who calls, on every route."""
    async with start(keys=keys) as running:
        paths = (await running.http.get("/openapi.json")).json()["paths"]
        asked = 0
        for path, methods in paths.items():
            if not path.startswith("/v1/"):
                continue
            for method in methods:
                url = path.replace("{memory_id}", "x").replace("{cube_id}", "user:alice")
                answer = await running.http.request(method.upper(), url, params={"user_id": "alice"}, json={})
                assert answer.status_code == 401, (method, path)
                asked += 1
        assert asked >= 15


async def test_2202_a_user_id_of_another_opens_nothing(start: Any, keys: Any) -> None:
    """MemOS reads any user's memories for whoever names them; here a cube that is not the key's is not found."""
    async with start(keys=keys) as running:
        item = await running.caller("mck_alice").add("the code is 1234")
        mallory = running.caller("mck_mallory")
        search = pb.SearchRequest(scope=ALICE, query="code")
        assert isinstance(await running.refused(mallory.call("Search", search)), NotFoundError)
        assert isinstance(await running.refused(mallory.call("Get", pb.GetRequest(id=item.id))), NotFoundError)


async def test_2202_no_file_of_the_server_is_read_for_a_caller(start: Any, tmp_path: Any) -> None:
    """MemOS opens the path in doc_path on its own disk; here names and addresses are words, and nothing is opened."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the launch code is 4711")
    async with start() as running:
        for message in (
            {"content": f"file://{secret}"},
            {"content": str(secret)},
            {"parts": [{"file": {"name": str(secret), "data": ""}}]},
            {"parts": [{"image": {"url": f"file://{secret}"}}]},
        ):
            await running.http.post("/v1/memories", json={"user_id": "alice", "messages": [message]})
        found = await running.http.post("/v1/search", json={"user_id": "alice", "query": "launch code", "top_k": 100})
        listed = await running.http.get("/v1/memories", params={"user_id": "alice"})
        assert "4711" not in found.text + listed.text
        assert len(listed.json()["results"]) >= 2


async def test_2259_no_setting_left_empty_opens_the_door(start: Any) -> None:
    """MemOS' check is off where a secret is unset; here a gateway without keys serves loopback only, or does not start."""
    with pytest.raises(InvalidArgumentError, match="host"):
        async with start(host="0.0.0.0"):
            pass
    with pytest.raises(UnauthenticatedError):
        KeyRing(closed=True).principal_of("")
    ring = KeyRing().with_key("mck_x", Principal("t", "x", ("reader",)))
    for wrong in ("", "mck_", "mck_y", " mck_x"):
        with pytest.raises(UnauthenticatedError):
            ring.principal_of(wrong)


async def test_section_1a_a_name_in_a_filter_is_no_code(start: Any) -> None:
    """MemOS writes filter keys into its Cypher; here a name that no item has selects nothing, whatever stands in it."""
    async with start() as running:
        caller = running.caller()
        await caller.add("one")
        for name in ("x' OR 1=1 --", "n) DETACH DELETE (n", "info.a.b'];DROP TABLE items;--", "status"):
            condition = filter_pb2.Condition(field=name, op=filter_pb2.OPERATOR_EQ)
            condition.value.string_value = "' OR ''='"
            wanted = filter_pb2.Filter(condition=condition)
            try:
                listed = await caller.call("List", pb.ListRequest(scope=ALICE, filter=wanted))
                assert not listed.items
            except MemCubeError as error:
                assert isinstance(error, InvalidArgumentError)
        assert (await caller.call("List", pb.ListRequest(scope=ALICE))).total == 1


async def test_section_1a_a_header_buys_no_rate(start: Any, keys: Any) -> None:
    """MemOS limits by X-Forwarded-For, which callers write; here by the key's principal."""
    async with start(keys=keys, bounds=Bounds(rate_per_s=0.01, burst=3)) as running:
        codes = []
        for number in range(5):
            headers = {"x-api-key": "mck_alice", "x-forwarded-for": f"10.0.0.{number}"}
            answer = await running.http.get("/v1/memories", params={"user_id": "alice"}, headers=headers)
            codes.append(answer.status_code)
        assert codes[3:] == [429, 429]


async def test_section_1a_no_traceback_leaves(start: Any) -> None:
    """MemOS' chat and MCP answer with tracebacks; here a defect is an incident's number, and its words are in the log."""
    async with start() as running:

        async def broken(*args: object, **more: object) -> bytes:
            raise ZeroDivisionError("secret detail in /srv/memcube")

        running.router.read = broken
        answer = await running.http.get("/v1/memories", params={"user_id": "alice"})
        assert answer.status_code == 500
        assert "Traceback" not in answer.text
        assert "ZeroDivision" not in answer.text
        assert "secret detail" not in answer.text
