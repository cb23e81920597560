"""What a router remembers of where cubes are."""

from __future__ import annotations

import asyncio
from typing import Any

from memcube.actors.directory.compass import DOUBTS_KEPT, Compass
from memcube.actors.directory.config import RouterConfig
from memcube.actors.directory.placement import Placement, Resolved
from memcube.actors.directory.question import pack_resolved, unpack_question
from memcube.model.ids import CubeRef


class Directory:
    """A wire to a directory that has every cube in one frame; keeps what it was asked."""

    def __init__(self) -> None:
        self.distrusted: list[Placement | None] = []

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``."""
        self.distrusted.append(unpack_question(args[0]).distrust)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.set_result(pack_resolved(Resolved(Placement("frame-0", 1), 0, ())))
        return answer

    def close(self) -> None:
        """See ``Wire.close``."""


def test_doubts_are_told_once_and_bounded() -> None:
    """The next question about a cube tells what did not work; of cubes never asked about again few are remembered."""

    async def scenario() -> None:
        directory = Directory()
        compass = Compass(directory, RouterConfig())
        deadline_s = asyncio.get_running_loop().time() + 10
        for n in range(DOUBTS_KEPT + 5):
            ref = CubeRef("t", f"c{n}")
            compass.doubt(ref, await compass.locate(ref, None, deadline_s), absent=False)
        assert len(compass._doubts) == DOUBTS_KEPT
        directory.distrusted.clear()
        await compass.locate(ref, None, deadline_s)
        compass.forget(ref)
        await compass.locate(ref, None, deadline_s)
        assert directory.distrusted == [Placement("frame-0", 1), None]

    asyncio.run(scenario())
