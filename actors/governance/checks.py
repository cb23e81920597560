"""What governance takes: names, patterns, verbs, times and sizes, before anything is changed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from google.protobuf.message import Message

from memcube.actors.governance.verbs import GOVERNING, ITEM_VERBS, VERBS
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_from_proto
from memcube.model.ids import MAX_NAME_CHARS, ROLES, check_name
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = [
    "MOST",
    "check_grant",
    "check_member",
    "check_policy",
    "check_quota",
    "check_role",
    "check_share",
    "check_team",
]

MOST = {"policy": 100, "member": 10_000, "team": 1_000, "role": 100, "share": 10_000, "grant": 10_000, "quota": 200}
"""Of each kind, a tenant may have so many."""
MOST_REVOKED = 10_000
MAX_POLICY_BYTES = 128 * 1024
MAX_POLICIES = 400
"""Statements of all policies of a tenant."""
MAX_TEXT_CHARS = 1024
MOST_MEMBERS, MOST_PATTERNS = 5_000, 100
LONGEST_GRANT_S, USUAL_GRANT_S = 366 * 24 * 3600.0, 3600.0
LONGEST_WINDOW_S = 31 * 24 * 3600.0

_POLICY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_policy(policy: gov.AccessPolicy) -> None:
    """A name and a description; the text is ``cedar.statements_of``'s to check."""
    if not _POLICY_NAME.fullmatch(policy.name) or policy.name.startswith("builtin"):
        problem = "is none: letters, digits, '.', '_', '-', up to 64, and not 'builtin…'"
        raise InvalidArgumentError("policy.name", problem)
    _check_description("policy", policy.description)


def check_member(member: gov.Member, own_roles: Collection[str]) -> None:
    """A member, whose roles are there."""
    check_name("member.id", member.id)
    if member.kind not in (gov.MEMBER_KIND_USER, gov.MEMBER_KIND_AGENT):
        raise InvalidArgumentError("member.kind", "is user or agent")
    _check_rights("member", member.roles, member.cubes, own_roles)
    _check_description("member", member.description)


def check_team(team: gov.Team, own_roles: Collection[str]) -> None:
    """A team, whose roles are there; its members need not be."""
    check_name("team.id", team.id)
    _check_count("team.members", team.members, MOST_MEMBERS)
    for number, member in enumerate(team.members):
        check_name(f"team.members[{number}]", member)
    _check_rights("team", team.roles, team.cubes, own_roles)
    _check_description("team", team.description)


def check_role(role: gov.Role) -> None:
    """A role of the tenant's own."""
    check_name("role.id", role.id)
    if role.id in ROLES:
        raise InvalidArgumentError("role.id", f"{role.id} is built in")
    check_verbs("role.verbs", role.verbs)
    _check_description("role", role.description)


def check_share(share: gov.Share, teams: Collection[str], now: datetime) -> None:
    """Who is let in to what, for which verbs and until when."""
    if bool(share.cube_id) == bool(share.topic):
        raise InvalidArgumentError("share.cube_id", "name a cube_id or a topic")
    check_name("share.cube_id" if share.cube_id else "share.topic", share.cube_id or share.topic)
    if bool(share.user) == bool(share.team):
        raise InvalidArgumentError("share.user", "name a user or a team")
    check_name("share.user" if share.user else "share.team", share.user or share.team)
    if share.team and share.team not in teams:
        raise InvalidArgumentError("share.team", f"there is no team {share.team!r}")
    check_verbs("share.verbs", share.verbs)
    if share.HasField("filter"):
        if share.topic:
            raise InvalidArgumentError("share.filter", "is of a cube's memories; a topic is shared as a whole")
        filter_from_proto(share.filter, "share.filter")
        whole = [verb for verb in share.verbs if verb not in ITEM_VERBS]
        if whole:
            raise InvalidArgumentError("share.verbs", f"{whole[0]} can't be done for some memories only")
    _check_future("share.expires_at", share, now)


def check_grant(grant: gov.Grant, now: datetime) -> datetime:
    """What a grant covers; returns when it ends."""
    if grant.agent:
        check_name("grant.agent", grant.agent)
    _check_count("grant.cubes", grant.cubes, MOST_PATTERNS)
    for number, pattern in enumerate(grant.cubes):
        _check_pattern(f"grant.cubes[{number}]", pattern)
    if grant.verbs:
        check_verbs("grant.verbs", grant.verbs)
    if grant.HasField("filter"):
        filter_from_proto(grant.filter, "grant.filter")
    ends = _check_future("grant.expires_at", grant, now)
    if ends is None:
        return datetime.fromtimestamp(now.timestamp() + USUAL_GRANT_S, now.tzinfo)
    if (ends - now).total_seconds() > LONGEST_GRANT_S:
        raise InvalidArgumentError("grant.expires_at", "is more than 366 days from now")
    return ends


def check_quota(quota: gov.Quota) -> None:
    """What is bounded, of whom, over which time."""
    if quota.kind not in (gov.QUOTA_FOR_TENANT, gov.QUOTA_FOR_PRINCIPAL, gov.QUOTA_FOR_GRANT):
        raise InvalidArgumentError("quota.kind", "is tenant, principal or grant")
    if quota.of not in (gov.QUOTA_OF_OPERATIONS, gov.QUOTA_OF_BYTES, gov.QUOTA_OF_MEMORIES):
        raise InvalidArgumentError("quota.of", "is operations, bytes or memories")
    if quota.subject:
        check_name("quota.subject", quota.subject)
        if quota.kind == gov.QUOTA_FOR_TENANT:
            raise InvalidArgumentError("quota.subject", "is empty for the tenant: it is the caller's")
    elif quota.kind == gov.QUOTA_FOR_GRANT:
        raise InvalidArgumentError("quota.subject", "is the grant's id")
    if not 1.0 <= quota.window_s <= LONGEST_WINDOW_S:
        raise InvalidArgumentError("quota.window_s", f"{quota.window_s:g} is not within 1 and {LONGEST_WINDOW_S:g}")
    if not 0 < quota.limit < 2**53:
        raise InvalidArgumentError("quota.limit", "is not above 0")


def check_verbs(field: str, verbs: Iterable[str]) -> None:
    """Verbs of cubes and topics; those of governance are given by roles only."""
    found = [*verbs]
    if not found:
        raise InvalidArgumentError(field, "are missing")
    _check_count(field, found, len(VERBS))
    for number, verb in enumerate(found):
        if verb not in VERBS or verb in GOVERNING:
            known = ", ".join(sorted(set(VERBS) - GOVERNING))
            raise InvalidArgumentError(f"{field}[{number}]", f"{verb[:64]!r} is no verb; these are: {known}")


def _check_rights(of: str, roles: Iterable[str], cubes: Iterable[str], own_roles: Collection[str]) -> None:
    for name, values in (("roles", [*roles]), ("cubes", [*cubes])):
        _check_count(f"{of}.{name}", values, MOST_PATTERNS)
    for number, role in enumerate(roles):
        if role not in ROLES and role not in own_roles:
            raise InvalidArgumentError(f"{of}.roles[{number}]", f"there is no role {role[:64]!r}")
    for number, pattern in enumerate(cubes):
        _check_pattern(f"{of}.cubes[{number}]", pattern)


def _check_pattern(field: str, pattern: str) -> None:
    if not pattern or len(pattern) > MAX_NAME_CHARS or not pattern.isprintable():
        raise InvalidArgumentError(field, f"is no pattern of cube ids: 1 to {MAX_NAME_CHARS} printable characters")


def _check_count(field: str, values: Collection[str], most: int) -> None:
    if len(values) > most:
        raise TooLargeError(field, len(values), most, "items")


def _check_description(of: str, text: str) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise TooLargeError(f"{of}.description", len(text), MAX_TEXT_CHARS, "characters")


def _check_future(field: str, message: Message, now: datetime) -> datetime | None:
    if not message.HasField("expires_at"):
        return None
    ends = from_timestamp(field, message.expires_at)  # type: ignore[attr-defined]
    if ends <= now:
        raise InvalidArgumentError(field, "is over")
    return ends
