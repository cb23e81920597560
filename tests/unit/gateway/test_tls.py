"""TLS and client certificates on both ports, over real connections."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from memcube.actors.gateway import tls as tls_module
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.keys import KeyRing
from memcube.actors.gateway.tls import CertificateRule, TlsConfig
from memcube.client.stub import Stub
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

from ...support.certificates import Authority

pytestmark = pytest.mark.anyio


async def who(running: Any, authority: Path, pair: tuple[Path, Path] | None, key: str = "") -> Any:
    """WhoAmI over a channel of its own; the gRPC status's name where it is refused."""
    private, chain = (pair[1].read_bytes(), pair[0].read_bytes()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.read_bytes(), private, chain)
    async with grpc.aio.secure_channel(running.server.grpc_address, credentials) as channel:
        metadata = (("x-api-key", key),) if key else ()
        try:
            return await Stub(channel).WhoAmI(gov.WhoAmIRequest(), metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code().name


async def test_certificates_tell_who_calls_on_both_ports(start: Any, tmp_path: Path) -> None:
    """By common name or URI; one of another authority, or none, does not get in; a key beside it goes first."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    cert, key = ours.make("server")
    rules = (
        CertificateRule("URI:spiffe://acme/*", tenant="acme", principal="robot", roles=("writer",)),
        CertificateRule("CN=alice", tenant="acme", cubes=("user:alice",)),
    )
    config = TlsConfig(str(cert), str(key), str(ours.path), rules)
    keys = {"mck_admin": Principal("acme", "admin", ("admin",), ("*",))}
    async with start(tls=config, keys=keys) as running:
        alice, robot = ours.make("alice"), ours.make("robot", uri="spiffe://acme/reader/7")
        stranger, forged = ours.make("bob"), theirs.make("alice")
        told = await who(running, ours.path, alice)
        assert (told.tenant, told.id, told.credential, [*told.cubes]) == (
            "acme", "alice", "certificate", ["user:alice"],
        )  # fmt: skip
        assert (await who(running, ours.path, robot)).id == "robot"
        assert (await who(running, ours.path, alice, "mck_admin")).id == "admin"
        assert await who(running, ours.path, stranger) == "UNAUTHENTICATED"
        for pair in (forged, None):
            assert await who(running, ours.path, pair) == "UNAVAILABLE"
        for pair, expected in ((alice, 404), (stranger, 401)):
            context = ssl.create_default_context(cafile=str(ours.path))
            context.load_cert_chain(*map(str, pair))
            async with httpx.AsyncClient(verify=context, trust_env=False) as client:
                url = f"https://{running.server.http_address}/v1/cubes/user:alice"
                answer = await client.get(url, headers={"x-memcube": "1"})
                assert answer.status_code == expected
        context = ssl.create_default_context(cafile=str(ours.path))
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"https://{running.server.http_address}/health")


async def test_new_certificates_are_used_without_a_restart(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handshakes after the files changed see the new chain; files that are no pair change nothing."""
    monkeypatch.setattr(tls_module, "LOOK_EVERY_S", 0.0)
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second")
    cert, key = first.make("server")
    async with start(tls=TlsConfig(str(cert), str(key))) as running:

        async def over_http(authority: Path) -> int:
            context = ssl.create_default_context(cafile=str(authority))
            async with httpx.AsyncClient(verify=context, trust_env=False) as client:
                return (await client.get(f"https://{running.server.http_address}/health")).status_code

        assert (await who(running, first.path, None)).credential == "local"
        assert await over_http(first.path) == 200
        new_cert, new_key = second.make("server")
        cert.write_bytes(new_cert.read_bytes())
        assert (await who(running, first.path, None)).credential == "local", "half a pair is not used"
        key.write_bytes(new_key.read_bytes())
        assert (await who(running, second.path, None)).credential == "local"
        assert await who(running, first.path, None) == "UNAVAILABLE"
        assert await over_http(second.path) == 200
        with pytest.raises(httpx.TransportError):
            await over_http(first.path)


async def test_plaintext_does_not_get_in(start: Any, tmp_path: Path) -> None:
    """A client without TLS is not answered."""
    cert, key = Authority(tmp_path / "ca").make("server")
    async with (
        start(tls=TlsConfig(str(cert), str(key))) as running,
        grpc.aio.insecure_channel(running.server.grpc_address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Stub(channel).Status(pb.StatusRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_settings_that_make_no_sense_are_refused_by_name(tmp_path: Path) -> None:
    """Half a pair, rules without an authority, files that are not there; an open address without TLS where that is so set."""
    cert, key = map(str, Authority(tmp_path / "ca").make("server"))
    ring = KeyRing().with_key("mck", Principal("acme", "a"))
    without_authority = TlsConfig(cert, key, certificates=(CertificateRule("CN=a"),))
    for make, name in (
        (lambda: TlsConfig(cert=cert), "gateway.tls.key"),
        (lambda: TlsConfig(client_ca=cert), "gateway.tls.cert"),
        (lambda: GatewayConfig(tls=without_authority).check_exposure(ring), "gateway.tls.client_ca"),
        (lambda: TlsConfig(plaintext="perhaps"), "gateway.tls.plaintext"),
        (lambda: tls_module.Certificates(TlsConfig("no", key)), "gateway.tls.cert"),
        (lambda: tls_module.Certificates(TlsConfig(cert, cert)), "gateway.tls.cert"),
        (lambda: GatewayConfig(host="0.0.0.0", tls=TlsConfig(plaintext="refuse")).check_exposure(ring), "gateway.tls"),
        (lambda: GatewayConfig(host="0.0.0.0", tls=TlsConfig(cert, key)).check_exposure(KeyRing()), "gateway.host"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            make()
        assert caught.value.field == name
    GatewayConfig(host="0.0.0.0", tls=TlsConfig(cert, key)).check_exposure(ring)
