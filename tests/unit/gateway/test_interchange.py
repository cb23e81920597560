"""Bundles pulled out of cubes and pushed into them, over a real gRPC channel, on the real cube core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memcube.client.async_memory import AsyncMemory
from memcube.interchange.mip import PublicKey, verify
from memcube.model.errors import NotFoundError, UntrustedError

pytestmark = pytest.mark.anyio


async def test_a_cube_moves_to_another_tenant(start: Any, keys: Any, tmp_path: Path) -> None:
    """Pulled, verified with the key that the server told, pushed into another tenant's cube: the texts are there."""
    async with (
        start(keys=keys) as running,
        AsyncMemory(running.server.grpc_address, api_key="mck_alice") as alice,
        AsyncMemory(running.server.grpc_address, api_key="mck_mallory") as mallory,
    ):
        added = await alice.add("I moved to Lisbon in March", user_id="alice", metadata={"mood": "happy"})
        await alice.add("My cat is called Miso", user_id="alice")
        pulled = await alice.pull(tmp_path / "bundle", user_id="alice")
        key = await alice.bundle_key()
        report = verify(tmp_path / "bundle", [PublicKey.parse(key)])
        assert report.present == pulled["items"] == 2
        with pytest.raises(UntrustedError):
            await mallory.push(tmp_path / "bundle")
        with pytest.raises(NotFoundError):
            await mallory.get_all(cube_id="user:alice")
        done = await mallory.push(tmp_path / "bundle", trusted_keys=[key])
        assert (done["cube_id"], done["added"]) == ("user:alice", 2)
        listed = (await mallory.get_all(user_id="alice"))["results"]
        assert {one["memory"] for one in listed} == {"I moved to Lisbon in March", "My cat is called Miso"}
        old = added["results"][0]["id"]
        moved = next(one for one in listed if "Lisbon" in one["memory"])
        assert moved["id"] != old
        assert [source["id"] for source in moved["sources"] if source["kind"] == "mip"] == [old]
        assert moved["metadata"] == {"mood": "happy"}
        again = await mallory.push(tmp_path / "bundle", trusted_keys=[key])
        assert {**again, "sent_bytes": 0} == {**done, "sent_bytes": 0}
