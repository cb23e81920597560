"""A whole gateway without Ray in a thread of its own, for tests of clients; and where the real files are."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from memcube.actors.directory.local import LocalRouter
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.server import GatewayServer
from memcube.actors.governance.local import LocalGovernor
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.vault.sqlite_vault import SqliteVault

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("MEMCUBE_EVAL_DATA", SHARED)) / "interchange"
REAL = sorted(path for path in DATA.rglob("*.*") if path.is_file()) if DATA.is_dir() else []
"""Real agent files and examples of formats, outside of the project; none where they are not there."""


class Gateway:
    """One gateway on loopback, its cubes in a vault of this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "the gateway did not start"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        router = LocalRouter(SqliteVault(self.folder / "vault"))
        moving = InterchangeConfig(root=str(self.folder / "vault" / "interchange"))
        governance = self.folder / "vault" / "governance"
        governor = LocalGovernor(governance)
        config = GatewayConfig(keys_path=str(self.folder / "keys.json"), governance_path=str(governance))
        server = GatewayServer(config, Neighbours(router, interchange=moving, governor=governor))
        await server.start()
        self.address = server.grpc_address
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            await server.stop()
            governor.close()
            await router.close()

    def close(self) -> None:
        """End it."""
        assert self._loop is not None and self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
