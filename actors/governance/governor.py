"""The Governor's core: changes of governance, checked, one after the other, each durable before it is answered.

``actor.py`` is its Ray shell. Who may make a change was decided by the gateway (``service.py``); what is no good is
refused here, and changes nothing.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from memcube.actors.governance import checks
from memcube.actors.governance.cedar import statements_of
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.grants import issue, new_key
from memcube.actors.governance.ledger import Change, Ledger, Receipt
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.usage import Spent, UsageBook
from memcube.actors.market.book import VERBS as MARKET_VERBS
from memcube.actors.market.book import MarketBook
from memcube.model.errors import (
    ExhaustedError,
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    TooLargeError,
)
from memcube.model.ids import Principal, check_name
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["Governor"]

log = logging.getLogger(__name__)

KEPT_AFTER = timedelta(days=7)
"""How long an expired share or grant can still be looked at."""
MAX_KEY_CHARS = 256


@dataclass(frozen=True, slots=True)
class _Made:
    """What a handler makes of a request: the change, and the answer, in which the version is filled in."""

    change: Change
    answer: Any


class Governor:
    """The only writer of one vault's governance. Blocking, used by one thread at a time.

    Raises UnavailableError while another process is the writer, DamagedError for files that are not what was written.
    """

    def __init__(self, folder: Path, clock: SteadyClock | None = None) -> None:
        self._ledger = Ledger(folder)
        self._usage = UsageBook(folder)
        self._clock = clock or SteadyClock()
        self._market = MarketBook(folder, self._clock)
        if self._usage.problem:
            log.warning("quotas are counted anew: %s", self._usage.problem)

    def perform(self, verb: str, principal: Principal, body: bytes) -> bytes:
        """One change for a principal that may make it; returns the serialized answer. Raises MemCubeError."""
        if verb in MARKET_VERBS:
            return self._market.perform(verb, principal, body)
        kind, handler = _VERBS[verb]
        request = kind.FromString(body)
        key = request.idempotency_key  # type: ignore[attr-defined]
        if len(key) > MAX_KEY_CHARS:
            raise TooLargeError("idempotency_key", len(key), MAX_KEY_CHARS, "characters")
        request.ClearField("idempotency_key")
        asked = verb.encode() + b"\0" + request.SerializeToString(deterministic=True)
        digest = blake2b(asked, digest_size=16).digest()
        name = f"{principal.tenant}\0{principal.id}\0{key}"
        if key and (receipt := self._ledger.receipt(name)) is not None:
            if receipt.request != digest:
                raise IdempotencyConflictError(key)
            return receipt.answer
        state = self._ledger.state(principal.tenant) or TenantState(principal.tenant, 0)
        made = handler(self, state, principal, request)
        answer = b""

        def answered(version: int) -> Receipt | None:
            nonlocal answer
            made.answer.version = version
            answer = made.answer.SerializeToString(deterministic=True)
            return Receipt(name, digest, answer) if key else None

        self._ledger.commit(principal.tenant, made.change, answered)
        return answer

    def tell_usage(self, gateway: str, spent: Sequence[Spent]) -> Sequence[Spent]:
        """What passed a gateway, and what passed the others; see ``usage.UsageBook.tell``."""
        return self._usage.tell(gateway, spent, self._clock.now_s())

    def close(self) -> None:
        """Let go of the files."""
        self._usage.close()
        self._market.close()
        self._ledger.close()

    # Policies

    def _put_policy(self, state: TenantState, principal: Principal, request: gov.PutPolicyRequest) -> _Made:
        policy = request.policy
        checks.check_policy(policy)
        statements_of(policy.name, policy.text)
        texts = {name: one.text for name, one in state.policies.items()} | {policy.name: policy.text}
        size = sum(len(text.encode()) for text in texts.values())
        if size > checks.MAX_POLICY_BYTES:
            raise TooLargeError("policy.text", size, checks.MAX_POLICY_BYTES, "bytes in all policies")
        policy.updated_by, policy.builtin = principal.id, False
        policy.updated_at.CopyFrom(_stamp(self._clock.now()))
        made = TenantState(state.tenant, 0, policies={**state.policies, policy.name: policy})
        count = len(made.cube_policies.statements)
        if count > checks.MAX_POLICIES:
            raise TooLargeError("policy.text", count, checks.MAX_POLICIES, "policies in all")
        return self._put(state.policies, "policy", policy.name, policy, gov.PutPolicyResponse(policy=policy))

    def _delete_policy(self, state: TenantState, principal: Principal, request: gov.DeletePolicyRequest) -> _Made:
        return _drop(state.policies, "policy", request.name, gov.DeletePolicyResponse())

    # Members, teams, roles

    def _put_member(self, state: TenantState, principal: Principal, request: gov.PutMemberRequest) -> _Made:
        member = request.member
        member.kind = member.kind or gov.MEMBER_KIND_USER
        checks.check_member(member, state.roles)
        return self._put(state.members, "member", member.id, member, gov.PutMemberResponse(member=member))

    def _delete_member(self, state: TenantState, principal: Principal, request: gov.DeleteMemberRequest) -> _Made:
        return _drop(state.members, "member", request.id, gov.DeleteMemberResponse())

    def _put_team(self, state: TenantState, principal: Principal, request: gov.PutTeamRequest) -> _Made:
        checks.check_team(request.team, state.roles)
        return self._put(state.teams, "team", request.team.id, request.team, gov.PutTeamResponse(team=request.team))

    def _delete_team(self, state: TenantState, principal: Principal, request: gov.DeleteTeamRequest) -> _Made:
        """Shares with the team go with it: a team of the same name made later is another."""
        made = _drop(state.teams, "team", request.id, gov.DeleteTeamResponse())
        shares = [("share", share.id) for share in state.shares.values() if share.team == request.id]
        return _Made(Change(drops=[*made.change.drops, *shares]), made.answer)

    def _put_role(self, state: TenantState, principal: Principal, request: gov.PutRoleRequest) -> _Made:
        checks.check_role(request.role)
        request.role.builtin = False
        return self._put(state.roles, "role", request.role.id, request.role, gov.PutRoleResponse(role=request.role))

    def _delete_role(self, state: TenantState, principal: Principal, request: gov.DeleteRoleRequest) -> _Made:
        having: list[Any] = [*state.members.values(), *state.teams.values()]
        holders = [one.id for one in having if request.id in one.roles]
        if request.id in state.roles and holders:
            raise InvalidArgumentError("id", f"{holders[0]!r} and {len(holders) - 1} others have the role")
        return _drop(state.roles, "role", request.id, gov.DeleteRoleResponse())

    # Shares

    def _create_share(self, state: TenantState, principal: Principal, request: gov.CreateShareRequest) -> _Made:
        share, now = request.share, self._clock.now()
        checks.check_share(share, state.teams, now)
        share.id, share.created_by = f"share-{secrets.token_hex(8)}", principal.id
        share.created_at.CopyFrom(_stamp(now))
        made = self._put(state.shares, "share", share.id, share, gov.CreateShareResponse(share=share))
        return _Made(Change(made.change.puts, self._over("share", state.shares)), made.answer)

    def _revoke_share(self, state: TenantState, principal: Principal, request: gov.RevokeShareRequest) -> _Made:
        return _drop(state.shares, "share", request.id, gov.RevokeShareResponse())

    # Grants

    def _issue_grant(self, state: TenantState, principal: Principal, request: gov.IssueGrantRequest) -> _Made:
        grant, now = request.grant, self._clock.now()
        ends = checks.check_grant(grant, now)
        key = state.grant_key or new_key(secrets.randbits(31))
        grant.id, grant.issuer = f"grant-{secrets.token_hex(8)}", principal.id
        grant.ClearField("revoked_at")
        grant.created_at.CopyFrom(_stamp(now))
        grant.expires_at.CopyFrom(_stamp(ends))
        token, grant.revocation_id = issue(key, state.tenant, principal, grant, ends)
        made = self._put(state.grants, "grant", grant.id, grant, gov.IssueGrantResponse(grant=grant, token=token))
        keyed = () if state.grant_key else (("grant_key", "", f"{key.number} {key.private} {key.public}".encode()),)
        return _Made(Change([*made.change.puts, *keyed], self._over("grant", state.grants)), made.answer)

    def _revoke_grant(self, state: TenantState, principal: Principal, request: gov.RevokeGrantRequest) -> _Made:
        if request.revocation_id:
            if len(state.revoked) >= checks.MOST_REVOKED:
                raise ExhaustedError("the number of revoked tokens", checks.MOST_REVOKED, 3600.0)
            return _Made(Change([("revoked", request.revocation_id, b"")]), gov.RevokeGrantResponse())
        grant = state.grants.get(request.id)
        if grant is None:
            raise NotFoundError("grant", request.id[:256])
        if not grant.HasField("revoked_at"):
            grant.revoked_at.CopyFrom(_stamp(self._clock.now()))
        return _Made(Change([("grant", grant.id, grant.SerializeToString())]), gov.RevokeGrantResponse())

    # Quotas

    def _put_quota(self, state: TenantState, principal: Principal, request: gov.PutQuotaRequest) -> _Made:
        quota = request.quota
        checks.check_quota(quota)
        if quota.id:
            check_name("quota.id", quota.id)
        else:
            quota.id = f"quota-{secrets.token_hex(8)}"
        return self._put(state.quotas, "quota", quota.id, quota, gov.PutQuotaResponse(quota=quota))

    def _delete_quota(self, state: TenantState, principal: Principal, request: gov.DeleteQuotaRequest) -> _Made:
        return _drop(state.quotas, "quota", request.id, gov.DeleteQuotaResponse())

    def _put(self, there: Any, kind: str, name: str, value: Message, answer: Message) -> _Made:
        if name not in there and len(there) >= checks.MOST[kind]:
            raise ExhaustedError(f"the number of {kind} entries", checks.MOST[kind], 3600.0)
        return _Made(Change([(kind, name, value.SerializeToString(deterministic=True))]), answer)

    def _over(self, kind: str, there: Any) -> list[tuple[str, str]]:
        """Those that ended long ago: they go with the next of their kind."""
        before = (self._clock.now() - KEPT_AFTER).timestamp()
        ended = (one for one in there.values() if one.HasField("expires_at"))
        return [(kind, one.id) for one in ended if one.expires_at.seconds < before]


def _stamp(instant: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


def _drop(there: Any, kind: str, name: str, answer: Message) -> _Made:
    if name not in there:
        raise NotFoundError(kind, name[:256])
    return _Made(Change(drops=[(kind, name)]), answer)


_VERBS: dict[str, tuple[type[Message], Callable[..., _Made]]] = {
    "put_policy": (gov.PutPolicyRequest, Governor._put_policy),
    "delete_policy": (gov.DeletePolicyRequest, Governor._delete_policy),
    "put_member": (gov.PutMemberRequest, Governor._put_member),
    "delete_member": (gov.DeleteMemberRequest, Governor._delete_member),
    "put_team": (gov.PutTeamRequest, Governor._put_team),
    "delete_team": (gov.DeleteTeamRequest, Governor._delete_team),
    "put_role": (gov.PutRoleRequest, Governor._put_role),
    "delete_role": (gov.DeleteRoleRequest, Governor._delete_role),
    "create_share": (gov.CreateShareRequest, Governor._create_share),
    "revoke_share": (gov.RevokeShareRequest, Governor._revoke_share),
    "issue_grant": (gov.IssueGrantRequest, Governor._issue_grant),
    "revoke_grant": (gov.RevokeGrantRequest, Governor._revoke_grant),
    "put_quota": (gov.PutQuotaRequest, Governor._put_quota),
    "delete_quota": (gov.DeleteQuotaRequest, Governor._delete_quota),
}
