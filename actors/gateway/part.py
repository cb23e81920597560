"""A part of the gateway: one gRPC service, and what each of its rpcs does. ``Door`` serves all parts alike.

A verb is an rpc's name in small letters (``DeleteAll`` is ``delete_all``); it is unique over all services, since
access, limits and metrics know a call by its verb only. ``parts.py`` lists the parts.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor import ServiceDescriptor

from memcube.actors.gateway.caller import Caller

__all__ = ["Answerer", "Callers", "Part", "Speaker", "Streamer", "verb_of"]

_WORD = re.compile(r"(?<!^)(?=[A-Z])")

Callers = Callable[[], Caller]
"""Who calls, with a fresh page's time: asked anew for every page or message, so that a key that was taken away, or a
role that changed, ends a stream that is open. Raises UnauthenticatedError then."""
Answerer = Callable[[Caller, bytes], Awaitable[bytes]]
"""One serialized request to one serialized response."""
Streamer = Callable[[Callers, bytes], AsyncIterator[bytes]]
"""One serialized request to any number of responses."""
Speaker = Callable[[Callers, AsyncIterator[bytes]], AsyncIterator[bytes]]
"""A stream of requests to a stream of responses; a unary answer to a stream of requests is a stream of one."""


def verb_of(rpc: str) -> str:
    """The verb of an rpc: "DeleteAll" is "delete_all"."""
    return _WORD.sub("_", rpc).lower()


@dataclass(frozen=True, slots=True)
class Part:
    """One service. Every rpc of ``service`` has its verb in the mapping of its kind; handlers raise MemCubeError for
    what the caller did, and leave what is a defect to ``Door``. ``long`` are verbs whose call may last as long as the
    gateway lets any, where its caller names no deadline."""

    service: ServiceDescriptor
    answers: Mapping[str, Answerer] = field(default_factory=dict)
    streams: Mapping[str, Streamer] = field(default_factory=dict)
    dialogues: Mapping[str, Speaker] = field(default_factory=dict)
    long: frozenset[str] = frozenset()
