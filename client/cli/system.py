"""Commands on the system itself: up, down, status, check, repair, version."""

from __future__ import annotations

import time
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from memcube.client import local
from memcube.client.cli.maintenance import maintain
from memcube.client.cli.options import (
    Address,
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
from memcube.client.cli.output import day, err, out, print_json, waiting
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.run_file import READY, RunFile, home_folder

__all__ = ["register"]

START_S = 180.0
STOP_S = 60.0


def register(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("check")(check)
    app.command("repair")(repair)
    app.command("version")(version)


def up(
    address: Address = "",
    home: Home = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Most cubes in memory at once.")] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; others than loopback need keys.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="gRPC port.")] = None,
    http_port: Annotated[int | None, typer.Option("--http-port", help="HTTP port.")] = None,
    embedder: Annotated[
        str | None,
        typer.Option("--embedder", help="minilm, torch, none, sentence:MODEL or openai:URL#MODEL."),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the system is ready.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = START_S,
    as_json: Json = False,
) -> None:
    """Start the system on this machine, or inside the Ray cluster at --address, and wait until it answers."""
    folder = home_folder(home)
    arguments: list[str] = []
    chosen = {"--address": address or None, "--frames": frames, "--host": host, "--port": port}
    for name, value in {**chosen, "--http-port": http_port, "--embedder": embedder}.items():
        if value is not None:
            arguments += [name, str(value)]
    before = local.running(folder)
    began = time.monotonic()
    if no_wait:
        if before is None:
            local.spawn(folder, arguments)
        if as_json:
            print_json({"state": "starting" if before is None else before.state, "home": str(folder)})
        else:
            out.print(f"starting in {folder}; 'memcube status' says how far it is")
        return
    if as_json:
        file = local.start(folder, arguments, timeout, lambda line: None)
        print_json(_plain(file, folder) | {"seconds": round(time.monotonic() - began, 3), "started": before is None})
        return
    with waiting(err) as say:
        file = local.start(folder, arguments, timeout, say)
    if before is not None and before.state == READY:
        out.print("it runs already")
    else:
        out.print(f"ready after {time.monotonic() - began:.1f} s")
    out.print(f"gRPC [bold]{file.grpc}[/bold] · HTTP [bold]http://{file.http}/docs[/bold] · data in {folder}")


def down(
    address: Address = "",
    home: Home = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = STOP_S,
    as_json: Json = False,
) -> None:
    """Stop the system in order: nothing acknowledged is lost, no process stays."""
    folder = home_folder(home)
    began = time.monotonic()
    say = (lambda line: None) if as_json else (lambda line: err.print(line, markup=False))
    file = local.running(folder)
    if address or (file is not None and file.pid == 0):
        local.take_out(folder, address or (file.address if file else ""), timeout)
        stopped = True
    else:
        stopped = local.stop(folder, timeout, say)
    took = round(time.monotonic() - began, 3)
    if as_json:
        print_json({"stopped": stopped, "seconds": took})
    else:
        out.print(f"stopped in {took:.1f} s" if stopped else f"nothing runs in {folder}")


def status(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = 30.0,
    as_json: Json = False,
) -> None:
    """Say how the system is, and one cube where one is named. Starts nothing."""
    folder = home_folder(home)
    file = None
    if server is None:
        file = local.running(folder)
        if file is None:
            raise NotFoundError("running system in", str(folder))
        if file.state != READY:
            _show_start(file, folder, as_json)
            return
        server = file.grpc
    with connect(server, api_key, home, timeout) as memory:
        found = memory.status(**Scope(user, agent, run, cube).arguments())
    plain = (_plain(file, folder) if file else {}) | found
    if as_json:
        print_json(plain)
        return
    out.print(f"MemCube {found['version']}, up since {day(found['started_at'], clock=True)} UTC")
    if file is None:
        out.print(f"gRPC {server}")
    else:
        out.print(f"gRPC {file.grpc} · HTTP http://{file.http}/docs · data in {folder}")
    table = Table(box=None, pad_edge=False, show_header=False)
    colours = {"ready": "green", "starting": "yellow", "degraded": "yellow", "down": "red"}
    for part in found["components"]:
        table.add_row(part["name"], f"[{colours.get(part['state'], 'white')}]{part['state']}[/]", part["detail"])
    out.print(table)
    out.print(f"{found['resident_cubes']} cubes in memory, {found['frames']} frames")
    if "cube" in found:
        own = found["cube"]
        out.print(
            f"cube [bold]{own['id']}[/bold]: {own['items']} memories, {own['head']} events, "
            f"{own['file_bytes'] / 2**20:.1f} MiB, vectors for {own['vector_coverage']:.0%}"
        )
        for task in own["tasks"]:
            out.print(f"  {task['kind']}: {task['waiting']} waiting, {task['failed']} failed {task['last_error']}")


def check(
    cube: Annotated[str | None, typer.Option("--cube", help="One cube; by default all.")] = None,
    tenant: Annotated[str, typer.Option("--tenant")] = "default",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Look at everything that is stored, and change nothing. Exit status 8 says that something is damaged."""
    _report("check", cube, tenant, home, as_json)


def repair(
    cube: Annotated[str | None, typer.Option("--cube", help="One cube; by default every damaged one.")] = None,
    tenant: Annotated[str, typer.Option("--tenant")] = "default",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Rebuild what can be rebuilt of damaged cubes; the damaged files are kept beside them. Needs the system down."""
    if local.running(home_folder(home)) is not None:
        raise InvalidArgumentError("home", f"a system runs in {home_folder(home)}; 'memcube down' first")
    _report("repair", cube, tenant, home, as_json)


def version(as_json: Json = False) -> None:
    """Print the installed version."""
    number = installed_version("memcube")
    if as_json:
        print_json({"version": number})
    else:
        out.print(number)


def _report(what: str, cube: str | None, tenant: str, home: str | None, as_json: bool) -> None:
    arguments = [what, "--home", str(home_folder(home)), "--tenant", tenant]
    found = maintain(*arguments, *(["--cube", cube] if cube else []))
    damaged = [row for row in found["results"] if row["findings"]]
    if as_json:
        print_json(found)
    else:
        for row in damaged:
            out.print(f"[red]{row['cube_id'] or row['path']}[/red]: {row['events']} events, {row['items']} memories")
            for finding in row["findings"]:
                fixable = "[green]repairable[/green]" if finding["repairable"] else "[red]not repairable[/red]"
                out.print(f"  {finding['problem']} ({fixable})  [dim]{finding['path']}[/dim]")
        out.print(f"{len(found['results'])} cubes {what}ed, {len(damaged)} with findings")
    if damaged and what == "check":
        raise typer.Exit(8)


def _show_start(file: RunFile, folder: Path, as_json: bool) -> None:
    if as_json:
        print_json(_plain(file, folder))
        return
    out.print(f"{file.state} in {folder} (pid {file.pid})")
    for step in file.steps:
        out.print(f"  {step.name}: {'…' if step.seconds is None else f'{step.seconds:.1f} s'}")


def _plain(file: RunFile, folder: Path) -> dict[str, Any]:
    return {
        "state": file.state,
        "home": str(folder),
        "pid": file.pid,
        "grpc": file.grpc,
        "http": file.http,
        "address": file.address,
        "steps": {step.name: step.seconds for step in file.steps},
    }
