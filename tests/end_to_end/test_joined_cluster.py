"""A system inside a Ray cluster that others own: it comes as a guest, and leaves as one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_system import memcube

from memcube.client import Memory
from memcube.model.run_file import read_run_file

OWNER = """
import sys, ray
context = ray.init(address="local", _temp_dir=sys.argv[1], include_dashboard=False, num_cpus=4, namespace="theirs",
                   object_store_memory=100 * 2**20, log_to_driver=False, logging_level="error")

@ray.remote(num_cpus=0)
class Theirs:
    def ping(self):
        return "still here"

theirs = Theirs.options(name="theirs", lifetime="detached").remote()
print(context.address_info["gcs_address"], flush=True)
for line in sys.stdin:
    names = sorted(row["name"] for row in ray.util.list_named_actors(all_namespaces=True) if row["namespace"] != "serve")
    print(ray.get(theirs.ping.remote(), timeout=60), *names, sep=",", flush=True)
ray.shutdown()
"""


@pytest.fixture
def owner() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that owns a Ray cluster with an actor of its own, and the cluster's address. A line on its standard
    input makes it say whether that actor lives, and which named actors there are."""
    folder = tempfile.mkdtemp(prefix="mcown", dir="/tmp")
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def seen_by(process: subprocess.Popen[str]) -> list[str]:
    """What the owner sees: its actor's answer, then all named actors."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip().split(",")


def test_a_guest_leaves_what_is_not_its_own(owner: tuple[subprocess.Popen[str], str]) -> None:
    """``up --address`` puts the system into the cluster and leaves it there without a process of ours; it serves;
    ``down`` takes exactly it out again, and what was acknowledged is found by the next ``up``."""
    process, address = owner
    with tempfile.TemporaryDirectory(prefix="mcguest") as folder:
        home = Path(folder)
        up = memcube(
            "up", "--address", address, "--port", "0", "--http-port", "0", "--frames", "2", "--json", home=home
        )
        assert up.returncode == 0, up.stdout + up.stderr
        assert json.loads(up.stdout)["pid"] == 0
        names = seen_by(process)
        assert names[0] == "still here"
        assert {"gateway", "directory", "embedder", "theirs"} <= set(names)
        with Memory(home=str(home)) as memory:
            memory.add("The spare bulb is in the drawer", user_id="eve")
            assert memory.search("where do I find a new lamp?", user_id="eve")["results"]
        down = memcube("down", "--json", home=home)
        assert down.returncode == 0, down.stdout + down.stderr
        assert seen_by(process) == ["still here", "theirs"]
        assert read_run_file(home) is None
        again = memcube("up", "--address", address, "--embedder", "none", "--json", home=home)
        assert again.returncode == 0, again.stdout + again.stderr
        with Memory(home=str(home)) as memory:
            assert memory.get_all(user_id="eve")["total"] == 1
        assert memcube("down", "--address", address, "--json", home=home).returncode == 0
        assert seen_by(process) == ["still here", "theirs"]
