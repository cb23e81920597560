"""The gateway when something is slow, broken, away, or too much; and what monitors see."""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from memcube.actors.gateway.limits import Bounds
from memcube.actors.gateway.service import SERVICE
from memcube.model.errors import DeadlineError, ExhaustedError, InvalidArgumentError, UnavailableError
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

ALICE = pb.Scope(user_id="alice")


async def test_a_call_ends_at_its_deadline(start: Any) -> None:
    """The client's deadline bounds the work, the default bounds calls without one, the most bounds all; typed."""

    class Slow:
        """A router that notes how long it may take, and takes longer."""

        allowed: list[float] = []  # noqa: RUF012

        async def read(self, ref: Any, call: Any, *, timeout_s: float) -> bytes:
            self.allowed.append(timeout_s)
            await asyncio.sleep(30)
            return b""

        async def status(self) -> Any:
            raise UnavailableError("figures")

    request = pb.ListRequest(scope=ALICE)
    async with start(router=Slow(), default_timeout_s=0.3, max_timeout_s=1.2) as running:
        caller = running.caller()
        for timeout_s, bound_s in ((None, 0.3), (100, 1.2)):
            error = await running.refused(caller.call("List", request, timeout=timeout_s))
            assert isinstance(error, DeadlineError)
            assert error.facts == {"what": "list", "timeout_s": bound_s}
            assert 0.0 < Slow.allowed.pop() <= bound_s
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.stub.List(request, timeout=1.0)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 0.3 < Slow.allowed.pop() <= 1.1


async def test_what_deletes_much_has_the_time_that_it_takes(start: Any) -> None:
    """Over HTTP nobody gives a deadline: a reset and a deletion of many may take longer than other calls."""

    class Slow:
        """A router that takes longer than calls may by default."""

        async def reset(self, tenant: str) -> int:
            await asyncio.sleep(0.4)
            return 7

        async def mutate(self, ref: Any, call: Any, *, create: bool, timeout_s: float) -> bytes:
            await asyncio.sleep(0.4)
            return pb.DeleteAllResponse(deleted=3).SerializeToString()

        async def status(self) -> Any:
            raise UnavailableError("figures")

    async with start(router=Slow(), default_timeout_s=0.1) as running:
        assert (await running.http.post("/v1/reset")).json()["cubes_deleted"] == 7
        assert (await running.http.delete("/v1/memories", params={"user_id": "alice"})).json()["deleted"] == 3
        late = await running.http.post("/v1/memories", json={"messages": "x", "user_id": "alice"})
        assert late.status_code == 504


async def test_defects_leave_as_incidents(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    """INTERNAL with an id, nothing of the cause; the log has it."""

    class Broken:
        """A router with a defect."""

        async def read(self, ref: Any, call: Any, *, timeout_s: float) -> bytes:
            raise KeyError("the secret inside")

        async def status(self) -> Any:
            raise KeyError("the secret inside")

    async with start(router=Broken()) as running:
        error = await running.refused(running.caller().call("List", pb.ListRequest(scope=ALICE)))
        assert re.fullmatch("[0-9a-f]{16}", str(error.facts["incident"]))
        assert "secret" not in str(error)
        assert str(error.facts["incident"]) in caplog.text
        assert "the secret inside" in caplog.text


async def test_health_follows_the_directory(start: Any) -> None:
    """SERVING while cubes can be reached; NOT_SERVING while not; SERVICE_UNKNOWN for what is not here."""

    class Moody:
        """A router that is away at times."""

        away = False

        async def status(self) -> Any:
            if self.away:
                raise TimeoutError

            class Seen:
                frames, resident = 3, 2

            return Seen()

    router = Moody()
    async with start(router=router) as running:
        stub = health_pb2_grpc.HealthStub(running.channel)
        watched = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=20)
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
        router.away = True
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        status = await running.caller().call("Status", pb.StatusRequest())
        assert {part.name: part.state for part in status.components}["directory"] == "down"
        router.away = False
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.SERVING
        status = await running.caller().call("Status", pb.StatusRequest())
        assert (status.frames, status.resident_cubes) == (3, 2)
        watched.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(start: Any) -> None:
    """What grpcurl and the like ask."""
    async with start() as running:
        stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        answers = [one async for one in stub.ServerReflectionInfo(iter(asked), timeout=10)]
        names = {service.name for service in answers[0].list_services_response.service}
        ours = {SERVICE, *(part.service.full_name for part in running.server.door.parts)}
        assert "memcube.v1.Governance" in ours
        assert names == ours | {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_a_batch_counts_as_many_calls_as_it_has_searches(start: Any) -> None:
    """A batch is no way around the rate."""
    async with start(bounds=Bounds(rate_per_s=0.01, burst=5)) as running:
        caller = running.caller()
        search = pb.SearchRequest(scope=ALICE, query="x")
        await caller.call("BatchSearch", pb.BatchSearchRequest(requests=[search] * 4))
        await caller.call("Status", pb.StatusRequest())
        assert isinstance(await running.refused(caller.call("Status", pb.StatusRequest())), ExhaustedError)


async def test_a_stream_is_slowed_down_rather_than_refused(start: Any) -> None:
    """Its messages are taken at the principal's rate, and all of them are."""
    async with start(bounds=Bounds(rate_per_s=40, burst=2)) as running:
        request = pb.AddRequest(scope=ALICE, messages=[pb.Message(content="x")])
        began = monotonic()
        answers = await running.caller().add_stream([request] * 32)
        assert [one.WhichOneof("result") for one in answers] == ["added"] * 32
        assert monotonic() - began >= 30 / 40


async def test_more_calls_at_once_than_allowed_are_refused(start: Any) -> None:
    """With a hint, and those that are in go on."""

    class Slow:
        """A router that takes a moment."""

        async def read(self, ref: Any, call: Any, *, timeout_s: float) -> bytes:
            await asyncio.sleep(0.3)
            return b""

        async def status(self) -> Any:
            raise UnavailableError("figures")

    async with start(router=Slow(), bounds=Bounds(in_flight=4)) as running:
        calls = [running.caller().call("List", pb.ListRequest(scope=ALICE)) for _ in range(10)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        refused = [one for one in ended if isinstance(one, ExhaustedError)]
        assert len(refused) == 6
        assert all(error.retry_after_s > 0 for error in refused)


async def test_a_gateway_without_keys_does_not_start_on_an_open_address(start: Any, keys: Any) -> None:
    """A typed error that names the setting; with keys it starts."""
    with pytest.raises(InvalidArgumentError) as caught:
        async with start(host="0.0.0.0"):
            pass
    assert caught.value.field == "gateway.host"
    async with start(host="0.0.0.0", keys=keys) as running:
        assert await running.caller("mck_reader").call("Status", pb.StatusRequest())
