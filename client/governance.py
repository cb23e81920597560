"""``Memory().governance``: who may do what, from Python. Each method is one call; see ``governance.proto``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from memcube.client import prepare_governance as prepare
from memcube.client.attenuate import attenuate
from memcube.client.checks import text, texts
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["Governance"]

One = TypeVar("One")


class Governance(Generic[One]):
    """The caller's tenant. Methods of ``AsyncMemory().governance`` are to be awaited, but for ``attenuate``.

    Listings are ``{"results": […]}``; changes take an ``idempotency_key`` and hold everywhere within a second. Admins
    govern; everyone may look at themselves, share what is theirs and delegate what they may do.
    """

    def __init__(self, ask: Callable[..., One]) -> None:
        self._ask = ask

    def whoami(self) -> One:
        """``{"tenant", "id", "roles", "cubes", "teams", "credential", …}`` of the caller."""
        return self._ask(prepare.look, "WhoAmI", gov.WhoAmIRequest())

    def explain(
        self,
        verb: str,
        *,
        cube_id: str | None = None,
        topic: str | None = None,
        memory_id: str | None = None,
        item: Mapping[str, Any] | None = None,
        principal: str | None = None,
        kind: str = "",
        roles: Sequence[str] = (),
        cubes: Sequence[str] = (),
        teams: Sequence[str] = (),
    ) -> One:
        """Whether a call would be let in, and what decided: ``{"allowed", "reasons", "errors"}``. Nothing is done.

        Of oneself, or, for admins, of any ``principal``, with the ``roles``, ``cubes`` and ``teams`` that it is
        supposed to have besides. ``item`` is a memory as it might be, e.g. ``{"tags": ["private"]}``.
        """
        return self._ask(
            prepare.explain,
            verb,
            cube_id=cube_id,
            topic=topic,
            memory_id=memory_id,
            item=item,
            principal=principal,
            kind=kind,
            roles=roles,
            cubes=cubes,
            teams=teams,
        )

    # Policies

    def put_policy(self, name: str, policy: str, *, description: str = "", idempotency_key: str | None = None) -> One:
        """Put a text of Cedar policies in place. InvalidArgumentError tells what is wrong with it; then nothing changed."""
        made = gov.AccessPolicy(name=text("name", name), text=text("policy", policy), description=description)
        return self._ask(prepare.change, "PutPolicy", gov.PutPolicyRequest(policy=made), idempotency_key)

    def check_policy(self, name: str, policy: str) -> One:
        """``{"problems": […], "statements": n}``: what ``put_policy`` would say."""
        made = gov.AccessPolicy(name=text("name", name), text=text("policy", policy))
        return self._ask(prepare.look, "CheckPolicy", gov.CheckPolicyRequest(policy=made))

    def policies(self) -> One:
        """All policies, the built-in one first, and the ``schema``: what they may name."""
        return self._ask(prepare.look, "ListPolicies", gov.ListPoliciesRequest())

    def delete_policy(self, name: str, *, idempotency_key: str | None = None) -> One:
        """Take a policy away; NotFoundError where there is none."""
        return self._ask(
            prepare.change, "DeletePolicy", gov.DeletePolicyRequest(name=text("name", name)), idempotency_key
        )

    # Users, agents, teams, roles

    def put_member(
        self,
        member_id: str,
        *,
        kind: str = "user",
        roles: Sequence[str] = (),
        cubes: Sequence[str] = (),
        disabled: bool = False,
        description: str = "",
        idempotency_key: str | None = None,
    ) -> One:
        """What holds for a user or an ``agent`` beside its credentials; ``disabled``: nothing is allowed to it."""
        request = prepare.member(member_id, kind, roles, cubes, disabled, description)
        return self._ask(prepare.change, "PutMember", request, idempotency_key)

    def members(self) -> One:
        """All users and agents that have an entry."""
        return self._ask(prepare.look, "ListMembers", gov.ListMembersRequest())

    def delete_member(self, member_id: str, *, idempotency_key: str | None = None) -> One:
        """Take an entry away; what the credentials say goes on."""
        request = gov.DeleteMemberRequest(id=text("member_id", member_id))
        return self._ask(prepare.change, "DeleteMember", request, idempotency_key)

    def put_team(
        self,
        team_id: str,
        members: Sequence[str],
        *,
        roles: Sequence[str] = (),
        cubes: Sequence[str] = (),
        description: str = "",
        idempotency_key: str | None = None,
    ) -> One:
        """A team with these members, in place of the one of this name."""
        request = prepare.team(team_id, members, roles, cubes, description)
        return self._ask(prepare.change, "PutTeam", request, idempotency_key)

    def teams(self) -> One:
        """All teams."""
        return self._ask(prepare.look, "ListTeams", gov.ListTeamsRequest())

    def delete_team(self, team_id: str, *, idempotency_key: str | None = None) -> One:
        """Take a team away, and what was shared with it."""
        request = gov.DeleteTeamRequest(id=text("team_id", team_id))
        return self._ask(prepare.change, "DeleteTeam", request, idempotency_key)

    def put_role(
        self, role_id: str, verbs: Sequence[str], *, description: str = "", idempotency_key: str | None = None
    ) -> One:
        """A role of the tenant's own, beside reader, writer and admin."""
        role = gov.Role(id=text("role_id", role_id), verbs=texts("verbs", verbs), description=description)
        return self._ask(prepare.change, "PutRole", gov.PutRoleRequest(role=role), idempotency_key)

    def roles(self) -> One:
        """All roles, the built-in ones first."""
        return self._ask(prepare.look, "ListRoles", gov.ListRolesRequest())

    def delete_role(self, role_id: str, *, idempotency_key: str | None = None) -> One:
        """Take a role away that nobody has."""
        request = gov.DeleteRoleRequest(id=text("role_id", role_id))
        return self._ask(prepare.change, "DeleteRole", request, idempotency_key)

    # Shares and grants

    def share(
        self,
        *,
        cube_id: str | None = None,
        topic: str | None = None,
        user: str | None = None,
        team: str | None = None,
        verbs: Sequence[str] = ("search", "batch_search", "get", "list"),
        filters: Mapping[str, Any] | None = None,
        expires_at: datetime | str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Let a user or a team use a cube, what ``filters`` select of it, or a topic. Only what the caller may itself."""
        request = prepare.share(cube_id, topic, user, team, verbs, filters, expires_at)
        return self._ask(prepare.change, "CreateShare", request, idempotency_key)

    def shares(self, *, cube_id: str | None = None, topic: str | None = None) -> One:
        """Shares that the caller made or is let in by; an admin's: all."""
        request = gov.ListSharesRequest(cube_id=text("cube_id", cube_id), topic=text("topic", topic))
        return self._ask(prepare.look, "ListShares", request)

    def revoke_share(self, share_id: str, *, idempotency_key: str | None = None) -> One:
        """End a share."""
        request = gov.RevokeShareRequest(id=text("share_id", share_id))
        return self._ask(prepare.change, "RevokeShare", request, idempotency_key)

    def issue_grant(
        self,
        *,
        agent: str = "",
        cubes: Sequence[str] = (),
        verbs: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
        expires_at: datetime | str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """A bearer token for a sub-agent: ``{"grant", "token"}``. It ends in an hour where nothing else is said.

        Use it as ``Memory(api_key=token)``. What it may do is what the caller may, within ``cubes`` (patterns),
        ``verbs`` and ``filters``.
        """
        request = prepare.grant(agent, cubes, verbs, filters, expires_at)
        return self._ask(prepare.change, "IssueGrant", request, idempotency_key)

    @staticmethod
    def attenuate(token: str, **bounds: Any) -> dict[str, str]:
        """A narrower token made of one, offline; see ``client.attenuate.attenuate``."""
        return attenuate(token, **bounds)

    def grants(self) -> One:
        """Grants that the caller issued; an admin's: all."""
        return self._ask(prepare.look, "ListGrants", gov.ListGrantsRequest())

    def revoke_grant(self, grant_id: str = "", *, revocation_id: str = "", idempotency_key: str | None = None) -> One:
        """End a grant and all that was made of it; by ``revocation_id`` one that was made offline (admins)."""
        request = gov.RevokeGrantRequest(
            id=text("grant_id", grant_id), revocation_id=text("revocation_id", revocation_id)
        )
        return self._ask(prepare.change, "RevokeGrant", request, idempotency_key)

    # Quotas

    def put_quota(
        self,
        of: str,
        limit: int,
        *,
        window_s: float,
        kind: str = "tenant",
        subject: str = "",
        quota_id: str = "",
        idempotency_key: str | None = None,
    ) -> One:
        """At most ``limit`` "operations", "bytes" or "memories" in a window, of the "tenant", of a "principal" (each by
        itself without ``subject``) or of a "grant". Who is over it gets ExhaustedError with a hint."""
        request = prepare.quota(of, limit, window_s, kind, subject, quota_id)
        return self._ask(prepare.change, "PutQuota", request, idempotency_key)

    def quotas(self) -> One:
        """All quotas of the tenant."""
        return self._ask(prepare.look, "ListQuotas", gov.ListQuotasRequest())

    def delete_quota(self, quota_id: str, *, idempotency_key: str | None = None) -> One:
        """Take a quota away."""
        request = gov.DeleteQuotaRequest(id=text("quota_id", quota_id))
        return self._ask(prepare.change, "DeleteQuota", request, idempotency_key)
