"""Calls of the SDK as protobuf requests, and their answers as plain objects: what ``Memory`` and ``AsyncMemory`` share.

Each function checks the arguments (InvalidArgumentError names the field) and returns a ``Prepared`` call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from memcube.client.checks import count, share, text, texts, time
from memcube.client.checks import memory_type as memory_type_number
from memcube.client.checks import memory_types as kind_numbers
from memcube.client.checks import mode as mode_number
from memcube.client.messages import messages_of
from memcube.client.scope import filter_of, scope_of, scopes_of
from memcube.model import answers
from memcube.model.codec import struct_from_info
from memcube.model.content import schemas_of
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, TooLargeError
from memcube.model.ids import new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Prepared"]

Result = TypeVar("Result")
MOST_CUBES = 16
"""Cubes of one search, the main one included: as many as the server takes."""


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Result]):
    """One unary call: the rpc's name, its request, and how its answer becomes the SDK's result.

    ``absent`` is the answer to take where the server says that there is no such cube; None: that is an error. With
    ``instead`` that call is made then: a search of several cubes goes on without its main one.
    """

    method: str
    request: Any
    result: Callable[[Any], Result]
    absent: Any = None
    instead: Prepared[Result] | None = None

    def forgives(self, failure: MemCubeError) -> bool:
        """Whether ``absent`` is the answer to take in place of this failure."""
        return self.absent is not None and isinstance(failure, NotFoundError) and failure.kind == "cube"


Plain = dict[str, Any]
_ADD = {
    "messages",
    "user_id",
    "agent_id",
    "run_id",
    "cube_id",
    "metadata",
    "tags",
    "timestamp",
    "expiration_date",
    "infer",
    "memory_type",
    "session_id",
    "source_kind",
    "verbatim",
    "tools",
    "idempotency_key",
}


def add(
    messages: object,
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    metadata: Mapping[str, Any] | None,
    tags: Sequence[str] | None,
    timestamp: object,
    expiration_date: object,
    memory_type: str | None,
    session_id: str | None,
    source_kind: str | None,
    idempotency_key: str | None,
    infer: bool | None = None,
    verbatim: bool | None = None,
    tools: object = None,
) -> Prepared[Plain]:
    """Take in messages. ``infer=False`` is mem0's word for ``verbatim``."""
    scope, _ = scope_of(None, user_id, agent_id, run_id, cube_id)
    request = pb.AddRequest(
        scope=scope,
        messages=[] if tools and not messages else messages_of(messages, default_time=timestamp),
        info=struct_from_info("metadata", metadata) if metadata else None,
        tags=texts("tags", tags),
        session_id=text("session_id", session_id),
        memory_type=memory_type_number(memory_type),  # type: ignore[arg-type]
        time=time("timestamp", timestamp),
        expires_at=time("expiration_date", expiration_date),
        idempotency_key=_key(idempotency_key),
        source_kind=text("source_kind", source_kind),
        verbatim=infer is False if verbatim is None else bool(verbatim),
        tool_schemas=schemas_of("tools", tools),
    )
    return Prepared("Add", request, answers.added)


def add_of(arguments: Mapping[str, Any]) -> Prepared[Plain]:
    """The call that ``Memory.add(**arguments)`` would make; an unknown argument is InvalidArgumentError."""
    unknown = set(arguments) - _ADD
    if unknown:
        raise InvalidArgumentError(min(map(str, unknown)), "is no argument of add")
    return add(**{name: arguments.get(name) for name in _ADD})


def search(
    query: str,
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    top_k: int,
    filters: object,
    threshold: float,
    token_budget: int,
    rerank: bool,
    explain: bool,
    reference_date: object,
    show_expired: bool,
    memory_types: object = None,
    mode: str = "fast",
    preferences: int = 0,
    strict_sources: bool = False,
    **further: object,
) -> Prepared[Plain]:
    """Recall; ``further`` are ``cube_ids``, ``user_ids``, ``agent_ids`` and ``run_ids``."""
    ids = {"cube_id": cube_id, "user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope, more, rest = scopes_of(filters, ids, further)
    request = pb.SearchRequest(
        query=text("query", query, empty=False),
        top_k=count("top_k", top_k, least=1),
        filter=filter_of(rest),
        threshold=share("threshold", threshold),
        token_budget=count("token_budget", token_budget),
        reference_time=time("reference_date", reference_date),
        include_expired=bool(show_expired),
        memory_types=kind_numbers(memory_types),  # type: ignore[arg-type]
        mode=mode_number(mode),  # type: ignore[arg-type]
        rerank=bool(rerank),
        preferences=count("preferences", preferences),
        strict_sources=bool(strict_sources),
    )
    scopes = [scope, *more]
    if len(scopes) > MOST_CUBES:
        # The server would refuse it too, by the wire's name.
        raise TooLargeError("cube_ids", len(scopes), MOST_CUBES, "cubes")
    calls: Prepared[Plain] | None = None
    for place in reversed(range(len(scopes))):
        calls = _search_from(scopes[place:] + scopes[:place], request, explain, calls)
    assert calls is not None
    return calls


def _search_from(
    scopes: Sequence[pb.Scope], request: pb.SearchRequest, explain: bool, instead: Prepared[Plain] | None
) -> Prepared[Plain]:
    """The search whose main cube is the first of ``scopes``; where that one isn't there, ``instead`` is asked."""
    asked = pb.SearchRequest()
    asked.CopyFrom(request)
    asked.scope.CopyFrom(scopes[0])
    asked.more.extend(scopes[1:])
    return Prepared(
        "Search",
        asked,
        lambda answer: answers.found(answer, explain=explain),
        # No vectors are to come, so nobody waits for them.
        None if scopes[0].cube_id else pb.SearchResponse(vector_coverage=1.0),
        instead,
    )


def preferences(
    query: str,
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    top_k: int,
    token_budget: int,
) -> Prepared[Plain]:
    """What the user prefers, as far as it matters for a question."""
    scope, _ = scope_of(None, user_id, agent_id, run_id, cube_id)
    request = pb.PreferencesRequest(
        scope=scope,
        query=text("query", query),
        top_k=count("top_k", top_k, least=1),
        token_budget=count("token_budget", token_budget),
    )
    return Prepared("Preferences", request, answers.preferences, None if scope.cube_id else pb.PreferencesResponse())


def understand(query: str, *, reference_date: object, fine: bool) -> Prepared[Plain]:
    """A request in words as an operation."""
    request = pb.UnderstandRequest(
        query=text("query", query, empty=False), reference_time=time("reference_date", reference_date), fine=bool(fine)
    )
    return Prepared("Understand", request, answers.understood)


def too_early(found: Plain) -> bool:
    """Whether a search found nothing while the embedder works and some memories have no vectors yet.

    Not one that asked a language model: looking again would ask it again.
    """
    early = not found["results"] and not found["degraded"] and found["vector_coverage"] < 1.0
    return early and not found["spent"]


def get(memory_id: str) -> Prepared[Plain]:
    """One memory by id."""
    return Prepared(
        "Get", pb.GetRequest(id=text("memory_id", memory_id, empty=False)), lambda answer: answers.memory(answer.item)
    )


def list_page(
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    filters: object,
    top_k: int,
    page_token: str | None,
    show_expired: bool,
) -> Prepared[Plain]:
    """One page of a cube's memories."""
    scope, rest = scope_of(filters, user_id, agent_id, run_id, cube_id)
    request = pb.ListRequest(
        scope=scope,
        filter=filter_of(rest),
        page_size=count("top_k", top_k, least=1),
        page_token=text("page_token", page_token),
        include_expired=bool(show_expired),
    )
    return Prepared("List", request, answers.listed, None if scope.cube_id else pb.ListResponse())


def update(
    memory_id: str,
    *,
    new_text: str | None,
    metadata: Mapping[str, Any] | None,
    tags: Sequence[str] | None,
    expiration_date: object,
    expected_version: int,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Change one memory."""
    if new_text is None and metadata is None and tags is None and expiration_date is None:
        raise InvalidArgumentError("text", "nothing to change: give text, metadata, tags or expiration_date")
    request = pb.UpdateRequest(
        id=text("memory_id", memory_id, empty=False),
        memory=None if new_text is None else text("text", new_text),
        info=None if metadata is None else struct_from_info("metadata", metadata),
        tags=texts("tags", tags),
        replace_tags=tags is not None,
        expires_at=time("expiration_date", expiration_date),
        expected_version=count("expected_version", expected_version),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Update", request, answers.updated)


def delete(memory_id: str, *, expected_version: int, idempotency_key: str | None) -> Prepared[Plain]:
    """Delete one memory."""
    request = pb.DeleteRequest(
        id=text("memory_id", memory_id, empty=False),
        expected_version=count("expected_version", expected_version),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Delete", request, answers.deleted)


def delete_all(
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    filters: object,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Delete what a filter selects in one cube, or all of it."""
    scope, rest = scope_of(filters, user_id, agent_id, run_id, cube_id)
    request = pb.DeleteAllRequest(scope=scope, filter=filter_of(rest), idempotency_key=_key(idempotency_key))
    return Prepared("DeleteAll", request, answers.deleted_all)


def history(memory_id: str) -> Prepared[list[Plain]]:
    """All versions of one memory."""
    return Prepared("History", pb.HistoryRequest(id=text("memory_id", memory_id, empty=False)), answers.history)


def reset(*, idempotency_key: str | None) -> Prepared[Plain]:
    """Delete every cube of the tenant."""
    return Prepared("Reset", pb.ResetRequest(idempotency_key=_key(idempotency_key)), answers.was_reset)


def status(*, user_id: str | None, agent_id: str | None, run_id: str | None, cube_id: str | None) -> Prepared[Plain]:
    """The system's status, with a cube's where one is named."""
    named = any((user_id, agent_id, run_id, cube_id))
    scope = scope_of(None, user_id, agent_id, run_id, cube_id)[0] if named else None
    return Prepared("Status", pb.StatusRequest(scope=scope), answers.status)


def create_cube(
    cube_id: str, *, description: str, config: Mapping[str, Any] | None, idempotency_key: str | None
) -> Prepared[Plain]:
    """Make an empty cube."""
    request = pb.CreateCubeRequest(
        cube_id=text("cube_id", cube_id, empty=False),
        description=text("description", description),
        config=struct_from_info("config", config) if config else None,
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("CreateCube", request, lambda answer: answers.cube(answer.cube))


def get_cube(cube_id: str) -> Prepared[Plain]:
    """One cube."""
    return Prepared(
        "GetCube",
        pb.GetCubeRequest(cube_id=text("cube_id", cube_id, empty=False)),
        lambda answer: answers.cube(answer.cube),
    )


def list_cubes(*, limit: int, page_token: str | None) -> Prepared[Plain]:
    """A page of the tenant's cubes."""
    request = pb.ListCubesRequest(page_size=count("limit", limit, least=1), page_token=text("page_token", page_token))
    return Prepared("ListCubes", request, answers.cubes)


def delete_cube(cube_id: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    """Remove a cube with all that is in it."""
    request = pb.DeleteCubeRequest(cube_id=text("cube_id", cube_id, empty=False), idempotency_key=_key(idempotency_key))
    return Prepared("DeleteCube", request, lambda answer: {"message": f"Cube {cube_id} deleted"})


def events(cube_id: str, *, from_seq: int) -> Prepared[Plain]:
    """A cube's journal; a streamed call, ``result`` is applied to each event."""
    request = pb.ReadEventsRequest(cube_id=text("cube_id", cube_id, empty=False), from_seq=count("from_seq", from_seq))
    return Prepared("ReadEvents", request, answers.event)


def _key(given: str | None) -> str:
    """The caller's key, else a fresh one: our own retries need one either way."""
    return text("idempotency_key", given) or new_idempotency_key()
