"""The tier that runs without Ray: starting it here is a mistake, so it raises."""

from __future__ import annotations

from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``ray.init`` raise if something imported Ray and tries to start it."""
    import sys

    ray = sys.modules.get("ray")
    if ray is None:
        return

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise RuntimeError("a unit test must not start Ray; move it to tests/cluster")

    monkeypatch.setattr(ray, "init", refuse)
