"""``memcube dump``: a cube as files, here or elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from memcube.client.cli.load import moving, show_findings, told_as
from memcube.client.cli.options import (
    TIMEOUT_S,
    Agent,
    ApiKey,
    Home,
    Json,
    Run,
    Scope,
    Server,
    Timeout,
    User,
    connect,
    json_object,
)
from memcube.client.cli.output import counted, out, print_json

__all__ = ["dump"]


def dump(
    to: Annotated[str, typer.Option("--to", help="A folder, a file, or s3://, oci://, hf:// addresses.")],
    cube: Annotated[str | None, typer.Argument(help="The cube, by its id; or --user, --agent, --run.")] = None,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    format: Annotated[
        str, typer.Option("--format", help="mip, mem0, pam, oamp, af, mcp, memos, chatgpt, claude, markdown.")
    ] = "mip",
    type: Annotated[
        list[str] | None, typer.Option("--type", help="Only memories of this type; may be repeated.")
    ] = None,
    filter: Annotated[str | None, typer.Option("--filter", help="A filter as JSON, as in every other command.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Of this time (with its zone) or later.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Of before this time.")] = None,
    archived: Annotated[
        bool, typer.Option("--archived/--no-archived", help="Whether what is out of use comes along.")
    ] = True,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Write a cube's memories as a signed bundle, or in another system's format; says what that has no place for."""
    filters = json_object("--filter", filter)
    scope = Scope(user, agent, run, cube).arguments()
    with connect(server, api_key, home, timeout) as memory, moving("dumping", "read", not as_json) as told:
        report = memory.dump(
            to,
            **scope,
            format=format,
            filters=filters,
            memory_types=type,
            since=since,
            until=until,
            archived=archived,
            progress=told,
        )
    if as_json:
        print_json(report)
        return
    out.print(
        f"wrote {counted(report['written'], 'memory', 'memories')} as {format} to {report['target']}", markup=False
    )
    if report.get("digest"):
        out.print(report["digest"], style="dim", markup=False)
    told_as("kept in a field of ours", report["kept"])
    told_as("has no place in it, and is lost", report["lost"])
    show_findings(report)
