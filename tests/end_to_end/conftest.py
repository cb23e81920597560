"""The tier with real processes: one system for the whole run."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from local_system import LocalSystem, started, stopped

from memcube.client import Memory


@pytest.fixture(scope="session")
def system() -> Iterator[LocalSystem]:
    """The system that the tests of this tier share; each uses users of its own (``user``)."""
    with tempfile.TemporaryDirectory(prefix="mce2e") as folder:
        try:
            yield started(Path(folder))
        finally:  # also where the start was interrupted
            stopped(Path(folder))


@pytest.fixture
def memory(system: LocalSystem) -> Iterator[Memory]:
    """A client of the shared system."""
    with Memory(system.grpc) as client:
        yield client


@pytest.fixture
def user() -> str:
    """A user whom no other test knows."""
    return f"user-{uuid.uuid4().hex[:12]}"
