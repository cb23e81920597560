"""Who sends a call, by what it shows: an API key, a provider's token, a delegated grant, a client certificate.

A credential in the headers comes before the certificate of the connection. While nothing of all that is configured,
only this machine is served, and everyone on it is ``LOCAL``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.keys import LOCAL, KeyFile, KeyRing
from memcube.actors.gateway.oidc import Tokens, looks_like_token
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.grants import GrantBook, Verified
from memcube.actors.governance.ledger import LedgerReader
from memcube.model.errors import UnauthenticatedError
from memcube.model.grant import PREFIX
from memcube.model.ids import Principal

__all__ = ["PEER", "Identity", "peer_header"]

PEER = ":tls-names"
"""Where the transports put the names of the client's certificate: no client can send a header of this name."""


def peer_header(names: list[str]) -> str:
    """The value of ``PEER``."""
    return json.dumps(names)


class Identity:
    """All ways to be somebody. Used by one event loop."""

    def __init__(
        self, config: GatewayConfig, states: LedgerReader | None, grants: GrantBook, clock: SteadyClock
    ) -> None:
        self._config = config
        self.keys = KeyFile(Path(config.keys_path) if config.keys_path else None)
        config.check_exposure(self.keys.ring)
        self._tokens = Tokens(config.oidc, clock)
        self._states = states
        self._grants = grants
        self._clock = clock
        self._holders: tuple[KeyRing | None, dict[tuple[str, str], list[Principal]]] = (None, {})

    @property
    def open_to_all(self) -> bool:
        """Whether whoever reaches the port may do everything."""
        return not self._config.identifies and self.keys.current(monotonic()).open_to_all

    def principal(self, metadata: Mapping[str, str]) -> Principal:
        """Who sends these headers (lower-case names): "authorization: Bearer CREDENTIAL" or "x-api-key: KEY".

        Raises UnauthenticatedError, the same one for a missing and for a wrong key; UnavailableError while a
        provider's keys are not known; DamagedError where what is known of grants can't be read.
        """
        scheme, _, bearer = metadata.get("authorization", "").partition(" ")
        key = bearer.strip() if scheme.lower() == "bearer" else metadata.get("x-api-key", "")
        if key.startswith(PREFIX):
            return self._by_grant(key)
        if self._config.oidc and looks_like_token(key):
            return self._tokens.principal_of(key)
        ring = self.keys.current(monotonic())
        if not self._config.identifies:
            return ring.principal_of(key)
        if key:
            return KeyRing(ring.principals, closed=True).principal_of(key)
        found = self._config.tls.principal_of(json.loads(metadata.get(PEER, "[]")))
        if found is None:
            raise UnauthenticatedError("the call carries no valid key")
        return found

    def _by_grant(self, token: str) -> Principal:
        if self._states is None:
            raise UnauthenticatedError("the grant is not valid here")
        verified = self._grants.principal_of(token, self._states.key_of)
        principal = verified.principal
        state = self._states.of(principal.tenant)
        if state is None or verified.grant_id in state.revoked or verified.revocation_ids & state.revoked:
            raise UnauthenticatedError("the grant was revoked")
        kept = state.grants.get(verified.grant_id)
        if kept is None or self._clock.now_s() >= kept.expires_at.seconds + kept.expires_at.nanos / 1e9:
            raise UnauthenticatedError("the grant has expired")
        if verified.via == "key" and not self._still_has(verified):
            raise UnauthenticatedError("the grant's issuer has no such key any more")
        return principal

    def _still_has(self, verified: Verified) -> bool:
        """Whether whoever issued a grant by a key still has one that allows as much."""
        ring = self.keys.current(monotonic())
        if self._holders[0] is not ring:
            holders: dict[tuple[str, str], list[Principal]] = {}
            for one in ring.principals.values():
                holders.setdefault((one.tenant, one.id), []).append(one)
            self._holders = (ring, holders)
        principal = verified.principal
        return any(
            {*principal.roles} <= {*one.roles} and {*principal.cubes} <= {*one.cubes}
            for one in self._holders[1].get((principal.tenant, principal.acts_for), ())
        )


def is_local(principal: Principal) -> bool:
    """Whether this is whoever sits at the machine, where no credentials are configured."""
    return principal == LOCAL
