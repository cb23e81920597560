"""The whole paging stack in one process: real router, directory, frames and vault; only Ray is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.frame import MemCube
from memcube.actors.directory.config import DirectoryConfig, RouterConfig
from memcube.actors.directory.directory import CubeDirectory
from memcube.actors.directory.router import CubeRouter
from memcube.actors.directory.wire import DIRECTORY
from memcube.actors.vault.base import Vault
from memcube.actors.vault.memory_vault import MemoryVault
from memcube.model.errors import UnavailableError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = Principal("t", "alice", ("admin",))


class LocalFleet:
    """A fleet without processes: frames are objects, and faults are injected by name."""

    def __init__(self, vault: Vault, config: FrameConfig) -> None:
        self.vault = vault
        self.config = config
        self.actors: dict[str, Any] = {}
        self.hung: dict[str, asyncio.Event] = {}
        self.down: set[str] = set()
        self.sent: list[tuple[str, str]] = []
        self.lose_answers = 0
        """So many next answers to ``mutate`` are lost after the call ran, as when a connection breaks."""
        self.delay_s: Callable[[str], float] = lambda _: 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``."""
        self.sent.append((actor, method))
        task = asyncio.get_running_loop().create_task(self._call(actor, method, args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return asyncio.shield(task)

    def close(self) -> None:
        """See ``Wire.close``: nothing is open."""

    async def _call(self, actor: str, method: str, args: tuple[Any, ...]) -> Any:
        await asyncio.sleep(self.delay_s(method))
        target = self.actors.get(actor)
        if target is None or actor in self.down:
            raise UnavailableError(actor)
        if actor in self.hung:
            await self.hung[actor].wait()
            if self.actors.get(actor) is not target:
                raise UnavailableError(actor)
        answer = await getattr(target, method)(*args)
        if method == "mutate" and self.lose_answers > 0:
            self.lose_answers -= 1
            raise UnavailableError(actor)
        return answer

    async def running(self) -> list[str]:
        """See ``Fleet.running``."""
        return sorted(name for name in self.actors if name != DIRECTORY)

    async def start(self, frame: str) -> None:
        """See ``Fleet.start``."""
        self.actors.setdefault(frame, MemCube(self.vault, None, self.config))

    async def kill(self, frame: str, *, restart: bool) -> None:
        """See ``Fleet.kill``: what was in the frame's memory is gone."""
        del self.actors[frame]
        if (gate := self.hung.pop(frame, None)) is not None:
            gate.set()
        if restart:
            await self.start(frame)

    def hang(self, frame: str) -> None:
        """Calls to the frame wait until ``resume``."""
        self.hung[frame] = asyncio.Event()

    def resume(self, frame: str) -> None:
        """The frame carries out what piled up."""
        self.hung.pop(frame).set()

    def watch(self, frame: str, pid: int, on_end: Callable[[], None]) -> Callable[[], None]:
        """Nothing to see from here."""
        return lambda: None


class Stack:
    """Router, directory and frames on one vault."""

    def __init__(self, vault: Vault, config: DirectoryConfig, router: RouterConfig) -> None:
        self.vault = vault
        self.config = config
        self.fleet = LocalFleet(vault, FrameConfig(slots=config.cubes_per_frame, lease_s=config.ping_deadline_s * 0.8))
        self.directory = CubeDirectory(vault, self.fleet, config)
        self.fleet.actors[DIRECTORY] = self.directory
        self.router = CubeRouter(self.fleet, router)

    async def restart_directory(self) -> None:
        """A new directory, as after a kill; it knows nothing."""
        await self.directory.stop()
        self.directory = CubeDirectory(self.vault, self.fleet, self.config)
        self.fleet.actors[DIRECTORY] = self.directory

    def call_to_add(self, text: str, key: str = "") -> Call:
        """The call that adds one memory."""
        request = pb.AddRequest(messages=[pb.Message(content=text, role="user")])
        return Call("add", request.SerializeToString(), ALICE, key or new_idempotency_key())

    async def add(self, name: str, text: str, *, key: str = "", create: bool = True, timeout_s: float = 5.0) -> str:
        """Add one memory; its id."""
        call = self.call_to_add(text, key)
        body = await self.router.mutate(CubeRef("t", name), call, create=create, timeout_s=timeout_s)
        return pb.AddResponse.FromString(body).items[0].id

    async def texts(self, name: str, *, timeout_s: float = 5.0) -> list[str]:
        """All memories of a cube, the oldest first."""
        request = pb.ListRequest(page_size=1000)
        call = Call("list", request.SerializeToString(), ALICE)
        body = await self.router.read(CubeRef("t", name), call, timeout_s=timeout_s)
        return [item.memory for item in reversed(pb.ListResponse.FromString(body).items)]

    def frame_of(self, name: str) -> str:
        """Where the directory has the cube."""
        return self.directory._table.pool.cubes[CubeRef("t", name).key].frame


@pytest.fixture
def run() -> Callable[..., None]:
    """Run a scenario on a fresh stack; keyword arguments are DirectoryConfig's, ``router_config`` the router's."""

    def run_scenario(
        scenario: Callable[[Stack], Awaitable[None]], *, router_config: RouterConfig | None = None, **settings: Any
    ) -> None:
        quick: dict[str, Any] = {
            "max_frames": 2,
            "spare_slots": 0,
            "min_residency_s": 0.0,
            "ping_interval_s": 0.05,
            "ping_deadline_s": 0.1,
            "hang_kill_s": 30.0,
            "recovery_s": 0.2,
        }
        config = DirectoryConfig(**{**quick, **settings})

        async def main() -> None:
            stack = Stack(MemoryVault(), config, router_config or RouterConfig(probe_after_s=0.05))
            try:
                async with asyncio.timeout(20):
                    await scenario(stack)
            finally:
                await stack.directory.stop()

        asyncio.run(main())

    return run_scenario
