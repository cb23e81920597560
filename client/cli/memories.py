"""Commands on memories: search, get, list, update, delete, history; ``add`` is in ``adding``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from memcube.client.cli.adding import add
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
    Tag,
    Timeout,
    User,
    connect,
    json_object,
)
from memcube.client.cli.output import (
    counted,
    day,
    err,
    hits_table,
    memories_table,
    out,
    preferences_table,
    print_json,
    readable,
    show_degraded,
)
from memcube.client.cli.preferences import preferences
from memcube.model.errors import InvalidArgumentError

__all__ = ["register"]

Filter = Annotated[str | None, typer.Option("--filter", help='JSON, e.g. \'{"tags": {"contains": "work"}}\'.')]


def register(app: typer.Typer) -> None:
    """Put the commands into the application."""
    app.command("add")(add)
    app.command("search")(search)
    app.command("preferences")(preferences)
    app.command("understand")(understand)
    app.command("get")(get)
    app.command("list")(list_)
    app.command("update")(update)
    app.command("delete")(delete)
    app.command("history")(history)


def search(
    query: str,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="Most results.")] = 10,
    filter_: Filter = None,
    budget: Annotated[int, typer.Option("--budget", help="Most tokens of all results together; 0: any.")] = 0,
    threshold: Annotated[float, typer.Option("--threshold", help="Least score, 0 to 1.")] = 0.0,
    reference: Annotated[str | None, typer.Option("--now", help="What 'yesterday' counts from (with zone).")] = None,
    expired: Annotated[bool, typer.Option("--expired", help="Show what has expired too.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    also: Annotated[list[str] | None, typer.Option("--also", help="A further cube, e.g. user:bob; repeat it.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only this kind, e.g. PreferenceMemory.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="fast, fine (a language model answers) or mixture.")] = "fast",
    rerank: Annotated[bool, typer.Option("--rerank", help="Let a cross-encoder read the first hits again.")] = False,
    preferences: Annotated[int, typer.Option("--preferences", help="So many of the user's preferences too.")] = 0,
    strict: Annotated[
        bool, typer.Option("--strict-sources", help="Hold what is from outside to 2 of 5 places.")
    ] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Recall: the memories that answer a query, each with its score, its date, its source and its id."""
    filters = json_object("--filter", filter_)
    with connect(server, api_key, home, timeout) as memory:
        began = time.monotonic()
        found = memory.search(
            query,
            **Scope(user, agent, run, cube).arguments(),
            top_k=top_k,
            filters=filters,
            threshold=threshold,
            token_budget=budget,
            reference_date=reference,
            show_expired=expired,
            explain=explain or as_json,
            cube_ids=also,
            memory_types=kind,
            mode=mode,
            rerank=rerank,
            preferences=preferences,
            strict_sources=strict,
        )
        took = (time.monotonic() - began) * 1000
    if as_json:
        print_json(found)
        return
    if found["answer"]:
        out.print(found["answer"], markup=False, style="bold")
        out.print(f"[dim]from {counted(len(found['cited']), 'memory', 'memories')}, marked below[/dim]")
    if not found["results"]:
        out.print("nothing found")
    else:
        out.print(hits_table(found["results"], found["cited"], ids=True))
    if found["preferences"]:
        out.print("[magenta]preferences[/magenta]")
        out.print(preferences_table(found["preferences"]))
    out.print(
        f"[dim]{counted(len(found['results']), 'memory', 'memories')} · {found['tokens']} tokens · {took:.0f} ms[/dim]"
    )
    show_degraded(found["degraded"])


def understand(
    query: str,
    fine: Annotated[bool, typer.Option("--fine", help="Ask a language model too, if there is one.")] = False,
    reference: Annotated[str | None, typer.Option("--now", help="What 'yesterday' counts from (with zone).")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Read a request in words as an operation: what it wants, of which kinds, people and times. Searches nothing."""
    with connect(server, api_key, home, timeout) as memory:
        read = memory.understand(query, fine=fine, reference_date=reference)
    if as_json:
        print_json(read)
        return
    for name, value in read.items():
        if name != "degraded" and value not in (None, "", [], {}):
            out.print(f"[dim]{name:>13}[/dim]  ", end="")
            out.print(readable(value), markup=False)
    show_degraded(read["degraded"])


def get(
    memory_id: str,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show one memory with all its fields."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.get(memory_id)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value not in (None, "", [], {}):
            out.print(f"[dim]{name:>13}[/dim]  ", end="")
            out.print(readable(value), markup=False)


def list_(
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    filter_: Filter = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most memories of this page.")] = 50,
    page: Annotated[str | None, typer.Option("--page", help="Token of the next page, from the page before.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """List the memories of a cube, newest first."""
    filters = json_object("--filter", filter_)
    with connect(server, api_key, home, timeout) as memory:
        found = memory.get_all(
            **Scope(user, agent, run, cube).arguments(), filters=filters, top_k=limit, page_token=page
        )
    if as_json:
        print_json(found)
        return
    out.print(memories_table(found["results"]))
    more = f"; the next page: --page {found['next']}" if found["next"] else ""
    out.print(f"[dim]{len(found['results'])} of {counted(found['total'], 'memory', 'memories')}{more}[/dim]")


def update(
    memory_id: str,
    text: Annotated[str | None, typer.Argument(help="The new text; left out, the text stays.")] = None,
    metadata: Metadata = None,
    tag: Tag = None,
    expires: Expires = None,
    version: Annotated[int, typer.Option("--version", help="Refuse if it is at another version; 0: any.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Change a memory: a new version under the same id."""
    info = json_object("--metadata", metadata)
    with connect(server, api_key, home, timeout) as memory:
        changed = memory.update(
            memory_id, text, metadata=info, tags=tag, expiration_date=expires, expected_version=version
        )
    if as_json:
        print_json(changed)
    else:
        out.print(f"{changed['id']} is now at version {changed['version']}")


def delete(
    memory_ids: Annotated[list[str] | None, typer.Argument(help="Ids of memories.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All memories of a cube.")] = False,
    filter_: Filter = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Delete memories by id, or a cube's: those that --filter selects, or --all. Their history stays."""
    filters = json_object("--filter", filter_)
    many = everything or filters is not None
    if bool(memory_ids) is many:
        raise InvalidArgumentError("memory_ids", "name memories by id, or a cube with --filter or --all")
    whose = Scope(user, agent, run, cube)
    if many and not yes:
        if as_json:
            raise InvalidArgumentError("--yes", "is needed to delete many without being asked")
        named = next((value for value in (cube, user, agent, run) if value), "?")
        _confirm(f"Delete {'what the filter selects' if filters else 'everything'} in {named}'s memory?")
    with connect(server, api_key, home, timeout) as memory:
        if many:
            answer = memory.delete_all(**whose.arguments(), filters=filters)
        else:
            for memory_id in memory_ids or ():
                memory.delete(memory_id)
            answer = {"message": "Memories deleted successfully!", "deleted": len(memory_ids or ())}
    if as_json:
        print_json(answer)
    else:
        out.print(f"deleted {answer['deleted']}")


def history(
    memory_id: str,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show every version of a memory, oldest first, also of a deleted one."""
    with connect(server, api_key, home, timeout) as memory:
        rows = memory.history(memory_id)
    if as_json:
        print_json({"results": rows})
        return
    for row in rows:
        colour = {"ADD": "green", "UPDATE": "yellow", "DELETE": "red"}[row["event"]]
        out.print(
            f"[dim]v{row['version']}  {day(row['updated_at'], clock=True)}[/dim]  [{colour}]{row['event']}[/]  ", end=""
        )
        out.print(row["new_memory"] or "", markup=False)


def _confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes; where nobody is there to answer, it is no."""
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort:
        err.print()
        sure = False
    if not sure:
        err.print("not confirmed; use --yes")
        raise typer.Exit(1)
