"""``memcube tasks``: the background work of a cube, looked at, waited for, tried anew, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

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
from memcube.client.cli.output import block, counted, day, out, print_json, print_json_line
from memcube.client.prepare_tasks import MOST_WAIT_S
from memcube.model.errors import InvalidArgumentError

__all__ = ["app"]

app = typer.Typer(help="Background work of a cube: what waits, what failed and why.", no_args_is_help=True)
TaskId = Annotated[str, typer.Argument(help="As 'memcube tasks list' shows it, and 'memcube add --json'.")]
TaskIds = Annotated[list[str] | None, typer.Option("--id", help="A task; may be given several times. By default all.")]
Wait = Annotated[float, typer.Option("--for", help="Seconds to wait, 600 at most.")]
COLOURS = {"waiting": "yellow", "in_progress": "cyan", "completed": "green", "failed": "red", "cancelled": "dim"}


@app.command("list")
def list_(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="waiting, in_progress, completed, failed or cancelled.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="E.g. mem_read.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most tasks.")] = 20,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """A cube's tasks, newest first; those that ended are kept for 7 days. '--state failed' is the dead-letter list."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.tasks(**Scope(user, agent, run, cube).arguments(), states=state, kinds=kind, limit=limit)
    if as_json:
        print_json(found)
        return
    _show(found["results"])
    more = found["total"] - len(found["results"])
    if more > 0:
        out.print(f"and {more} more; --limit shows them")


@app.command("status")
def status(
    task_id: TaskId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """One task with all that is known of it."""
    with connect(server, api_key, home, timeout) as memory:
        _show_one(memory.task(task_id), as_json)


@app.command("wait")
def wait(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    task_ids: TaskIds = None,
    seconds: Wait = 30.0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Wait until the tasks of a cube have ended. Exit status 4 says that some had not when the time was over."""
    with connect(server, api_key, home, timeout) as memory:
        ids = Scope(user, agent, run, cube).arguments()
        found = memory.wait(**ids, task_ids=task_ids, timeout_s=_within(seconds))
    if as_json:
        print_json(found)
    else:
        _show(found["results"])
    if found["timed_out"]:
        raise typer.Exit(4)


@app.command("watch")
def watch(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    task_ids: TaskIds = None,
    seconds: Wait = 600.0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show each change of a cube's tasks as it comes, until all have ended; with --json an object a line."""
    with connect(server, api_key, home, timeout) as memory:
        ids = Scope(user, agent, run, cube).arguments()
        for task in memory.watch(**ids, task_ids=task_ids, timeout_s=_within(seconds)):
            if as_json:
                print_json_line(task)
            else:
                out.print(_line(task))


@app.command("retry")
def retry(
    task_id: TaskId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Let a task that failed or was cancelled be tried anew."""
    with connect(server, api_key, home, timeout) as memory:
        _show_one(memory.retry_task(task_id), as_json)


@app.command("cancel")
def cancel(
    task_id: TaskId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a task that has not ended; what it was about stays as it is."""
    with connect(server, api_key, home, timeout) as memory:
        _show_one(memory.cancel_task(task_id), as_json)


def _show(tasks: list[dict[str, Any]]) -> None:
    if not tasks:
        out.print("no tasks")
        return
    for task in tasks:
        about = counted(len(task["item_ids"]), "memory", "memories")
        tried = counted(task["attempts"], "try", "tries")
        head = Text(task["state"], style=COLOURS.get(task["state"], ""))
        head.append(f"  {task['kind']} · {day(task['created_at'], clock=True)} · {about} · {tried}", style="default")
        below = [Text(task["id"], style="dim"), *([Text(task["error"], style="red")] if task["error"] else [])]
        out.print(block(head, below))


def _within(seconds: float) -> float:
    """What --for says; here, as for the SDK it is a timeout, which is another option of these commands."""
    if not 0 <= seconds <= MOST_WAIT_S:
        raise InvalidArgumentError("--for", f"{seconds:g} is not within 0 to {MOST_WAIT_S:g}")
    return seconds


def _line(task: Mapping[str, Any]) -> Text:
    line = Text(day(task["updated_at"], clock=True), style="dim")
    line.append(f"  {task['state']}", style=COLOURS.get(task["state"], "")).append(f"  {task['kind']}  {task['id']}")
    return line.append(f"  {task['error']}", style="red") if task["error"] else line


def _show_one(task: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(task)
        return
    out.print(_line(task))
    spent = task["spent"]
    known = {
        "cube": task["cube_id"],
        "session": task["session_id"],
        "about": " ".join(task["item_ids"]),
        "made": " ".join(task["result_ids"]),
        "tries": str(task["attempts"]),
        "not before": day(task["not_before"], clock=True),
        "spent": f"{counted(spent['calls'], 'call')}, {spent['tokens_in']} tokens in, {spent['tokens_out']} out",
    }
    for name, value in known.items():
        if value:
            out.print(f"  {name}: {value}", markup=False)
    for note in task["notes"]:
        out.print(f"  note: {note}", markup=False)
