"""Starting, joining and stopping the system of one machine; each test has a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from local_system import START_S, UP, LocalSystem, memcube, started, stopped

from memcube.client import Memory
from memcube.model.errors import DeadlineError, UnavailableError
from memcube.model.run_file import READY, read_run_file

FIRST_ANSWER_S = 20.0
"""What the README promises on two idle cores; see ``patience``."""
JOIN_S = 1.0
WORDS = ("--embedder", "none")
"""Starts in half the time; for what has nothing to do with vectors."""
LINGERERS = {"ray::DashboardAgent", "ray::RuntimeEnvAgent", "python"}
"""Ray's agents, and workers that had just been started and are nobody yet: they notice the end of Ray after a minute.
They hold no data and no port of ours; frames, directory and gateway have names of their own."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose system is stopped whatever the test did."""
    with tempfile.TemporaryDirectory(prefix="mcstart") as folder:
        yield Path(folder)
        stopped(Path(folder))


def patience(seconds: float) -> float:
    """A bound for a machine that does other work too: longer by as much as more processes wait than it has cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)) * 1.5


def runs(process: psutil.Process) -> bool:
    """Whether the process still does anything: one that nobody has buried yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def files_in_use(home: Path) -> list[str]:
    """Files below ``home`` that any process has open or mapped."""
    found = []
    for process in psutil.process_iter():
        try:
            names = [file.path for file in process.open_files()] + [part.path for part in process.memory_maps()]
        except psutil.Error:
            continue
        found += [f"{process.pid}: {name}" for name in names if name.startswith(f"{home}/")]
    return found


def test_up_search_join_down_and_two_ups_at_once(home: Path) -> None:
    """From nothing to the first answer within its bound, saying what it waits for; a second client joins at once;
    after ``down`` there is no process, no file in use, no scratch folder. Of two starts at once, whoever comes second
    joins: both report the same gateway, one supervisor holds the home, and what was acknowledged is still there."""
    began = time.monotonic()
    up = memcube(*UP, home=home)
    assert up.returncode == 0, up.stderr
    for word in ("Ray", "gateway", "embedder"):
        assert f"{word}" in up.stderr
    file = read_run_file(home)
    assert file is not None
    with Memory(home=str(home), start=False) as first:
        first.add("I moved to Lisbon in March", user_id="alice")
        # No word in common: found once the vector is there.
        while not first.search("where do I live?", user_id="alice")["results"]:
            assert time.monotonic() - began <= patience(FIRST_ANSWER_S), "no answer in time"
        took = time.monotonic() - began
        assert took <= patience(FIRST_ANSWER_S), f"the first answer took {took:.1f} s"
        began = time.monotonic()
        with Memory(home=str(home)) as second:
            assert second.get_all(user_id="alice")["total"] == 1
        assert time.monotonic() - began <= patience(JOIN_S)
    running = LocalSystem(home, file.grpc, file.http)
    processes = running.processes()
    assert len(processes) > 5
    scratch = Path(file.ray_folder)
    assert scratch.exists()
    stopped(home)
    assert [process for process in processes if runs(process)] == []
    assert files_in_use(home) == []
    assert not scratch.exists()
    assert read_run_file(home) is None
    command = [sys.executable, "-m", "memcube.client.cli", *UP, *WORDS, "--json"]
    environment = {**os.environ, "MEMCUBE_HOME": str(home)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in "ab"]
    answers = [json.loads(process.communicate(timeout=START_S)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0]["grpc"] == answers[1]["grpc"]
    assert answers[0]["pid"] == answers[1]["pid"]
    with Memory(answers[0]["grpc"]) as third:
        assert third.search("Lisbon", user_id="alice")["results"][0]["memory"] == "I moved to Lisbon in March"


def test_a_killed_system_leaves_nothing_and_starts_again_and_a_frozen_one_is_ended(home: Path) -> None:
    """``kill -9`` of the supervisor: all that could touch data ends by itself, nothing acknowledged is lost, and the
    next ``up`` is not fooled by the run file that stayed, and ends what did stay. Of that one, Ray's processes are
    there and do nothing: nobody can be asked to stop, so ``down`` kills all, within a bound."""
    running = started(home, *WORDS)
    with Memory(running.grpc) as memory:
        memory.add("The key is under the third stone", user_id="bob")
    supervisor, *others = running.processes()
    file = read_run_file(home)
    assert file is not None
    supervisor.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs([supervisor, *others], timeout=patience(20))
    assert [process for process in alive if runs(process) and process.name() not in LINGERERS] == []
    status = memcube("status", "--json", home=home)
    assert status.returncode == 3
    again = started(home, *WORDS)
    assert [process for process in others if runs(process)] == []
    assert not Path(file.ray_folder).exists()
    with Memory(again.grpc) as memory:
        assert memory.search("key stone", user_id="bob")["results"][0]["memory"] == "The key is under the third stone"
    processes = again.processes()
    for process in processes:
        if process.name() in ("raylet", "gcs_server"):
            process.suspend()
    began = time.monotonic()
    stopped(home)
    assert time.monotonic() - began <= patience(20)
    assert [process for process in processes if runs(process)] == []
    assert read_run_file(home) is None


def test_a_lost_ray_comes_back_by_itself(home: Path) -> None:
    """``kill -9`` of the raylet, then of the GCS, under a client: each time the system is there again soon, at the
    same address, with all that was acknowledged. After that ``down`` leaves nothing, were the disk full too."""
    running = started(home, *WORDS)
    acknowledged: list[str] = []
    processes = set(running.processes())
    with Memory(running.grpc, timeout_s=5.0) as memory:
        for part in ("raylet", "gcs_server"):
            before = read_run_file(home)
            assert before is not None
            [victim] = [process for process in running.processes() if process.name() == part]
            victim.send_signal(signal.SIGKILL)
            deadline = time.monotonic() + patience(30)
            while True:
                assert time.monotonic() < deadline, f"not back after the end of {part}"
                with contextlib.suppress(UnavailableError, DeadlineError):
                    text = f"note {len(acknowledged)} beside the end of {part}"
                    memory.add(text, user_id="bob")
                    acknowledged.append(text)
                file = read_run_file(home)
                if file is not None and file.ray_folder != before.ray_folder and file.state == READY:
                    break
            assert (file.pid, file.grpc, file.http) == (before.pid, before.grpc, before.http)
            memory.add(f"after the end of {part}", user_id="bob")
            acknowledged.append(f"after the end of {part}")
            processes |= set(running.processes())
            kept = {one["memory"] for one in memory.get_all(user_id="bob", limit=1000)["results"]}
            assert set(acknowledged) <= kept
    # No file may grow: what a full disk is to a process.
    psutil.Process(file.pid).rlimit(resource.RLIMIT_FSIZE, (0, 0))
    stopped(home)
    assert [process for process in processes if runs(process)] == []
    assert read_run_file(home) is None
    assert not Path(file.ray_folder).exists()


def test_a_wrong_setting_is_named(home: Path) -> None:
    """Before anything starts, so at once."""
    (home / "memcube.toml").write_text("[gateway.bounds]\nbursts = 5\n")
    ran = memcube("up", "--json", home=home)
    assert ran.returncode == 2
    error = json.loads(ran.stdout)["error"]
    assert (error["type"], error["facts"]["field"]) == ("InvalidArgumentError", "gateway.bounds.bursts")


def test_keys_close_the_door(home: Path) -> None:
    """With a key configured no call passes without one; a key opens what its role and cubes allow, and a removed
    one opens nothing within seconds. Only its digest is stored."""
    made = json.loads(memcube("keys", "add", "ann", "--cubes", "user:ann", "--json", home=home).stdout)
    memcube("keys", "add", "root", "--role", "admin", home=home)
    assert made["key"] not in (home / "keys.json").read_text()
    running = started(home, *WORDS)
    assert running.run("add", "-u", "ann", "hello").returncode == 5
    assert running.run("add", "-u", "ann", "hello", "--api-key", made["key"]).returncode == 0
    assert running.run("add", "-u", "bob", "hello", "--api-key", made["key"]).returncode == 3
    found = memcube("search", "-u", "ann", "hello", "--json", home=home, MEMCUBE_API_KEY=made["key"])
    assert "embedder" in " ".join(json.loads(found.stdout)["degraded"])
    assert memcube("keys", "remove", "ann", home=home).returncode == 0
    deadline = time.monotonic() + 10
    while running.run("search", "-u", "ann", "hello", "--api-key", made["key"]).returncode != 5:
        assert time.monotonic() < deadline, "a removed key still opens"
        time.sleep(0.5)
