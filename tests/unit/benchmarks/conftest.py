"""The benchmarks are scripts beside the packages: their folder is made importable here."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = str(Path(__file__).resolve().parents[3] / "benchmarks")
if FOLDER not in sys.path:
    sys.path.append(FOLDER)
