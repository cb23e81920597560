"""How failures leave: typed, with facts, small, and without what is nobody's business."""

from __future__ import annotations

import logging

import grpc
import pytest
from google.rpc.status_pb2 import Status

from memcube.actors.gateway.failure import as_error, grpc_status
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import (
    ERRORS,
    DeadlineError,
    ExhaustedError,
    InternalError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
)
from memcube.protos.memcube.v1 import error_pb2

EXAMPLE_FACTS = {"size": 3, "limit": 2, "expected": 1, "actual": 2, "epoch": 1, "current": 2, "retry_after_s": 0.5}


def example(kind: type[MemCubeError]) -> MemCubeError:
    """One error of a kind with made-up facts."""
    return kind(*[EXAMPLE_FACTS.get(name, 7.0 if name == "timeout_s" else f"a {name}") for name in kind.FACTS])


def detail_in(trailers: tuple[tuple[str, bytes], ...]) -> error_pb2.ErrorDetail:
    """What a client reads from the trailers."""
    status = Status.FromString(dict(trailers)["grpc-status-details-bin"])
    detail = error_pb2.ErrorDetail()
    assert status.details[0].Unpack(detail)
    return detail


@pytest.mark.parametrize("kind", ERRORS.values(), ids=str)
def test_every_error_crosses_grpc_as_itself(kind: type[MemCubeError]) -> None:
    """Type, facts, code and retry hint."""
    error = example(kind)
    code, message, trailers = grpc_status(error)
    detail = detail_in(trailers)
    assert code is grpc.StatusCode[kind.CODE]
    assert Status.FromString(trailers[0][1]).code == code.value[0]
    assert message == error.message == detail.message
    back = detail_to_error(detail)
    assert type(back) is kind
    assert back.facts == error.facts
    assert detail.retryable is kind.RETRYABLE
    assert detail.retry_after_s == error.facts.get("retry_after_s", 0.0)


@pytest.mark.parametrize("text", ["x" * 100_000, "记" * 100_000])
def test_overlong_facts_are_cut_to_fit_into_headers(text: str) -> None:
    """Trailers over 8 KiB would end the call without any details."""
    _, message, trailers = grpc_status(InvalidArgumentError("field", text))
    assert len(message) <= 512
    assert len(trailers[0][1]) < 6000
    assert detail_in(trailers).facts[0].text == "field"


def test_a_defect_leaves_as_an_incident_and_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Only the incident's id gets out; the log has the traceback under it."""
    with caplog.at_level(logging.ERROR):
        try:
            raise KeyError("a secret")
        except KeyError as failure:
            error = as_error(failure, "search")
    assert isinstance(error, InternalError)
    assert "secret" not in error.message
    assert error.incident in caplog.text
    assert "a secret" in caplog.text


def test_known_errors_and_timeouts_keep_their_names() -> None:
    """Ours pass as they are; a timeout is a deadline with its figure."""
    error = NotFoundError("memory", "x")
    assert as_error(error, "get") is error
    late = as_error(TimeoutError(), "search", 1.5)
    assert isinstance(late, DeadlineError)
    assert late.facts == {"what": "search", "timeout_s": 1.5}
    assert isinstance(as_error(ExhaustedError("x", 1), "get"), ExhaustedError)
