"""The command ``preferences``: what a user prefers, as far as it matters for a question."""

from __future__ import annotations

from typing import Annotated

import typer

from memcube.client.cli.options import (
    TIMEOUT_S,
    Agent,
    ApiKey,
    Cube,
    Home,
    Json,
    Run,
    Scope,
    Server,
    Timeout,
    User,
    connect,
)
from memcube.client.cli.output import out, preferences_table, print_json, show_degraded

__all__ = ["preferences"]


def preferences(
    query: Annotated[
        str, typer.Argument(help="The question that is to be answered; none: what matters for most.")
    ] = "",
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="Most preferences, up to 20.")] = 6,
    budget: Annotated[int, typer.Option("--budget", help="Most tokens of the block; 0: 400.")] = 0,
    block: Annotated[bool, typer.Option("--block", help="Print the text for a prompt alone.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """What the user prefers, cannot or does not want, as far as it matters for a question; and a block for a prompt."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.preferences(query, **Scope(user, agent, run, cube).arguments(), top_k=top_k, token_budget=budget)
    if as_json:
        print_json(found)
        return
    if block:
        out.print(found["block"], markup=False)
    elif not found["results"]:
        out.print("no preferences known")
    else:
        out.print(preferences_table(found["results"]))
    show_degraded(found["degraded"])
