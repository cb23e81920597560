"""Whatever is sent, over REST or as raw gRPC bytes: an answer or a typed refusal, never a defect."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.limits import Bounds
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.server import GatewayServer
from memcube.actors.gateway.service import SERVICE
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import ERRORS
from memcube.protos.memcube.v1 import error_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

FEW = settings(max_examples=150, deadline=None)

REST = httpx.Client(trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayServer]:
    """A gateway in an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    async def start() -> tuple[GatewayServer, LocalRouter]:
        router = LocalRouter(SqliteVault(tmp_path_factory.mktemp("vault")))
        server = GatewayServer(GatewayConfig(bounds=Bounds(rate_per_s=0)), Neighbours(router))
        await server.start()
        return server, router

    server, router = wait(start())
    yield server
    REST.close()
    wait(server.stop())
    wait(router.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01", "0001-01-01T00:00:00+14:00", 1e18, -1, "now", "9999"])
OPERATORS = st.sampled_from(["eq", "ne", "gt", "lte", "in", "nin", "contains", "icontains", "exists", "like"])
CONDITIONS = st.dictionaries(
    st.sampled_from(["score", "tags", "created_at", "memory", "info.x", "*", ""]),
    PLAIN | st.dictionaries(OPERATORS, PLAIN | TIMES, max_size=2),
    max_size=3,
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.dictionaries(st.sampled_from(["AND", "OR", "NOT"]), st.lists(inner, max_size=3) | inner),
    max_leaves=6,
)
MESSAGES = st.fixed_dictionaries(
    {"content": st.text(max_size=30)}, optional={"role": PLAIN, "name": st.text(max_size=9), "time": TIMES | PLAIN}
)
FIELDS = {
    "user_id": st.sampled_from(["alice", "bob", "", "a\nb", "記"]) | PLAIN,
    "messages": st.text(max_size=30) | MESSAGES | st.lists(MESSAGES | st.text(max_size=9), max_size=4) | PLAIN,
    "query": st.text(max_size=40) | PLAIN,
    "filters": FILTERS | PLAIN,
    "metadata": st.dictionaries(st.text(max_size=9), PLAIN, max_size=3) | PLAIN,
    "tags": st.lists(st.text(max_size=9), max_size=3) | PLAIN,
    "top_k": st.integers(-3, 2000) | PLAIN,
    "threshold": st.floats() | PLAIN,
    "token_budget": st.integers(-3, 2**40) | PLAIN,
    "time": TIMES | PLAIN,
    "expires_at": TIMES | PLAIN,
    "reference_time": TIMES | PLAIN,
    "memory_type": st.sampled_from(["LongTermMemory", "UserMemory", "x"]) | PLAIN,
    "memory": st.text(max_size=30) | PLAIN,
    "expected_version": PLAIN,
    "cube_id": st.text(max_size=20) | PLAIN,
    "idempotency_key": st.text(max_size=140) | PLAIN,
    "requests": PLAIN,
}
ROUTES = {
    ("POST", "/v1/memories"): ("user_id", "messages", "metadata", "tags", "time", "expires_at", "memory_type"),
    ("POST", "/v1/search"): ("user_id", "query", "filters", "top_k", "threshold", "token_budget", "reference_time"),
    ("POST", "/v1/search/batch"): ("requests",),
    ("PUT", "/v1/memories/x"): ("memory", "metadata", "tags", "expires_at", "expected_version", "idempotency_key"),
    ("POST", "/v1/cubes"): ("cube_id", "idempotency_key"),
}
OPTIONAL = {
    route: st.fixed_dictionaries({}, optional={name: FIELDS[name] for name in names}) for route, names in ROUTES.items()
}


@FEW
@given(st.data())
def test_no_json_brings_rest_down(gateway: GatewayServer, data: st.DataObject) -> None:
    """Bodies that are nearly right, for every route that takes one."""
    method, path = data.draw(st.sampled_from(list(ROUTES)))
    body = json.dumps(data.draw(OPTIONAL[method, path])).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://{gateway.http_address}{path}"
    answer = REST.request(method, url, content=body, headers=headers)
    check_rest(answer)


QUERY = st.dictionaries(
    st.sampled_from(["user_id", "cube_id", "filters", "page_size", "page_token", "include_expired", "from_seq", "x"]),
    st.text(max_size=12) | st.sampled_from(["alice", "1", "-1", "{}", '{"a": {"gt": 1}}', "true", "null", "[]"]),
    max_size=4,
)
PATHS = [
    "/v1/memories", "/v1/cubes", "/v1/cubes/a", "/v1/cubes/", "/v1/events", "/v1/status", "/v1/memories/x",
    "/v1/memories/%00", "/v1/memories/%FF%FE/history", "/docs", "/v1/memories/" + "x" * 3000,
]  # fmt: skip


@FEW
@given(st.sampled_from(["GET", "DELETE", "PUT", "POST", "PATCH", "HEAD", "OPTIONS"]), st.sampled_from(PATHS), QUERY)
def test_no_query_brings_rest_down(gateway: GatewayServer, method: str, path: str, query: dict[str, str]) -> None:
    """Parameters that are nearly right, on every kind of path."""
    url = f"http://{gateway.http_address}{path}"
    answer = REST.request(method, url, params=query)
    if method != "HEAD" and path != "/docs":
        check_rest(answer)
    assert answer.status_code < 500


def check_rest(answer: httpx.Response) -> None:
    """200, or the one error shape with a status that is no defect's."""
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert set(error) == {"type", "facts", "message", "retryable", "retry_after_s"}
        assert set(error["facts"]) == set(ERRORS[error["type"]].FACTS)


RPCS = [
    rpc.name
    for rpc in pb.DESCRIPTOR.services_by_name["MemCubeService"].methods
    if not rpc.client_streaming and not rpc.server_streaming
]
SEEDS = [
    pb.AddRequest(scope=pb.Scope(user_id="a"), messages=[pb.Message(content="x", role="user")], tags=["t"]),
    pb.SearchRequest(scope=pb.Scope(user_id="a"), query="x", top_k=3, threshold=0.1),
    pb.BatchSearchRequest(requests=[pb.SearchRequest(scope=pb.Scope(user_id="a"), query="x")] * 2),
    pb.UpdateRequest(id="a" * 20 + "-" + "a" * 26, memory="x", expected_version=3),
    pb.ListCubesRequest(page_size=2, page_token="a" * 20),
]


@FEW
@given(
    st.sampled_from(RPCS),
    st.sampled_from([seed.SerializeToString() for seed in SEEDS]) | st.binary(max_size=60),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3),
)
def test_no_bytes_bring_grpc_down(
    gateway: GatewayServer, rpc: str, body: bytes, changes: list[tuple[int, int]]
) -> None:
    """Requests of any method, sound, changed in some bytes, or noise."""
    changed = bytearray(body)
    for at, value in changes:
        if changed:
            changed[at % len(changed)] = value
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        try:
            channel.unary_unary(f"/{SERVICE}/{rpc}")(bytes(changed), timeout=30)
        except grpc.RpcError as failure:
            status = Status.FromString(dict(failure.trailing_metadata())["grpc-status-details-bin"])
            detail = error_pb2.ErrorDetail()
            assert status.details[0].Unpack(detail)
            assert detail.type in ERRORS
            assert detail.type != "InternalError", detail
