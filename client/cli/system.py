"""Commands on the system itself: up, down, status, check, repair, version."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
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
from memcube.client.cli.output import counted, day, err, out, print_json, waiting
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.run_file import READY, RunFile, home_folder

__all__ = ["register"]

START_S = 180.0
STOP_S = 60.0
USUAL_PORTS = (7437, 7438)
"""gRPC's and HTTP's, as ``deployments.config`` has them, which is not for the client to import."""


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
    tls_cert: Annotated[
        str | None, typer.Option("--tls-cert", help="Speak TLS on both ports, with this certificate chain (PEM).")
    ] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", help="Its key.")] = None,
    client_ca: Annotated[
        str | None, typer.Option("--client-ca", help="Let in only clients with a certificate of this authority.")
    ] = None,
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="Seal what is stored first; see 'memcube encrypt'.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the system is ready.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait.")] = START_S,
    as_json: Json = False,
) -> None:
    """Start the system on this machine, or inside the Ray cluster at --address, and wait until it answers."""
    folder = home_folder(home)
    arguments: list[str] = []
    chosen = {"--address": address or None, "--frames": frames, "--host": host, "--port": port}
    files = {"--tls-cert": tls_cert, "--tls-key": tls_key, "--client-ca": client_ca}
    chosen |= {name: str(Path(path).absolute()) if path else path for name, path in files.items()}
    for name, value in {**chosen, "--http-port": http_port, "--embedder": embedder}.items():
        if value is not None:
            arguments += [name, str(value)]
    before = local.running(folder)
    if encrypt and before is None:
        maintain("encrypt", "--home", str(folder))
    unused = [] if before is None else not_applied(before, arguments)
    began = time.monotonic()
    if unused and not as_json:
        stops = local.down_command(folder)
        err.print(f"not applied, as a system runs here already: {', '.join(unused)}; '{stops}' first", style="yellow")
    if no_wait:
        if before is None:
            local.spawn(folder, arguments)
        if as_json:
            print_json({"state": "starting" if before is None else before.state, "home": str(folder)})
        else:
            out.print(f"starting in {folder}; 'memcube status' says how far it is")
        return
    settings = _gateway_settings(folder)
    if as_json:
        file = local.start(folder, arguments, timeout, lambda line: None)
        took = {"seconds": round(time.monotonic() - began, 3), "started": before is None, "not_applied": unused}
        print_json(_plain(file, folder) | took)
        return
    with waiting(err) as say:
        file = local.start(folder, arguments, timeout, say)
    if before is not None and before.state == READY:
        out.print("it runs already")
    else:
        out.print(f"ready after {time.monotonic() - began:.1f} s")
        if before is None and not address:
            asked = {"grpc_port": port, "http_port": http_port}
            for line in moved_ports(file, {**settings, **{k: v for k, v in asked.items() if v is not None}}):
                err.print(line, style="yellow")
    out.print(f"gRPC [bold]{file.grpc}[/bold] · HTTP [bold]http://{file.http}/docs[/bold] · data in {folder}")


def not_applied(file: RunFile, arguments: list[str]) -> list[str]:
    """The options of ``up`` that a system that runs already does not follow, as far as its run file tells."""
    has = {"--address": file.address, "--host": file.grpc.rpartition(":")[0]}
    ports = {"--port": file.grpc, "--http-port": file.http}
    has |= {name: where.rpartition(":")[2] for name, where in ports.items()}
    given = zip(arguments[::2], arguments[1::2], strict=True)
    return [
        f"{name} {value}" for name, value in given if has.get(name) != value and not (name in ports and value == "0")
    ]


def moved_ports(file: RunFile, asked: Mapping[str, Any]) -> list[str]:
    """What to say of ports that are not the usual ones although nobody asked for others."""
    usual = (("grpc_port", USUAL_PORTS[0], file.grpc), ("http_port", USUAL_PORTS[1], file.http))
    found = [(port, where.rpartition(":")[2]) for name, port, where in usual if name not in asked]
    return [f"{port} is taken, using {used}" for port, used in found if used and used != str(port)]


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
            if not as_json:
                err.print("'memcube up' starts a system, and so does every command on memories", style="dim")
            raise NotFoundError("running system in", str(folder))
        if file.state != READY:
            _show_start(file, folder, as_json)
            return
        server = file.grpc
    missing = None
    with connect(server, api_key, home, timeout) as memory:
        try:
            found = memory.status(**Scope(user, agent, run, cube).arguments())
        except NotFoundError as error:
            if as_json:
                raise
            # How the system is was asked too.
            found, missing = memory.status(), error
    plain = (_plain(file, folder) if file else {}) | found
    if as_json:
        print_json(plain)
        return
    out.print(f"MemCube {found['version']}, up since {day(found['started_at'], clock=True)}")
    if file is None:
        out.print(f"gRPC {server}")
    else:
        out.print(f"gRPC {file.grpc} · HTTP http://{file.http}/docs · data in {folder}")
    table = Table(box=None, pad_edge=False, show_header=False)
    colours = {"ready": "green", "starting": "yellow", "degraded": "yellow", "down": "red"}
    for part in found["components"]:
        table.add_row(part["name"], f"[{colours.get(part['state'], 'white')}]{part['state']}[/]", part["detail"])
    out.print(table)
    out.print(f"{counted(found['resident_cubes'], 'cube')} in memory, {counted(found['frames'], 'frame')}")
    scheduler = found.get("scheduler")
    if scheduler and scheduler["spent"]["calls"]:
        spent = scheduler["spent"]
        tokens = f"{spent['tokens_in']} tokens in, {spent['tokens_out']} out"
        done = f"{counted(scheduler['completed'], 'job')} done, {scheduler['failed']} failed"
        out.print(f"model {scheduler['model']}: {counted(spent['calls'], 'call')}, {tokens}; {done}", markup=False)
    if missing is not None:
        raise missing
    if "cube" in found:
        own = found["cube"]
        out.print(
            f"cube [bold]{own['id']}[/bold]: {counted(own['items'], 'memory', 'memories')}, "
            f"{counted(own['head'], 'event')}, "
            f"{own['file_bytes'] / 2**20:.1f} MiB, vectors for {own['vector_coverage']:.0%}"
        )
        for task in own["tasks"]:
            if not (task["waiting"] or task["in_progress"] or task["failed"] or task["last_error"]):
                continue
            state = f"{task['waiting']} waiting, {task['in_progress']} in progress, {task['failed']} failed"
            out.print(f"  {task['kind']}: {state} {task['last_error']}", markup=False)


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
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Make an empty cube of one that nothing can be saved of.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Rebuild what can be rebuilt of damaged cubes; the damaged files are kept beside them. Needs the system down.

    A cube that nothing can be saved of is left damaged. Exit status 8 says that one was, or that something is lost.
    """
    if local.running(home_folder(home)) is not None:
        raise InvalidArgumentError("home", f"a system runs in {home_folder(home)}; 'memcube down' first")
    _report("repair", cube, tenant, home, as_json, *(["--accept-loss"] if accept_loss else []))


def version(as_json: Json = False) -> None:
    """Print the installed version."""
    number = installed_version("memcube")
    if as_json:
        print_json({"version": number})
    else:
        out.print(number)


def _report(what: str, cube: str | None, tenant: str, home: str | None, as_json: bool, *more: str) -> None:
    arguments = [what, *more, "--home", str(home_folder(home)), "--tenant", tenant]
    found = maintain(*arguments, *(["--cube", cube] if cube else []))
    damaged = [row for row in found["results"] if row["findings"]]
    if as_json:
        print_json(found)
    else:
        for row in damaged:
            out.print(
                f"[red]{row['cube_id'] or row['path']}[/red]: {_saved(row)}, "
                f"{counted(row['items'], 'memory', 'memories')}"
            )
            for finding in row["findings"]:
                fixable = "[green]repairable[/green]" if finding["repairable"] else "[red]not repairable[/red]"
                out.print(f"  {finding['problem']} ({fixable})  [dim]{finding['path']}[/dim]")
        if what == "check":
            out.print(f"{counted(len(found['results']), 'cube')} checked, {len(damaged)} with findings")
        else:
            out.print(f"{counted(sum(row['repaired'] for row in damaged), 'cube')} repaired")
    if what == "check" and damaged:
        raise typer.Exit(8)
    left = [row for row in damaged if not row["repaired"]]
    losing = [row for row in damaged if row["repaired"] and not all(one["repairable"] for one in row["findings"])]
    if left:
        err.print(
            f"{counted(len(left), 'cube')} left damaged: nothing could be saved. Put the files back from a backup, or "
            "say --accept-loss to have an empty cube in place of each; the damaged files are kept.",
            style="yellow",
        )
    if losing:
        err.print(f"{counted(len(losing), 'cube')} repaired with losses, named above.", style="yellow")
    if left or losing:
        raise typer.Exit(8)


def _gateway_settings(folder: Path) -> dict[str, Any]:
    """What ``memcube.toml`` says of the gateway; a file that is wrong is the start's to refuse."""
    try:
        told = tomllib.loads((folder / "memcube.toml").read_text(encoding="utf-8")).get("gateway", {})
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _saved(row: dict[str, Any]) -> str:
    """How many of a cube's events are there, or can be had from its files: ``98 of 100 events``."""
    events, lost = row["events"], row.get("lost_events", 0)
    return f"{events - lost} of {counted(events, 'event')}" if lost else counted(events, "event")


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
