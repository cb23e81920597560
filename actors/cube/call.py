"""What travels between the gateway's router and a frame: one verb on one cube, as bytes, and its answer.

A ``Call`` crosses Ray in one hop; lists of calls cross in one hop too. Answers carry errors as encoded
``ErrorDetail`` instead of raising, so that one failed call of a batch does not hide the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.ids import Principal

__all__ = ["SLOW_READS", "Answer", "Call"]

SLOW_READS = ("history", "read_events", "erasable")
"""Verbs that read the journal from disk, outside the event loop."""


@dataclass(frozen=True, slots=True)
class Call:
    """One verb on one cube.

    ``request`` is the serialized protobuf request of the verb (``memcube.v1``; ``delete_all`` for DeleteAllRequest
    and so on). ``key`` is the idempotency key, never empty for a mutation. ``vector`` is the query's embedding
    (float32, little endian) of ``model`` for searches (several queries: concatenated in order), or empty.
    ``note`` is a degradation to report in the answer, e.g. why there is no vector. ``embed_ms`` is what it took.
    ``rule`` is what the caller may see and do of single memories (``governance.rule.Rule``); empty: all of them.
    ``origin`` is a digest of the request as the caller sent it, where the gateway has put text in the place of documents:
    a retry is the same request, whatever became of them. ``room_bytes`` is the most that the hits of a search over several cubes may be here; 0 is the usual bound.
    """

    verb: str
    request: bytes
    principal: Principal
    key: str = ""
    vector: bytes = b""
    model: str = ""
    note: str = ""
    embed_ms: float = 0.0
    room_bytes: int = 0
    origin: bytes = b""
    rule: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is the serialized response if ``ok``, else a serialized ``ErrorDetail``."""

    ok: bool
    body: bytes
