"""The tier on real Ray: one cluster for the whole run, one directory with its frames a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from memcube.actors.cube.actor import FrameRecipe
from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.actor import connect_router, start_directory
from memcube.actors.directory.config import DirectoryConfig, RouterConfig
from memcube.actors.directory.placement import DirectoryStatus
from memcube.actors.directory.ray_wire import RayWire
from memcube.actors.directory.router import CubeRouter
from memcube.actors.directory.wire import DIRECTORY, NAMESPACE
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DeadlineError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = Principal("t", "alice", ("admin",))


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A cluster of our own: never one that happens to run on the machine."""
    folder = tempfile.mkdtemp(prefix="mc", dir="/tmp")
    try:
        start_ray(folder)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def start_ray(folder: str) -> None:
    """Start Ray, once more where the machine was too busy: Ray itself gives its node 30 s, which no setting changes."""
    for last in (False, True):
        try:
            ray.init(
                address="local",
                _temp_dir=folder,
                include_dashboard=False,
                num_cpus=8,
                namespace=NAMESPACE,
                log_to_driver=False,
                object_store_memory=200 << 20,
            )
            return
        except Exception as error:
            if last or "timed out during startup" not in str(error):
                raise
            ray.shutdown()


class Paging:
    """A directory with frames on a vault of its own, and a router in the test's event loop."""

    def __init__(self, root: Path, router: CubeRouter) -> None:
        self.root = root
        self.router = router
        self.wire = RayWire()

    @staticmethod
    def call_to_add(text: str, key: str = "") -> Call:
        """The call that adds one memory."""
        request = pb.AddRequest(messages=[pb.Message(content=text, role="user")])
        return Call("add", request.SerializeToString(), ALICE, key or new_idempotency_key())

    async def add(self, name: str, text: str, *, key: str = "", timeout_s: float = 30.0) -> str:
        """Add one memory; its id."""
        call = self.call_to_add(text, key)
        body = await self.router.mutate(CubeRef("t", name), call, create=True, timeout_s=timeout_s)
        return pb.AddResponse.FromString(body).items[0].id

    async def texts(self, name: str, *, timeout_s: float = 30.0) -> list[str]:
        """All memories of a cube, the oldest first."""
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListRequest(page_size=1000, page_token=token)
            call = Call("list", request.SerializeToString(), ALICE)
            body = await self.router.read(CubeRef("t", name), call, timeout_s=timeout_s)
            page = pb.ListResponse.FromString(body)
            found += [item.memory for item in page.items]
            token = page.next_page_token
            if not token:
                return found[::-1]

    async def status(self) -> DirectoryStatus:
        """The pool now."""
        return await self.router.status()

    async def until(self, condition: Callable[[DirectoryStatus], bool], timeout_s: float = 30.0) -> DirectoryStatus:
        """Wait for a state of the pool."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            # On a loaded machine the directory's process takes longer to start than a status may.
            with contextlib.suppress(DeadlineError):
                if condition(status := await self.status()):
                    return status
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.05)

    async def host_of(self, name: str) -> tuple[str, int]:
        """The frame that says that it hosts the cube, and its process id."""
        for row in ray.util.list_named_actors(all_namespaces=True):
            if row["namespace"] == NAMESPACE and row["name"].startswith("frame-"):
                async with asyncio.timeout(10):
                    report = await self.wire.send(row["name"], "ping")
                if any(hosted.ref == CubeRef("t", name) for hosted in report.hosted):
                    return row["name"], report.pid
        raise AssertionError(f"no frame hosts {name}")


@pytest.fixture
def paged(ray_cluster: None, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``async with paged(max_frames=2, …) as p``: a paging system that ends with the block."""

    @contextlib.asynccontextmanager
    async def start(
        *,
        open_embedder: Any = None,
        router: RouterConfig | None = None,
        frame: FrameConfig | None = None,
        open_scheduler: Any = None,
        **settings: Any,
    ) -> AsyncIterator[Paging]:
        config = DirectoryConfig(**{"max_frames": 2, "ping_interval_s": 0.3, "ping_deadline_s": 1.0, **settings})
        recipe = FrameRecipe(
            partial(SqliteVault, tmp_path / "vault"), open_embedder, frame or FrameConfig(), open_scheduler
        )
        start_directory(recipe, config)
        paging = Paging(tmp_path / "vault", connect_router(router))
        try:
            await paging.until(lambda status: status.frames >= 1)
            yield paging
        finally:
            paging.router.close()
            end_actors()

    yield start


def end_actors() -> None:
    """End the directory first, so that it does not start what is ended next."""
    names = [row["name"] for row in ray.util.list_named_actors(all_namespaces=True) if row["namespace"] == NAMESPACE]
    for name in sorted(names, key=lambda name: name != DIRECTORY):
        if name == DIRECTORY or name.startswith("frame-"):
            ray.kill(ray.get_actor(name, NAMESPACE), no_restart=True)


@pytest.fixture
def frozen() -> Iterator[Callable[[int], None]]:
    """SIGSTOP a process; whatever happens in the test, it goes on afterwards."""
    stopped: list[int] = []

    def freeze(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    yield freeze
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
