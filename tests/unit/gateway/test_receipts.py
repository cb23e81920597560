"""First answers of what leaves no journal behind."""

from __future__ import annotations

import asyncio

import pytest

from memcube.actors.gateway.receipts import MAX_RECEIPTS, Receipts
from memcube.model.errors import IdempotencyConflictError, UnavailableError
from memcube.model.ids import Principal

pytestmark = pytest.mark.anyio
P = Principal("t", "p")


class Deed:
    """Something to do once; counts how often it was done."""

    def __init__(self, fails: int = 0) -> None:
        self.done = 0
        self.fails = fails

    async def __call__(self) -> bytes:
        """Do it."""
        self.done += 1
        await asyncio.sleep(0.01)
        if self.done <= self.fails:
            raise UnavailableError("it")
        return f"answer {self.done}".encode()


async def test_a_retry_gets_the_first_answer_also_while_it_is_made() -> None:
    """Together or later: done once. Another principal's key is another key; no key is no memory."""
    receipts, deed = Receipts(), Deed()
    together = [receipts.once(P, "k", b"r", deed) for _ in range(5)]
    assert await asyncio.gather(*together) == [b"answer 1"] * 5
    assert await receipts.once(P, "k", b"r", deed) == b"answer 1"
    assert await receipts.once(Principal("t", "q"), "k", b"r", deed) == b"answer 2"
    assert await receipts.once(Principal("u", "p"), "k", b"r", deed) == b"answer 3"
    assert await receipts.once(P, "", b"r", deed) == b"answer 4"
    assert await receipts.once(P, "", b"r", deed) == b"answer 5"


async def test_another_request_under_the_key_is_refused() -> None:
    """And not done."""
    receipts, deed = Receipts(), Deed()
    await receipts.once(P, "k", b"r", deed)
    with pytest.raises(IdempotencyConflictError):
        await receipts.once(P, "k", b"other", deed)
    assert deed.done == 1


async def test_a_failure_is_not_kept() -> None:
    """The retry does it again."""
    receipts, deed = Receipts(), Deed(fails=1)
    with pytest.raises(UnavailableError):
        await receipts.once(P, "k", b"r", deed)
    assert await receipts.once(P, "k", b"r", deed) == b"answer 2"


async def test_the_answer_is_kept_for_a_caller_that_went_away() -> None:
    """Cancelled in the middle; its retry finds it done."""
    receipts, deed = Receipts(), Deed()
    waiting = asyncio.ensure_future(receipts.once(P, "k", b"r", deed))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await receipts.once(P, "k", b"r", deed) == b"answer 1"


async def test_memory_is_bounded() -> None:
    """The oldest go."""
    receipts = Receipts()

    async def nothing() -> bytes:
        return b""

    for number in range(MAX_RECEIPTS + 10):
        await receipts.once(P, str(number), b"r", nothing)
    assert len(receipts._kept) == MAX_RECEIPTS
