"""Topics as users have them: the command line, both SDKs and a whole system with cubes in frames."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from memcube.client import AsyncMemory, Memory


def test_the_command_line_publishes_watches_works_and_mounts(system: Any, user: str) -> None:
    """From making a topic to deleting it; and a cube that is found in another's searches for a while."""
    topic = f"topic-{user}"
    assert system.json("topics", "create", topic)["head_seq"] == 0
    assert system.json("topics", "publish", topic, "hello", "--type", "greeting")["last_seq"] == 1
    lines = "".join(f'{{"n": {number}}}\n' for number in range(300))
    piped = system.run("topics", "publish", topic, "-", "--data-json", "--json", given=lines)
    assert json.loads(piped.stdout) == {"acknowledged": 300, "last_seq": 301}
    watched = system.run("topics", "watch", topic, "--from", "earliest", "--limit", "3", "--json")
    first, second, _, last = map(json.loads, watched.stdout.splitlines())
    assert (first["data"], first["type"], second["data"]) == ("hello", "greeting", {"n": 0})
    rest = system.run("topics", "watch", topic, "--cursor", last["cursor"], "--limit", "1", "--json")
    assert json.loads(rest.stdout.splitlines()[0])["seq"] == 4
    worked = system.run("topics", "work", topic, "--group", "crew", "--limit", "301", "--json")
    assert len(worked.stdout.splitlines()) == 301
    [group] = system.json("topics", "show", topic)["groups"]
    assert (group["next_seq"], group["open"], group["dead"]) == (302, 0, 0)
    assert system.json("topics", "dead", topic, "--group", "crew")["total"] == 0
    system.run("add", "--user", user, "--text", "I like tea")
    system.run("add", "--cube", f"team-{user}", "--text", "The deploy key rotates on Mondays")
    mounted = system.json("topics", "mount", f"team-{user}", "--user", user)
    [hit] = system.json("search", "--user", user, "when does the deploy key rotate?")["results"][:1]
    assert (hit["cube_id"], hit["visibility"]) == (f"team-{user}", "shared")
    assert [one["id"] for one in system.json("topics", "mounts", "--user", user)["results"]] == [mounted["id"]]
    system.json("topics", "unmount", mounted["id"])
    system.json("topics", "delete", topic)
    assert system.run("topics", "show", topic, "--json").returncode == 3


def test_a_cube_in_a_frame_is_followed(memory: Memory, system: Any, user: str) -> None:
    """What is added in another client comes at once, with the cube paged in and out by the directory."""
    memory.add("I live in Lisbon", user_id=user)

    async def follow() -> list[str]:
        added = {"kinds": ["item_added"]}
        async with (
            AsyncMemory(system.grpc) as other,
            other.topics.watch(user_id=user, start="earliest", select=added) as watch,
        ):
            found = [(await anext(watch))["memory"]["item"]["memory"]]
            await other.add("I moved to Porto", user_id=user)
            async with asyncio.timeout(10):
                found.append((await anext(watch))["memory"]["item"]["memory"])
            return found

    assert asyncio.run(follow()) == ["I live in Lisbon", "I moved to Porto"]
