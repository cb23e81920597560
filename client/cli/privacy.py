"""The commands ``memcube erase``, ``memcube holds …`` and ``memcube retention …``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from memcube.client.cli.options import (
    TIMEOUT_S,
    ApiKey,
    Cube,
    Home,
    Json,
    Server,
    Timeout,
    User,
    connect,
    json_object,
)
from memcube.client.cli.output import counted, day, out, print_json

__all__ = ["erase", "holds", "retention"]

ERASE_S = 600.0
holds = typer.Typer(help="Legal holds: what is held can't be deleted or erased by anyone.", no_args_is_help=True)
retention = typer.Typer(help="Rules: what is older is deleted or archived, in the background.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name of yours.")]
Cubes = Annotated[str | None, typer.Option("--cubes", help="A pattern of cube ids, e.g. 'user:*'; none: all.")]


def erase(
    user: User = None,
    cube: Cube = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; the certificate tells it.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = ERASE_S,
    as_json: Json = False,
) -> None:
    """Erase everything about a user in all cubes, or a whole cube, for good; prints the signed certificate."""
    if not yes and not as_json:
        what = f"cube {cube}" if cube else f"user {user}"
        typer.confirm(f"Erase everything of {what}, all versions, for good?", abort=True)
    with connect(server, api_key, home, timeout) as memory:
        done = memory.privacy.erase(user_id=user, cube_id=cube, reason=reason)
    if as_json:
        print_json(done)
        return
    items, events = (sum(one[name] for one in done["cubes"]) for name in ("items", "events"))
    where = counted(len(done["cubes"]), "cube")
    out.print(f"erased {counted(items, 'memory', 'memories')} and {counted(events, 'version')} in {where}")
    if done["keys_destroyed"]:
        out.print(f"destroyed {counted(done['keys_destroyed'], 'key')}")
    out.print(f"certificate {done['id']}", style="dim")


@holds.command("put")
def put_hold(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is told in the log.")],
    cubes: Cubes = None,
    user: User = None,
    filters: Annotated[str | None, typer.Option("--filter", help="Further conditions, as JSON.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Keep memories from being deleted until the hold is released."""
    conditions = json_object("filter", filters)
    with connect(server, api_key, home, timeout) as memory:
        put = memory.privacy.put_hold(name, reason=reason, cubes=cubes, user_id=user, filters=conditions)
    _say(put, f"held: {name}", as_json=as_json)


@holds.command("release")
def release_hold(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a hold."""
    with connect(server, api_key, home, timeout) as memory:
        gone = memory.privacy.release_hold(name)
    _say(gone, f"released: {name}", as_json=as_json)


@holds.command("list")
def list_holds(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show the holds."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.privacy.holds()
    columns = ("name", "cubes", "user_id", "reason", "principal", "created_at")
    _table(found, columns, "no holds", as_json=as_json)


@retention.command("put")
def put_retention(
    name: Name,
    keep_days: Annotated[float, typer.Option("--keep-days", help="How long memories are kept.")],
    action: Annotated[str, typer.Option("--action", help="delete or archive.")] = "delete",
    cubes: Cubes = None,
    memory_type: Annotated[
        str | None, typer.Option("--type", help="Memories of this type, e.g. ToolTrajectoryMemory.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Memories with this tag.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Have what is older deleted or archived, from now on."""
    with connect(server, api_key, home, timeout) as memory:
        put = memory.privacy.put_retention(
            name, keep_days=keep_days, action=action, cubes=cubes, memory_type=memory_type, tag=tag
        )
    _say(put, f"rule: {name}", as_json=as_json)


@retention.command("delete")
def delete_retention(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a rule."""
    with connect(server, api_key, home, timeout) as memory:
        gone = memory.privacy.delete_retention(name)
    _say(gone, f"deleted: {name}", as_json=as_json)


@retention.command("list")
def list_retention(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show the rules and what they have done."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.privacy.retention()
    columns = ("name", "keep_days", "action", "cubes", "memory_type", "tag", "done", "held", "last_run_at")
    _table(found, columns, "no rules", as_json=as_json)


def _say(result: Any, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        out.print(words, highlight=False)


def _table(found: Any, columns: tuple[str, ...], nothing: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found["results"]:
        out.print(nothing)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.removesuffix("_at").replace("_", " "), overflow="fold")
    for row in found["results"]:
        table.add_row(*[_cell(name, row[name]) for name in columns])
    out.print(table)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return day(value, clock=True) if name.endswith("_at") else f"{value:g}" if isinstance(value, float) else str(value)
