"""The benchmark of publish and subscribe in its quick form: what it prints, and that nothing is lost to three kills."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pubsub.py"
KEYS = {"gaps_untold", "duplicates", "inversions", "group_lost", "published_twice", "faults"}


def test_three_kills_lose_and_repeat_nothing() -> None:
    """Gateway, store or frames, with connections of two seconds: watchers see each event once, in order."""
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--only", "faults"],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    result = json.loads(ran.stdout.strip().splitlines()[-1])
    assert result.keys() >= KEYS
    assert {name: result[name] for name in KEYS} == {**dict.fromkeys(KEYS, 0), "faults": 3}
    assert result["killed"]["acknowledged"] > 0
