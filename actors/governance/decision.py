"""One decision, with its reasons: roles, shares, policies and grants put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

from memcube.actors.governance.cedar import PolicySet, Ruling
from memcube.actors.governance.grants import ASKED_AGAIN_S, Verified
from memcube.actors.governance.rule import Rule
from memcube.actors.governance.state import TenantState, matches_any
from memcube.actors.governance.verbs import GOVERNING, ITEM_VERBS, PLAIN_VERBS, VERBS, group_of
from memcube.model.ids import ROLES, Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["BUILTIN", "Decision", "Reason", "Target", "decide", "rights_of"]

BUILTIN = "builtin.roles"
"""The name of the policy that the table of roles is."""
EVERYWHERE = "\x01"
"""A place that no pattern but "*" covers."""
WHOLE_TENANT = ("reset",)
GRANTED_GOVERNING = ("explain",)
"""Of the verbs of governance those that one may use who acts by a grant: who was let in does not let others in."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a call is about: a cube by its id, a topic ("topic:NAME"), or the tenant as a whole (empty)."""

    place: str
    is_topic: bool = False

    @property
    def uid(self) -> dict[str, str]:
        """As Cedar knows it; the tenant's id is filled in by the caller."""
        kind = "Topic" if self.is_topic else "Cube" if self.place else "Tenant"
        return {"type": kind, "id": self.place.removeprefix("topic:") if self.is_topic else self.place}


@dataclass(frozen=True, slots=True)
class Reason:
    """What had a say: ``kind`` is "builtin", "policy", "share" or "grant"."""

    kind: str
    id: str
    effect: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call is let in, until when (seconds since 1970) that holds, and the rule for single memories (none:
    all that the call reaches)."""

    allowed: bool
    until_s: float = inf
    rule: Rule | None = None
    reasons: tuple[Reason, ...] = ()
    errors: tuple[str, ...] = ()
    body: bytes = field(default=b"", compare=False)


def rights_of(state: TenantState, principal: Principal, also: Iterable[str] = ()) -> Iterator[tuple[str, Any, Any]]:
    """Where the principal's roles come from, the roles, and the patterns of cubes for which they hold."""
    who = principal.acts_for or principal.id
    yield "credentials", principal.roles, principal.cubes
    member = state.members.get(who)
    if member is not None:
        yield "member", member.roles, member.cubes
    for team in state.teams_of(who, also):
        yield f"team {team.id}", team.roles, team.cubes


def role_verbs(state: TenantState, role: str, verb: str) -> bool:
    """Whether a role, built in or the tenant's own, has a verb."""
    if role in ROLES:
        return role in VERBS.get(verb, ())
    return verb in VERBS and verb not in GOVERNING and verb in state.verbs_of_role.get(role, ())


def decide(
    state: TenantState,
    principal: Principal,
    verb: str,
    target: Target,
    now_s: float,
    grant: Verified | None = None,
    teams: Sequence[str] = (),
) -> Decision:
    """What is decided of one verb on one place, within the principal's tenant.

    ``grant`` is what the principal's credential was verified as, where it acts by one. ``teams`` are further teams of
    a principal that is only supposed.
    """
    who = principal.acts_for or principal.id
    member = state.members.get(who)
    if verb not in VERBS or (member is not None and member.disabled):
        return Decision(False, reasons=(Reason("builtin", "member", "forbid", f"{who} is disabled"),) if member else ())
    until_s, reasons = inf, list[Reason]()
    if principal.grant:
        until_s = now_s + ASKED_AGAIN_S
        # What reaches every cube is covered by a grant for every cube only.
        place = EVERYWHERE if verb in WHOLE_TENANT else target.place
        covers = verb not in GOVERNING or verb in GRANTED_GOVERNING
        if grant is None or not covers or not grant.permits(verb, place, instant(now_s)):
            return Decision(False, until_s, reasons=(Reason("grant", grant.grant_id if grant else "", "forbid"),))
        reasons.append(Reason("grant", grant.grant_id, "permit", "covers it"))
    base = False
    for source, roles, cubes in rights_of(state, principal, teams):
        held = [role for role in roles if role_verbs(state, role, verb)]
        if held and (not target.place or matches_any(target.place, cubes)):
            base = True
            reasons.append(Reason("builtin", BUILTIN, "permit", f"role {held[0]} of the {source}"))
    if verb in GOVERNING:
        return Decision(base, until_s, reasons=tuple(reasons))
    selections: list[bytes] = []
    for share in state.shares_with(who, state.teams_of(who, teams), target.place) if target.place else ():
        if verb in share.verbs and now_s < share.ends_s:
            until_s = min(until_s, share.ends_s)
            reasons.append(Reason("share", share.id, "permit", "a selection" if share.selection else ""))
            base = base or not share.selection
            selections += [share.selection] if share.selection else []
    asking = _Asking(state, principal, verb, target, teams, grant.grant_id if grant else "")
    ruling = asking.rule(state.cube_policies)
    reasons += [Reason("policy", name, "permit") for name in ruling.permits]
    reasons += [Reason("policy", name, "forbid") for name in ruling.forbids]
    if ruling.forbidden:
        return Decision(False, until_s, reasons=tuple(reasons), errors=ruling.errors)
    base = base or bool(ruling.permits)
    filters = grant.filters if grant is not None else ()
    relevant = asking.relevant() if target.place and not target.is_topic else []
    item_permits = any(state.item_policies.statements[name].permits for name in relevant)
    if not (base or selections or item_permits):
        return Decision(False, until_s, reasons=tuple(reasons))
    if base and not filters and not relevant:
        return Decision(True, until_s, reasons=tuple(reasons))
    if verb in PLAIN_VERBS:
        # They show no memory; but somebody who may see single memories only knows nothing of the cube.
        return Decision(base, until_s, reasons=tuple(reasons))
    if verb not in ITEM_VERBS or target.is_topic or (verb == "read_events" and not base):
        detail = f"{verb} can't be done for some memories only"
        return Decision(False, until_s, reasons=(*reasons, Reason("builtin", "items", "forbid", detail)))
    rule = asking.item_rule(base, selections, filters, relevant)
    return Decision(True, until_s, rule, tuple(reasons), body=rule.to_bytes())


class _Asking:
    """A call as Cedar sees it."""

    def __init__(
        self, state: TenantState, principal: Principal, verb: str, target: Target, teams: Sequence[str], grant: str
    ) -> None:
        self._state = state
        who = principal.acts_for or principal.id
        member = state.members.get(who)
        kind = "Agent" if member is not None and member.kind == gov.MEMBER_KIND_AGENT else "User"
        self._who = {"type": kind, "id": who}
        self._tenant = {"type": "Tenant", "id": principal.tenant}
        self._target = target
        resource = target.uid if target.place else self._tenant
        self.request = {
            "principal": self._who,
            "action": {"type": "Action", "id": verb},
            "resource": resource,
            "context": {"credential": principal.credential, "grant": grant},
        }
        roles = {role for _, roles, _ in rights_of(state, principal, teams) for role in roles}
        parents = [{"type": "Role", "id": role} for role in sorted(roles)]
        parents += [{"type": "Team", "id": team} for team in sorted({one.id for one in state.teams_of(who, teams)})]
        self._entities: list[dict[str, Any]] = [{"uid": self._who, "attrs": {"id": who}, "parents": parents}]
        self._entities.append({"uid": self._tenant, "attrs": {}, "parents": []})
        if target.place:
            attrs = {"id": resource["id"]}
            if not target.is_topic:
                kind, colon, _ = target.place.partition(":")
                attrs["kind"] = kind if colon and kind in ("user", "agent", "run") else ""
            self._entities.append({"uid": resource, "attrs": attrs, "parents": [self._tenant]})
        self._entities += _groups(verb)

    def rule(self, policies: PolicySet) -> Ruling:
        """What policies say of the place itself."""
        return policies.rule(self.request, self._entities)

    def relevant(self) -> list[str]:
        """Names of the policies on memories that may concern this principal, verb and cube, by what they are for."""
        if not self._state.item_policies:
            return []
        found = self._state.item_scopes.rule(self.request, self._entities)
        return list(found.permits)

    def item_rule(
        self, base: bool, selections: Sequence[bytes], filters: Sequence[bytes], relevant: Sequence[str]
    ) -> Rule:
        """The rule for the cube's memories."""
        statements = [self._state.item_policies.statements[name] for name in relevant]
        policies = PolicySet(statements).to_json() if statements else ""
        request = {name: self.request[name] for name in ("principal", "action", "context")}
        asked = {**request, "cube": self._target.place} if statements else {}
        entities = self._entities if statements else []
        return Rule(base, tuple(sorted(set(selections))), tuple(filters), policies, asked, entities)


def _groups(verb: str) -> list[dict[str, Any]]:
    """The action with the group that it is in."""
    group = {"type": "Action", "id": group_of(verb)}
    return [{"uid": {"type": "Action", "id": verb}, "attrs": {}, "parents": [group]}]


def instant(now_s: float) -> datetime:
    """Seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(now_s, UTC)
