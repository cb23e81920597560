"""A tenant's governance as it is at one time: what decisions are made from. Plain values, made of the ledger's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from google.protobuf.message import Message

from memcube.actors.governance.cedar import PolicySet, Statement, parsed
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["KINDS", "GrantKey", "Row", "SharedWith", "TenantState"]

KINDS: dict[str, type[Message]] = {
    "policy": gov.AccessPolicy,
    "member": gov.Member,
    "team": gov.Team,
    "role": gov.Role,
    "share": gov.Share,
    "grant": gov.Grant,
    "quota": gov.Quota,
}
"""What the ledger keeps, and as what. Beside them: "revoked" (a revocation id), "grant_key" (a tenant's signing key)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that the ledger keeps of a tenant."""

    kind: str
    id: str
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class SharedWith:
    """A share, ready to be asked. ``ends_s``: seconds since 1970, or infinity."""

    id: str
    place: str
    verbs: frozenset[str]
    selection: bytes
    ends_s: float


@dataclass(frozen=True, slots=True)
class GrantKey:
    """The key that a tenant's grants are signed with: its number, and both halves in hex."""

    number: int
    private: str
    public: str


@dataclass(eq=False)
class TenantState:
    """One tenant's governance. ``remembered`` is for whoever decides: it lives as long as this state."""

    tenant: str
    version: int
    members: Mapping[str, gov.Member] = field(default_factory=dict)
    teams: Mapping[str, gov.Team] = field(default_factory=dict)
    roles: Mapping[str, gov.Role] = field(default_factory=dict)
    policies: Mapping[str, gov.AccessPolicy] = field(default_factory=dict)
    shares: Mapping[str, gov.Share] = field(default_factory=dict)
    grants: Mapping[str, gov.Grant] = field(default_factory=dict)
    quotas: Mapping[str, gov.Quota] = field(default_factory=dict)
    revoked: frozenset[str] = frozenset()
    grant_key: GrantKey | None = None
    remembered: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.verbs_of_role = {name: frozenset(role.verbs) for name, role in self.roles.items()}
        self._teams_of: dict[str, list[gov.Team]] = {}
        for team in self.teams.values():
            for member in team.members:
                self._teams_of.setdefault(member, []).append(team)
        self._shares: dict[tuple[str, str], list[SharedWith]] = {}
        for share in self.shares.values():
            to = ("user", share.user) if share.user else ("team", share.team)
            self._shares.setdefault(to, []).append(_shared(share))
        try:
            statements = [one for name in sorted(self.policies) for one in self._statements(name)]
            self.cube_policies = PolicySet(statements)
            self.item_policies = PolicySet(one for one in statements if one.of_items)
            scopes = [Statement(one.name, one.scope) for one in self.item_policies.statements.values()]
            self.item_scopes = PolicySet(scopes)
        except (InvalidArgumentError, ValueError) as error:
            # Policies were good when they were taken; without them nothing of this tenant may be decided.
            raise DamagedError(f"governance/{self.tenant}", f"holds policies that can't be read: {error}") from error

    def _statements(self, name: str) -> list[Statement]:
        return parsed(name, self.policies[name].text)

    def teams_of(self, principal_id: str, also: Iterable[str] = ()) -> list[gov.Team]:
        """The teams that a principal is in."""
        return [*self._teams_of.get(principal_id, ()), *(self.teams[name] for name in also if name in self.teams)]

    def shares_with(self, principal_id: str, teams: Iterable[gov.Team], place: str) -> list[SharedWith]:
        """Shares of a place (a cube's id, or "topic:NAME") with a principal and its teams, expired ones too."""
        keys = [("user", principal_id), *(("team", team.id) for team in teams)]
        return [share for key in keys for share in self._shares.get(key, ()) if share.place == place]

    def opens_parts(self, principal_id: str) -> bool:
        """Whether policies permit single memories to anybody, or selections are shared with the principal."""
        if any(one.permits for one in self.item_policies.statements.values()):
            return True
        keys = [("user", principal_id), *(("team", team.id) for team in self.teams_of(principal_id))]
        return any(share.selection for key in keys for share in self._shares.get(key, ()))

    @classmethod
    def of(cls, tenant: str, version: int, rows: Iterable[Row], damaged: Callable[[str], Exception]) -> TenantState:
        """The state that the ledger's rows make; raises ``damaged`` of a row that can't be read."""
        found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        revoked, grant_key = set(), None
        for row in rows:
            if row.kind == "revoked":
                revoked.add(row.id)
            elif row.kind == "grant_key":
                number, private, public = row.body.decode().split()
                grant_key = GrantKey(int(number), private, public)
            elif row.kind in KINDS:
                try:
                    found[row.kind][row.id] = KINDS[row.kind].FromString(row.body)
                except ValueError as error:
                    raise damaged(f"its {row.kind} {row.id!r} can't be read") from error
        revoked |= {name for name, grant in found["grant"].items() if grant.HasField("revoked_at")}
        named = {f"{kind}s" if kind != "policy" else "policies": values for kind, values in found.items()}
        return cls(tenant, version, revoked=frozenset(revoked), grant_key=grant_key, **named)


def _shared(share: gov.Share) -> SharedWith:
    ends_s = (
        from_timestamp("expires_at", share.expires_at).timestamp() if share.HasField("expires_at") else float("inf")
    )
    place = share.cube_id or f"topic:{share.topic}"
    selection = share.filter.SerializeToString(deterministic=True) if share.HasField("filter") else b""
    return SharedWith(share.id, place, frozenset(share.verbs), selection, ends_s)


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell patterns matches, with regard to case."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
