"""What ``memcube up`` says about a system that is not as it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcube.client import local
from memcube.client.cli.system import USUAL_PORTS, moved_ports, not_applied
from memcube.deployments.config import GRPC_PORT, HTTP_PORT
from memcube.model.run_file import READY, RunFile

FILE = RunFile(1, 1.0, READY, "127.0.0.1:7437", "127.0.0.1:9000")


def test_options_that_a_running_system_does_not_follow_are_named() -> None:
    """Those that it follows anyway, and any free port, are not."""
    assert not_applied(FILE, ["--port", "7437", "--http-port", "0", "--host", "127.0.0.1"]) == []
    assert not_applied(FILE, ["--port", "1", "--frames", "4", "--embedder", "none"]) == [
        "--port 1",
        "--frames 4",
        "--embedder none",
    ]


def test_a_taken_port_is_told() -> None:
    """Unless another one was asked for."""
    assert (GRPC_PORT, HTTP_PORT) == USUAL_PORTS
    assert moved_ports(FILE, {}) == ["7438 is taken, using 9000"]
    assert moved_ports(FILE, {"http_port": 9000}) == []


def test_what_stops_a_system_names_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where it is not the one that the command means by itself."""
    assert local.down_command(tmp_path / "a b") == f"memcube down --home '{tmp_path}/a b'"
    monkeypatch.setenv("MEMCUBE_HOME", str(tmp_path))
    assert local.down_command(tmp_path) == "memcube down"
