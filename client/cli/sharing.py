"""``memcube shares|quotas``: who else may use a cube or topic, and how much may be done in a window of time."""

from __future__ import annotations

from typing import Annotated

import typer

from memcube.client.cli.governance_options import Filter, Id, Until, Verbs, show_gone, show_made, show_rows
from memcube.client.cli.options import TIMEOUT_S, ApiKey, Home, Json, Server, Timeout, connect, json_object

__all__ = ["quotas", "shares"]

shares = typer.Typer(help="Cubes, selections and topics that others may use.", no_args_is_help=True)
quotas = typer.Typer(help="How much may be done in a window of time.", no_args_is_help=True)


@shares.command("add")
def add_share(
    cube: Annotated[str | None, typer.Option("--cube", help="The cube, by its id.")] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Or the topic.")] = None,
    with_user: Annotated[str | None, typer.Option("--with-user", help="Who is let in.")] = None,
    with_team: Annotated[str | None, typer.Option("--with-team")] = None,
    verb: Verbs = None,
    filter_: Filter = None,
    expires: Until = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Let a user or a team read a cube of yours, or do what --verb says."""
    verbs = {"verbs": verb} if verb else {}
    with connect(server, api_key, home, timeout) as memory:
        made = memory.governance.share(
            cube_id=cube,
            topic=topic,
            user=with_user,
            team=with_team,
            filters=json_object("--filter", filter_),
            expires_at=expires,
            **verbs,  # type: ignore[arg-type]
        )
    show_made(made, made["share"]["id"], as_json)


@shares.command("list")
def list_shares(
    cube: Annotated[str | None, typer.Option("--cube")] = None,
    topic: Annotated[str | None, typer.Option("--topic")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """What you share, and what is shared with you; as an admin, all."""
    columns = ("id", "cube_id", "topic", "user", "team", "verbs", "filter", "expires_at", "created_by")
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.governance.shares(cube_id=cube, topic=topic), columns, as_json, "no shares")


@shares.command("revoke")
def revoke_share(
    share_id: Id,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a share; it holds within a second."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.revoke_share(share_id), share_id, as_json)


@quotas.command("put")
def put_quota(
    of: Annotated[str, typer.Argument(help="operations, bytes or memories.")],
    limit: Annotated[int, typer.Argument(help="The most in a window.")],
    window: Annotated[float, typer.Option("--per", help="Seconds of the window.")] = 60.0,
    kind: Annotated[str, typer.Option("--for", help="tenant, principal or grant.")] = "tenant",
    subject: Annotated[str, typer.Option("--subject", help="Which one; without it each principal by itself.")] = "",
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Bound what may be done in a window of time."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.governance.put_quota(of, limit, window_s=window, kind=kind, subject=subject)
    show_made(made, made["quota"]["id"], as_json)


@quotas.command("list")
def list_quotas(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """All quotas."""
    with connect(server, api_key, home, timeout) as memory:
        show_rows(
            memory.governance.quotas(), ("id", "of", "limit", "window_s", "kind", "subject"), as_json, "no quotas"
        )


@quotas.command("delete")
def delete_quota(
    quota_id: Id,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a quota away."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.delete_quota(quota_id), quota_id, as_json)
