"""Fixtures for a conftest that wants the endpoint: ``from llm_fixtures import endpoint, running_endpoint``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from llm_endpoint import Endpoint


@pytest.fixture(scope="session")
def running_endpoint() -> Iterator[Endpoint]:
    """One server for all tests."""
    running = Endpoint()
    yield running
    running.close()


@pytest.fixture
def endpoint(running_endpoint: Endpoint) -> Iterator[Endpoint]:
    """The server as new: well and empty; those that hang are let go afterwards."""
    running_endpoint.reset()
    yield running_endpoint
    running_endpoint.reset()
