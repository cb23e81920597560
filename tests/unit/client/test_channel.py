"""The SDK's connections against a gRPC server that answers as the test says: retries, deadlines, errors as their type."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from memcube.client import prepare
from memcube.client.async_channel import AsyncConnection
from memcube.client.channel import Connection
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import (
    ERRORS,
    DeadlineError,
    ExhaustedError,
    InternalError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
)
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import service_pb2_grpc

Answers = list[MemCubeError | grpc.StatusCode | Callable[[Any], Any]]


def refuse(context: grpc.ServicerContext, error: MemCubeError) -> None:
    """End a call as the gateway does: the status, and the error's detail beside it."""
    status = status_pb2.Status(code=code_pb2.Code.Value(error.CODE), message=error.message)
    status.details.add().Pack(error_to_detail(error))
    context.abort_with_status(rpc_status.to_status(status))


class ScriptedService(service_pb2_grpc.MemCubeServiceServicer):
    """Answers calls one by one from a list, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: Answers = []
        self.asked: list[Any] = []
        self.metadata: list[dict[str, str]] = []

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The next answer of the script."""
        self.asked.append(request)
        self.metadata.append({key: value for key, value in context.invocation_metadata()})
        answer = self.answers.pop(0)
        if isinstance(answer, MemCubeError):
            refuse(context, answer)
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "said without a detail")
        return answer(request)  # type: ignore[operator]

    def AddStream(self, requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Each request gets the next answer of the script; a status code breaks the stream there."""
        for request in requests:
            self.asked.append(request)
            answer = self.answers.pop(0)
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, "broken")
            if isinstance(answer, MemCubeError):
                yield pb.AddStreamResponse(error=error_to_detail(answer))
            else:
                yield pb.AddStreamResponse(added=answer(request))  # type: ignore[operator]


@pytest.fixture
def service() -> Iterator[tuple[ScriptedService, str]]:
    """The service on a port of its own, and its address."""
    scripted = ScriptedService()
    server = grpc.server(ThreadPoolExecutor(4))
    service_pb2_grpc.add_MemCubeServiceServicer_to_server(scripted, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield scripted, f"127.0.0.1:{port}"
    server.stop(0).wait()


def deletion() -> Any:
    """A prepared call."""
    return prepare.delete("some-id", expected_version=0, idempotency_key=None)


def done(request: Any) -> Any:
    """The answer to a deletion."""
    return pb.DeleteResponse(seq=7)


def sync_call(target: str, timeout_s: float = 10.0) -> Any:
    """Make the call through the sync connection."""
    connection = Connection(target, "secret", timeout_s)
    try:
        return connection.call(deletion())
    finally:
        connection.close()


def async_call(target: str, timeout_s: float = 10.0) -> Any:
    """Make the call through the async connection."""

    async def work() -> Any:
        connection = AsyncConnection(target, "secret", timeout_s)
        try:
            return await connection.call(deletion())
        finally:
            await connection.close()

    return asyncio.run(work())


both = pytest.mark.parametrize("call", [sync_call, async_call])


@both
def test_a_retry_sends_the_same_key(call: Any, service: tuple[ScriptedService, str]) -> None:
    """What may help is tried again with the same idempotency key, and the caller sees only the answer."""
    scripted, target = service
    scripted.answers = [
        UnavailableError("frame", 0.01),
        grpc.StatusCode.UNAVAILABLE,
        ExhaustedError("rate", 1, 0.01),
        done,
    ]
    assert call(target)["seq"] == 7
    assert len(scripted.asked) == 4
    assert len({request.idempotency_key for request in scripted.asked}) == 1
    assert scripted.asked[0].idempotency_key
    assert scripted.metadata[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize("kind", [Connection, AsyncConnection])
def test_a_missing_cube_may_stand_for_an_answer(kind: Any, service: tuple[ScriptedService, str]) -> None:
    """Where the call has an answer for it, and only for a missing cube."""
    scripted, target = service
    scripted.answers = [NotFoundError("cube", "user:ann"), NotFoundError("memory", "m")]
    forgiving = replace(deletion(), absent=pb.DeleteResponse(seq=0))

    async def call() -> Any:
        connection = kind(target, None, 10.0)
        answer = connection.call(forgiving)
        return await answer if kind is AsyncConnection else answer

    assert asyncio.run(call())["seq"] == 0
    with pytest.raises(NotFoundError):
        asyncio.run(call())
    # Another call may be made in its place: a search of several cubes goes on with the next one.
    scripted.answers = [NotFoundError("cube", "user:ann"), lambda request: pb.DeleteResponse(seq=len(request.id))]
    forgiving = replace(forgiving, instead=prepare.delete("other", expected_version=0, idempotency_key=None))
    assert asyncio.run(call())["seq"] == len("other")


@both
def test_what_will_fail_again_is_raised_at_once(call: Any, service: tuple[ScriptedService, str]) -> None:
    """One attempt, and the error as its own type with its facts."""
    scripted, target = service
    scripted.answers = [VersionConflictError("m", 1, 3)]
    with pytest.raises(VersionConflictError) as caught:
        call(target)
    assert (caught.value.name, caught.value.expected, caught.value.actual) == ("m", 1, 3)
    assert len(scripted.asked) == 1


EXAMPLES = {
    "InvalidArgumentError": ("top_k", "is negative"),
    "TooLargeError": ("text", 5, 4, "bytes"),
    "NotFoundError": ("cube", "x"),
    "AlreadyExistsError": ("cube", "x"),
    "UnauthenticatedError": ("no key",),
    "PermissionDeniedError": ("reset",),
    "VersionConflictError": ("m", 1, 2),
    "IdempotencyConflictError": ("k",),
    "StaleEpochError": ("c", 1, 2),
    "UnavailableError": ("frame", 60.0),
    "NotResidentError": ("c", 60.0),
    "BusyError": ("model", 60.0),
    "NotConfiguredError": ("model", 60.0),
    "DeadlineError": ("frame", 1.0),
    "ExhaustedError": ("rate", 5.0, 60.0),
    "StorageFullError": ("disk", 5.0, 60.0),
    "DamagedError": ("a.db", "is torn"),
    "MissingExtraError": ("torch", "torch"),
    "TaskStateError": ("t", "completed"),
    "UnusableAnswerError": ("model", "no JSON"),
    "UntrustedError": ("bundle", "is signed by nobody"),
    "HeldError": ("memory", "lawsuit"),
    "InternalError": ("abc",),
}


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_error_arrives_as_its_own_type(name: str, service: tuple[ScriptedService, str]) -> None:
    """Whatever the server raises, the caller catches the same type with the same facts."""
    scripted, target = service
    error = ERRORS[name](*EXAMPLES[name])
    scripted.answers = [error] * 200
    with pytest.raises(MemCubeError) as caught:
        sync_call(target, timeout_s=0.3)
    assert type(caught.value) is type(error)
    assert caught.value.facts == error.facts
    assert ("api_key=" in "".join(getattr(caught.value, "__notes__", []))) == (name == "UnauthenticatedError")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.NOT_FOUND, NotFoundError),
        (grpc.StatusCode.UNIMPLEMENTED, InvalidArgumentError),
        (grpc.StatusCode.UNKNOWN, InternalError),
    ],
)
def test_a_bare_status_becomes_an_error_of_ours(
    code: grpc.StatusCode, kind: type, service: tuple[ScriptedService, str]
) -> None:
    """What stands between us and the server (a proxy, another server) sends no details."""
    scripted, target = service
    scripted.answers = [code]
    with pytest.raises(kind):
        sync_call(target)


@both
def test_the_deadline_holds_for_all_attempts(call: Any, service: tuple[ScriptedService, str]) -> None:
    """A server that never gets well: the caller gets its error back when the time is over, not later."""
    scripted, target = service
    scripted.answers = [UnavailableError("frame", 0.01)] * 1000
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        call(target, timeout_s=0.5)
    assert 0.1 < time.monotonic() - began < 5.0


@both
def test_a_silent_server_is_a_deadline_error(call: Any, service: tuple[ScriptedService, str]) -> None:
    """Whether the call took effect is unknown, and the error says how long was waited."""
    scripted, target = service

    def slow(request: Any) -> Any:
        time.sleep(1.0)
        return done(request)

    scripted.answers = [slow]
    with pytest.raises(DeadlineError) as caught:
        call(target, timeout_s=0.3)
    assert caught.value.timeout_s == 0.3


def test_a_request_over_the_servers_limit_is_too_large() -> None:
    """gRPC's own refusal names the sizes; so does the error."""
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", 1000)])
    service_pb2_grpc.add_MemCubeServiceServicer_to_server(ScriptedService(), server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    connection = Connection(target, None, 10.0)
    with pytest.raises(TooLargeError) as caught:
        connection.call(prepare.delete("x" * 5000, expected_version=0, idempotency_key="k"))
    assert caught.value.limit == 1000
    connection.close()
    server.stop(0).wait()


def stream(target: str, texts: list[str]) -> list[Any]:
    """Add texts over the stream; results and errors in order."""
    connection = Connection(target, None, 10.0)
    calls = [prepare.add_of({"messages": text, "user_id": "u"}) for text in texts]
    try:
        return list(connection.add_stream(calls))
    finally:
        connection.close()


def test_a_broken_stream_goes_on_where_it_broke(service: tuple[ScriptedService, str]) -> None:
    """What was answered is not sent again, what was not is, with its own key; the order stays."""
    scripted, target = service

    def taken(request: Any) -> Any:
        return pb.AddResponse(seq=len(request.messages[0].content))

    scripted.answers = [taken, grpc.StatusCode.UNAVAILABLE, taken, NotFoundError("cube", "u"), taken]
    results = stream(target, ["a", "bb", "ccc", "dddd"])
    assert [r["seq"] if isinstance(r, dict) else type(r).__name__ for r in results] == [1, 2, "NotFoundError", 4]
    sent = [request.messages[0].content for request in scripted.asked]
    assert sent.count("a") == 1
    keys = {request.messages[0].content: request.idempotency_key for request in scripted.asked}
    assert all(keys[request.messages[0].content] == request.idempotency_key for request in scripted.asked)
    assert len(set(keys.values())) == 4
