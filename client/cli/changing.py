"""Commands that say something of memories or change many: feedback, update-all, archive, unarchive, archive-all."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from memcube.client.cli.options import (
    TIMEOUT_S,
    Agent,
    ApiKey,
    Cube,
    Expires,
    Home,
    Json,
    Metadata,
    Run,
    Scope,
    Server,
    Timeout,
    User,
    connect,
    json_object,
)
from memcube.client.cli.output import counted, err, out, print_json

__all__ = ["register"]

Filter = Annotated[str | None, typer.Option("--filter", help='JSON, e.g. \'{"tags": {"contains": "work"}}\'.')]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="A memory that it is about, one that was shown say; repeat it.")
]
DONE = {"ADD": "added", "UPDATE": "updated", "ARCHIVE": "archived", "CONFIRM": "confirmed"}


def register(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.command("feedback")(feedback)
    app.command("update-all")(update_all)
    app.command("archive")(archive)
    app.command("unarchive")(unarchive)
    app.command("archive-all")(archive_all)


def feedback(
    said: Annotated[str, typer.Argument(help="In the user's words: \"that's wrong, I moved to Berlin\".")],
    memory_ids: Ids = None,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    history: Annotated[list[str] | None, typer.Option("--before", help="What was said before; repeat it.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Say that a memory is wrong, is right, is to be forgotten, or what holds in its place."""
    with connect(server, api_key, home, timeout) as memory:
        ids = Scope(user, agent, run, cube).arguments()
        told = memory.feedback(said, **ids, memory_ids=memory_ids, history=history)
    if as_json:
        print_json(told)
        return
    for one in told["results"]:
        out.print(f"{DONE[one['event']]}: {one['memory']}", markup=False, highlight=False)
        out.print(f"[dim]{one['id']}[/dim]")
    for note in told["notes"]:
        err.print(note, style="yellow", markup=False, soft_wrap=True)
    if told["task"]["state"] == "waiting":
        out.print(f"a language model will judge it: memcube tasks status {told['task_id']}", markup=False)
    elif not told["results"]:
        out.print("nothing is changed")


def update_all(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    filter_: Filter = None,
    metadata: Metadata = None,
    add_tag: Annotated[list[str] | None, typer.Option("--add-tag", help="Repeat it.")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option("--remove-tag", help="Repeat it.")] = None,
    expires: Expires = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="Take the time limit away.")] = False,
    visibility: Annotated[str | None, typer.Option("--visibility", help="private, shared or public.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Change all memories of a cube that a filter selects; many of them in the background."""
    with connect(server, api_key, home, timeout) as memory:
        task = memory.update_all(
            **Scope(user, agent, run, cube).arguments(),
            filters=json_object("--filter", filter_),
            metadata=json_object("--metadata", metadata),
            add_tags=add_tag,
            remove_tags=remove_tag,
            expiration_date=expires,
            never_expires=never_expires,
            visibility=visibility,
        )
    _show(task, "changed", as_json)


def archive(
    memory_id: str,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a memory out of searches and keep it; 'unarchive' brings it back."""
    with connect(server, api_key, home, timeout) as memory:
        _show_one(memory.archive(memory_id), as_json)


def unarchive(
    memory_id: str,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Bring an archived memory back."""
    with connect(server, api_key, home, timeout) as memory:
        _show_one(memory.restore(memory_id), as_json)


def archive_all(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    filter_: Filter = None,
    unused_days: Annotated[float, typer.Option("--unused-days", help="Not added, changed or confirmed so long.")] = 0.0,
    keep: Annotated[int, typer.Option("--keep", help="So many stay, those used last; 0: any number.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Archive what was not used for long; never preferences, skills, or what has the tag 'pinned'."""
    with connect(server, api_key, home, timeout) as memory:
        task = memory.archive_all(
            **Scope(user, agent, run, cube).arguments(),
            filters=json_object("--filter", filter_),
            unused_days=unused_days,
            keep=keep,
        )
    _show(task, "archived", as_json)


def _show(task: dict[str, Any], word: str, as_json: bool) -> None:
    if as_json:
        print_json(task)
        return
    done = task["progress"]
    out.print(f"{word} {counted(done['changed'], 'memory', 'memories')} of {done['total']}", markup=False)
    if task["state"] != "completed":
        out.print(f"the rest follows: memcube tasks status {task['id']}", markup=False)
    for note in task["notes"]:
        err.print(note, style="yellow", markup=False, soft_wrap=True)


def _show_one(item: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(item)
    else:
        out.print(f"{item['status']}: {item['memory']}", markup=False, highlight=False)
