"""Errors on the wire: each error of the tree as ``memcube.v1.ErrorDetail`` and back, with type and facts intact."""

from __future__ import annotations

from memcube.model.error_base import Fact
from memcube.model.errors import ERRORS, InternalError, MemCubeError, UnavailableError
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["detail_to_error", "error_to_detail"]


def error_to_detail(error: MemCubeError) -> error_pb2.ErrorDetail:
    """The wire form of an error; what a client in any language reads."""
    return error_pb2.ErrorDetail(
        type=type(error).__name__,
        facts=[_fact_to_proto(name, value) for name, value in error.facts.items()],
        retryable=error.RETRYABLE,
        retry_after_s=float(error.facts.get("retry_after_s", 0.0)),
        message=_utf8(error.message),
    )


def detail_to_error(detail: error_pb2.ErrorDetail) -> MemCubeError:
    """The error that a detail stands for; one of a newer server that we do not know is kept in words."""
    kind = ERRORS.get(detail.type)
    facts = {fact.name: _fact_from_proto(fact) for fact in detail.facts}
    if kind is None or not set(kind.FACTS) <= set(facts):
        what = f"{detail.type}: {detail.message}"
        return UnavailableError(what, detail.retry_after_s) if detail.retryable else InternalError(what)
    return kind(*[facts[name] for name in kind.FACTS])


def _utf8(text: str) -> str:
    # An error may quote what the caller sent: lone surrogates have no UTF-8 form.
    return text.encode("utf-8", "replace").decode()


def _fact_to_proto(name: str, value: Fact) -> error_pb2.Fact:
    if isinstance(value, str):
        return error_pb2.Fact(name=name, text=_utf8(value))
    if isinstance(value, int):
        # A fact may repeat what the caller sent: the wire has no room for integers over 63 bits.
        value = min(max(value, -(1 << 63)), (1 << 63) - 1)
        return error_pb2.Fact(name=name, integer=value)
    return error_pb2.Fact(name=name, number=value)


def _fact_from_proto(fact: error_pb2.Fact) -> Fact:
    kind = fact.WhichOneof("value")
    value: Fact = getattr(fact, kind) if kind else ""
    return value
