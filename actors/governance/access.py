"""Who may do what. The gateway asks before anything else happens to a call.

What is denied answers exactly as if it did not exist, so that nobody learns of a cube or memory by being refused; only
verbs that name no cube are refused openly. A tenant without governance of its own (``state.TenantState``) is decided
by the table of roles alone (``verbs.py``), which costs a microsecond.

These decide, in this order: nothing of another tenant; a delegated grant must cover the call; a ``forbid`` of a policy
wins; then one permission suffices: of a role, of a share, of a ``permit``. Otherwise it is denied.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Protocol

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.decision import Decision, Target, decide
from memcube.actors.governance.grants import GrantBook
from memcube.actors.governance.rule import Judge, Rule
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.verbs import VERBS, WHOLE_TENANT
from memcube.model.errors import NotFoundError, PermissionDeniedError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import item_pb2

__all__ = ["VERBS", "Access", "States"]

MOST_REMEMBERED = 50_000
"""Decisions kept of a tenant; then all are made anew."""
_RULE_OF = {"cube_status": "list", "status": "list", "get_cube": "list"}
"""Verbs whose counts are of what the caller could list."""


class States(Protocol):
    """Where governance is known from, as of 0.3 s ago at most: ``ledger.LedgerReader``."""

    def of(self, tenant: str) -> TenantState | None:
        """The tenant's state, None where it has none; raises DamagedError where it can't be read."""

    def look(self) -> None:
        """Take in what has changed now."""


class Gate(Protocol):
    """What bounds some cubes before roles and policies are asked: ``market.gate.Gate``."""

    def allows(self, principal: Principal, verb: str, ref: CubeRef) -> bool:
        """Whether a call may go on to be decided."""


class Access:
    """All decisions of one gateway. Used by its event loop.

    Globs of a principal's cubes are shell patterns (``*``, ``?``, ``[…]``), matched with regard to case against the
    whole cube id; topics are matched as ``topic:NAME``.
    """

    def __init__(
        self,
        states: States | None = None,
        grants: GrantBook | None = None,
        clock: SteadyClock | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._states = states
        self._gate = gate
        self.clock = clock or SteadyClock()
        self.grants = grants or GrantBook(self.clock)

    def allows(self, principal: Principal, verb: str, ref: CubeRef) -> bool:
        """Whether ``principal`` may use ``verb`` on the cube ``ref``."""
        if principal.tenant != ref.tenant:
            return False
        if self._gate is not None and not self._gate.allows(principal, verb, ref):
            return False
        state = self._state(principal)
        if state is None:
            return self._by_role(principal, verb) and _matches(ref.cube_id, principal.cubes)
        return self._decision(state, principal, verb, Target(ref.cube_id)).allowed

    def allows_topic(self, principal: Principal, verb: str, topic: str) -> bool:
        """Whether ``principal`` may use ``verb`` on a topic of its tenant, which its cubes name as "topic:NAME"."""
        place = f"topic:{topic}"
        state = self._state(principal)
        if state is None:
            return self._by_role(principal, verb) and _matches(place, principal.cubes)
        return self._decision(state, principal, verb, Target(place, is_topic=True)).allowed

    def rule(self, principal: Principal, verb: str, ref: CubeRef) -> bytes:
        """What an allowed call may see and do of single memories, for ``Call.rule``; empty: all of them."""
        state = self._state(principal)
        if state is None or principal.tenant != ref.tenant:
            return b""
        return self._decision(state, principal, _RULE_OF.get(verb, verb), Target(ref.cube_id)).body

    def item_rule(self, principal: Principal, verb: str, ref: CubeRef) -> Rule | None:
        """The same as a value; None: all of them."""
        state = self._state(principal)
        if state is None or principal.tenant != ref.tenant:
            return None
        return self._decision(state, principal, verb, Target(ref.cube_id)).rule

    def judge(self, principal: Principal, verb: str, ref: CubeRef) -> Callable[[item_pb2.Item], bool] | None:
        """The same for whoever has the memories at hand: a test of each, None where all are allowed."""
        rule = self.item_rule(principal, verb, ref)
        return Judge(rule) if rule is not None else None

    def has_role(self, principal: Principal, verb: str) -> bool:
        """Whether the verb may be used on the tenant, whatever the cube."""
        state = self._state(principal)
        if state is None:
            return self._by_role(principal, verb)
        return self._decision(state, principal, verb, Target("")).allowed

    def check(self, principal: Principal, verb: str, ref: CubeRef) -> None:
        """Raise what a missing cube raises, NotFoundError("cube", its id), unless the call is allowed."""
        if not self.allows(principal, verb, ref):
            raise NotFoundError("cube", ref.cube_id)

    def check_tenant(self, principal: Principal, verb: str) -> None:
        """For verbs on the tenant as a whole (list_cubes, status, reset, policies …): raise PermissionDeniedError(verb).

        Those of ``WHOLE_TENANT`` reach every cube, so they also need the pattern ``*``.
        """
        if not self.has_role(principal, verb) or (verb in WHOLE_TENANT and "*" not in principal.cubes):
            raise PermissionDeniedError(verb)

    def may_see_parts(self, principal: Principal) -> bool:
        """Whether there may be cubes of which the principal sees single memories only."""
        state = self._state(principal)
        return state is not None and state.opens_parts(principal.acts_for or principal.id)

    def look(self) -> None:
        """Take in what has changed in governance now."""
        if self._states is not None:
            self._states.look()

    def grant_id(self, principal: Principal) -> str:
        """The id of the grant that a principal acts by; empty for none."""
        found = self.grants.get(principal.grant) if principal.grant else None
        return found.grant_id if found is not None else ""

    def state(self, principal: Principal) -> TenantState | None:
        """The governance of the principal's tenant; None where it has none."""
        return self._state(principal)

    def _state(self, principal: Principal) -> TenantState | None:
        state = self._states.of(principal.tenant) if self._states is not None else None
        # A grant is bounded whatever the tenant has.
        return TenantState(principal.tenant, 0) if state is None and principal.grant else state

    def _decision(self, state: TenantState, principal: Principal, verb: str, target: Target) -> Decision:
        known, now_s = state.remembered, self.clock.now_s()
        key = (principal, verb, target.place)
        found: Decision | None = known.get(key)
        if found is None or now_s >= found.until_s:
            grant = self.grants.get(principal.grant) if principal.grant else None
            found = decide(state, principal, verb, target, now_s, grant)
            if len(known) >= MOST_REMEMBERED:
                known.clear()
            known[key] = found
        return found

    @staticmethod
    def _by_role(principal: Principal, verb: str) -> bool:
        return not VERBS.get(verb, frozenset()).isdisjoint(principal.roles)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
