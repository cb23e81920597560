"""REST over a real HTTP connection, on the real cube core."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from memcube.actors.gateway.part import verb_of
from memcube.actors.gateway.refusals import error_body
from memcube.model.errors import ExhaustedError, NotFoundError
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

LISBON = "I moved to Lisbon in March"


async def add(running: Any, text: str = LISBON, **fields: Any) -> Any:
    """One memory of alice."""
    answer = await running.http.post("/v1/memories", json={"messages": text, "user_id": "alice", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]


def problem(answer: Any, status: int) -> Any:
    """The facts of a refusal, whose shape is checked."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert answer.json() == {"error": error}
    assert set(error) == {"type", "facts", "message", "retryable", "retry_after_s"}
    return error["facts"]


async def test_a_memory_lives_through_every_route(start: Any) -> None:
    """Add, search, get, list, update, history, events, status, delete."""
    async with start() as running:
        http = running.http
        item = await add(running, metadata={"score": 3}, tags=["home"], expires_at="2099-01-01T00:00:00+01:00")
        assert item["event"] == "ADD"
        assert item["metadata"] == {"score": 3}
        assert item["expires_at"] == "2098-12-31T23:00:00Z"
        found = await http.post("/v1/search", json={"query": "Lisbon?", "user_id": "alice", "top_k": 3})
        assert found.json()["results"][0]["id"] == item["id"]
        assert found.json()["degraded"]
        inside = await http.post("/v1/search", json={"query": "Lisbon?", "filters": {"user_id": "alice"}})
        assert inside.json()["results"][0]["id"] == item["id"]
        filtered = await http.post(
            "/v1/search", json={"query": "Lisbon", "user_id": "alice", "filters": {"score": {"gt": 3}}}
        )
        assert filtered.json()["results"] == []
        path = f"/v1/memories/{item['id']}"
        assert (await http.get(path)).json()["memory"] == LISBON
        changed = await http.put(path, json={"text": "I moved to Porto", "expected_version": 1})
        assert changed.json()["version"] == 2
        assert problem(await http.put(path, json={"text": "x", "expected_version": 1}), 409)["actual"] == 2
        listed = await http.get("/v1/memories", params={"user_id": "alice", "filters": '{"tags": "home"}'})
        assert [one["memory"] for one in listed.json()["results"]] == ["I moved to Porto"]
        assert [row["event"] for row in (await http.get(f"{path}/history")).json()] == ["ADD", "UPDATE"]
        status = (await http.get("/v1/status", params={"user_id": "alice"})).json()
        assert status["cube"]["items"] == 1
        assert (await http.delete(path, params={"expected_version": 2})).json()["seq"] == 4
        assert problem(await http.get(path), 404) == {"kind": "memory", "name": item["id"]}
        lines = (await http.get("/v1/events", params={"cube_id": "user:alice", "from_seq": 2})).text.splitlines()
        assert [json.loads(line)["cause"] for line in lines] == ["add", "update", "delete"]
        await add(running)
        assert (await http.delete("/v1/memories", params={"user_id": "alice"})).json()["deleted"] == 1
        assert (await http.post("/v1/reset")).json()["cubes_deleted"] == 1


async def test_messages_may_be_a_text_a_message_or_a_list(start: Any) -> None:
    """As mem0 takes them, and with names and times."""
    async with start() as running:
        told = {"role": "user", "content": "said by Bo", "name": "Bo", "time": "2026-03-01T12:00:00Z"}
        for messages, count in (("text", 1), (told, 1), ([told, "plain"], 2)):
            body = {"messages": messages, "user_id": "alice"}
            results = (await running.http.post("/v1/memories", json=body)).json()["results"]
            assert len(results) == count
        assert results[0]["sources"][0]["speaker"] == "Bo"
        assert results[0]["valid_from"] == "2026-03-01T12:00:00Z"


async def test_a_retry_by_header_or_by_field_has_one_effect(start: Any) -> None:
    """Idempotency-Key, as other APIs have it."""
    async with start() as running:
        body = {"messages": "once", "user_id": "alice"}
        first = await running.http.post("/v1/memories", json=body, headers={"Idempotency-Key": "k"})
        again = await running.http.post("/v1/memories", json={**body, "idempotency_key": "k"})
        assert first.json() == again.json()
        other = await running.http.post("/v1/memories", json={**body, "messages": "x", "idempotency_key": "k"})
        assert problem(other, 412) == {"key": "k"}


async def test_cubes_over_rest(start: Any) -> None:
    """Ids with slashes included."""
    async with start() as running:
        http = running.http
        for cube_id in ("team a/b", "team-c"):
            made = await http.post("/v1/cubes", json={"cube_id": cube_id, "description": "d", "config": {"x": 1}})
            assert made.json()["id"] == cube_id
        assert problem(await http.post("/v1/cubes", json={"cube_id": "team-c"}), 409)["name"] == "team-c"
        first = (await http.get("/v1/cubes", params={"page_size": 1})).json()
        second = (await http.get("/v1/cubes", params={"page_size": 1, "page_token": first["next"]})).json()
        assert {page["results"][0]["id"] for page in (first, second)} == {"team a/b", "team-c"}
        assert (await http.get("/v1/cubes/team a/b")).json()["config"] == {"x": 1}
        assert (await http.delete("/v1/cubes/team a/b")).status_code == 200
        assert problem(await http.get("/v1/cubes/team a/b"), 404) == {"kind": "cube", "name": "team a/b"}


SEARCH = {"query": "x", "user_id": "alice"}
ADD = {"messages": "x", "user_id": "alice"}


BAD_BODIES: list[tuple[str, Any, str]] = [
    ("/v1/search", {**SEARCH, "limit": 3}, "limit"),
    ("/v1/search", {**SEARCH, "top_k": -1}, "top_k"),
    ("/v1/search", {**SEARCH, "top_k": "3"}, "top_k"),
    ("/v1/search", {**SEARCH, "top_k": 10**30}, "top_k"),
    ("/v1/search", {**SEARCH, "top_k": 1001}, "top_k"),
    ("/v1/search", {**SEARCH, "token_budget": -5}, "token_budget"),
    ("/v1/search", {**SEARCH, "threshold": 1.5}, "threshold"),
    ("/v1/search", {**SEARCH, "reference_time": "2026-03-01T12:00:00"}, "reference_time"),
    ("/v1/search", {**SEARCH, "reference_time": "soon"}, "reference_time"),
    ("/v1/search", {**SEARCH, "filters": {"a": {"bigger": 3}}}, "filters.a.bigger"),
    ("/v1/search", {**SEARCH, "filters": {"OR": {"a": 1}}}, "filters.OR"),
    ("/v1/search", {**SEARCH, "filters": {"created_at": {"gt": "2026-03-01"}}}, "filters.created_at.gt"),
    ("/v1/search", {**SEARCH, "query": ""}, "query"),
    ("/v1/search", {"query": "x"}, "user_id"),
    ("/v1/search", {"user_id": "alice"}, "query"),
    ("/v1/search/batch", {"requests": [SEARCH, {**SEARCH, "topk": 1}]}, "requests[1].topk"),
    ("/v1/memories", {"user_id": "alice"}, "messages"),
    ("/v1/memories", {**ADD, "messages": []}, "messages"),
    ("/v1/memories", {**ADD, "messages": 3}, "messages"),
    ("/v1/memories", {**ADD, "messages": [{"role": "user"}]}, "messages[0].content"),
    ("/v1/memories", {**ADD, "messages": ["ok", {"content": 3}]}, "messages[1].content"),
    ("/v1/memories", {**ADD, "messages": ["", "   "]}, "messages[0].content"),
    ("/v1/memories", {**ADD, "messages": "x" * 10_000_000}, "messages[0].content"),
    ("/v1/memories", {**ADD, "messages": [{"content": "x", "time": "2026-03-01T12:00:00"}]}, "messages[0].time"),
    ("/v1/memories", {**ADD, "expires_at": "2026-03-01"}, "expires_at"),
    ("/v1/memories", {**ADD, "expires_at": 1e300}, "expires_at"),
    ("/v1/memories", {**ADD, "memory_type": "LongMemory"}, "memory_type"),
    ("/v1/memories", {**ADD, "metadata": {"a": {"b": 2**60}}}, "metadata.a.b"),
    ("/v1/memories", {**ADD, "tags": "home"}, "tags"),
    ("/v1/memories", {**ADD, "user_id": 3}, "user_id"),
    ("/v1/memories", {**ADD, "user_id": "a\u0000b"}, "user_id"),
    ("/v1/memories", {**ADD, "idempotency_key": "k" * 129}, "idempotency_key"),
    ("/v1/cubes", {"cube_id": ""}, "cube_id"),
    ("/v1/cubes", {}, "cube_id"),
]


async def test_bad_bodies_are_refused_by_the_name_of_their_field(start: Any) -> None:
    """400, and nothing changes."""
    async with start() as running:
        await add(running)
        for path, body, field in BAD_BODIES:
            facts = problem(await running.http.post(path, json=body), 400)
            assert facts["field"] == field, (path, str(body)[:200])
        assert (await running.http.get("/v1/status", params={"user_id": "alice"})).json()["cube"]["head"] == 2
        assert len((await running.http.get("/v1/cubes")).json()["results"]) == 1


BAD_QUERIES = [
    ("DELETE", "/v1/memories?user_id=alice&filter=%7B%7D", "filter"),
    ("DELETE", "/v1/memories?user_id=alice&filters=%7B", "filters"),
    ("DELETE", "/v1/memories?user_id=alice&filters=3", "filters"),
    ("DELETE", "/v1/memories", "user_id"),
    ("DELETE", "/v1/memories/x?expected_version=-1", "expected_version"),
    ("GET", "/v1/memories?user_id=alice&page_size=-1", "page_size"),
    ("GET", "/v1/memories?user_id=alice&page_size=many", "page_size"),
    ("GET", "/v1/memories?user_id=alice&page_size=1001", "page_size"),
    ("GET", "/v1/memories?user_id=alice&include_expired=perhaps", "include_expired"),
    ("GET", "/v1/cubes?page_token=nope", "page_token"),
    ("GET", "/v1/events?from_seq=1", "cube_id"),
    ("GET", "/v1/events?cube_id=user:alice&from_seq=-1", "from_seq"),
    ("GET", "/v1/status?user=alice", "user"),
]


async def test_bad_query_parameters_are_refused_by_name(start: Any) -> None:
    """A misspelt filter above all: it must not select everything."""
    async with start() as running:
        await add(running)
        for method, path, field in BAD_QUERIES:
            assert problem(await running.http.request(method, path), 400)["field"] == field, path
        assert (await running.http.get("/v1/memories", params={"user_id": "alice"})).json()["total"] == 1


NO_BODIES = [
    (b"", "body"),
    (b"{", "body"),
    (b"[]", "body"),
    (b"null", "body"),
    (b"[" * 100_000, "body"),
    (b'{"messages": "\xff\xfe", "user_id": "alice"}', "body"),
    (b'{"messages": "\\ud800", "user_id": "alice"}', "messages"),
    (b'{"messages": ["ok", {"content": "\\udfff"}], "user_id": "alice"}', "messages[1].content"),
    (b'{"messages": "x", "user_id": "alice", "metadata": {"a": NaN}}', "metadata.a"),
    (b'{"messages": "x", "user_id": "alice", "metadata": {"a": 1e999}}', "metadata.a"),
]


async def test_bodies_that_are_no_json_or_no_utf8_are_refused(start: Any) -> None:
    """Never a 500."""
    async with start() as running:
        for content, field in NO_BODIES:
            headers = {"Content-Type": "application/json"}
            answer = await running.http.post("/v1/memories", content=content, headers=headers)
            assert problem(answer, 400)["field"] == field, content[:100]


async def test_bodies_of_other_types_and_sizes_are_refused(start: Any) -> None:
    """A form is what a web page could send without asking; an endless body is cut off."""
    async with start(request_bytes=1_000_000) as running:
        body = json.dumps(ADD)
        answer = await running.http.post("/v1/memories", content=body, headers={"Content-Type": "text/plain"})
        assert "content-type: application/json" in problem(answer, 400)["problem"], "curl -d says that it is a form"
        assert not (await running.http.get("/v1/cubes")).json()["results"]

        async def endless() -> Any:
            while True:
                yield b" " * 100_000

        headers = {"Content-Type": "application/json"}
        answer = await running.http.post("/v1/memories", content=b" " * 2_000_000, headers=headers)
        assert problem(answer, 400) == {"field": "body", "size": 2_000_000, "limit": 1_000_000, "unit": "bytes"}
        try:
            answer = await running.http.post("/v1/memories", content=endless(), headers=headers)
        except httpx.TransportError:
            pass  # it was still sending when the connection was closed
        else:
            assert problem(answer, 400)["field"] == "body"
        assert (await running.http.get("/health")).status_code == 200


async def test_unknown_paths_and_methods_have_the_same_shape(start: Any) -> None:
    """404 and 405."""
    async with start() as running:
        assert problem(await running.http.get("/v2/memories"), 404) == {"kind": "path", "name": "/v2/memories"}
        assert problem(await running.http.patch("/v1/memories"), 405)["field"] == "method"


async def test_keys_are_wanted_once_there_are_any(start: Any, keys: Any) -> None:
    """401 with WWW-Authenticate; health and metrics stay open, and show no names."""
    async with start(keys=keys) as running:
        http = running.http
        for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Basic mck_alice"}):
            answer = await http.post("/v1/search", json=SEARCH, headers=headers)
            assert problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        for headers in ({"X-API-Key": "mck_alice"}, {"Authorization": "Bearer mck_alice"}):
            assert (await http.post("/v1/memories", json=ADD, headers=headers)).status_code == 200
        hidden = await http.post("/v1/search", json={**SEARCH, "user_id": "bob"}, headers={"X-API-Key": "mck_alice"})
        assert problem(hidden, 404) == {"kind": "cube", "name": "user:bob"}
        assert problem(await http.post("/v1/reset", headers={"X-API-Key": "mck_alice"}), 403) == {"verb": "reset"}
        assert (await http.get("/health")).json() == {"status": "serving", "detail": ""}
        assert "alice" not in (await http.get("/metrics")).text


async def test_without_keys_no_web_page_gets_in(start: Any) -> None:
    """Neither by a name that it makes resolve to loopback, nor across origins; with keys, names are free."""
    async with start() as running:
        http = running.http
        for headers in (
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            answer = await http.post("/v1/memories", json=ADD, headers=headers)
            assert problem(answer, 400)["field"] == next(iter(headers)).lower()
        assert not (await http.get("/v1/cubes")).json()["results"]
        for headers in ({"Host": "localhost:1"}, {"Host": "[::1]:80"}, {"Origin": "http://localhost:3000"}):
            assert (await http.get("/v1/status", headers=headers)).status_code == 200


async def test_with_keys_any_host_name_will_do(start: Any, keys: Any) -> None:
    """The key is what counts then."""
    async with start(keys=keys) as running:
        headers = {"Host": "memory.example", "Origin": "https://app.example", "X-API-Key": "mck_alice"}
        assert (await running.http.get("/v1/status", headers=headers)).status_code == 200


async def test_too_many_calls_are_told_when_to_come_back(start: Any) -> None:
    """429 with Retry-After, over gRPC the same error; other principals are not concerned."""
    from memcube.actors.gateway.limits import Bounds

    async with start(bounds=Bounds(rate_per_s=0.5, burst=2)) as running:
        for _ in range(2):
            assert (await running.http.get("/v1/status")).status_code == 200
        answer = await running.http.get("/v1/status")
        facts = problem(answer, 429)
        assert 1.0 < facts["retry_after_s"] <= 2.0
        assert answer.headers["retry-after"] == "2"
        error = await running.refused(running.caller().call("Status", pb.StatusRequest()))
        assert type(error).__name__ == "ExhaustedError"
        assert (await running.http.get("/health")).status_code == 200


async def test_metrics_count_calls_by_verb_and_code(start: Any) -> None:
    """Text that Prometheus' own parser reads."""
    async with start() as running:
        await add(running)
        await running.http.post("/v1/search", json=SEARCH)
        await running.http.post("/v1/search", json={**SEARCH, "query": ""})
        await running.caller().call("Status", pb.StatusRequest())
        answer = await running.http.get("/metrics")
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        calls = {
            (s.labels["verb"], s.labels["transport"], s.labels["code"]): s.value
            for s in families["memcube_calls"].samples
            if s.name.endswith("_total")
        }
        assert calls == {
            ("add", "http", "OK"): 1,
            ("search", "http", "OK"): 1,
            ("search", "http", "INVALID_ARGUMENT"): 1,
            ("status", "grpc", "OK"): 1,
        }
        assert families["memcube_directory_resident"].samples[0].value == 1
        assert families["memcube_queue_mutations_waiting"].samples[0].value == 0
        assert families["memcube_degraded_searches"].samples[0].value == 1
        assert families["memcube_serving"].samples[0].value == 1


async def test_the_docs_need_nothing_from_elsewhere(start: Any) -> None:
    """/docs is one page that names every route; openapi.json describes them."""
    async with start() as running:
        page = await running.http.get("/docs")
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        described = (await running.http.get("/openapi.json")).json()
        calls = {(method, path) for path, methods in described["paths"].items() for method in methods}
        assert len(calls) == 31
        for _, path in calls:
            assert path in page.text
        assert "token_budget" in page.text


async def test_rest_has_every_verb(start: Any) -> None:
    """What gRPC does, REST does; the two streams that only repeat a verb are left out."""
    async with start() as running:
        described = (await running.http.get("/openapi.json")).json()
        names = {call["operationId"] for methods in described["paths"].values() for call in methods.values()}
        rpcs = {verb_of(rpc.name) for rpc in pb.DESCRIPTOR.services_by_name["MemCubeService"].methods}
        spelled = {"list": "list_memories", "read_events": "events"}
        for verb in rpcs - {"add_stream", "list_stream"}:
            assert any(name.startswith(spelled.get(verb, verb)) for name in names), verb


async def test_health_says_no_while_cubes_cannot_be_reached(start: Any) -> None:
    """503 with the reason."""

    class Away:
        """A router that nobody answers behind."""

        async def status(self) -> Any:
            raise TimeoutError

    async with start(router=Away()) as running:
        answer = await running.http.get("/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "not_serving"
        assert answer.json()["detail"]


async def test_a_batch_has_answers_and_errors_in_order(start: Any) -> None:
    """Each request's own, the error in the one shape."""
    async with start() as running:
        item = await add(running)
        missing = {"query": "Lisbon", "user_id": "nobody"}
        batch = {"requests": [{"query": "Lisbon", "user_id": "alice"}, missing]}
        found, refused = (await running.http.post("/v1/search/batch", json=batch)).json()["results"]
        assert [hit["id"] for hit in found["results"]] == [item["id"]]
        assert refused["error"]["type"] == "NotFoundError"
        assert refused["error"]["facts"] == {"kind": "cube", "name": "user:nobody"}


def test_errors_have_one_shape() -> None:
    """Type, facts, message, retryable, retry_after_s; texts within bounds."""
    assert error_body(ExhaustedError("calls", 3, 0.25)) == {
        "error": {
            "type": "ExhaustedError",
            "facts": {"what": "calls", "limit": 3, "retry_after_s": 0.25},
            "message": "calls is at its limit of 3; retry after 0.25 s",
            "retryable": True,
            "retry_after_s": 0.25,
        }
    }
    assert len(str(error_body(NotFoundError("memory", "x" * 9999)))) < 2000
