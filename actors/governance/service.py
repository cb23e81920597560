"""Governance at the gateway: who may ask for what; changes go to the Governor, the rest is answered from what is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from memcube.actors.cube.call import Call
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.part import Part, verb_of
from memcube.actors.gateway.wire import parse
from memcube.actors.governance.access import Access
from memcube.actors.governance.builtin import builtin_policy, builtin_roles
from memcube.actors.governance.cedar import schema_text, statements_of
from memcube.actors.governance.checks import check_policy
from memcube.actors.governance.explain import Supposed, explain
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.usage import Spent
from memcube.actors.governance.verbs import GOVERNING
from memcube.model.errors import (
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
)
from memcube.model.ids import CubeRef, Principal, check_name, key_of_memory
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["GovernanceService", "TakesChanges"]

R = TypeVar("R", bound=Message)
SERVICE = gov.DESCRIPTOR.services_by_name["Governance"]


class TakesChanges(Protocol):
    """The Governor, wherever it runs."""

    async def perform(self, verb: str, principal: Principal, body: bytes, within_s: float) -> bytes:
        """See ``governor.Governor.perform``; raises MemCubeError, DeadlineError after ``within_s``."""

    async def tell_usage(self, gateway: str, spent: Sequence[Spent], within_s: float) -> Sequence[Spent]:
        """See ``gateway.quotas.TellsUsage.tell_usage``."""


ReadMemory = Callable[[Caller, str, str], Awaitable[item_pb2.Item]]
"""A memory of a cube, by the cube's id and its own, as the caller may see it."""


class GovernanceService:
    """The handlers of the service ``Governance``."""

    def __init__(self, access: Access, governor: TakesChanges | None, read: ReadMemory) -> None:
        self._access = access
        self._governor = governor
        self._read = read

    def part(self) -> Part:
        """As the gateway serves it."""
        own: dict[str, Any] = {
            "who_am_i": self._who_am_i,
            "explain": self._explain,
            "check_policy": self._check_policy,
            "list_policies": self._list_policies,
            "list_members": self._list_members,
            "list_teams": self._list_teams,
            "list_roles": self._list_roles,
            "list_shares": self._list_shares,
            "list_grants": self._list_grants,
            "list_quotas": self._list_quotas,
            "create_share": self._create_share,
            "revoke_share": self._revoke_share,
            "issue_grant": self._issue_grant,
            "revoke_grant": self._revoke_grant,
        }
        verbs = [verb_of(rpc.name) for rpc in SERVICE.methods]
        return Part(SERVICE, answers={verb: own.get(verb) or self._change(verb) for verb in verbs})

    # Looking

    async def _who_am_i(self, caller: Caller, body: bytes) -> bytes:
        # Of everyone who is anybody: it says nothing that the credential does not.
        principal = caller.principal
        state = self._state(caller)
        member = state.members.get(principal.acts_for or principal.id)
        verified = self._access.grants.get(principal.grant) if principal.grant else None
        return gov.WhoAmIResponse(
            tenant=principal.tenant,
            id=principal.id,
            kind=member.kind if member else gov.MEMBER_KIND_USER,
            roles=sorted({*principal.roles, *(member.roles if member else ())}),
            cubes=principal.cubes,
            teams=[team.id for team in state.teams_of(principal.acts_for or principal.id)],
            credential=principal.credential,
            grant=verified.grant_id if verified else "",
            acts_for=principal.acts_for,
            version=state.version,
        ).SerializeToString()

    async def _explain(self, caller: Caller, body: bytes) -> bytes:
        request = parse(gov.ExplainRequest, body)
        admin = self._is_admin(caller)
        if request.HasField("subject") and not admin:
            raise PermissionDeniedError("explain")
        if bool(request.cube_id) and bool(request.topic):
            raise InvalidArgumentError("topic", "is given beside a cube_id")
        for name in ("cube_id", "topic"):
            if getattr(request, name):
                check_name(name, getattr(request, name))
        if (request.memory_id or request.HasField("item")) and not request.cube_id:
            raise InvalidArgumentError("cube_id", "is missing: a memory is one of a cube")
        item = request.item if request.HasField("item") else None
        if request.memory_id:
            key = CubeRef(caller.principal.tenant, request.cube_id).key
            if key_of_memory(request.memory_id) != key:
                raise NotFoundError("memory", request.memory_id)
            item = await self._read(caller, request.cube_id, request.memory_id)
        who = caller.principal
        supposed = Supposed(who, grant=self._access.grants.get(who.grant) if who.grant else None)
        if request.HasField("subject"):
            supposed = Supposed.of(who.tenant, request.subject)
        state = supposed.into(self._state(caller), request.subject)
        found = explain(state, supposed, request.verb, request.cube_id, request.topic, item, self._access.clock.now_s())
        if not (admin or found.allowed):
            # Which policy closes a cube would tell of the cube.
            del found.reasons[:], found.errors[:]
        return found.SerializeToString()

    async def _check_policy(self, caller: Caller, body: bytes) -> bytes:
        policy = parse(gov.CheckPolicyRequest, body).policy
        self._may(caller, "check_policy")
        answer = gov.CheckPolicyResponse()
        try:
            check_policy(policy)
            answer.statements = len(statements_of(policy.name, policy.text))
        except InvalidArgumentError as error:
            answer.problems.append(f"{error.field}: {error.problem}")
        return answer.SerializeToString()

    async def _list_policies(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_policies")
        state = self._state(caller)
        named = [state.policies[name] for name in sorted(state.policies)]
        answer = gov.ListPoliciesResponse(
            policies=[builtin_policy(), *named], schema=schema_text(), version=state.version
        )
        return answer.SerializeToString()

    async def _list_members(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_members")
        return gov.ListMembersResponse(members=_sorted(self._state(caller).members)).SerializeToString()

    async def _list_teams(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_teams")
        return gov.ListTeamsResponse(teams=_sorted(self._state(caller).teams)).SerializeToString()

    async def _list_roles(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_roles")
        return gov.ListRolesResponse(roles=[*builtin_roles(), *_sorted(self._state(caller).roles)]).SerializeToString()

    async def _list_quotas(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_quotas")
        return gov.ListQuotasResponse(quotas=_sorted(self._state(caller).quotas)).SerializeToString()

    async def _list_shares(self, caller: Caller, body: bytes) -> bytes:
        request = parse(gov.ListSharesRequest, body)
        if caller.principal.grant:
            # Who was let in by a share needs no role to see it; whoever acts for another does.
            self._may(caller, "list_shares")
        state, who = self._state(caller), caller.principal.acts_for or caller.principal.id
        teams = {team.id for team in state.teams_of(who)}
        everything = self._is_admin(caller)
        answer = gov.ListSharesResponse()
        for share in _sorted(state.shares):
            own = everything or share.created_by == who or share.user == who or share.team in teams
            wanted = request.cube_id in ("", share.cube_id) and request.topic in ("", share.topic)
            if own and wanted:
                answer.shares.append(share)
        return answer.SerializeToString()

    async def _list_grants(self, caller: Caller, body: bytes) -> bytes:
        self._may(caller, "list_grants")
        everything = self._is_admin(caller)
        grants = _sorted(self._state(caller).grants)
        own = [one for one in grants if everything or one.issuer == caller.principal.id]
        return gov.ListGrantsResponse(grants=own).SerializeToString()

    # Changes

    def _change(self, verb: str) -> Callable[[Caller, bytes], Awaitable[bytes]]:
        kind = getattr(gov, SERVICE.methods_by_name[verb.title().replace("_", "")].input_type.name)

        async def change(caller: Caller, body: bytes) -> bytes:
            parse(kind, body)
            self._may(caller, verb)
            return await self._perform(caller, verb, body)

        return change

    async def _create_share(self, caller: Caller, body: bytes) -> bytes:
        share = parse(gov.CreateShareRequest, body).share
        self._may(caller, "create_share")
        principal, access = caller.principal, self._access
        for number, verb in enumerate(share.verbs):
            if verb in GOVERNING:
                raise InvalidArgumentError(f"share.verbs[{number}]", f"{verb} is given by roles only")
            if share.topic and not access.allows_topic(principal, verb, share.topic):
                raise NotFoundError("topic", share.topic)
            if share.cube_id:
                ref = CubeRef(principal.tenant, share.cube_id)
                # Who sees a part of it only can't let others see it whole; admins could give themselves the rest.
                rule = access.item_rule(principal, verb, ref)
                whole = rule is None or rule.same_for_all or self._is_admin(caller)
                if not access.allows(principal, verb, ref) or not whole:
                    raise NotFoundError("cube", share.cube_id)
        return await self._perform(caller, "create_share", body)

    async def _revoke_share(self, caller: Caller, body: bytes) -> bytes:
        request = parse(gov.RevokeShareRequest, body)
        self._may(caller, "revoke_share")
        share = self._state(caller).shares.get(request.id)
        if share is not None and not self._is_admin(caller) and share.created_by != caller.principal.id:
            raise NotFoundError("share", request.id[:256])
        return await self._perform(caller, "revoke_share", body)

    async def _issue_grant(self, caller: Caller, body: bytes) -> bytes:
        parse(gov.IssueGrantRequest, body)
        self._may(caller, "issue_grant")
        return await self._perform(caller, "issue_grant", body)

    async def _revoke_grant(self, caller: Caller, body: bytes) -> bytes:
        request = parse(gov.RevokeGrantRequest, body)
        self._may(caller, "revoke_grant")
        if bool(request.id) == bool(request.revocation_id):
            raise InvalidArgumentError("id", "name a grant's id, or a revocation_id")
        if request.revocation_id:
            check_name("revocation_id", request.revocation_id)
            if not self._is_admin(caller):
                raise PermissionDeniedError("revoke_grant")
        grant = self._state(caller).grants.get(request.id)
        if grant is not None and not self._is_admin(caller) and grant.issuer != caller.principal.id:
            raise NotFoundError("grant", request.id[:256])
        return await self._perform(caller, "revoke_grant", body)

    async def _perform(self, caller: Caller, verb: str, body: bytes) -> bytes:
        if self._governor is None:
            raise UnavailableError("governance")
        answer = await self._governor.perform(verb, caller.principal, body, caller.left_s)
        # Who changed something sees it with the next call.
        self._access.look()
        return answer

    def _may(self, caller: Caller, verb: str) -> None:
        self._access.check_tenant(caller.principal, verb)

    def _is_admin(self, caller: Caller) -> bool:
        return self._access.has_role(caller.principal, "put_policy")

    def _state(self, caller: Caller) -> TenantState:
        return self._access.state(caller.principal) or TenantState(caller.principal.tenant, 0)


class FindsCubes(Protocol):
    """The part of ``gateway.seam.Router`` that is asked here."""

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """The serialized response of a read."""


def memory_reader(router: FindsCubes, access: Access) -> ReadMemory:
    """A memory as the caller may see it, so that nobody learns more by asking why."""

    async def read_memory(caller: Caller, cube_id: str, memory_id: str) -> item_pb2.Item:
        ref = CubeRef(caller.principal.tenant, cube_id)
        body = pb.GetRequest(id=memory_id).SerializeToString()
        try:
            access.check(caller.principal, "get", ref)
            rule = access.rule(caller.principal, "get", ref)
            found = await router.read(ref, Call("get", body, caller.principal, rule=rule), timeout_s=caller.left_s)
        except NotFoundError as error:
            raise NotFoundError("memory", memory_id) from error
        return pb.GetResponse.FromString(found).item

    return read_memory


def _sorted(values: Any) -> list[Any]:
    return [values[name] for name in sorted(values)]
