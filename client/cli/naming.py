"""Errors of the SDK in the words of the command line: its user typed ``--now``, not ``reference_date``."""

from __future__ import annotations

import sys

from memcube.model.errors import InvalidArgumentError, MemCubeError, TooLargeError, UnauthenticatedError

__all__ = ["in_options"]

OPTIONS = {
    "reference_date": "--now",
    "timestamp": "--time",
    "expiration_date": "--expires",
    "token_budget": "--budget",
    "threshold": "--threshold",
    "top_k": "--top-k",
    "page_token": "--page",
    "expected_version": "--version",
    "timeout_s": "--timeout",
    "session_id": "--session",
    "tags": "--tag",
    "user_id": "--user",
    "agent_id": "--agent",
    "run_id": "--run",
    "cube_id": "--cube",
    "metadata": "--metadata",
    "filters": "--filter",
    "filter": "--filter",
    "address": "--server",
    "cube_ids": "--also",
    "more": "--also",
    "memory_types": "--type",
    "mode": "--mode",
    "preferences": "--preferences",
    "states": "--state",
    "kinds": "--kind",
    "limit": "--limit",
    "roles": "--role",
    "cubes": "--cubes",
    "format": "--format",
    "target": "--to",
    "since": "--since",
    "until": "--until",
}
"""What the SDK and the server call an argument, to the option that it comes from."""
_OF_COMMAND = {("list", "top_k"): "--limit", ("up", "address"): "--address", ("down", "address"): "--address"}
_OF_COMMAND[("backup", "target")] = "TARGET"


def in_options(error: MemCubeError) -> MemCubeError:
    """The same error, naming options in place of arguments; called by ``app.main`` with what a command ended with."""
    if isinstance(error, UnauthenticatedError):
        return UnauthenticatedError(f"{error.problem}: give --api-key or set MEMCUBE_API_KEY")
    if not isinstance(error, InvalidArgumentError):
        return error
    name, rest = _parted(error.field)
    option = _OF_COMMAND.get((sys.argv[1] if len(sys.argv) > 1 else "", name)) or OPTIONS.get(name)
    if option is None:
        return error
    if isinstance(error, TooLargeError):
        return TooLargeError(option + rest, error.size, error.limit, error.unit)
    problem = error.problem
    for argument in ("user_id", "agent_id", "run_id", "cube_id"):
        problem = problem.replace(argument, OPTIONS[argument])
    return InvalidArgumentError(option + rest, problem)


def _parted(field: str) -> tuple[str, str]:
    """A field's first name, and what follows it: an index, or names below."""
    end = next((place for place, character in enumerate(field) if character in ".["), len(field))
    return field[:end], field[end:]
