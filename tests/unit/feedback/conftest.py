"""The endpoint, started once; each test finds it well and empty."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from llm_fixtures import endpoint, running_endpoint

__all__ = ["endpoint", "running_endpoint"]
