"""The two clients are one: the same verbs, told apart only by being awaited."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from memcube.client import AsyncMemory, Memory
from memcube.model.errors import InvalidArgumentError


def public(kind: type) -> dict[str, list[str]]:
    """The public methods and their parameters."""
    members = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(one).parameters) for name, one in members if not name.startswith("_")}


def test_both_clients_have_the_same_verbs() -> None:
    """Those that each defines for itself too, with the same arguments."""
    assert public(Memory) == public(AsyncMemory)
    assert {"add", "add_many", "search", "history", "events", "close"} <= set(public(Memory))
    assert all(getattr(Memory, name).__doc__ for name in public(Memory))


def test_wrong_arguments_raise_where_the_call_is_awaited() -> None:
    """So that of several gathered calls one that is wrong is one failure, and takes no connection."""

    async def gathered() -> list[object]:
        memory = AsyncMemory("127.0.0.1:1")
        return await asyncio.gather(
            memory.search("", user_id="a"), memory.search("x"), memory.update("id"), return_exceptions=True
        )

    fields = [error.field for error in asyncio.run(gathered()) if isinstance(error, InvalidArgumentError)]
    assert len(fields) == 3
    assert fields[0] == "query"
    with pytest.raises(InvalidArgumentError):
        Memory("nonsense")


def test_a_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the command; what is given comes first."""
    monkeypatch.setenv("MEMCUBE_API_KEY", "mck_a")
    assert AsyncMemory("127.0.0.1:1").options.api_key == "mck_a"
    assert AsyncMemory("127.0.0.1:1", api_key="mck_b").options.api_key == "mck_b"
