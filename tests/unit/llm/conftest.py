"""The endpoint, started once; each test finds it well and empty."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from llm_endpoint import Endpoint


@pytest.fixture(scope="session")
def running_endpoint() -> Iterator[Endpoint]:
    """One server for all tests."""
    running = Endpoint()
    yield running
    running.close()


@pytest.fixture
def endpoint(running_endpoint: Endpoint) -> Iterator[Endpoint]:
    """The server as new; those that hang are let go afterwards."""
    running_endpoint.reset()
    yield running_endpoint
    running_endpoint.reset()
