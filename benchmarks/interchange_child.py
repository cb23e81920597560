"""Jobs of the benchmark of interchange that run in processes of their own, so that their memory is theirs alone.

export FOLDER N · import FOLDER KEY · system FOLDER N · gateway FOLDER PORT · push GATEWAY BUNDLE KEY CUBE LOG
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interchange_bundles import items, write_bundle

from memcube.interchange.mip import PublicKey, Signer, open_bundle, verify_bundle

ORIGIN = Signer.from_seed(bytes([1]) * 32)


def peak_bytes(pid: int | str = "self") -> int:
    """The most memory that a process has taken."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return 0


def export(folder: str, count: str) -> dict[str, Any]:
    """Write a bundle of so many memories."""
    began = time.perf_counter()
    write_bundle(Path(folder), ORIGIN, items(int(count)), seq=int(count))
    took = time.perf_counter() - began
    with open_bundle(folder, digests=False) as bundle:
        size = bundle.size_bytes
    return {"items_per_s": round(int(count) / took), "peak_rss_bytes": peak_bytes(), "bundle_bytes": size}


def import_(folder: str, key: str) -> dict[str, Any]:
    """Verify a bundle, then read all memories of it."""
    began = time.perf_counter()
    with open_bundle(folder) as bundle:
        report = verify_bundle(bundle, [PublicKey.parse(key)])
        count = sum(bool(one.item.memory) for one in bundle.items())
    took = time.perf_counter() - began
    assert count == report.present
    return {"items_per_s": round(count / took), "peak_rss_bytes": peak_bytes()}


def system(folder: str, count: str) -> dict[str, Any]:
    """A gateway with a cube core and a vault; a bundle of so many memories into a new cube, and out of it again."""
    from memcube.client.async_memory import AsyncMemory

    work = Path(folder)
    work.mkdir()
    write_bundle(work / "bundle", ORIGIN, items(int(count)), seq=int(count))

    async def measured() -> dict[str, Any]:
        async with _gateway(work, 0) as server:
            async with AsyncMemory(server.grpc_address, timeout_s=600) as memory:
                began = time.perf_counter()
                done = await memory.push(work / "bundle", trusted_keys=[str(ORIGIN.public)])
                pushed = time.perf_counter()
                pulled = await memory.pull(work / "out", cube_id=done["cube_id"])
                ended = time.perf_counter()
            assert done["added"] == pulled["items"] == int(count), (done, pulled)
            return {
                "items": int(count),
                "import_items_per_s": round(int(count) / (pushed - began)),
                "export_items_per_s": round(int(count) / (ended - pushed)),
                "peak_rss_bytes": peak_bytes(),
            }

    return asyncio.run(measured())


def gateway(folder: str, port: str) -> dict[str, Any]:
    """A gateway at this port, until it is killed."""

    async def serve() -> None:
        async with _gateway(Path(folder), int(port)):
            print("ready", flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())
    return {}


def _gateway(folder: Path, port: int) -> Any:
    from contextlib import asynccontextmanager

    from memcube.actors.directory.local import LocalRouter
    from memcube.actors.gateway.config import GatewayConfig
    from memcube.actors.gateway.seam import Neighbours
    from memcube.actors.gateway.server import GatewayServer
    from memcube.actors.interchange.config import InterchangeConfig
    from memcube.actors.vault.sqlite_vault import SqliteVault

    @asynccontextmanager
    async def running() -> Any:
        places = folder / "vault"
        router = LocalRouter(SqliteVault(places))
        config = InterchangeConfig(root=str(places / "interchange"))
        server = GatewayServer(GatewayConfig(grpc_port=port), Neighbours(router, interchange=config))
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
            await router.close()

    return running()


def push(address: str, bundle: str, key: str, cube: str, log: str) -> dict[str, Any]:
    """One push, however often the gateway is killed; what is sent and acknowledged is logged as it happens."""
    from memcube.client import carrying
    from memcube.client.memory import Memory

    class Logged(carrying.Push):
        """Writes down from where each blob is sent, and what is acknowledged."""

        def _frames_of(self, blob: Any, offset: int) -> Any:
            _note(log, {"send": blob.digest, "offset": offset})
            yield from super()._frames_of(blob, offset)

        def take(self, ack: Any) -> None:
            """As a push does."""
            if ack.HasField("blob"):
                _note(log, {"ack": ack.blob.digest, "offset": ack.blob.offset_bytes})
            super().take(ack)

    carrying.Push = Logged  # type: ignore[misc]
    with Memory(address, timeout_s=120, connect_s=60.0) as memory:
        done = memory.push(bundle, cube_id=cube, trusted_keys=[key])
    _note(log, {"done": done})
    return done


def _note(log: str, what: dict[str, Any]) -> None:
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, json.dumps(what).encode() + b"\n")
    os.close(fd)


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "export": export,
    "import": import_,
    "system": system,
    "gateway": gateway,
    "push": push,
}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])), flush=True)
