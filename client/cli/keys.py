"""``memcube keys``: who may call the gateway of this machine's system."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from memcube.client.cli.maintenance import maintain
from memcube.client.cli.options import Home, Json
from memcube.client.cli.output import err, out, print_json
from memcube.model.errors import NotFoundError
from memcube.model.run_file import home_folder

__all__ = ["app"]

app = typer.Typer(help="API keys: each stands for a tenant, a principal and roles.", no_args_is_help=True)
Tenant = Annotated[str, typer.Option("--tenant", help="Tenants share nothing.")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The principal that the key stands for.")],
    tenant: Tenant = "default",
    role: Annotated[
        list[str] | None, typer.Option("--role", help="reader, writer or admin; writer by default.")
    ] = None,
    cubes: Annotated[list[str] | None, typer.Option("--cubes", help="Patterns of cube ids, e.g. 'user:*'.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once and kept nowhere; only its SHA-256 is."""
    arguments = ["keys-add", "--home", str(home_folder(home)), "--tenant", tenant, name]
    for one in role or ["writer"]:
        arguments += ["--role", one]
    for one in cubes or ["*"]:
        arguments += ["--cubes", one]
    made = maintain(*arguments)
    if as_json:
        print_json(made)
        return
    out.print(made["key"], markup=False)
    err.print(f"for {name} in {tenant}; it is not shown again. Use it as --api-key or MEMCUBE_API_KEY.", style="dim")
    if made["first"]:
        err.print("A running system asks every caller for a key within a second from now.", style="dim")


@app.command("list")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List who has keys; the keys themselves are kept nowhere."""
    found = maintain("keys-list", "--home", str(home_folder(home)))
    if as_json:
        print_json(found)
        return
    if not found["results"]:
        out.print("no keys; without any, a system serves everyone on this machine, and nobody else")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("tenant", "principal", "roles", "cubes", "sha256"):
        table.add_column(column, overflow="fold")
    for row in found["results"]:
        table.add_row(
            row["tenant"], row["principal"], ", ".join(row["roles"]), ", ".join(row["cubes"]), row["sha256"][:12]
        )
    out.print(table)


@app.command("rotate")
def rotate(
    data: Annotated[
        bool, typer.Option("--data", help="New data keys too, and everything sealed anew; with the system stopped.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Renew the keys that encrypt the memories: of all tenants, and with --data those of all subjects."""
    done = maintain("keys-rotate", "--home", str(home_folder(home)), *(["--data"] if data else []))
    if as_json:
        print_json(done)
        return
    out.print(f"{done['wrapped']} data keys are wrapped anew", highlight=False)
    if data:
        out.print(f"{done['sealed']} cubes are sealed anew, {done['destroyed']} old keys destroyed", highlight=False)


@app.command("remove")
def remove(name: str, tenant: Tenant = "default", home: Home = None, as_json: Json = False) -> None:
    """Remove all keys of a principal; a running system notices within a second, unless they are the last ones."""
    where = "--home", str(home_folder(home))
    gone = maintain("keys-remove", *where, "--tenant", tenant, name)
    if not gone["removed"]:
        raise NotFoundError("key of", name)
    last = not maintain("keys-list", *where)["results"]
    if as_json:
        print_json(gone | {"last": last})
        return
    out.print(f"removed {gone['removed']}")
    if last:
        err.print(
            "No key is left. A running system stays closed, and lets nobody in until there is another; "
            "after 'memcube down' and 'up' it is open to everyone on this machine.",
            style="yellow",
        )
