"""Erasure, legal holds and retention: ``Memory.privacy``. All of it is an administrator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Generic, TypeVar

from google.protobuf import json_format

from memcube.client.checks import count, memory_type, text
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import new_idempotency_key
from memcube.model.times import rfc3339
from memcube.model.tree_head import erasure_text, verifies
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["Privacy"]

Plain = dict[str, Any]
One = TypeVar("One")
DAY_S = 24 * 3600.0


class Privacy(Generic[One]):
    """``Memory.privacy``; of ``AsyncMemory`` every method is to be awaited."""

    def __init__(self, ask: Callable[..., One]) -> None:
        self._ask = ask

    def erase(
        self,
        *,
        user_id: str | None = None,
        cube_id: str | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Erase everything about a user in all cubes of the tenant, or a whole cube, for good: the certificate.

        Memories, all their versions, what was made from them, vectors, answers kept for retries, tasks; and the keys
        that sealed them, where the system is encrypted. HeldError while a legal hold keeps some of it.
        """
        return self._ask(_erase, user_id=user_id, cube_id=cube_id, reason=reason, idempotency_key=idempotency_key)

    def erasures(self, limit: int = 100) -> One:
        """Certificates of erasures, newest first, and those under way (``"finished_at": None``)."""
        return self._ask(_erasures, limit)

    def put_hold(
        self,
        name: str,
        *,
        reason: str,
        cubes: str | None = None,
        user_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Keep memories from being deleted, expired or erased, by anyone: those of cubes whose ids match the pattern
        ``cubes``, about ``user_id``, that ``filters`` selects; all of the tenant's where nothing is given."""
        return self._ask(
            _put_hold,
            name,
            reason=reason,
            cubes=cubes,
            user_id=user_id,
            filters=filters,
            idempotency_key=idempotency_key,
        )

    def release_hold(self, name: str, *, idempotency_key: str | None = None) -> One:
        """End a hold; NotFoundError where there is none of this name."""
        return self._ask(_release_hold, name, idempotency_key=idempotency_key)

    def holds(self) -> One:
        """``{"results": [hold, …]}``."""
        return self._ask(_holds)

    def put_retention(
        self,
        name: str,
        *,
        keep_days: float,
        action: str = "delete",
        cubes: str | None = None,
        memory_type: str | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Have memories deleted, or archived, once they are older than ``keep_days``: those of cubes whose ids match,
        of a type, with a tag. A rule of this name is replaced. Carried out in the background."""
        return self._ask(
            _put_retention,
            name,
            keep_days=keep_days,
            action=action,
            cubes=cubes,
            memory_type=memory_type,
            tag=tag,
            idempotency_key=idempotency_key,
        )

    def delete_retention(self, name: str, *, idempotency_key: str | None = None) -> One:
        """End a rule; what it has done stays done."""
        return self._ask(_delete_retention, name, idempotency_key=idempotency_key)

    def retention(self) -> One:
        """``{"results": [rule, …]}``, each with what it has done so far."""
        return self._ask(_retention)


def _erase(
    *, user_id: str | None, cube_id: str | None, reason: str | None, idempotency_key: str | None
) -> Prepared[Plain]:
    if bool(user_id) == bool(cube_id):
        raise InvalidArgumentError("user_id", "give exactly one of user_id and cube_id")
    request = audit_pb2.EraseRequest(
        user_id=text("user_id", user_id),
        cube_id=text("cube_id", cube_id),
        reason=text("reason", reason),
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("Erase", request, _certificate)


def _certificate(answer: audit_pb2.EraseResponse) -> Plain:
    erasure = audit_pb2.Erasure.FromString(answer.statement)
    plain: Plain = {
        "id": erasure.id,
        "tenant": erasure.tenant,
        "user_id": erasure.user_id or None,
        "cube_id": erasure.cube_id or None,
        "reason": erasure.reason,
        "principal": erasure.principal_id,
        "started_at": rfc3339(erasure.started_at.ToDatetime(tzinfo=UTC)),
        "finished_at": _time(erasure, "finished_at"),
        "cubes": [
            json_format.MessageToDict(cube, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
            for cube in erasure.cubes
        ],
        "keys_destroyed": erasure.keys_destroyed,
        "topic_events": erasure.topic_events,
        "files": erasure.files,
        "statement": answer.statement.hex(),
        "signature": answer.signature.hex(),
        "public_key": answer.public_key.hex(),
    }
    plain["verified"] = bool(answer.signature) and verifies(
        answer.public_key, answer.signature, erasure_text(answer.statement)
    )
    for cube in plain["cubes"]:
        cube.update({name: int(value) for name, value in cube.items() if name != "cube_id"})
    return plain


def _erasures(limit: int) -> Prepared[Plain]:
    request = audit_pb2.ListErasuresRequest(page_size=count("limit", limit, least=1))
    return Prepared("ListErasures", request, lambda answer: {"results": [*map(_certificate, answer.erasures)]})


def _put_hold(
    name: str,
    *,
    reason: str,
    cubes: str | None,
    user_id: str | None,
    filters: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    hold = audit_pb2.Hold(
        name=text("name", name, empty=False),
        reason=text("reason", reason, empty=False),
        cubes=text("cubes", cubes),
        user_id=text("user_id", user_id),
        filter=filter_of(filters) if filters else None,
    )
    request = audit_pb2.PutHoldRequest(hold=hold, idempotency_key=_key(idempotency_key))
    return Prepared("PutHold", request, lambda answer: _hold(answer.hold))


def _hold(hold: audit_pb2.Hold) -> Plain:
    plain: Plain = {
        "name": hold.name,
        "reason": hold.reason,
        "cubes": hold.cubes or "*",
        "user_id": hold.user_id or None,
        "principal": hold.principal_id,
        "created_at": _time(hold, "created_at"),
    }
    if hold.HasField("filter"):
        plain["filter"] = json_format.MessageToDict(hold.filter, preserving_proto_field_name=True)
    return plain


def _release_hold(name: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    request = audit_pb2.ReleaseHoldRequest(name=text("name", name, empty=False), idempotency_key=_key(idempotency_key))
    return Prepared("ReleaseHold", request, lambda _: {"released": name})


def _holds() -> Prepared[Plain]:
    return Prepared("ListHolds", audit_pb2.ListHoldsRequest(), lambda answer: {"results": [*map(_hold, answer.holds)]})


def _put_retention(
    name: str,
    *,
    keep_days: float,
    action: str,
    cubes: str | None,
    memory_type: str | None,
    tag: str | None,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    if isinstance(keep_days, bool) or not isinstance(keep_days, int | float) or not keep_days >= 0:
        raise InvalidArgumentError("keep_days", f"{keep_days!r} is no number of days")
    rule = audit_pb2.RetentionRule(
        name=text("name", name, empty=False),
        cubes=text("cubes", cubes),
        memory_type=_memory_type(memory_type),
        tag=text("tag", tag),
        keep_s=keep_days * DAY_S,
        action=text("action", action),
    )
    request = audit_pb2.PutRetentionRequest(rule=rule, idempotency_key=_key(idempotency_key))
    return Prepared("PutRetention", request, lambda answer: _rule(answer.rule))


def _memory_type(name: str | None) -> Any:
    return memory_type(name)


def _rule(rule: audit_pb2.RetentionRule) -> Plain:
    kinds = json_format.MessageToDict(rule, preserving_proto_field_name=True)
    return {
        "name": rule.name,
        "cubes": rule.cubes or "*",
        "memory_type": kinds.get("memory_type"),
        "tag": rule.tag or None,
        "keep_days": rule.keep_s / DAY_S,
        "action": rule.action,
        "principal": rule.principal_id,
        "created_at": _time(rule, "created_at"),
        "last_run_at": _time(rule, "last_run_at"),
        "done": rule.done,
        "held": rule.held,
    }


def _delete_retention(name: str, *, idempotency_key: str | None) -> Prepared[Plain]:
    request = audit_pb2.DeleteRetentionRequest(
        name=text("name", name, empty=False), idempotency_key=_key(idempotency_key)
    )
    return Prepared("DeleteRetention", request, lambda _: {"deleted": name})


def _retention() -> Prepared[Plain]:
    request = audit_pb2.ListRetentionRequest()
    return Prepared("ListRetention", request, lambda answer: {"results": [*map(_rule, answer.rules)]})


def _time(message: Any, field: str) -> str | None:
    return rfc3339(getattr(message, field).ToDatetime(tzinfo=UTC)) if message.HasField(field) else None


def _key(key: str | None) -> str:
    return text("idempotency_key", key) or new_idempotency_key()
