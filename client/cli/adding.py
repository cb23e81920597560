"""``memcube add``: take in what the arguments stand for, and say what was taken and what was left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from memcube.client.cli.inputs import Intake, keyed
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
from memcube.client.cli.output import counted, err, out, print_json
from memcube.client.memory import Memory
from memcube.model.errors import InvalidArgumentError, MemCubeError, MissingExtraError, NotFoundError, TooLargeError

__all__ = ["add"]

SHOWN = 10
"""Most skipped files that are named to people; ``--json`` has all."""


def add(
    what: Annotated[list[str], typer.Argument(help="Words, a file, a directory, or - for standard input.")],
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    session: Annotated[str | None, typer.Option("--session", help="The conversation that it belongs to.")] = None,
    metadata: Metadata = None,
    tag: Tag = None,
    when: Annotated[str | None, typer.Option("--time", help="When it was said, e.g. 2026-03-01T12:00Z.")] = None,
    expires: Expires = None,
    text: Annotated[bool, typer.Option("--text", help="What is given are words, also where they name a file.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Take in files that were taken in before once more.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take in words, a file, a directory or standard input. Returns when it is durable and can be found.

    A file that was taken in within the last 7 days and has not changed is not stored again.
    """
    info = json_object("--metadata", metadata)
    common = Scope(user, agent, run, cube).arguments()
    chosen = {"metadata": info, "tags": tag, "timestamp": when, "expiration_date": expires, "session_id": session}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    intake = Intake()
    adds: list[dict[str, Any]] = []
    for one in what:
        known = len(intake.adds), len(intake.taken)
        if text:
            intake.adds.append({"messages": one})
        else:
            intake.take(one)
        new = [{**common, **call, **chosen} for call in intake.adds[known[0] :]]
        adds += keyed(new) if len(intake.taken) > known[1] and not again else new
    began = time.monotonic()
    results: list[dict[str, Any]] = []
    refused: list[MemCubeError] = []
    left: list[dict[str, Any]] = []
    tasks: list[str] = []
    already = 0
    with connect(server, api_key, home, timeout) as memory, _progress(len(adds) > 1 and not as_json) as progress:
        head = _head(memory, common) if any("idempotency_key" in call for call in adds) else 0
        bar = progress.add_task("adding", total=len(adds))
        for place, answer in enumerate(memory.add_many(adds)):
            progress.advance(bar)
            if isinstance(answer, InvalidArgumentError | MissingExtraError) and place in intake.listed:
                problem = answer.problem if isinstance(answer, InvalidArgumentError) else answer.message
                intake.leave(place, problem)
            elif isinstance(answer, InvalidArgumentError) and place in intake.named:
                refused.append(_of_file(answer, intake.named[place]))
            elif isinstance(answer, MemCubeError):
                refused.append(answer)
            else:
                results.extend(answer["results"])
                left += [one | {"call": place} for one in answer["skipped"]]
                # Events up to here are older than this command: the answer is that of the first time.
                already += len(answer["results"]) if answer["seq"] <= head else 0
                tasks += answer.get("task_ids", [])
    took_ms = (time.monotonic() - began) * 1000
    if as_json and not refused:
        skipped = [{"path": path, "why": why} for path, why in intake.skipped.items()]
        plain = {"results": results, "already": already, "taken": intake.taken, "skipped": skipped, "left_out": left}
        print_json(plain | {"task_ids": list(dict.fromkeys(tasks))})
    elif not as_json and (results or not refused):
        _say(results, already, intake, took_ms)
        for told in left[:SHOWN]:
            err.print(f"left out ({told['reason']}): {told['detail']}", style="yellow", markup=False, soft_wrap=True)
        if len(left) > SHOWN:
            err.print(f"left out {len(left) - SHOWN} more; --json has all", style="yellow")
    if refused:
        if len(refused) > 1:
            err.print(f"[red]{len(refused)} of {len(adds)} calls were refused; the first one:[/red]")
        raise refused[0]


def _of_file(error: InvalidArgumentError, path: str) -> InvalidArgumentError:
    """What the server says of a document's place in a message, said of the file that was named."""
    if isinstance(error, TooLargeError) or not error.field.startswith("messages["):
        return error
    return InvalidArgumentError(path, error.problem)


def _head(memory: Memory, scope: Mapping[str, Any]) -> int:
    """The number of the last event of a cube; 0 where there is none."""
    try:
        return int(memory.status(**scope)["cube"]["head"])
    except NotFoundError:
        return 0


def _say(results: list[dict[str, Any]], already: int, intake: Intake, took_ms: float) -> None:
    files = f" from {counted(len(intake.taken), 'file')}" if intake.taken else ""
    where = f" to {results[0]['cube_id']}" if results else ""
    new = len(results) - already
    out.print(f"added {counted(new, 'memory', 'memories')}{files}{where} in {took_ms:.0f} ms", markup=False)
    if already:
        out.print(
            f"{already} had been added before; what of them was deleted or changed since stays so (--again adds anew)"
        )
    if len(results) == 1:
        out.print(f"[dim]{results[0]['id']}[/dim]")
    for path, why in list(intake.skipped.items())[:SHOWN]:
        err.print(f"skipped {path}: {why}", style="yellow", markup=False, soft_wrap=True)
    if len(intake.skipped) > SHOWN:
        err.print(f"skipped {len(intake.skipped) - SHOWN} more; --json names all", style="yellow")


def _progress(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not shown,
        transient=True,
    )
