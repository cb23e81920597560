"""Topics' logs in temporary folders, and a whole store without Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.keys import KeyRing
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.server import GatewayServer
from memcube.actors.store.client import LocalStore
from memcube.actors.store.clock import Clock
from memcube.actors.store.config import StoreConfig
from memcube.actors.store.desk import StoreDesk
from memcube.actors.store.hints import HintingRouter
from memcube.actors.store.hub import Hub
from memcube.actors.store.log import Append, Kept, Outcome, TopicLog
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client import AsyncMemory
from memcube.model.errors import UnavailableError
from memcube.model.ids import Principal

INCARNATION = b"12345678"


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.wall_s = 1_800_000_000.0
        self.monotonic_s = 1000.0

    def pass_s(self, seconds: float) -> None:
        """Both clocks go on."""
        self.wall_s += seconds
        self.monotonic_s += seconds

    @property
    def clock(self) -> Clock:
        """A store's clock that follows it."""
        return Clock(lambda: self.wall_s, lambda: self.monotonic_s)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the store does."""
    return "asyncio"


@pytest.fixture
def moment() -> Time:
    """The time of a test."""
    return Time()


class Logs:
    """Opens the log of one folder, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.low_seq = 1
        self.now_us = 1_800_000_000_000_000

    def open(self, **kept: Any) -> TopicLog:
        """The log as it is on disk."""
        return TopicLog.open(self.folder, INCARNATION, Kept(**kept), self.low_seq, self.now_us)

    def append(self, log: TopicLog, *appends: Append) -> list[Any]:
        """Stage, write and apply, as the store does."""
        self.now_us += 1
        log.roll_if_full(self.now_us)
        staged = log.stage(appends, self.now_us)
        log.write(staged)
        log.apply(staged)
        return staged.outcomes

    def fill(self, log: TopicLog, units: int, size: int = 100, each: int = 2) -> None:
        """Append so many units of events whose text is their number."""
        for _ in range(units):
            first = log.head_seq + 1
            events = [(b"%d:" % seq).ljust(size, b".") for seq in range(first, first + each)]
            [outcome] = self.append(log, Append(events))
            assert outcome == Outcome(first, first + each - 1)

    @staticmethod
    def numbers(log: TopicLog, from_seq: int = 0) -> list[int]:
        """What a reader sees, by the events' own words."""
        seen: list[int] = []
        seq = from_seq or log.low_seq
        while units := log.read(seq, 2000):
            for unit in units:
                seen += [int(event.partition(b":")[0]) for event in unit.events]
            seq = units[-1].last_seq + 1
        return seen


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    """The log in this test's folder."""
    folder = tmp_path / "topic"
    folder.mkdir()
    return Logs(folder)


Running = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path, moment: Time) -> Running:
    """``async with store() as desk``: a store over this test's folder, as often as wanted."""

    @asynccontextmanager
    async def start(**config: Any) -> AsyncIterator[StoreDesk]:
        desk = StoreDesk(tmp_path / "store", StoreConfig(**{"lock_wait_s": 0.2, **config}), moment.clock)
        await desk.start()
        try:
            yield desk
        finally:
            await desk.stop()

    return start


class Served:
    """A gateway on a fixed port over a store and cubes, each of which can be restarted under its clients."""

    def __init__(self, root: Path, config: GatewayConfig) -> None:
        self.root = root
        self.config = config.with_ports()
        self.cubes = LocalRouter(SqliteVault(root / "vault"))
        self.desk: StoreDesk | None = None
        self._clients: list[AsyncMemory] = []

    async def start(self) -> None:
        """Both of them."""
        await self.start_store()
        await self.start_gateway()

    async def start_store(self) -> None:
        """A store over what the last one left."""
        self.desk = StoreDesk(self.root / "store", StoreConfig(retain_every_s=0.05))
        await self.desk.start()

    async def stop_store(self) -> None:
        """As if its process were gone."""
        desk, self.desk = self.desk, None
        assert desk is not None
        await desk.stop()

    async def ask(self, operation: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """See ``actors.store.client.Store``."""
        if self.desk is None:
            raise UnavailableError("the store", 0.05)
        return await LocalStore(self.desk.answer).ask(operation, *arguments, within_s=within_s)

    async def start_gateway(self) -> None:
        """At the same address as before."""
        self.hub = Hub(self)
        neighbours = Neighbours(HintingRouter(self.cubes, self.hub.touched), store=self.hub)
        self.server = GatewayServer(self.config, neighbours)
        await self.server.start()

    def set_keys(self, keys: dict[str, Principal]) -> None:
        """Have these keys from now on, and no others; the gateway looks once a second."""
        write_keys(self.root / "keys.json", keys)

    async def stop_gateway(self) -> None:
        """Streams that are open are cut off."""
        await self.server.stop()
        await self.hub.close()

    def memory(self, key: str | None = None) -> AsyncMemory:
        """A client."""
        memory = AsyncMemory(self.server.grpc_address, api_key=key)
        self._clients.append(memory)
        return memory

    async def stop(self) -> None:
        """All of it."""
        for client in self._clients:
            await client.close()
        await self.stop_gateway()
        if self.desk is not None:
            await self.stop_store()
        await self.cubes.close()


@pytest.fixture
def served(tmp_path: Path) -> Running:
    """``async with served(keys=…) as s``."""

    @asynccontextmanager
    async def start(*, keys: dict[str, Principal] | None = None, **config: Any) -> AsyncIterator[Served]:
        if keys:
            write_keys(tmp_path / "keys.json", keys)
        running = Served(tmp_path, GatewayConfig(keys_path=str(tmp_path / "keys.json"), drain_s=0.1, **config))
        await running.start()
        try:
            yield running
        finally:
            await running.stop()

    return start


def write_keys(path: Path, keys: dict[str, Principal]) -> None:
    """Put a key file into place."""
    ring = KeyRing(closed=True)
    for key, principal in keys.items():
        ring = ring.with_key(key, principal)
    ring.save(path)
