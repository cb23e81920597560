"""The market as users have it: both SDKs, the command line, and a whole system whose Governor and gateway are killed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from memcube.client import AsyncMemory, Memory
from memcube.model.errors import MemCubeError, NotFoundError

SAID = (
    "Our espresso machine needs descaling every six weeks, and I don't use vinegar for it.",
    "The grinder is set to nine for light roasts, maybe eight when it is humid.",
    "Deliveries of beans come on Tuesdays, for example the Kenyan ones.",
)


def killed(system: Any, *actors: str) -> None:
    """SIGKILL for the processes of these actors."""
    for process in system.processes():
        with contextlib.suppress(psutil.Error):
            if any(f"ray::{actor}" in " ".join(process.cmdline()) for actor in actors):
                process.kill()


def test_published_granted_installed_traced_and_revoked(system: Any, memory: Memory, user: str, tmp_path: Path) -> None:
    """What was granted, installed and counted outlives its processes; the revocation takes less than a second."""
    memory.add([{"content": text} for text in SAID], user_id=user)
    terms = {"price": {"amount": 5, "currency": "EUR"}}
    title = f"Coffee of {user}"
    listing = memory.market.publish(title, user_id=user, terms=terms, licence="CC-BY-4.0", samples=[SAID[0]])
    assert listing["terms"] == terms and listing["provenance"]["said"] == 3 and listing["kind"] == "cube"
    shown = system.json("market", "list", title, "--kind", "cube")["results"]
    assert listing["id"] in [one["id"] for one in shown]
    grant = system.json("market", "grant", listing["id"], "--reads", "100", "--expires", "2099-01-01T00:00:00Z")
    done = system.json("market", "install", listing["id"])
    assert (done["added"], done["version"]) == (3 + 4, 1)
    question = "how often is the espresso machine descaled?"
    assert memory.search(question, cube_id=done["cube_id"])["results"][0]["memory"].startswith("Our espresso machine")
    time.sleep(1.5)  # within that it is durable

    killed(system, "GovernorActor", "Gateway")

    def usage() -> int:
        [one] = memory.market.grants(listing["id"])["results"]
        return int(one["usage"]["searches"])

    ends = time.monotonic() + 60
    while True:
        try:
            assert usage() >= 1
            break
        except MemCubeError:
            assert time.monotonic() < ends
    memory.add("The new machine needs descaling every ten weeks.", user_id=user)
    memory.market.publish(title, listing_id=listing["id"])

    async def update() -> dict[str, Any]:
        async with AsyncMemory(system.grpc) as other:
            return await other.market.install(listing["id"])

    updated = asyncio.run(update())
    assert [updated[name] for name in ("added", "changed", "removed", "version")] == [1, 0, 0, 2]
    leak = tmp_path / "leak.txt"
    leak.write_text("\n".join(one["memory"] for one in memory.get_all(cube_id=done["cube_id"])["results"]))
    [suspect] = system.json("market", "trace", str(leak))["suspects"]
    assert suspect["grant_id"] == grant["id"] and suspect["p_value"] < 1e-10
    assert system.json("market", "trace", " ".join(SAID))["suspects"] == []

    began = time.monotonic()
    revoked = memory.market.revoke(grant["id"])
    with pytest.raises(NotFoundError):
        memory.search(question, cube_id=done["cube_id"])
    assert time.monotonic() - began < 1.0
    assert revoked["purged_at"]
    assert system.run("market", "install", listing["id"], "--json").returncode == 3
    entries = memory.audit.entries(limit=1000)["results"]
    told = {
        entry["verb"] for entry in entries if grant["id"] in entry["resource"] or listing["id"] in entry["resource"]
    }
    assert {"grant_listing", "install_listing", "revoke_listing_grant", "purge_listing"} <= told
    system.json("market", "withdraw", listing["id"])
