"""A whole gateway without Ray: real servers on loopback, the real cube core, a real vault in a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status

from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.keys import KeyRing
from memcube.actors.gateway.seam import Embedder, Neighbours, Reranker, Router, Scheduler
from memcube.actors.gateway.server import GatewayServer
from memcube.actors.gateway.service import SERVICE
from memcube.actors.governance.audit_records import Records
from memcube.actors.governance.local import LocalGovernor
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.store.client import LocalStore
from memcube.actors.store.desk import StoreDesk
from memcube.actors.store.hints import HintingRouter
from memcube.actors.store.hub import Hub
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client.stub import Stub
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import error_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

KEYS = {
    "mck_alice": Principal("acme", "alice", ("writer",), ("user:alice", "team-*")),
    "mck_reader": Principal("acme", "reader", ("reader",), ("*",)),
    "mck_admin": Principal("acme", "admin", ("admin",), ("*",)),
    "mck_narrow": Principal("acme", "narrow", ("admin",), ("user:*",)),
    "mck_mallory": Principal("other", "mallory", ("admin",), ("*",)),
}


def error_of(failure: grpc.aio.AioRpcError) -> MemCubeError:
    """The typed error in a failed call's trailers."""
    trailers = dict(failure.trailing_metadata() or ())
    assert "grpc-status-details-bin" in trailers, f"no details: {failure!r}"
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == failure.code().value[0]
    assert status.message == failure.details()
    detail = error_pb2.ErrorDetail()
    assert status.details[0].Unpack(detail)
    return detail_to_error(detail)


class GrpcCaller:
    """One principal's calls over a channel."""

    def __init__(self, channel: Any, key: str) -> None:
        self._channel = channel
        self.metadata = (("authorization", f"Bearer {key}"),) if key else ()
        self.stub: Any = Stub(channel)

    async def call(self, rpc: str, request: Any, *, timeout: float | None = 20) -> Any:
        """A unary call by its rpc's name."""
        try:
            return await getattr(self.stub, rpc)(request, metadata=self.metadata, timeout=timeout)
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure

    async def raw(self, rpc: str, body: bytes) -> bytes:
        """A unary call with bytes of our own making."""
        method = self._channel.unary_unary(f"/{SERVICE}/{rpc}")
        try:
            answer: bytes = await method(body, metadata=self.metadata, timeout=20)
            return answer
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure

    async def stream(self, rpc: str, request: Any) -> AsyncIterator[Any]:
        """A call with a streamed response."""
        try:
            async for part in getattr(self.stub, rpc)(request, metadata=self.metadata, timeout=30):
                yield part
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure

    async def add_stream(self, requests: Iterable[pb.AddRequest] | AsyncIterator[pb.AddRequest]) -> list[Any]:
        """AddStream to its end."""
        try:
            return [one async for one in self.stub.AddStream(requests, metadata=self.metadata, timeout=60)]
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure) from failure

    async def add(self, text: str, *, user_id: str = "alice", key: str = "") -> Any:
        """One text for a user; returns its item."""
        request = pb.AddRequest(
            scope=pb.Scope(user_id=user_id), messages=[pb.Message(content=text)], idempotency_key=key
        )
        return (await self.call("Add", request)).items[0]


class Running:
    """A running gateway and ways to call it."""

    def __init__(self, server: GatewayServer, router: Router, channel: Any, http: httpx.AsyncClient) -> None:
        self.server = server
        self.router = router
        self.channel = channel
        self.http = http

    def caller(self, key: str = "") -> GrpcCaller:
        """Calls with this API key."""
        return GrpcCaller(self.channel, key)

    async def refused(self, call: Coroutine[Any, Any, Any]) -> MemCubeError:
        """The error that a call ends with."""
        try:
            answer = await call
        except MemCubeError as error:
            return error
        raise AssertionError(f"was not refused: {answer}")


class StoreWhenNeeded:
    """A store in this process, started with the first call that asks it something (of a search: for mounts)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._desk: StoreDesk | None = None
        self._starting = asyncio.Lock()

    async def ask(self, operation: str, *arguments: Any, within_s: float = 10.0) -> Any:
        """See ``actors.store.client.Store``."""
        async with self._starting:
            if self._desk is None:
                desk = StoreDesk(self._root)
                await desk.start()
                self._desk = desk
        return await LocalStore(self._desk.answer).ask(operation, *arguments, within_s=within_s)

    async def stop(self) -> None:
        """Let go of its files."""
        if self._desk is not None:
            await self._desk.stop()


Start = Callable[..., Any]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the gateway does."""
    return "asyncio"


@pytest.fixture
def keys() -> dict[str, Principal]:
    """A set of keys with all that matters in it."""
    return dict(KEYS)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """``async with start(keys=…, router=…, **config) as running``."""

    @asynccontextmanager
    async def starter(
        *,
        keys: dict[str, Principal] | None = None,
        router: Router | None = None,
        embedder: Embedder | None = None,
        scheduler: Scheduler | None = None,
        reranker: Reranker | None = None,
        records: bool = False,
        interchange_items: int = 10_000,
        interchange_batch: int = 1_000,
        **settings: Any,
    ) -> AsyncIterator[Running]:
        path = tmp_path / "keys.json"
        if keys:
            ring = KeyRing()
            for key, principal in keys.items():
                ring = ring.with_key(key, principal)
            ring.save(path)
        holds = FrameConfig(holds_path=str(tmp_path / "vault" / "governance" / "holds"))
        local = LocalRouter(SqliteVault(tmp_path / "vault"), frame=holds) if router is None else None
        used = router or local
        assert used is not None
        folder = tmp_path / "governance"
        governor = LocalGovernor(folder)
        kept = Records(tmp_path / "vault", used) if records else None
        moving = InterchangeConfig(
            root=str(tmp_path / "vault" / "interchange"), atomic_items=interchange_items, batch_items=interchange_batch
        )
        store = StoreWhenNeeded(tmp_path / "store")
        hub = Hub(store)
        neighbours = Neighbours(
            HintingRouter(used, hub.touched),
            embedder,
            scheduler,
            reranker,
            governor=governor,
            records=kept,
            interchange=moving,
            store=hub,
        )
        config = GatewayConfig(keys_path=str(path), governance_path=str(folder), **settings)
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(governor.close)
            server = GatewayServer(config, neighbours)
            await server.start()
            unless_started.pop_all()
        try:
            async with (
                grpc.aio.insecure_channel(server.grpc_address) as channel,
                httpx.AsyncClient(base_url=f"http://{server.http_address}", timeout=20, trust_env=False) as http,
            ):
                yield Running(server, used, channel, http)
        finally:
            await server.stop()
            await hub.close()
            await store.stop()
            governor.close()
            if local is not None:
                await local.close()

    return starter
