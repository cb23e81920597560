"""Systems for the end-to-end tests, started, used and stopped by the command as a user does it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from memcube.actors.cube.call import Call
from memcube.actors.directory.local import LocalRouter
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.ids import CubeRef, Principal
from memcube.model.run_file import read_run_file
from memcube.protos.memcube.v1 import service_pb2 as pb

START_S = 240.0
UP = ("up", "--port", "0", "--http-port", "0", "--frames", "4")


def memcube(
    *arguments: str, home: Path, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, in a home of its own; the test looks at how it ended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMCUBE_")}
    return subprocess.run(
        [sys.executable, "-m", "memcube.client.cli", *arguments],
        env={**kept, "MEMCUBE_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1", **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """A running system: its home and its gateway's addresses, "host:port" each."""

    home: Path
    grpc: str
    http: str

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``memcube`` against this system."""
        return memcube(*arguments, home=self.home, given=given)

    def json(self, *arguments: str) -> Any:
        """Run ``memcube … --json``, which must succeed, and return its document."""
        ran = self.run(*arguments, "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything that it started."""
        file = read_run_file(self.home)
        assert file is not None
        supervisor = psutil.Process(file.pid)
        return [supervisor, *supervisor.children(recursive=True)]


def started(home: Path, *more: str) -> LocalSystem:
    """Start a system in ``home`` by the command."""
    ran = memcube(*UP, *more, "--json", home=home)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    answer = json.loads(ran.stdout)
    return LocalSystem(home, answer["grpc"], answer["http"])


def stopped(home: Path) -> None:
    """Stop the home's system, if one runs."""
    ran = memcube("down", "--json", home=home)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def fill(home: Path, count: int) -> Path:
    """Put ``count`` memories of Ann into the home's vault, where no system runs; returns the cube's file."""

    async def work() -> None:
        router = LocalRouter(SqliteVault(home / "vault"))
        for number in range(count):
            request = pb.AddRequest(scope={"user_id": "ann"}, messages=[{"content": f"apple tree number {number}"}])
            call = Call(
                "add", request.SerializeToString(), Principal("default", "ann", ("admin",)), key=f"key-{number}"
            )
            await router.mutate(CubeRef("default", "user:ann"), call, create=True, timeout_s=30)
        await router.close()

    asyncio.run(work())
    [file] = (home / "vault").rglob("*.db")
    return file


def flip(file: Path, within: bytes) -> None:
    """Flip one bit of a file, in the first place where these bytes stand."""
    body = bytearray(file.read_bytes())
    place = body.find(within)
    assert place >= 0
    body[place] ^= 1
    file.write_bytes(body)
