"""The benchmark of broken dependencies in its quick form: a whole system whose model and processes fail in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300


@pytest.mark.timeout(LIMIT_S + 30)
def test_no_broken_dependency_costs_a_message_a_task_or_the_truth(tmp_path: Path) -> None:
    """Model dead, busy or talking nonsense, readers, scheduler, directory and a frame killed: all is kept, read once, told."""
    run = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "dependencies.py"), "--quick", "--embedder", "none",
         "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )  # fmt: skip
    assert run.stdout.strip(), run.stderr[-3000:]
    result = json.loads(run.stdout.strip().splitlines()[-1])
    assert run.returncode == 0, result["examples"]
    broken = ("lost", "broken_ids", "duplicated", "tasks_lost", "tasks_done_twice", "silent_failures", "not_recovered",
              "refused_calls")  # fmt: skip
    assert {name: result[name] for name in broken} == dict.fromkeys(broken, 0)
    assert result["faults"] == 8
    assert result["failures_seen"] > 0
    assert result["messages"] > 50
