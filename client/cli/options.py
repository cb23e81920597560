"""Options that several commands share, and the client that they make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from memcube.client.memory import Memory
from memcube.model.errors import InvalidArgumentError

__all__ = ["TIMEOUT_S", "Address", "ApiKey", "Home", "Json", "Scope", "json_object", "json_value"]

TIMEOUT_S = 30.0
WHOSE, WHERE = "Whose memory", "Which system"

User = Annotated[str | None, typer.Option("--user", "-u", envvar="MEMCUBE_USER", rich_help_panel=WHOSE)]
Agent = Annotated[str | None, typer.Option("--agent", rich_help_panel=WHOSE)]
Run = Annotated[str | None, typer.Option("--run", rich_help_panel=WHOSE)]
Cube = Annotated[str | None, typer.Option("--cube", help="A cube by its own id.", rich_help_panel=WHOSE)]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of words, errors too.")]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="MEMCUBE_SERVER",
        help="host:port of a gateway; by default this machine's system, started if need be.",
        rich_help_panel=WHERE,
    ),
]
ApiKey = Annotated[str | None, typer.Option("--api-key", envvar="MEMCUBE_API_KEY", rich_help_panel=WHERE)]
Home = Annotated[
    str | None,
    typer.Option(
        "--home",
        envvar="MEMCUBE_HOME",
        help="Where this machine's system keeps its data; ~/.memcube by default.",
        rich_help_panel=WHERE,
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds that a call may take.", rich_help_panel=WHERE)]
Metadata = Annotated[str | None, typer.Option("--metadata", "-m", help="A JSON object to keep with it.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")]
Expires = Annotated[str | None, typer.Option("--expires", help="Not returned after this time (with its zone).")]
Address = Annotated[str, typer.Option("--address", help="A running Ray cluster to join: 'auto', or its address.")]


@dataclass(frozen=True, slots=True)
class Scope:
    """The ids that say whose memory is meant, as keyword arguments of the SDK."""

    user: str | None
    agent: str | None
    run: str | None
    cube: str | None

    def arguments(self) -> dict[str, Any]:
        """For ``Memory``'s methods."""
        return {"user_id": self.user, "agent_id": self.agent, "run_id": self.run, "cube_id": self.cube}


def connect(server: str | None, api_key: str | None, home: str | None, timeout_s: float) -> Memory:
    """The client that the options mean."""
    return Memory(server, api_key=api_key, home=home, timeout_s=timeout_s)


def json_value(field: str, text: str) -> Any:
    """What JSON written by a person says; InvalidArgumentError(field) for what is none, or is endlessly deep."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidArgumentError(field, f"is no JSON: {error}") from error
    except RecursionError as error:
        raise InvalidArgumentError(field, "is nested too deep") from error


def json_object(field: str, text: str | None) -> dict[str, Any] | None:
    """An option that holds a JSON object."""
    if text is None:
        return None
    value = json_value(field, text)
    if not isinstance(value, dict):
        raise InvalidArgumentError(field, "is no JSON object")
    return value
