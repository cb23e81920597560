"""The chaos benchmark in its quick form: a whole system is broken under load, and keeps its promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 240


@pytest.mark.timeout(LIMIT_S + 30)
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Kills, a freeze and second writers under load: nothing lost, nothing twice, nothing else, and stale ones refused."""
    script = ROOT / "benchmarks" / "chaos.py"
    run = subprocess.run(
        [sys.executable, str(script), "--quick", "--only-system", "--embedder", "none", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.stdout.strip(), run.stderr[-3000:]
    result = json.loads(run.stdout.strip().splitlines()[-1])
    assert run.returncode == 0, result["examples"]
    broken = ("lost", "duplicated", "phantom", "inversions", "wrong_reads", "refused_calls", "stale_accepted",
              "damaged_files")  # fmt: skip
    assert {name: result[name] for name in broken} == dict.fromkeys(broken, 0)
    assert result["kills"] >= 8
    assert result["stale_attempted"] > 0
    assert result["acknowledged"] > 100
