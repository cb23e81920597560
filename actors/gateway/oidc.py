"""Tokens of identity providers (OpenID Connect): whom they stand for here. PyJWT verifies; algorithms are pinned.

A token counts when it is signed by a key of the provider's set with an algorithm that the settings name, is made by
that issuer for this audience, and is in force. Sets of keys come from a file or an address, are fetched in the
background, and kept while the provider is away.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from memcube.actors.governance.clock import SteadyClock
from memcube.model.errors import InvalidArgumentError, MemCubeError, UnauthenticatedError, UnavailableError
from memcube.model.ids import ROLES, Principal

__all__ = ["OidcIssuer", "Tokens", "looks_like_token"]

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key; a shared secret would let every holder make tokens."""
MAX_SET_BYTES = 256 * 1024
MAX_TOKEN_BYTES = 16 * 1024
MOST_KNOWN = 4096
ANEW_S = 10.0
"""A key that is not known is looked for again so often at most."""
LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class OidcIssuer:
    """One provider. Claims may be paths ("realm_access.roles"); ``{principal}`` in ``cubes`` is the principal's id.

    ``roles`` maps values of ``roles_claim`` to roles here; others count for nothing. ``jwks`` is a file, or an
    address (https, or http on this machine), fetched again every ``refresh_s``, within ``fetch_s``.
    """

    issuer: str
    audience: str
    jwks: str
    algorithms: tuple[str, ...] = ("RS256",)
    tenant: str = "default"
    tenant_claim: str = ""
    principal_claim: str = "sub"
    roles_claim: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    default_roles: tuple[str, ...] = ()
    cubes: tuple[str, ...] = ("user:{principal}",)
    leeway_s: float = 30.0
    refresh_s: float = 300.0
    fetch_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("issuer", "audience", "jwks", "principal_claim"):
            if not getattr(self, name):
                raise InvalidArgumentError(f"gateway.oidc.{name}", "is empty")
        for algorithm in self.algorithms or ("none",):
            if algorithm not in ALGORITHMS:
                problem = f"{algorithm} is not taken; these are: {', '.join(ALGORITHMS)}"
                raise InvalidArgumentError("gateway.oidc.algorithms", problem)
        for role in (*self.roles.values(), *self.default_roles):
            if role not in ROLES:
                raise InvalidArgumentError("gateway.oidc.roles", f"{role!r} is none of {', '.join(ROLES)}")
        where = urlsplit(self.jwks)
        if where.scheme == "http" and where.hostname not in LOCAL_HOSTS:
            raise InvalidArgumentError("gateway.oidc.jwks", "is fetched over https, or from this machine")
        if not 0 <= self.leeway_s <= 300:
            raise InvalidArgumentError("gateway.oidc.leeway_s", f"{self.leeway_s:g} is not within 0 and 300")

    @property
    def by_address(self) -> bool:
        """Whether the keys are fetched."""
        return urlsplit(self.jwks).scheme in ("http", "https")

    def principal_of(self, claims: Mapping[str, Any]) -> Principal:
        """Whom the claims of a verified token stand for; raises UnauthenticatedError, InvalidArgumentError."""
        who = _claim(claims, self.principal_claim)
        tenant = _claim(claims, self.tenant_claim) if self.tenant_claim else self.tenant
        if not isinstance(who, str) or not isinstance(tenant, str):
            raise UnauthenticatedError("the token does not say who it is for")
        given = _claim(claims, self.roles_claim) if self.roles_claim else ()
        values = given.split() if isinstance(given, str) else given if isinstance(given, list) else ()
        roles = {self.roles[one] for one in values if isinstance(one, str) and one in self.roles}
        cubes = tuple(pattern.replace("{principal}", _literal(who)) for pattern in self.cubes)
        return Principal(tenant, who, tuple(sorted(roles or {*self.default_roles})), cubes, credential="oidc")


def _literal(name: str) -> str:
    """A name in which a pattern's signs mean themselves."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:
        return claims[path]
    inside: Any = claims
    for part in path.split("."):
        inside = inside.get(part) if isinstance(inside, Mapping) else None
    return inside


def looks_like_token(bearer: str) -> bool:
    """Whether a bearer credential is a signed token rather than a key: three parts, the first a JSON object's."""
    return bearer.startswith("eyJ") and bearer.count(".") == 2


class _KeySet:
    """A provider's keys by their ids. ``find`` never waits: what must be fetched is fetched by a thread."""

    def __init__(self, issuer: OidcIssuer) -> None:
        self._issuer = issuer
        self._keys: dict[str, Any] = {}
        self._looked_s = float("-inf")
        self._fetching = threading.Lock()
        self._stamp: tuple[int, int] = (0, 0)

    def find(self, kid: str) -> Any:
        """The key of this id (the only one, where a token names none); raises UnavailableError while it is looked
        for, UnauthenticatedError where there is none."""
        known = self._keys.get(kid) or (next(iter(self._keys.values())) if not kid and len(self._keys) == 1 else None)
        age_s = monotonic() - self._looked_s
        if age_s >= self._issuer.refresh_s or (known is None and age_s >= ANEW_S) or not self._issuer.by_address:
            self._look()
            known = self._keys.get(kid) or known
        if known is not None:
            return known
        if not self._keys or self._fetching.locked():
            raise UnavailableError(f"the keys of {self._issuer.issuer}", 0.5)
        raise UnauthenticatedError("the token is signed with no key of its issuer")

    def _look(self) -> None:
        if not self._issuer.by_address:
            self._read_file()
        elif self._fetching.acquire(blocking=False):
            threading.Thread(target=self._fetch, name="jwks", daemon=True).start()

    def _read_file(self) -> None:
        path = Path(self._issuer.jwks)
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                self._keys, self._stamp = _keys_of(path.read_bytes()), stamp
        except (OSError, ValueError, MemCubeError) as error:
            if not self._keys:
                raise UnavailableError(f"the keys of {self._issuer.issuer}", 5.0) from error
            log.warning("the keys of %s could not be read: %s", self._issuer.issuer, error)

    def _fetch(self) -> None:
        import httpx

        try:
            with httpx.Client(timeout=self._issuer.fetch_s, trust_env=False, follow_redirects=False) as client:
                answer = client.get(self._issuer.jwks)
                answer.raise_for_status()
                self._keys = _keys_of(answer.content)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys that are known stay in use
            log.warning("the keys of %s could not be fetched: %s", self._issuer.issuer, error)
        finally:
            self._looked_s = monotonic()
            self._fetching.release()


def _keys_of(body: bytes) -> dict[str, Any]:
    import jwt

    if len(body) > MAX_SET_BYTES:
        raise ValueError(f"a set of {len(body)} bytes; {MAX_SET_BYTES} are taken")
    found = {}
    for one in json.loads(body)["keys"]:
        if one.get("kty") in ("RSA", "EC", "OKP") and one.get("use", "sig") == "sig":
            found[str(one.get("kid", ""))] = jwt.PyJWK.from_dict(one).key
    return found


class Tokens:
    """Every configured provider's tokens. Used by one event loop; ``principal_of`` does not wait."""

    def __init__(self, issuers: Sequence[OidcIssuer], clock: SteadyClock) -> None:
        self._issuers = {issuer.issuer: (issuer, _KeySet(issuer)) for issuer in issuers}
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def principal_of(self, token: str) -> Principal:
        """Who sends this token; raises UnauthenticatedError, or UnavailableError while its issuer's keys are not known.

        A token that was verified is known until it ends, by a clock that can't be set back.
        """
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._verify(token)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        principal, ends_s = known
        if self._clock.now_s() >= ends_s:
            raise UnauthenticatedError("the token has expired")
        return principal

    def _verify(self, token: str) -> tuple[Principal, float]:
        import jwt

        if len(token) > MAX_TOKEN_BYTES:
            raise UnauthenticatedError("the token is too long")
        try:
            said = jwt.decode(token, options={"verify_signature": False})
            issuer, keys = self._issuers[said["iss"]]
            key = keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
            return issuer.principal_of(claims), float(claims["exp"]) + issuer.leeway_s
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("the token has expired") from error
        except (UnauthenticatedError, UnavailableError):
            raise
        except Exception as error:  # claims may be anything, and what is wrong with them is no caller's business
            raise UnauthenticatedError("the token is not valid here") from error
