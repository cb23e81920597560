"""Direct lines to frames: taken where there is a socket, left at once when it breaks, and never missed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.directory.line_wire import LineWire
from memcube.actors.line import Line, serve_line
from memcube.model.errors import UnavailableError


class Behind:
    """Stands where Ray stands; tells what went its way."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, actor: str, method: str, *args: Any) -> asyncio.Future[Any]:
        """See ``Wire.send``."""
        self.sent.append((actor, method))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.set_result(b"by ray")
        return answer

    def close(self) -> None:
        """See ``Wire.close``."""


async def frame(message: bytes) -> bytes:
    """Stands for a frame: says which method and packet it got."""
    if message == b"mhang":
        await asyncio.sleep(30)
    if message == b"mfail":
        raise ValueError("a defect")
    return b"line:" + message


async def connected(wire: LineWire) -> None:
    """Send until the line is up."""
    for _ in range(100):
        if await wire.send("frame-0", "read", b"x") != b"by ray":
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no line")


def test_calls_on_cubes_go_by_line_and_the_rest_by_ray(tmp_path: Path) -> None:
    """mutate and read straight to the frame's socket, everything else as before."""

    async def body() -> None:
        server = await serve_line(tmp_path / "frame-0", frame)
        behind = Behind()
        wire = LineWire(behind, tmp_path)
        await connected(wire)
        behind.sent.clear()
        assert await wire.send("frame-0", "mutate", b"packet") == b"line:mpacket"
        assert await wire.send("frame-0", "read", b"packet") == b"line:rpacket"
        assert await wire.send("frame-0", "ping") == b"by ray"
        assert await wire.send("frame-1", "read", b"packet") == b"by ray"
        assert behind.sent == [("frame-0", "ping"), ("frame-1", "read")]
        wire.close()
        server.close()

    asyncio.run(body())


@pytest.mark.parametrize("packet", [b"hang", b"fail"])
def test_a_broken_line_is_told_at_once_and_replaced(tmp_path: Path, packet: bytes) -> None:
    """A killed frame, or a defect in it: who waits hears UnavailableError, the next calls go by Ray, then by line."""

    async def body() -> None:
        server = await serve_line(tmp_path / "frame-0", frame)
        wire = LineWire(Behind(), tmp_path)
        await connected(wire)
        waiting = wire.send("frame-0", "mutate", packet)
        await asyncio.sleep(0.05)
        line = wire._lines["frame-0"]
        if packet == b"hang":
            assert line.transport is not None
            line.transport.abort()
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(waiting, 5)
        assert await wire.send("frame-0", "read", b"x") == b"by ray"
        await connected(wire)
        wire.close()
        server.close()

    asyncio.run(body())


def test_a_line_carries_messages_of_any_size(tmp_path: Path) -> None:
    """Messages cut anywhere by the socket arrive whole; a closed line refuses."""

    async def echo(message: bytes) -> bytes:
        return message

    async def body() -> None:
        server = await serve_line(tmp_path / "line", echo)
        line = await Line.open(str(tmp_path / "line"))
        sizes = [0, 1, 7, 8, 65_535, 65_536, 3_000_000]
        asked = [bytes([i]) * size for i, size in enumerate(sizes)]
        assert await asyncio.gather(*[line.ask(one) for one in asked]) == asked
        await line.close()
        with pytest.raises(ConnectionError):
            line.ask(b"x")
        server.close()

    asyncio.run(body())
