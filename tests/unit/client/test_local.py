"""Finding, starting and stopping the system of this machine, with a stand-in for the system itself."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from memcube.client import local
from memcube.client.options import ClientOptions
from memcube.model.errors import DamagedError, DeadlineError, InvalidArgumentError, NotFoundError
from memcube.model.plain import error_to_plain
from memcube.model.run_file import FAILED, READY, STARTING, RunFile, Step, process_started_s, read_run_file


def mine(**changes: object) -> RunFile:
    """A run file of this very process."""
    file = RunFile(os.getpid(), process_started_s(os.getpid()), READY, "127.0.0.1:1", "127.0.0.1:2")
    return replace(file, **changes)  # type: ignore[arg-type]


def test_a_run_file_reads_back(tmp_path: Path) -> None:
    """What is written is what is read, steps included; a second write replaces the first whole."""
    file = mine().with_step(Step("Ray")).with_step(Step("Ray", 2.5)).with_step(Step("gateway"))
    file.write(tmp_path)
    assert read_run_file(tmp_path) == file
    assert [step.seconds for step in file.steps] == [2.5, None]
    assert os.listdir(tmp_path) == ["run.json"]


def test_no_file_is_no_system(tmp_path: Path) -> None:
    """An empty home has no system, and ``start=False`` says so as NotFoundError."""
    assert local.running(tmp_path) is None
    with pytest.raises(NotFoundError):
        local.ensure_running(ClientOptions(home=str(tmp_path), start=False))


def test_a_killed_systems_file_fools_nobody(tmp_path: Path) -> None:
    """The pid of a dead process, and that pid in the hands of another process, are both no system."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine(pid=dead.pid).write(tmp_path)
    assert local.running(tmp_path) is None
    mine(process_started_s=1.0).write(tmp_path)
    assert local.running(tmp_path) is None


def test_a_running_system_is_joined(tmp_path: Path) -> None:
    """With a ready system nothing is started."""
    mine().write(tmp_path)
    assert local.ensure_running(ClientOptions(home=str(tmp_path))) == "127.0.0.1:1"


def test_a_damaged_run_file_is_an_error(tmp_path: Path) -> None:
    """It is not taken for 'no system runs', which would start a second one."""
    (tmp_path / "run.json").write_text('{"pid": 1')
    with pytest.raises(DamagedError):
        local.running(tmp_path)


def test_a_start_under_way_is_waited_for_and_told(tmp_path: Path) -> None:
    """A client that comes while another one's system starts spawns nothing, and says what it waits for."""
    starting = mine(state=STARTING).with_step(Step("Ray"))
    starting.write(tmp_path)
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(re.sub(r"[\d.]+ s$", "N s", line))
        if len(lines) == 1:
            starting.with_step(Step("Ray", 2.5)).with_step(Step("gateway")).write(tmp_path)
        elif len(lines) == 3:
            starting.with_step(Step("Ray", 2.5)).with_step(Step("gateway", 1.0)).write(tmp_path)
        elif len(lines) == 4:
            mine(steps=starting.with_step(Step("Ray", 2.5)).with_step(Step("gateway", 1.0)).steps).write(tmp_path)

    assert local.start(tmp_path, [], 5.0, say).state == READY
    assert lines == [
        "  waiting for Ray …",
        "  Ray: ready after N s",
        "  waiting for gateway …",
        "  gateway: ready after N s",
    ]


def test_waiting_for_a_start_ends(tmp_path: Path) -> None:
    """A start that never ends is a DeadlineError that names the log."""
    mine(state=STARTING).write(tmp_path)
    with pytest.raises(DeadlineError) as caught:
        local.start(tmp_path, [], 0.2, lambda line: None)
    assert "supervisor.log" in caught.value.what


def test_a_failed_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor's own words reach the caller, at once and not at the deadline."""

    def spawn(home: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
        error = error_to_plain(InvalidArgumentError("gateway.port", "is taken"))
        mine(pid=child.pid, state=FAILED, error=error).write(home)
        return child

    monkeypatch.setattr(local, "spawn", spawn)
    said: list[str] = []
    with pytest.raises(InvalidArgumentError, match="is taken"):
        local.start(tmp_path, [], 20.0, said.append)
    assert said == [], "a refusal comes before any talk of starting"


def test_an_own_system_is_not_taken_out_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``down --address`` of a home whose system has a Ray of its own: said plainly, and no defect of ours."""
    held = [sys.executable, "-c", f"raise SystemExit({local.LOCK_HELD})"]
    monkeypatch.setattr(local, "spawn", lambda home, arguments: subprocess.Popen(held))
    with pytest.raises(InvalidArgumentError, match=r"address: the system in .* 'memcube down .*' stops it"):
        local.take_out(tmp_path, "127.0.0.1:6379", 20.0)


def test_stopping_nothing_is_fine(tmp_path: Path) -> None:
    """``down`` twice is no error."""
    assert local.stop(tmp_path, 1.0, lambda line: None) is False


def test_a_system_in_a_cluster_that_is_gone_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run file stays behind when the cluster goes; nobody should have to delete it by hand."""
    monkeypatch.setattr("memcube.model.run_file.LISTENS_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        file = RunFile(0, 0.0, READY, address, "", "10.0.0.1:6379")
        assert file.alive
    assert not file.alive
