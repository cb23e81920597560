"""The watch over subscribers' rights goes on whatever one of them raises."""

from __future__ import annotations

import asyncio

import pytest

from memcube.actors.store import right
from memcube.actors.store.right import Vigil
from memcube.actors.store.signal import Signal
from memcube.model.errors import MemCubeError, NotFoundError, UnavailableError

pytestmark = pytest.mark.anyio


async def test_a_right_that_cannot_be_asked_for_ends_its_stream_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in one look ends that stream, and the one behind it, revoked later, is ended too."""
    monkeypatch.setattr(right, "CHECK_S", 0.001)
    vigil = Vigil()
    ended: dict[str, MemCubeError] = {}
    revoked = False

    def broken() -> None:
        raise ZeroDivisionError

    def look() -> None:
        if revoked:
            raise NotFoundError("topic", "t")

    signals = [Signal(), Signal()]
    numbers = [
        vigil.keep(broken, lambda error: ended.setdefault("broken", error), signals[0]),  # type: ignore[arg-type, return-value]
        vigil.keep(look, lambda error: ended.setdefault("other", error), signals[1]),  # type: ignore[arg-type, return-value]
    ]
    await asyncio.wait_for(signals[0].wait(5.0), 6.0)
    assert isinstance(ended["broken"], UnavailableError)
    assert "other" not in ended
    revoked = True
    await asyncio.wait_for(signals[1].wait(5.0), 6.0)
    assert isinstance(ended["other"], NotFoundError)
    for number in numbers:
        vigil.drop(number)
