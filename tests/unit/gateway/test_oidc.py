"""Tokens of identity providers: whom they stand for, and what is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from memcube.actors.gateway.oidc import OidcIssuer, Tokens
from memcube.actors.governance.clock import SteadyClock
from memcube.model.errors import InvalidArgumentError, UnauthenticatedError, UnavailableError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://idp.example"


def key_set(*keys: tuple[str, Any]) -> str:
    """A JWKS of public keys by their ids."""
    algorithm = jwt.algorithms.ECAlgorithm
    made = [{**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"} for kid, key in keys]
    return json.dumps({"keys": made})


def token(key: Any = KEY, kid: str = "k1", algorithm: str = "ES256", **claims: Any) -> str:
    """A token that is good unless ``claims`` say otherwise; None takes a claim away."""
    said = {"iss": ISSUER, "aud": "memcube", "sub": "alice", "exp": time.time() + 60, "groups": ["writers"], **claims}
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def issuer(tmp_path: Path) -> Callable[..., OidcIssuer]:
    """A provider whose keys are in a file."""
    (tmp_path / "jwks.json").write_text(key_set(("k1", KEY)))

    def make(**settings: Any) -> OidcIssuer:
        known: dict[str, Any] = {
            "issuer": ISSUER,
            "audience": "memcube",
            "jwks": str(tmp_path / "jwks.json"),
            "algorithms": ("ES256",),
            "roles_claim": "groups",
            "roles": {"writers": "writer", "admins": "admin"},
            "tenant_claim": "org",
        }
        return OidcIssuer(**{**known, **settings})

    return make


def test_claims_become_a_principal(issuer: Callable[..., OidcIssuer]) -> None:
    """Tenant, id, mapped roles and cubes; an id's pattern signs mean themselves; unknown groups count for nothing."""
    tokens = Tokens([issuer()], SteadyClock())
    found = tokens.principal_of(token(org="acme", groups=["writers", "gods"]))
    assert found == Principal("acme", "alice", ("writer",), ("user:alice",), credential="oidc")
    assert tokens.principal_of(token(org="acme", sub="*", groups="x y")).cubes == ("user:[*]",)
    nested = Tokens([issuer(roles_claim="realm.roles", tenant_claim="")], SteadyClock())
    assert nested.principal_of(token(realm={"roles": ["admins"]})).roles == ("admin",)


def test_what_is_not_good_is_refused(issuer: Callable[..., OidcIssuer]) -> None:
    """Expired, early, of another issuer or audience, unsigned, signed by another key or a secret, without a subject."""
    tokens = Tokens([issuer(tenant_claim="")], SteadyClock())
    secret = key_set(("k1", KEY))
    header = {"alg": "none", "typ": "JWT"}
    unsigned = jwt.encode(
        {"iss": ISSUER, "aud": "memcube", "sub": "a", "exp": time.time() + 60}, None, algorithm="none"
    )
    assert jwt.get_unverified_header(unsigned)["alg"] == header["alg"]
    for bad in (
        token(exp=time.time() - 60),
        token(nbf=time.time() + 600),
        token(exp=None),
        token(iss="https://other.example"),
        token(aud="other"),
        token(sub=None),
        token(sub="a\nb"),
        token(OTHER_KEY),
        token(OTHER_KEY, kid="k2"),
        token(secret.encode() * 2, algorithm="HS256"),
        unsigned,
        token()[:-4] + "AAAA",
        "eyJ.x.y",
        token(pad="x" * 20_000),
    ):
        with pytest.raises(UnauthenticatedError):
            tokens.principal_of(bad)
    assert tokens.principal_of(token()).id == "alice"


def test_a_clock_that_is_set_back_revives_nothing(issuer: Callable[..., OidcIssuer]) -> None:
    """A token that was seen ends by the time that has passed, whatever the clock says."""
    wall, passed = [time.time()], [0.0]
    tokens = Tokens([issuer(tenant_claim="")], SteadyClock(lambda: wall[0], lambda: passed[0]))
    good = token()
    assert tokens.principal_of(good)
    passed[0] += 200
    with pytest.raises(UnauthenticatedError):
        tokens.principal_of(good)
    passed[0], wall[0] = 0.0, wall[0] + 200
    with pytest.raises(UnauthenticatedError):
        tokens.principal_of(good)


def test_keys_are_taken_in_anew(issuer: Callable[..., OidcIssuer], tmp_path: Path) -> None:
    """A file that changes, and keys that an address serves, without a call that waits for it."""
    tokens = Tokens([issuer(tenant_claim="")], SteadyClock())
    assert tokens.principal_of(token())
    (tmp_path / "jwks.json").write_text(key_set(("k2", OTHER_KEY)))
    assert tokens.principal_of(token(OTHER_KEY, kid="k2", sub="bob")).id == "bob"
    with pytest.raises(UnauthenticatedError):
        tokens.principal_of(token(sub="carol"))
    (tmp_path / "jwks.json").write_text("no JSON")
    assert tokens.principal_of(token(OTHER_KEY, kid="k2", sub="dave")).id == "dave"

    class Serve(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(key_set(("k1", KEY)).encode())

        def log_message(self, *arguments: Any) -> None:
            """Nothing is said."""

    with HTTPServer(("127.0.0.1", 0), Serve) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/jwks"
            fetched = Tokens([issuer(tenant_claim="", jwks=address)], SteadyClock())
            with pytest.raises(UnavailableError):
                fetched.principal_of(token())
            ends_s = time.monotonic() + 5
            while time.monotonic() < ends_s:
                try:
                    assert fetched.principal_of(token()).id == "alice"
                    break
                except UnavailableError:
                    time.sleep(0.01)
            else:
                raise AssertionError("the keys did not come")
        finally:
            server.shutdown()
            thread.join()


def test_settings_that_open_a_door_are_refused(issuer: Callable[..., OidcIssuer]) -> None:
    """Shared secrets, no algorithm, plain addresses of others, roles that there are not."""
    for settings in (
        {"algorithms": ("HS256",)},
        {"algorithms": ("none",)},
        {"algorithms": ()},
        {"jwks": "http://idp.example/jwks"},
        {"roles": {"x": "god"}},
        {"default_roles": ("god",)},
        {"audience": ""},
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            issuer(**settings)
        assert caught.value.field.startswith("gateway.oidc.")


async def test_a_token_gets_in_and_nobody_does_without(start: Any, issuer: Callable[..., OidcIssuer]) -> None:
    """Where a provider is configured, nobody is local any more; keys go on beside it."""
    keys = {"mck_admin": Principal("default", "admin", ("admin",), ("*",))}
    async with start(oidc=(issuer(tenant_claim=""),), keys=keys) as running:
        alice = running.caller(token())
        assert (await alice.call("WhoAmI", gov.WhoAmIRequest())).credential == "oidc"
        assert (await alice.add("mine")).user_id == "alice"
        assert (await running.caller("mck_admin").call("WhoAmI", gov.WhoAmIRequest())).id == "admin"
        for caller in (running.caller(), running.caller("mck_no"), running.caller(token(exp=1))):
            refused = await running.refused(caller.call("Status", pb.StatusRequest()))
            assert isinstance(refused, UnauthenticatedError)
