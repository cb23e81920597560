"""The router that runs cubes in its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.call import Call
from memcube.actors.directory.local import LocalRouter
from memcube.actors.vault.base import Vault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DeadlineError, InvalidArgumentError, NotFoundError, StaleEpochError, UnavailableError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

P = Principal("t", "p", ("admin",))
REF = CubeRef("t", "user:a")


def run(scenario: Callable[[LocalRouter], Awaitable[None]], vault: Vault, **settings: Any) -> None:
    """A scenario with a router, which is closed after it."""

    async def main() -> None:
        router = LocalRouter(vault, **settings)
        try:
            await scenario(router)
        finally:
            await router.close()

    asyncio.run(main())


async def add(router: LocalRouter, text: str, ref: CubeRef = REF, key: str = "", **options: Any) -> str:
    """One memory; its id."""
    request = pb.AddRequest(messages=[pb.Message(content=text)]).SerializeToString()
    call = Call("add", request, P, key or new_idempotency_key())
    body = await router.mutate(ref, call, **{"create": True, "timeout_s": 10.0, **options})
    return pb.AddResponse.FromString(body).items[0].id


async def texts(router: LocalRouter, ref: CubeRef = REF) -> list[str]:
    """All memories, oldest first."""
    call = Call("list", pb.ListRequest(page_size=1000).SerializeToString(), P)
    body = await router.read(ref, call, timeout_s=10.0)
    return [item.memory for item in reversed(pb.ListResponse.FromString(body).items)]


def test_calls_take_effect_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    """Three hundred at once on one cube, in several batches; what a reopened vault has is the same."""
    vault = SqliteVault(tmp_path)
    expected = [f"text {number}" for number in range(300)]

    async def scenario(router: LocalRouter) -> None:
        ids = await asyncio.gather(*[add(router, text) for text in expected])
        assert ids == sorted(ids)
        assert await texts(router) == expected

    async def again(router: LocalRouter) -> None:
        assert await texts(router) == expected

    run(scenario, vault)
    run(again, SqliteVault(tmp_path))


def test_few_open_cubes_serve_many(tmp_path: Path) -> None:
    """Least recently used ones are let go and come back."""

    async def scenario(router: LocalRouter) -> None:
        refs = [CubeRef("t", f"user:{number}") for number in range(12)]
        for turn in range(2):
            await asyncio.gather(*[add(router, f"{ref.cube_id} {turn}", ref) for ref in refs])
        for ref in refs:
            assert await texts(router, ref) == [f"{ref.cube_id} 0", f"{ref.cube_id} 1"]
        assert (await router.status()).resident <= 3
        heads = await router.cubes("t", "", 100)
        assert {head.ref for head in heads} == set(refs)
        assert await router.find("t", refs[3].key, lambda _: True) == refs[3]
        with pytest.raises(NotFoundError):
            await router.find("other", refs[3].key, lambda _: True)
        with pytest.raises(NotFoundError):
            await router.find("t", refs[3].key, lambda _: False)
        await router.delete(refs[3])
        with pytest.raises(NotFoundError):
            await texts(router, refs[3])
        assert await router.reset("t") == 11

    run(scenario, SqliteVault(tmp_path), max_resident=3)


def test_only_a_creating_call_makes_a_cube(tmp_path: Path) -> None:
    """Others find nothing, and leave nothing."""

    async def scenario(router: LocalRouter) -> None:
        with pytest.raises(NotFoundError):
            await add(router, "x", create=False)
        with pytest.raises(NotFoundError):
            await texts(router)
        assert not await router.cubes("t", "", 10)

    run(scenario, SqliteVault(tmp_path))


def test_a_call_that_is_not_waited_for_is_there_for_its_retry(tmp_path: Path) -> None:
    """Out of time: DeadlineError; the same key then gets the one effect's answer."""

    async def scenario(router: LocalRouter) -> None:
        await add(router, "first")
        with pytest.raises(DeadlineError):
            await add(router, "second", key="k", timeout_s=0.0)
        memory_id = await add(router, "second", key="k")
        assert await add(router, "second", key="k") == memory_id
        assert await texts(router) == ["first", "second"]

    run(scenario, SqliteVault(tmp_path))


def test_a_fenced_cube_is_opened_anew(tmp_path: Path) -> None:
    """Another owner attaches: the first write after it is refused, the next one goes through, nothing is lost."""
    vault = SqliteVault(tmp_path)

    async def scenario(router: LocalRouter) -> None:
        await add(router, "mine")
        SqliteVault(tmp_path).attach(REF).close()
        with pytest.raises(StaleEpochError):
            await add(router, "lost")
        await add(router, "mine again")
        assert await texts(router) == ["mine", "mine again"]

    run(scenario, vault)


def test_a_closed_router_says_so(tmp_path: Path) -> None:
    """What is in the lanes is finished first; later calls are refused."""

    async def main() -> None:
        router = LocalRouter(SqliteVault(tmp_path))
        adding = asyncio.ensure_future(add(router, "x"))
        await asyncio.sleep(0)
        await router.close()
        assert await adding
        with pytest.raises(UnavailableError):
            await add(router, "y")

    asyncio.run(main())


def test_a_first_write_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    """The cube it would have made is not listed, and its file goes with the cube."""
    vault = SqliteVault(tmp_path)

    async def scenario(router: LocalRouter) -> None:
        refused = Call("add", pb.AddRequest().SerializeToString(), P, "k")
        with pytest.raises(InvalidArgumentError):
            await router.mutate(REF, refused, create=True, timeout_s=10.0)
        assert await router.cubes("t", "", 10) == []

    run(scenario, vault)
    assert list(vault.paths(REF).folder.iterdir()) == []
