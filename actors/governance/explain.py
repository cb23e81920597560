"""A dry run: what would be decided, and what decided it. Nothing is changed, nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from memcube.actors.governance.decision import Reason, Target, decide
from memcube.actors.governance.grants import Verified
from memcube.actors.governance.rule import Judge
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.verbs import VERBS
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import ROLES, Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import item_pb2

__all__ = ["Supposed", "explain"]


@dataclass(frozen=True)
class Supposed:
    """Who asks, or might: a principal, the grant that it shows, and teams beside its own."""

    principal: Principal
    grant: Verified | None = None
    teams: tuple[str, ...] = ()
    own_roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, tenant: str, subject: gov.Subject) -> Supposed:
        """A principal as a request describes it."""
        known = tuple(role for role in subject.roles if role in ROLES)
        own = tuple(role for role in subject.roles if role not in ROLES)
        cubes = tuple(subject.cubes) or (("*",) if subject.roles else ())
        return cls(Principal(tenant, subject.id, known, cubes), None, tuple(subject.teams), own)

    def into(self, state: TenantState, subject: gov.Subject) -> TenantState:
        """A state in which the subject has what is supposed of it beside what it has."""
        if not self.own_roles and not subject.kind:
            return state
        there = state.members.get(self.principal.id)
        member = gov.Member(id=self.principal.id, kind=subject.kind or gov.MEMBER_KIND_USER)
        if there is not None:
            member.MergeFrom(there)
            member.kind = subject.kind or there.kind
        member.roles.extend(self.own_roles)
        if self.own_roles:
            member.cubes.extend(self.principal.cubes or ("*",))
        members: Mapping[str, gov.Member] = {**state.members, member.id: member}
        return replace(state, members=members, remembered={})


def explain(
    state: TenantState,
    supposed: Supposed,
    verb: str,
    cube_id: str,
    topic: str,
    item: item_pb2.Item | None,
    now_s: float,
) -> gov.ExplainResponse:
    """What ``access.Access`` would decide, with reasons. Raises InvalidArgumentError("verb")."""
    if verb not in VERBS:
        raise InvalidArgumentError("verb", f"{verb[:64]!r} is none; these are: {', '.join(sorted(VERBS))}")
    target = Target(f"topic:{topic}", is_topic=True) if topic else Target(cube_id)
    found = decide(state, supposed.principal, verb, target, now_s, supposed.grant, supposed.teams)
    allowed, reasons, errors = found.allowed, [*found.reasons], [*found.errors]
    if item is not None and found.rule is not None:
        judge = Judge(found.rule)
        allowed = judge(item)
        ruling = judge.ruling(item)
        reasons += [Reason("policy", name, "permit", "of this memory") for name in ruling.permits]
        reasons += [Reason("policy", name, "forbid", "of this memory") for name in ruling.forbids]
        errors += ruling.errors
        if not allowed and not ruling.forbidden:
            reasons.append(Reason("share" if found.rule.any_of else "grant", "", "forbid", "selects other memories"))
    elif found.rule is not None:
        reasons.append(Reason("builtin", "items", "permit", "for some memories only; name one to see"))
    told = [gov.Reason(kind=one.kind, id=one.id, effect=one.effect, detail=one.detail) for one in reasons]
    return gov.ExplainResponse(allowed=allowed, reasons=told, errors=errors)
