"""``memcube load``: take in what another memory, or a cube, was dumped as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

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
from memcube.client.cli.output import counted, err, out, print_json

if TYPE_CHECKING:
    from memcube.interchange.report import Report

__all__ = ["load", "moving", "show_findings", "told_as"]

SHOWN = 20


def load(
    source: Annotated[str, typer.Argument(help="A file, a folder, an archive, or s3://, oci://, hf:// addresses.")],
    into: Annotated[str | None, typer.Option("--into", help="The cube that takes them, by its id.")] = None,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="mem0, pam, oamp, af, mcp, memos, chatgpt, claude, markdown, mip; else found by what it says.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, change nothing, and say what would be.")
    ] = False,
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="A public key (ed25519:…) whose bundles are known.")
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take in memories of mem0, Letta, ChatGPT, Claude and others, or a bundle; says what of them has no place here.

    Loading the same again adds nothing, and after a kill it goes on where it was.
    """
    scope = Scope(user, agent, run, into or cube).arguments()
    with connect(server, api_key, home, timeout) as memory, moving("loading", "read", not as_json) as told:
        report = memory.load(source, **scope, format=format, dry_run=dry_run, trust=tuple(trust or ()), progress=told)
    if as_json:
        print_json(report)
        return
    would = "would take in" if dry_run else "took in"
    what = counted(report["read"] if dry_run else report["added"], "memory", "memories")
    out.print(f"{would} {what} of {report['format']}", markup=False)
    for name, words in (("updated", "changed"), ("already", "had been taken in before")):
        if report[name]:
            out.print(f"{report[name]} {words}")
    if report["attachments"]:
        out.print(f"kept {counted(report['attachments'], 'remainder')} that no memory holds, for dumps")
    told_as("what has no field of its own and is kept beside", report["kept"])
    show_findings(report)


def told_as(what: str, counts: Mapping[str, int]) -> None:
    """A line of fields and how often each was met."""
    if counts:
        first = sorted(counts.items(), key=lambda one: -one[1])[:SHOWN]
        words = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in first)
        more = f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        out.print(f"{what}: {words}{more}", style="dim", markup=False)


def show_findings(report: Mapping[str, Any]) -> None:
    """What the report says in words, on standard error."""
    colours = {"note": "dim", "warning": "yellow", "refused": "red"}
    found = sorted(report["findings"], key=lambda one: list(colours).index(one["level"]), reverse=True)
    for one in found[:SHOWN]:
        words = f"{one['level']}: {one['where']}: {one['what']}"
        err.print(words, style=colours[one["level"]], markup=False, soft_wrap=True)
    if len(found) > SHOWN:
        err.print(f"{len(found) - SHOWN} more; --json has all", style="dim")


@contextmanager
def moving(verb: str, counter: str, shown: bool) -> Iterator[Callable[[Report], None]]:
    """Show how far a load or dump is, where a person looks."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        console=err,
        disable=not (shown and err.is_terminal),
        transient=True,
    )
    with bar:
        task = bar.add_task(verb, total=None)

        def told(report: Report) -> None:
            bar.update(task, description=f"{verb}: {getattr(report, counter)} memories")

        yield told
