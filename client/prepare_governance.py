"""Calls of the SDK that concern governance; beside ``prepare``, whose rules hold here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from memcube.client.checks import text, texts
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of
from memcube.model.errors import InvalidArgumentError
from memcube.model.governance import KINDS, QUOTA_FOR, QUOTA_OF, plain
from memcube.model.ids import new_idempotency_key
from memcube.model.times import parse_time
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import item_pb2

__all__ = ["change", "explain", "grant", "look", "member", "quota", "share", "team"]

Plain = dict[str, Any]


def look(rpc: str, request: Message) -> Prepared[Plain]:
    """A call that changes nothing; its answer as a plain object, a list as ``results``."""
    return Prepared(rpc, request, _plain)


def change(rpc: str, request: Any, idempotency_key: str | None) -> Prepared[Plain]:
    """A call that changes something, with its key."""
    request.idempotency_key = text("idempotency_key", idempotency_key) or new_idempotency_key()
    return Prepared(rpc, request, _plain)


def _plain(answer: Any) -> Plain:
    found = plain(answer)
    lists = [name for name, value in found.items() if isinstance(value, list)]
    if len(lists) == 1 and type(answer).__name__.startswith("List"):
        found["results"] = found.pop(lists[0])
    return found


def member(
    member_id: str, kind: str, roles: object, cubes: object, disabled: bool, description: str
) -> gov.PutMemberRequest:
    """A user or an agent."""
    return gov.PutMemberRequest(
        member=gov.Member(
            id=text("member_id", member_id, empty=False),
            kind=_word("kind", kind, KINDS),  # type: ignore[arg-type]
            roles=texts("roles", roles),
            cubes=texts("cubes", cubes),
            disabled=disabled,
            description=text("description", description),
        )
    )


def team(team_id: str, members: object, roles: object, cubes: object, description: str) -> gov.PutTeamRequest:
    """A team."""
    return gov.PutTeamRequest(
        team=gov.Team(
            id=text("team_id", team_id, empty=False),
            members=texts("members", members),
            roles=texts("roles", roles),
            cubes=texts("cubes", cubes),
            description=text("description", description),
        )
    )


def share(
    cube_id: str | None,
    topic: str | None,
    user: str | None,
    team: str | None,
    verbs: object,
    filters: Mapping[str, Any] | None,
    expires_at: datetime | str | None,
) -> gov.CreateShareRequest:
    """A share of a cube, a selection, or a topic."""
    made = gov.Share(
        cube_id=text("cube_id", cube_id),
        topic=text("topic", topic),
        user=text("user", user),
        team=text("team", team),
        verbs=texts("verbs", verbs),
    )
    _bound(made, filters, expires_at)
    return gov.CreateShareRequest(share=made)


def grant(
    agent: str,
    cubes: object,
    verbs: object,
    filters: Mapping[str, Any] | None,
    expires_at: datetime | str | None,
) -> gov.IssueGrantRequest:
    """A grant for whoever is to act for the caller."""
    made = gov.Grant(agent=text("agent", agent), cubes=texts("cubes", cubes), verbs=texts("verbs", verbs))
    _bound(made, filters, expires_at)
    return gov.IssueGrantRequest(grant=made)


def quota(of: str, limit: int, window_s: float, kind: str, subject: str, quota_id: str) -> gov.PutQuotaRequest:
    """A bound over a window of time."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit < 2**53:
        raise InvalidArgumentError("limit", f"{limit!r} is not a whole number above 0")
    if isinstance(window_s, bool) or not isinstance(window_s, int | float) or not window_s > 0:
        raise InvalidArgumentError("window_s", f"{window_s!r} is not a number of seconds above 0")
    return gov.PutQuotaRequest(
        quota=gov.Quota(
            id=text("quota_id", quota_id),
            kind=_word("kind", kind, QUOTA_FOR),  # type: ignore[arg-type]
            subject=text("subject", subject),
            of=_word("of", of, QUOTA_OF),  # type: ignore[arg-type]
            limit=limit,
            window_s=window_s,
        )
    )


def explain(
    verb: str,
    *,
    cube_id: str | None,
    topic: str | None,
    memory_id: str | None,
    item: Mapping[str, Any] | None,
    principal: str | None,
    kind: str,
    roles: Sequence[str],
    cubes: Sequence[str],
    teams: Sequence[str],
) -> Prepared[Plain]:
    """A dry run."""
    request = gov.ExplainRequest(
        verb=text("verb", verb, empty=False),
        cube_id=text("cube_id", cube_id),
        topic=text("topic", topic),
        memory_id=text("memory_id", memory_id),
    )
    if principal is not None:
        request.subject.id = text("principal", principal, empty=False)
        request.subject.kind = _word("kind", kind, KINDS) if kind else 0  # type: ignore[assignment]
        request.subject.roles.extend(texts("roles", roles))
        request.subject.cubes.extend(texts("cubes", cubes))
        request.subject.teams.extend(texts("teams", teams))
    elif roles or cubes or teams or kind:
        raise InvalidArgumentError("principal", "is missing: of oneself nothing is supposed")
    if item is not None:
        request.item.CopyFrom(_item(item))
    return Prepared("Explain", request, _plain)


_TEXTS = ("user_id", "agent_id", "run_id", "session_id", "sensitivity", "visibility", "memory", "key")


def _item(fields: Mapping[str, Any]) -> item_pb2.Item:
    """A memory as it might be, by the fields that policies look at."""
    from memcube.client.checks import memory_type

    item = item_pb2.Item()
    for name, value in fields.items():
        if name in _TEXTS:
            setattr(item, name, text(f"item.{name}", value))
        elif name == "tags":
            item.tags.extend(texts("item.tags", value))
        elif name == "memory_type":
            item.memory_type = memory_type(value)  # type: ignore[assignment]
        elif name in ("origin", "role"):
            source = item.sources[0] if item.sources else item.sources.add()
            setattr(source, "kind" if name == "origin" else "role", text(f"item.{name}", value))
        else:
            known = ", ".join((*_TEXTS, "tags", "memory_type", "origin", "role"))
            raise InvalidArgumentError(f"item.{name}", f"is no field here; these are: {known}")
    return item


def _bound(made: gov.Share | gov.Grant, filters: Mapping[str, Any] | None, expires_at: datetime | str | None) -> None:
    wanted = filter_of(filters)
    if wanted is not None:
        made.filter.CopyFrom(wanted)
    if expires_at is not None:
        stamp = Timestamp()
        stamp.FromDatetime(parse_time("expires_at", expires_at))
        made.expires_at.CopyFrom(stamp)


def _word(field: str, word: str, table: Mapping[str, int]) -> int:
    number = table.get(word)
    if number is None:
        raise InvalidArgumentError(field, f"{word!r} is none of {', '.join(table)}")
    return number
