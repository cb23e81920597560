"""The demo, as ``make demo`` runs it: the first thing that a newcomer sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_runs(tmp_path: Path) -> None:
    """What ``make demo`` runs, with few questions: a system of its own, from nothing to answers, and nothing left."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "demo.py"), "--questions", "2"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "evidence was recalled for 2 of 2" in ran.stdout
    # Also where it is not among the first: what is counted as recalled is to be seen.
    assert "On the 11th of April" in ran.stdout
    assert len(re.findall(r"✓ [01]\.\d\d", ran.stdout)) >= 2
    assert "100% of 131 memories have vectors" in ran.stdout
    assert "no process left" in ran.stdout
    assert [left for left in tmp_path.iterdir() if left.name.startswith("memcube")] == []
