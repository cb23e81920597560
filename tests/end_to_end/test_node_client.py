"""A client in another language, from the same .proto files (``node/client.js``, npm's @grpc/grpc-js)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "node"
PROTOS = Path(__file__).parents[2] / "protos"


@pytest.fixture(scope="module")
def node() -> str:
    """The node command, with the client's packages installed; absent only where CI is not set."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        assert "CI" not in os.environ, "CI must have Node"
        pytest.skip("Node is not installed")
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, check=False, cwd=FOLDER, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
    return found


def test_the_lock_names_no_registry() -> None:
    """Whoever installs takes the packages from the registry that they use."""
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text()


def test_a_node_client_adds_streams_searches_and_reads_errors(node: str, system: Any) -> None:
    """Everything that a client needs works from the .proto files alone."""
    command = [node, "client.js", system.grpc, str(PROTOS), "node-user"]
    done = subprocess.run(command, check=False, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["retried"] == seen["id"]
    assert seen["memory"] == seen["best"] == "Meine Katze heißt Miso 🐈"
    assert seen["said_at"] == 1767225600
    assert seen["memory_type"] == "MEMORY_TYPE_LONG_TERM"
    assert seen["info"]["fields"]["mood"]["stringValue"] == "happy"
    assert "lexical" in seen["parts"]
    assert seen["filtered"] == [seen["id"]]
    assert seen["streamed"] == ["error" if number == 7 else "added" for number in range(20)]
    assert seen["stream_error"] == "InvalidArgumentError"
    assert seen["listed"] == 20
    assert seen["seqs"] == list(range(1, 22))
    assert seen["missing"]["code"] == "NOT_FOUND"
    assert seen["missing"]["type"] == "NotFoundError"
    assert seen["empty"] == {
        "code": "INVALID_ARGUMENT",
        "type": "InvalidArgumentError",
        "facts": {"field": "messages[0].content", "problem": "is empty"},
        "retryable": False,
    }
