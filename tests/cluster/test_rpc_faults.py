"""Ray loses and repeats calls between actors; through the router each still takes effect once, in order."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def test_one_effect_in_order_although_ray_repeats_and_reorders(tmp_path: Path) -> None:
    """With a quarter of all calls disturbed, Ray alone runs calls twice and out of order; the router never does."""
    out = tmp_path / "result.json"
    folder = tempfile.mkdtemp(prefix="mc", dir="/tmp")
    try:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("rpc_faults.py")), folder, str(tmp_path), str(out)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        result = json.loads(out.read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert result["control"]["twice"] > 0 and result["control"]["inverted"] > 0, "the faults were injected"
    assert result["ours"] == {"lost": 0, "duplicated": 0, "inverted": 0, "different_answers": 0}
