"""Delegated grants: made and signed here, narrowed anywhere, verified and asked here. ``biscuit-python`` inside."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.state import GrantKey, TenantState
from memcube.model.errors import UnauthenticatedError
from memcube.model.grant import biscuits, checks, packed_filter, split_token, token_of, unpacked_filter
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["GrantBook", "Verified", "issue", "new_key"]

MOST_KNOWN = 4096
MOST_BLOCKS = 16
LIMIT_S = 0.05
"""Most that one decision may take: a millisecond, the library's own bound, is over on a busy machine."""
ASKED_AGAIN_S = 0.25
"""How long a decision about a grant holds: it may depend on the time."""

_REFUSED = "the grant is not valid here"
_FACT = re.compile(r'^(agent|filter)\("([^"]*)"\);$')
_SIGNED = ("tenant", "grant", "issuer", "via", "role", "cube", "agent", "filter")


def new_key(number: int) -> GrantKey:
    """A fresh signing key."""
    library = biscuits()
    pair = library.KeyPair()
    return GrantKey(number, bytes(pair.private_key.to_bytes()).hex(), bytes(pair.public_key.to_bytes()).hex())


def issue(key: GrantKey, tenant: str, issuer: Principal, grant: gov.Grant, expires_at: datetime) -> tuple[str, str]:
    """A signed token for what ``grant`` says, and its revocation id. The issuer's roles and cubes go with it."""
    library = biscuits()
    facts: dict[str, Any] = {"t": tenant, "g": grant.id, "i": issuer.id, "v": issuer.credential or "key"}
    code = ["tenant({t});", "grant({g});", "issuer({i});", "via({v});"]
    for name, values in (("role", issuer.roles), ("cube", issuer.cubes)):
        for number, value in enumerate(values):
            facts[f"{name}{number}"] = value
            code.append(f"{name}({{{name}{number}}});")
    for name, value in (("agent", grant.agent), ("filter", _filter_of(grant))):
        if value:
            facts[name] = value
            code.append(f"{name}({{{name}}});")
    narrowing, values_of = checks(cubes=[*grant.cubes], verbs=[*grant.verbs], expires_at=expires_at)
    builder = library.BiscuitBuilder("\n".join([*code, narrowing]), {**facts, **values_of})
    builder.set_root_key_id(key.number)
    made = builder.build(_private(key))
    return token_of(key.public, made.to_base64()), made.revocation_ids[0]


def _filter_of(grant: gov.Grant) -> str:
    return packed_filter(grant.filter.SerializeToString(deterministic=True)) if grant.HasField("filter") else ""


def _private(key: GrantKey) -> Any:
    library = biscuits()
    return library.PrivateKey.from_bytes(bytes.fromhex(key.private), library.Algorithm.Ed25519)


@dataclass(frozen=True)
class Verified:
    """A token whose signatures are good. ``filters`` are those of all its blocks: a memory must pass each."""

    principal: Principal
    grant_id: str
    via: str
    filters: tuple[bytes, ...]
    revocation_ids: frozenset[str]
    token: Any = field(compare=False, repr=False)

    def permits(self, verb: str, place: str, now: datetime) -> bool:
        """Whether every block of the grant covers this verb on this place at this time."""
        library = biscuits()
        builder = library.AuthorizerBuilder(
            "verb({verb}); place({place}); time({now}); allow if true;", {"verb": verb, "place": place, "now": now}
        )
        limits = builder.limits()
        limits.max_time = timedelta(seconds=LIMIT_S)
        builder.set_limits(limits)
        try:
            builder.build(self.token).authorize()
        except library.AuthorizationError:
            return False
        return True


class GrantBook:
    """Tokens that were verified, by a digest: a known one costs a look-up. ``permits`` of one that fell out is no."""

    def __init__(self, clock: SteadyClock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, Verified] = OrderedDict()

    def principal_of(self, token: str, key_of: Any) -> Verified:
        """Who sends this token. ``key_of(number)`` gives the state of the tenant whose signing key has that number.

        Raises UnauthenticatedError for one that is forged, of another system, expired or revoked.
        """
        digest = blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        known = self._known.get(digest)
        if known is None:
            known = self._verify(token, digest, key_of)
            self._known[digest] = known
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(digest)
        return known

    def get(self, digest: str) -> Verified | None:
        """A token that was verified."""
        return self._known.get(digest)

    def _verify(self, token: str, digest: str, key_of: Any) -> Verified:
        library = biscuits()
        try:
            _, text = split_token(token)
            number = library.UnverifiedBiscuit.from_base64(text).root_key_id()
            state: TenantState | None = key_of(number) if number is not None else None
            if state is None or state.grant_key is None:
                raise UnauthenticatedError(_REFUSED)
            key = bytes.fromhex(state.grant_key.public)
            public = library.PublicKey.from_bytes(key, library.Algorithm.Ed25519)
            found = library.Biscuit.from_base64(text, public)
            if found.block_count() > MOST_BLOCKS:
                raise UnauthenticatedError(f"the grant has more than {MOST_BLOCKS} blocks")
            return _read(found, state, digest)
        except UnauthenticatedError:
            raise
        except Exception as error:  # the library's errors share no base, and what they say is of no use to a caller
            raise UnauthenticatedError(_REFUSED) from error


def _read(found: Any, state: TenantState, digest: str) -> Verified:
    first = _signed_facts(found)
    one = {name: first[name][0] for name in ("tenant", "grant", "issuer", "via")}
    if one["tenant"] != state.tenant:
        raise UnauthenticatedError(_REFUSED)
    agents, filters = first["agent"], first["filter"]
    for number in range(1, found.block_count()):
        more = _facts(found.block_source(number))
        agents += more.get("agent", ())
        filters += more.get("filter", ())
    selections = tuple(unpacked_filter(text) for text in filters)
    for body in selections:
        filter_pb2.Filter.FromString(body)
    acting = "/".join([one["issuer"], *(agents or ["agent"])])[:256].strip()
    principal = Principal(
        state.tenant,
        acting,
        tuple(first["role"]),
        tuple(first["cube"]),
        credential="grant",
        acts_for=one["issuer"],
        grant=digest,
    )
    return Verified(principal, one["grant"], one["via"], selections, frozenset(found.revocation_ids), found)


def _signed_facts(found: Any) -> dict[str, list[str]]:
    """What the first block states: only the system could write it."""
    library = biscuits()
    asked = library.AuthorizerBuilder("allow if true;").build(found)
    return {
        name: [fact.terms[0] for fact in asked.query(library.Rule(f"data($value) <- {name}($value)"))]
        for name in _SIGNED
    }


def _facts(source: str) -> dict[str, list[str]]:
    """What a further block states, of the two facts that count there: a name, and filters, which only narrow."""
    facts: dict[str, list[str]] = {}
    for line in source.splitlines():
        found = _FACT.match(line)
        if found:
            facts.setdefault(found.group(1), []).append(found.group(2))
    return facts
