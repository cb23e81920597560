"""Every error survives pickling (Ray) and the wire (gRPC, REST) as its own type, with its facts."""

from __future__ import annotations

import pickle

import pytest

from memcube.model.error_codec import detail_to_error, error_to_detail
from memcube.model.errors import ERRORS, InternalError, MemCubeError, NotFoundError, TooLargeError, UnavailableError
from memcube.protos.memcube.v1 import error_pb2

FACTS: dict[str, str | int | float] = {
    "field": "messages[0].content",
    "problem": "is empty",
    "size": 3,
    "limit": 2,
    "unit": "bytes",
    "kind": "cube",
    "name": "user:爱丽丝",
    "verb": "reset",
    "expected": 1,
    "actual": 2,
    "key": "k",
    "cube": "user:alice",
    "epoch": 1,
    "current": 2,
    "what": "embedder",
    "retry_after_s": 0.25,
    "timeout_s": 3.0,
    "path": "a.db",
    "extra": "torch",
    "incident": "i",
    "task": "t",
    "state": "completed",
    "hold": "case-7",
}
ALL = [kind(*[FACTS[name] for name in kind.FACTS]) for kind in ERRORS.values()]


def subclasses(kind: type[MemCubeError]) -> set[type[MemCubeError]]:
    """All errors below ``kind``."""
    below = set(kind.__subclasses__())
    return below.union(*[subclasses(one) for one in below]) if below else below


def test_the_table_names_every_error() -> None:
    """An error that the wire does not know would arrive as something else."""
    assert set(ERRORS.values()) == subclasses(MemCubeError)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_survives_pickle(error: MemCubeError) -> None:
    """Ray pickles errors: type, facts and message come back."""
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes, as Ray does it
    assert type(back) is type(error)
    assert back.facts == error.facts
    assert str(back) == str(error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_survives_the_wire(error: MemCubeError) -> None:
    """An ErrorDetail rebuilds the same error."""
    wire = error_pb2.ErrorDetail.FromString(error_to_detail(error).SerializeToString())
    back = detail_to_error(wire)
    assert type(back) is type(error)
    assert back.facts == error.facts
    assert wire.retryable is error.RETRYABLE
    assert wire.message == str(error)


def test_an_unknown_error_stays_typed_and_keeps_its_words() -> None:
    """A newer server's error becomes one that we know, retryable or not as it said."""
    detail = error_pb2.ErrorDetail(type="NewError", message="no luck", retryable=True, retry_after_s=2)
    error = detail_to_error(detail)
    assert isinstance(error, UnavailableError)
    assert error.retry_after_s == 2
    assert "no luck" in str(error)
    detail.retryable = False
    assert isinstance(detail_to_error(detail), InternalError)


def test_standard_library_kinds() -> None:
    """mem0's users catch ValueError and LookupError."""
    assert isinstance(NotFoundError("memory", "x"), LookupError)
    assert issubclass(ERRORS["InvalidArgumentError"], ValueError)
    assert issubclass(ERRORS["DeadlineError"], TimeoutError)


def test_a_surrogate_in_a_fact_does_not_break_the_wire() -> None:
    """A fact may quote what the caller sent, also what has no UTF-8 form."""
    for error in (NotFoundError("memory", "\ud800"), ERRORS["InvalidArgumentError"]("query", "\ud800 is odd")):
        detail = error_to_detail(error)
        assert "?" in str(detail_to_error(detail).facts.popitem()[1])
        assert "?" in detail.message or "\\ud800" in detail.message


def test_a_number_too_large_for_the_wire_does_not_break_it() -> None:
    """A size of 64 bits that a caller sent leaves as the largest that the wire has, in an error of the same type."""
    error = detail_to_error(error_to_detail(TooLargeError("size_bytes", 2**64 - 1, 10)))
    assert isinstance(error, TooLargeError) and error.facts["size"] == 2**63 - 1
