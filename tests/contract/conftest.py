"""The contract class and the fault injectors lie beside the tests, not in a package: made importable here."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in (str(Path(__file__).parent), str(ROOT / "benchmarks")):
    if folder not in sys.path:
        sys.path.append(folder)
