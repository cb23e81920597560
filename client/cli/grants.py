"""``memcube grants``: bearer tokens that let a sub-agent act for the caller, within bounds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from memcube.client.attenuate import attenuate
from memcube.client.cli.governance_options import Cubes, Filter, Until, Verbs, show_rows
from memcube.client.cli.options import TIMEOUT_S, ApiKey, Home, Json, Server, Timeout, connect, json_object
from memcube.client.cli.output import err, out, print_json

__all__ = ["app"]

app = typer.Typer(help="Delegated grants: what a sub-agent may do for you.", no_args_is_help=True)
Agent = Annotated[str, typer.Option("--agent", help="Who is to act; the journal shows 'you/agent'.")]


@app.command("issue")
def issue(
    agent: Agent = "",
    cubes: Cubes = None,
    verb: Verbs = None,
    filter_: Filter = None,
    expires: Until = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Make a token. It is shown once; it ends in an hour unless --expires says otherwise. Use it as --api-key."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.governance.issue_grant(
            agent=agent,
            cubes=cubes or (),
            verbs=verb or (),
            filters=json_object("--filter", filter_),
            expires_at=expires,
        )
    if as_json:
        print_json(made)
        return
    out.print(made["token"], markup=False, soft_wrap=True)
    err.print(f"{made['grant']['id']}, until {made['grant']['expires_at']}", style="dim")


@app.command("attenuate")
def narrow(
    token: Annotated[str, typer.Argument(help="A grant's token; - for standard input.")],
    agent: Agent = "",
    cubes: Cubes = None,
    verb: Verbs = None,
    filter_: Filter = None,
    expires: Until = None,
    as_json: Json = False,
) -> None:
    """Make a narrower token of one, offline: nobody is asked. What it could not do before it can't do after."""
    made = attenuate(
        (sys.stdin.read() if token == "-" else token).strip(),
        agent=agent,
        cubes=cubes or (),
        verbs=verb or (),
        filters=json_object("--filter", filter_),
        expires_at=expires,
    )
    if as_json:
        print_json(made)
        return
    out.print(made["token"], markup=False, soft_wrap=True)
    err.print(f"revocation id {made['revocation_id']}", style="dim", soft_wrap=True)


@app.command("list")
def list_(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Grants that you issued; as an admin, all."""
    columns = ("id", "issuer", "agent", "cubes", "verbs", "filter", "expires_at", "revoked_at")
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.governance.grants(), columns, as_json, "no grants")


@app.command("revoke")
def revoke(
    grant_id: Annotated[str, typer.Argument(help="A grant's id; what was made of it ends too.")] = "",
    revocation_id: Annotated[
        str, typer.Option("--revocation-id", help="Or of one that was made offline (admins).")
    ] = "",
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a grant; it holds within a second."""
    with connect(server, api_key, home, timeout) as memory:
        answer = memory.governance.revoke_grant(grant_id, revocation_id=revocation_id)
    if as_json:
        print_json(answer)
    else:
        out.print(f"{grant_id or revocation_id} is revoked", markup=False)
