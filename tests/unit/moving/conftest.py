"""Clients of a whole gateway without Ray: loads and dumps go all the way."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2] / "support"), str(Path(__file__).parent)]

from plain_gateway import Gateway

from memcube.client import Memory


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that these tests share; each uses cubes of its own."""
    running = Gateway(tmp_path_factory.mktemp("moving"))
    yield running
    running.close()


@pytest.fixture
def memory(gateway: Gateway, tmp_path: Path) -> Iterator[Memory]:
    """A client; what it signs, it signs with a key of this test."""
    with Memory(gateway.address, home=str(tmp_path / "home")) as client:
        yield client


@pytest.fixture
def cube() -> str:
    """A cube that no other test knows."""
    return f"cube-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the client does."""
    return "asyncio"
