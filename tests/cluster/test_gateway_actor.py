"""The gateway as an actor: it serves, survives a kill at the same address, and drains."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import ray

from memcube.actors.directory.local import LocalRouter
from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.gateway.actor import Gateway
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import service_pb2_grpc

SCOPE = pb.Scope(user_id="alice")


def neighbours(root: Path) -> Neighbours:
    """Cubes inside the gateway's process: paging is not what is tested here."""
    return Neighbours(LocalRouter(SqliteVault(root)))


@pytest.fixture
def gateway(ray_cluster: None, tmp_path: Path) -> Iterator[tuple[Any, GatewayConfig]]:
    """A gateway actor and how it was set up."""
    config = GatewayConfig().with_ports()
    options = {"name": "gateway-alone", "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1}
    actor = ray.remote(Gateway).options(**options).remote(config, partial(neighbours, tmp_path / "vault"))
    yield actor, config
    ray.kill(actor, no_restart=True)


def pid_of_listener(port: int) -> int:
    """Who listens on a port of this machine."""
    import psutil

    (found,) = {
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid
    }
    return int(found)


def test_a_killed_gateway_is_back_at_its_address_with_what_it_acknowledged(
    gateway: tuple[Any, GatewayConfig],
) -> None:
    """kill -9, three times; the same channel of a client goes on within seconds, a retry keeps its one effect."""
    actor, config = gateway
    addresses = ray.get(actor.ready.remote(), timeout=60)
    assert addresses.grpc == config.address(config.grpc_port)
    with grpc.insecure_channel(addresses.grpc, options=[("grpc.max_reconnect_backoff_ms", 300)]) as channel:
        stub = service_pb2_grpc.MemCubeServiceStub(channel)

        def add(number: int) -> str:
            request = pb.AddRequest(
                scope=SCOPE, messages=[pb.Message(content=f"text {number}")], idempotency_key=f"key {number}"
            )
            deadline_s = time.monotonic() + 60
            while True:
                try:
                    return str(stub.Add(request, timeout=10).items[0].id)
                except grpc.RpcError as failure:
                    assert failure.code() is grpc.StatusCode.UNAVAILABLE
                    assert time.monotonic() < deadline_s
                    time.sleep(0.1)

        for number in range(3):
            before = add(number)
            os.kill(pid_of_listener(config.grpc_port), signal.SIGKILL)
            assert add(number) == before
        assert stub.List(pb.ListRequest(scope=SCOPE), timeout=10).total == 3


def test_a_drained_gateway_has_closed_its_ports(gateway: tuple[Any, GatewayConfig]) -> None:
    """New callers find nobody, and the actor still answers Ray."""
    actor, config = gateway
    ray.get(actor.ready.remote(), timeout=60)
    ray.get(actor.drain.remote(), timeout=30)
    for port in (config.grpc_port, config.http_port):
        config.bind(port).close()


def test_a_gateway_with_unfixed_ports_is_refused(ray_cluster: None, tmp_path: Path) -> None:
    """A restart would move it: the error reaches the one who waits, as itself."""
    actor = ray.remote(Gateway).remote(GatewayConfig(), partial(neighbours, tmp_path))
    with pytest.raises(ray.exceptions.ActorDiedError, match=r"gateway\.grpc_port"):
        ray.get(actor.ready.remote(), timeout=60)
    with pytest.raises(InvalidArgumentError):
        GatewayConfig(grpc_port=70000)
