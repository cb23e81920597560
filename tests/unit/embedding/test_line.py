"""The direct line over a real socket: many questions at once, typed errors, and an end that is noticed."""

from __future__ import annotations

import asyncio
import os
import stat
import struct
from pathlib import Path

import pytest

from memcube.actors.embedding.line import EmbedderLine, serve_embedder_line
from memcube.model.errors import DeadlineError, UnavailableError


async def embed(texts: list[str]) -> tuple[str, bytes]:
    """Stands for a replica: the shorter the text, the later the answer."""
    await asyncio.sleep(0.1 / (1 + len(texts[0])))
    if texts[0] == "late":
        raise DeadlineError("the model", 2.5)
    if texts[0] == "odd":
        raise ValueError("odd text")
    return "ein Modell ü", "|".join(texts).encode()


def test_answers_find_their_questions(tmp_path: Path) -> None:
    """Two hundred at once on one line, answered out of order, in any script."""

    async def body() -> None:
        server = await serve_embedder_line(tmp_path / "line", embed)
        line = await EmbedderLine.open(str(tmp_path / "line"))
        asked = [["我" * (i % 7) + str(i), "b" * i] for i in range(200)]
        answers = await asyncio.gather(*(line.embed(texts) for texts in asked))
        assert [raw.decode() for _, raw in answers] == ["|".join(texts) for texts in asked]
        assert {model for model, _ in answers} == {"ein Modell ü"}
        await line.close()
        server.close()

    asyncio.run(body())


def test_errors_keep_their_type(tmp_path: Path) -> None:
    """A typed error arrives with its facts; any other as UnavailableError; the line goes on."""

    async def body() -> None:
        server = await serve_embedder_line(tmp_path / "line", embed)
        line = await EmbedderLine.open(str(tmp_path / "line"))
        with pytest.raises(DeadlineError) as caught:
            await line.embed(["late"])
        assert (caught.value.what, caught.value.timeout_s) == ("the model", 2.5)
        with pytest.raises(UnavailableError, match="odd text"):
            await line.embed(["odd"])
        assert (await line.embed(["x"]))[1] == b"x"
        await line.close()
        server.close()

    asyncio.run(body())


def test_the_end_of_the_replica_is_noticed_at_once(tmp_path: Path) -> None:
    """Whoever waits gets ConnectionError, and so does who asks later."""

    async def body() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(8)
            writer.close()

        server = await asyncio.start_unix_server(hang_up, tmp_path / "line")
        line = await EmbedderLine.open(str(tmp_path / "line"))
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(line.embed(["x"]), 5)
        assert not line.alive
        with pytest.raises(ConnectionError):
            await line.embed(["x"])
        await line.close()
        server.close()
        with pytest.raises(OSError, match="No such file"):
            await EmbedderLine.open(str(tmp_path / "elsewhere"))

    asyncio.run(body())


def test_only_its_owner_may_open_it(tmp_path: Path) -> None:
    """And what an earlier process of that number left there is no obstacle."""

    async def body() -> None:
        path = tmp_path / "line"
        path.write_text("left over")
        server = await serve_embedder_line(path, embed)
        mode = os.stat(path).st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        server.close()

    asyncio.run(body())


def test_an_enormous_message_ends_the_line(tmp_path: Path) -> None:
    """It is refused by its announced length, before anything is read; other lines go on."""

    async def body() -> None:
        server = await serve_embedder_line(tmp_path / "line", embed)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "line")
        writer.write(struct.pack("<II", 2**31, 1))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        line = await EmbedderLine.open(str(tmp_path / "line"))
        assert (await line.embed(["x"]))[1] == b"x"
        await line.close()
        server.close()

    asyncio.run(body())
