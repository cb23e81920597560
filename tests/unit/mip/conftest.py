"""Bundles for the tests of the format; the benchmark's makers of sound and of forged ones are used here too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from memcube.interchange.mip import Signer

FOLDER = str(Path(__file__).resolve().parents[3] / "benchmarks")
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)


@pytest.fixture
def signer() -> Signer:
    """Whose bundles are trusted."""
    return Signer.from_seed(b"1" * 32)
