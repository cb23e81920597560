"""The store as a whole: who owns its folder, what a damaged topic keeps from nobody else, bounds, a clock that jumps."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.line import serve_line
from memcube.actors.store.client import LocalStore, StoreClient
from memcube.actors.store.codec import pack_answer, pack_error, unpack_asked
from memcube.model.errors import (
    DamagedError,
    DeadlineError,
    ExhaustedError,
    MemCubeError,
    NotFoundError,
    UnavailableError,
)

pytestmark = pytest.mark.anyio
KEPT = [0.0, 0, 0, 4096]


async def create(desk: Any, name: str, kept: list[Any] | None = None) -> None:
    """A topic of the tenant t."""
    await desk.answer("create", ["t", name, "ann", "", kept or KEPT, ""])


async def append(desk: Any, name: str, *events: bytes) -> list[Any]:
    """Publish without a producer."""
    answer: list[Any] = await desk.answer("append", ["t", name, list(events), "", 0, 0, 0, None])
    return answer


async def test_one_store_owns_a_folder(store: Any, tmp_path: Path) -> None:
    """A second one waits, and is refused; what is secret can be read by its owner only."""
    async with store() as desk:
        await create(desk, "a")
        with pytest.raises(UnavailableError):
            async with store():
                raise AssertionError
        for name, mode in (("cursor.key", 0o600), ("", 0o700)):
            assert stat.S_IMODE((tmp_path / "store" / name).stat().st_mode) == mode
    async with store() as desk:
        assert (await desk.answer("topic", ["t", "a"]))[0] == "a"


async def test_appends_that_wait_together_take_one_sync(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred publishers at a time, a handful of syncs; each is told its own numbers, in order."""
    import os

    syncs = 0
    real = os.fdatasync

    def count(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        real(descriptor)

    async with store() as desk:
        await create(desk, "a", [0.0, 0, 0, 16 << 20])
        monkeypatch.setattr(os, "fdatasync", count)
        answers = await asyncio.gather(*(append(desk, "a", b"x", b"y") for _ in range(100)))
        assert [answer[:2] for answer in answers] == [[2 * n + 1, 2 * n + 2] for n in range(100)]
        assert 1 <= syncs < 10


async def test_a_damaged_topic_harms_no_other(store: Any, tmp_path: Path) -> None:
    """It says that it is damaged, by its description or its log, and is never an empty one."""
    async with store() as desk:
        for name in ("log", "about", "sound"):
            await create(desk, name)
            await append(desk, name, b"x" * 100)
    for name, file in (("log", "*.log"), ("about", "topic.bin")):
        folder = next(
            path.parent
            for path in (tmp_path / "store" / "topics").rglob("topic.bin")
            if name.encode() in path.read_bytes()
        )
        path = next(folder.glob(file))
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 1
        path.write_bytes(whole)
    async with store() as desk:
        for name in ("log", "about"):
            for call in (append(desk, name, b"y"), desk.answer("read", ["t", name, 1, 1000, 0.0])):
                with pytest.raises(DamagedError):
                    await call
        assert (await append(desk, "sound", b"y"))[0] == 2


async def test_bounds_are_named(store: Any) -> None:
    """Topics of a tenant, and events that wait for the disk."""
    async with store(topics_each=2, waiting_bytes=1000) as desk:
        await create(desk, "a")
        await create(desk, "b")
        with pytest.raises(ExhaustedError):
            await create(desk, "c")
        calls = [append(desk, "a", b"x" * 600) for _ in range(5)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        kinds = {type(answer) for answer in answers}
        assert kinds == {list, ExhaustedError}
        stored = sum(isinstance(answer, list) for answer in answers)
        assert (await desk.answer("topic", ["t", "a"]))[6] == stored


async def test_a_clock_that_jumps_deletes_nothing(store: Any, moment: Any) -> None:
    """A year ahead while it runs: nothing is too old, no lease is over, no mount ends; time that passes does it."""
    async with store(retain_every_s=0.01) as desk:
        await create(desk, "a", [3600.0, 0, 0, 4096])
        await append(desk, "a", b"x")
        await desk.answer("join", ["t", "topic:a", "g", (await desk.answer("topic", ["t", "a"]))[8], None, 1])
        incarnation = (await desk.answer("topic", ["t", "a"]))[8]
        await desk.answer("take", ["t", "topic:a", "g", incarnation, 1, 0, -1, 0.0])
        await desk.answer("mount", ["t", "a", "b", "ann", moment.wall_s + 60])
        moment.wall_s += 365 * 86_400
        await asyncio.sleep(0.5)
        assert (await desk.answer("topic", ["t", "a"]))[5] == 1
        assert (await desk.answer("take", ["t", "topic:a", "g", incarnation, 1, 0, -1, 0.0]))[0] == []
        assert len((await desk.answer("news", [-1, 0, 0.0]))[3]) == 1
        moment.pass_s(31)
        taken = (await desk.answer("take", ["t", "topic:a", "g", incarnation, 1, 0, -1, 0.0]))[0]
        assert [list(one) for one in taken] == [[1, 2]]
        moment.pass_s(3600)
        async with asyncio.timeout(10):
            while (await desk.answer("topic", ["t", "a"]))[5] == 1:
                await asyncio.sleep(0.02)
        assert (await desk.answer("news", [-1, 0, 0.0]))[3] == []


async def test_deleting_leaves_nothing(store: Any, tmp_path: Path) -> None:
    """Neither files nor groups; a topic of the same name is another one."""
    async with store() as desk:
        await create(desk, "a")
        first = (await desk.answer("topic", ["t", "a"]))[8]
        await append(desk, "a", b"x")
        await desk.answer("join", ["t", "topic:a", "g", first, None, 1])
        await desk.answer("delete", ["t", "a"])
        assert not list((tmp_path / "store").rglob("*.log"))
        assert not list((tmp_path / "store").rglob("*.group"))
        with pytest.raises(NotFoundError):
            await append(desk, "a", b"x")
        await create(desk, "a")
        second = (await desk.answer("topic", ["t", "a"]))[8]
        assert first != second
        with pytest.raises(NotFoundError):
            await desk.answer("take", ["t", "topic:a", "g", second, 1, 0, -1, 0.0])


async def test_the_line_to_the_store(store: Any, tmp_path: Path) -> None:
    """Answers, errors and deadlines come as they are; a line that breaks is UnavailableError, and is opened again."""
    async with store() as desk:

        async def answer(message: bytes) -> bytes:
            operation, arguments = unpack_asked(message)
            if operation == "sleep":
                await asyncio.sleep(5)
            try:
                return pack_answer(await desk.answer(operation, arguments))
            except MemCubeError as error:
                return pack_error(error)

        server = await serve_line(tmp_path / "store.sock", answer)
        (tmp_path / "lines").mkdir()
        (tmp_path / "lines" / "store").symlink_to(tmp_path / "store.sock")
        client = StoreClient(lambda: tmp_path / "lines")
        await client.ask("create", "t", "a", "ann", "", KEPT, "")
        assert (await client.ask("append", "t", "a", [b"x"], "", 0, 0, 0, None)) == [1, 1, False]
        with pytest.raises(NotFoundError):
            await client.ask("topic", "t", "b")
        with pytest.raises(DeadlineError):
            await client.ask("sleep", within_s=0.05)
        waiting = asyncio.ensure_future(client.ask("read", "t", "a", 2, 1000, 5.0))
        await asyncio.sleep(0.05)
        assert client._line is not None
        client._line.hang_up()
        with pytest.raises(UnavailableError):
            await waiting
        server.close()


async def test_a_local_store_keeps_to_its_deadline(store: Any) -> None:
    """As the one on the line does."""
    async with store() as desk:
        local = LocalStore(desk.answer)
        await local.ask("create", "t", "a", "ann", "", KEPT, "")
        with pytest.raises(DeadlineError):
            await local.ask("read", "t", "a", 1, 1000, 10.0, within_s=0.05)


async def test_groups_that_nobody_is_at_are_closed_and_opened_again(store: Any) -> None:
    """But for those used last, and those that have something out: a store with thousands has few files open."""
    async with store(open_groups=1, retain_every_s=1000.0) as desk:
        await create(desk, "a")
        await append(desk, "a", b"x", b"y")
        incarnation = (await desk.answer("topic", ["t", "a"]))[8]
        for name in ("out", "old", "new"):
            await desk.answer("join", ["t", "topic:a", name, incarnation, None, 1])
        taken = await desk.answer("take", ["t", "topic:a", "out", incarnation, 1, 2, -1, 0.0])
        await desk.answer("seek", ["t", "topic:a", "old", incarnation, 2])
        await desk.answer("seek", ["t", "topic:a", "new", incarnation, 2])
        await desk._groups.tidy(1)
        open_now = {lane.name for lane in desk._groups._lanes.values() if lane.group is not None}
        assert taken and "out" in open_now and "old" not in open_now
        assert await desk.answer("take", ["t", "topic:a", "old", incarnation, 1, 2, -1, 0.0])
