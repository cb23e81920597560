"""What a gateway may be told."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from memcube.actors.gateway.config import GatewayConfig, is_loopback
from memcube.actors.gateway.keys import KeyRing, new_key
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import Principal


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    """By the text alone, without a resolver."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "example.org"])
def test_without_keys_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    """The error names the setting; one key is enough to be allowed."""
    path = tmp_path / "keys.json"
    config = GatewayConfig(host=host, keys_path=str(path))
    with pytest.raises(InvalidArgumentError) as caught:
        config.load_keys()
    assert caught.value.field == "gateway.host"
    KeyRing().with_key(new_key(), Principal("t", "p")).save(path)
    assert config.load_keys().principals


@pytest.mark.parametrize(
    "settings",
    [
        {"grpc_port": -1},
        {"http_port": 65536},
        {"request_bytes": 0},
        {"default_timeout_s": 0.0},
        {"max_timeout_s": float("nan")},
        {"host": ""},
        {"stream_window": 0},
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, object]) -> None:
    """At start, with the field's path."""
    with pytest.raises(InvalidArgumentError) as caught:
        GatewayConfig(**settings)  # type: ignore[arg-type]
    assert caught.value.field == f"gateway.{next(iter(settings))}"


def test_ports_become_fixed_and_are_free() -> None:
    """Both differ, given ones stay, and they can be bound."""
    config = GatewayConfig().with_ports()
    assert config.grpc_port != config.http_port
    assert config.with_ports() == config
    # Not of those that the system gives to whoever connects while the gateway's process starts.
    assert all(20_000 <= port < 32_768 for port in (config.grpc_port, config.http_port))
    config.bind(config.grpc_port).close()


def test_a_taken_port_and_a_foreign_host_are_told_apart() -> None:
    """Each is a typed error that names its setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidArgumentError) as caught:
        GatewayConfig().bind(taken.getsockname()[1])
    assert caught.value.field == "gateway.port"
    with pytest.raises(InvalidArgumentError) as caught:
        GatewayConfig(host="no such host").with_ports()
    assert caught.value.field == "gateway.host"


def test_addresses_are_written_as_urls_need_them() -> None:
    """Brackets around IPv6."""
    assert GatewayConfig().address(80) == "127.0.0.1:80"
    assert GatewayConfig(host="::1").address(80) == "[::1]:80"
