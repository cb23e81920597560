"""Errors on the command line speak of what was typed there."""

from __future__ import annotations

import sys

import pytest

from memcube.client.cli.naming import OPTIONS, in_options
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError, UnauthenticatedError


@pytest.mark.parametrize(
    ("command", "field", "option"),
    [
        ("search", "reference_date", "--now"),
        ("add", "timestamp", "--time"),
        ("add", "tags[1]", "--tag[1]"),
        ("search", "filters.n.near", "--filter.n.near"),
        ("search", "top_k", "--top-k"),
        ("search", "cube_ids[1]", "--also[1]"),
        ("search", "memory_types[0]", "--type[0]"),
        ("list", "top_k", "--limit"),
        ("tasks", "states[0]", "--state[0]"),
        ("keys", "roles", "--role"),
        ("search", "query", "query"),
    ],
)
def test_a_fault_names_its_option(monkeypatch: pytest.MonkeyPatch, command: str, field: str, option: str) -> None:
    """The SDK's argument by the option that it comes from; what is no option stays."""
    monkeypatch.setattr(sys, "argv", ["memcube", command])
    told = in_options(InvalidArgumentError(field, "is wrong"))
    assert (told.message, type(told)) == (f"{option}: is wrong", InvalidArgumentError)


def test_other_facts_stay() -> None:
    """Sizes of what is too large, and errors that name no argument."""
    assert in_options(TooLargeError("session_id", 9, 5, "characters")).facts == {
        "field": "--session",
        "size": 9,
        "limit": 5,
        "unit": "characters",
    }
    missing = NotFoundError("memory", "user_id")
    assert in_options(missing) is missing


def test_a_missing_scope_names_options() -> None:
    """Also within the sentence."""
    error = InvalidArgumentError("user_id", "is missing: name a user_id, agent_id, run_id or cube_id")
    assert in_options(error).message == "--user: is missing: name a --user, --agent, --run or --cube"


def test_a_missing_key_says_where_it_goes() -> None:
    """By the option and the variable, before the headers that other languages send."""
    assert "--api-key or set MEMCUBE_API_KEY" in in_options(UnauthenticatedError("no valid key")).message


def test_the_options_are_those_that_there_are() -> None:
    """A renamed option is renamed here too."""
    import typer

    from memcube.client.cli.app import app

    commands = list(typer.main.get_command(app).commands.values())  # type: ignore[attr-defined]
    for group in [one for one in commands if hasattr(one, "commands")]:
        commands += group.commands.values()
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    assert set(OPTIONS.values()) <= known
