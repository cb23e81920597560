"""``memcube whoami|policies|users|teams|roles``: who may do what in the caller's tenant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from memcube.client.cli.governance_options import (
    Cubes,
    Describe,
    Name,
    Roles,
    Verbs,
    show_gone,
    show_made,
    show_rows,
)
from memcube.client.cli.options import TIMEOUT_S, ApiKey, Home, Json, Server, Timeout, connect, json_object
from memcube.client.cli.output import day, err, out, print_json
from memcube.model.errors import InvalidArgumentError

__all__ = ["policies", "roles", "teams", "users", "whoami"]

policies = typer.Typer(help="Policies in Cedar: what is forbidden or allowed besides the roles.", no_args_is_help=True)
users = typer.Typer(help="Users and agents: roles and cubes beside their keys.", no_args_is_help=True)
teams = typer.Typer(help="Teams, which roles and shares may be given to.", no_args_is_help=True)
roles = typer.Typer(help="Roles: named sets of verbs.", no_args_is_help=True)


def whoami(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Who the caller is, and what it was given."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.governance.whoami()
    if as_json:
        print_json(found)
        return
    out.print(f"{found['id']} in {found['tenant']}, by {found['credential']}", markup=False)
    for name in ("roles", "cubes", "teams"):
        if found[name]:
            out.print(f"  {name}: {', '.join(found[name])}", markup=False)
    if found["grant"]:
        out.print(f"  acts for {found['acts_for']} by {found['grant']}", markup=False)


@policies.command("put")
def put_policy(
    name: Name,
    file: Annotated[str, typer.Argument(help="A file with Cedar policies; - for standard input.")],
    description: Describe = "",
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong with it, and change nothing.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Put a file's policies in force, in place of those of this name."""
    text = _text_of(file)
    with connect(server, api_key, home, timeout) as memory:
        if check:
            found = memory.governance.check_policy(name, text)
        else:
            found = memory.governance.put_policy(name, text, description=description)
    if as_json:
        print_json(found)
    elif check:
        for problem in found["problems"]:
            err.print(Text(problem, style="red"), soft_wrap=True)
        out.print("no good" if found["problems"] else f"good: {found['statements']} policies")
    else:
        out.print(f"{name} is in force", markup=False)
    if check and found["problems"]:
        raise typer.Exit(2)


@policies.command("list")
def list_policies(
    schema: Annotated[bool, typer.Option("--schema", help="Print what policies may name.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """All policies, the built-in one first."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.governance.policies()
    if as_json:
        print_json(found)
        return
    if schema:
        out.print(found["schema"], markup=False)
        return
    for policy in found["results"]:
        by = f"  {policy['updated_by']} · {day(policy['updated_at'], clock=True)}" if policy["updated_by"] else ""
        out.print(Text(policy["name"], style="bold").append(by, style="dim"))
        if policy["description"]:
            out.print(f"  {policy['description']}", markup=False, style="dim")
        for line in policy["text"].strip().splitlines():
            out.print(f"  {line}", markup=False)


@policies.command("explain")
def explain(
    verb: Annotated[str, typer.Argument(help="E.g. search, add, delete_all.")],
    cube: Annotated[str | None, typer.Option("--cube")] = None,
    topic: Annotated[str | None, typer.Option("--topic")] = None,
    memory_id: Annotated[str | None, typer.Option("--memory", help="A memory of the cube.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="A memory as it might be: JSON, e.g. its tags.")] = None,
    principal: Annotated[str | None, typer.Option("--principal", help="Another than the caller (admins).")] = None,
    role: Roles = None,
    cubes: Cubes = None,
    team: Annotated[list[str] | None, typer.Option("--team")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Whether a call would be let in, and what decides. Nothing is done. Exit status 3 says that it would not."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.governance.explain(
            verb,
            cube_id=cube,
            topic=topic,
            memory_id=memory_id,
            item=json_object("--item", item),
            principal=principal,
            roles=role or (),
            cubes=cubes or (),
            teams=team or (),
        )
    if as_json:
        print_json(found)
    else:
        out.print(Text("allowed", style="green") if found["allowed"] else Text("denied", style="red"))
        for one in found["reasons"]:
            style = "green" if one["effect"] == "permit" else "red"
            line = Text(f"  {one['effect']}", style=style).append(f"  {one['kind']} {one['id']}", style="default")
            out.print(line.append(f"  {one['detail']}", style="dim"))
        if not found["reasons"]:
            out.print("  nothing allows it")
        for problem in found["errors"]:
            err.print(Text(f"  {problem}", style="red"))
    if not found["allowed"]:
        raise typer.Exit(3)


@policies.command("delete")
def delete_policy(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take policies away."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.delete_policy(name), name, as_json)


@users.command("put")
def put_user(
    name: Name,
    agent: Annotated[bool, typer.Option("--agent", help="It is an agent, no user.")] = False,
    role: Roles = None,
    cubes: Cubes = None,
    disable: Annotated[bool, typer.Option("--disable", help="Allow nothing to it, whatever key it has.")] = False,
    description: Describe = "",
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """What holds for a user or an agent beside its key."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.governance.put_member(
            name,
            kind="agent" if agent else "user",
            roles=role or (),
            cubes=cubes or (),
            disabled=disable,
            description=description,
        )
    show_made(made, name, as_json)


@users.command("list")
def list_users(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Users and agents that have an entry; whoever has a key only is in 'memcube keys list'."""
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.governance.members(), ("id", "kind", "roles", "cubes", "disabled"), as_json, "no users")


@users.command("delete")
def delete_user(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take an entry away; what its key allows goes on."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.delete_member(name), name, as_json)


@teams.command("put")
def put_team(
    name: Name,
    member: Annotated[
        list[str] | None, typer.Option("--member", help="A principal; may be given several times.")
    ] = None,
    role: Roles = None,
    cubes: Cubes = None,
    description: Describe = "",
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """A team of these members, in place of the one of this name."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.governance.put_team(
            name, member or (), roles=role or (), cubes=cubes or (), description=description
        )
    show_made(made, name, as_json)


@teams.command("list")
def list_teams(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """All teams."""
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.governance.teams(), ("id", "members", "roles", "cubes"), as_json, "no teams")


@teams.command("delete")
def delete_team(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a team away, and what was shared with it."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.delete_team(name), name, as_json)


@roles.command("put")
def put_role(
    name: Name,
    verb: Verbs = None,
    description: Describe = "",
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """A role of your own, for users and teams."""
    with connect(server, api_key, home, timeout) as memory:
        show_made(memory.governance.put_role(name, verb or (), description=description), name, as_json)


@roles.command("list")
def list_roles(
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """All roles and their verbs."""
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.governance.roles(), ("id", "builtin", "verbs"), as_json, "no roles")


@roles.command("delete")
def delete_role(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a role away that nobody has."""
    with connect(server, api_key, home, timeout) as memory:
        show_gone(memory.governance.delete_role(name), name, as_json)


def _text_of(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError("file", f"{file} cannot be read: {error}") from error
