"""The store as an actor: killed in the midst, with gateway and all, it loses nothing and nobody has to notice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from memcube.actors.directory.local import LocalRouter
from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.gateway.actor import Gateway
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.store.actor import StoreRecipe, start_store
from memcube.actors.store.client import STORE, StoreClient
from memcube.actors.store.hints import HintingRouter
from memcube.actors.store.hub import Hub
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client import Memory

BACK_S = 60.0


def neighbours(root: Path) -> Neighbours:
    """Cubes inside the gateway's process; the store is the actor."""
    hub = Hub(StoreClient())
    return Neighbours(HintingRouter(LocalRouter(SqliteVault(root / "vault")), hub.touched), store=hub)


@pytest.fixture
def memory(ray_cluster: None, tmp_path: Path) -> Iterator[Memory]:
    """A client of a gateway actor and a store actor."""
    config = GatewayConfig(drain_s=0.2, connection_age_s=2.0).with_ports()
    store = start_store(StoreRecipe(tmp_path / "store"))
    options = {"name": "gateway-alone", "namespace": NAMESPACE, "num_cpus": 0, "max_restarts": -1}
    gateway: Any = ray.remote(Gateway).options(**options).remote(config, partial(neighbours, tmp_path))
    ray.get([gateway.ready.remote(), store.ready.remote()], timeout=60)
    with Memory(config.address(config.grpc_port)) as client:
        yield client
    for actor in (gateway, store):
        ray.kill(actor, no_restart=True)


def kill(what: str) -> None:
    """``kill -9`` the process of the store or of the gateway that this test started, and wait until Ray replaced it."""
    from ray._private import state

    def found() -> int:
        for actor in state.actors().values():
            if actor["State"] == "ALIVE" and actor["Name"] == what and actor["Pid"]:
                return int(actor["Pid"])
        return 0

    pid = found()
    assert psutil.Process(pid).is_running()
    os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + BACK_S
    while (now := found()) in (0, pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert now != pid


def test_kills_lose_and_repeat_nothing(memory: Memory) -> None:
    """Store, gateway, store, while one publishes, one watches and two share the work, with connections of 2 s."""
    topics = memory.topics
    topics.create("t")
    seen: list[int] = []
    done: Counter[int] = Counter()
    over = threading.Event()
    total = 400

    def watch() -> None:
        with topics.watch("t", start="earliest", max_events=16) as events:
            for event in events:
                seen.append(int(event["data"]))
                if len(seen) == total:
                    return

    def work() -> None:
        with topics.work("g", "t", ack_wait_s=2.0, max_deliver=20, idle_s=0.5) as worker:
            while not over.is_set():
                for event in worker:
                    done[event["seq"]] += 1
                    worker.ack(event)

    threads = [threading.Thread(target=one, daemon=True) for one in (watch, work, work)]
    for thread in threads:
        thread.start()
    with topics.publisher("t") as publisher:
        for number in range(total):
            publisher.send(str(number))
            if number in (100, 200, 300):
                kill("gateway-alone" if number == 200 else STORE)
            time.sleep(0.001)
    threads[0].join(BACK_S)
    assert seen == list(range(total))
    deadline_s = time.monotonic() + BACK_S
    while True:
        [group] = topics.groups("t")["results"]
        if group["next_seq"] == total + 1 and not group["open"]:
            break
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    over.set()
    for thread in threads[1:]:
        thread.join(BACK_S)
    assert set(done) == set(range(1, total + 1))
    assert group["dead"] == 0
