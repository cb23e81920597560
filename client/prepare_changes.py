"""Calls of the SDK that say something of memories or change many; beside ``prepare``, whose rules hold here too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from memcube.client.checks import count, text, texts, time
from memcube.client.messages import messages_of
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of, scope_of
from memcube.model import answers
from memcube.model.codec import struct_from_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import task_pb2

__all__ = ["archive", "archive_all", "feedback", "restore", "update_all"]

Plain = dict[str, Any]
DAY_S = 24 * 3600.0


def feedback(
    said: str,
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    memory_ids: object,
    history: object,
    timestamp: object,
    metadata: Mapping[str, Any] | None,
    tags: Sequence[str] | None,
    session_id: str | None,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """What the user says of memories."""
    scope, _ = scope_of(None, user_id, agent_id, run_id, cube_id)
    request = pb.FeedbackRequest(
        scope=scope,
        feedback=text("feedback", said, empty=False),
        memory_ids=texts("memory_ids", [memory_ids] if isinstance(memory_ids, str) else memory_ids),
        history=messages_of(history, "history", timestamp) if history else [],
        time=time("timestamp", timestamp),
        info=struct_from_info("metadata", metadata) if metadata else None,
        tags=texts("tags", tags),
        session_id=text("session_id", session_id),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Feedback", request, answers.fed_back)


def update_all(
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    filters: object,
    metadata: Mapping[str, Any] | None,
    add_tags: Sequence[str] | None,
    remove_tags: Sequence[str] | None,
    expiration_date: object,
    never_expires: bool,
    visibility: str | None,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Change what a filter selects."""
    scope, rest = scope_of(filters, user_id, agent_id, run_id, cube_id)
    change = task_pb2.BulkChange(
        info=None if metadata is None else struct_from_info("metadata", metadata),
        add_tags=texts("add_tags", add_tags),
        remove_tags=texts("remove_tags", remove_tags),
        expires_at=time("expiration_date", expiration_date),
        never_expires=bool(never_expires),
        visibility=None if visibility is None else text("visibility", visibility),
    )
    if not change.ByteSize() and visibility is None and metadata is None:
        raise InvalidArgumentError("metadata", "nothing to change: give metadata, tags, expiration_date or visibility")
    request = pb.UpdateAllRequest(
        scope=scope, filter=filter_of(rest), change=change, idempotency_key=_key(idempotency_key)
    )
    return Prepared("UpdateAll", request, lambda answer: answers.task(answer.task))


def archive(memory_id: str, *, expected_version: int, idempotency_key: str | None) -> Prepared[Plain]:
    """Take a memory out of searches."""
    request = pb.ArchiveRequest(
        id=text("memory_id", memory_id, empty=False),
        expected_version=count("expected_version", expected_version),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Archive", request, lambda answer: answers.memory(answer.item))


def restore(memory_id: str, *, expected_version: int, idempotency_key: str | None) -> Prepared[Plain]:
    """Bring an archived memory back."""
    request = pb.RestoreRequest(
        id=text("memory_id", memory_id, empty=False),
        expected_version=count("expected_version", expected_version),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Restore", request, lambda answer: answers.memory(answer.item))


def archive_all(
    *,
    user_id: str | None,
    agent_id: str | None,
    run_id: str | None,
    cube_id: str | None,
    filters: object,
    unused_days: float,
    keep: int,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Archive what was not used for long."""
    scope, rest = scope_of(filters, user_id, agent_id, run_id, cube_id)
    if isinstance(unused_days, bool) or not isinstance(unused_days, int | float) or not math.isfinite(unused_days):
        raise InvalidArgumentError("unused_days", f"{unused_days!r} is no number of days")
    rule = task_pb2.ArchiveRule(unused_s=unused_days * DAY_S, keep=count("keep", keep))
    request = pb.ArchiveAllRequest(
        scope=scope, filter=filter_of(rest), rule=rule, idempotency_key=_key(idempotency_key)
    )
    return Prepared("ArchiveAll", request, lambda answer: answers.task(answer.task))


def _key(given: str | None) -> str:
    return text("idempotency_key", given) or new_idempotency_key()
