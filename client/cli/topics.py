"""The commands ``memcube topics …``: publish and subscribe from the command line."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
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
    json_value,
)
from memcube.client.cli.output import counted, day, err, out, print_json, print_json_line

__all__ = ["app"]

app = typer.Typer(help="Publish events on topics, and follow topics and cubes.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The topic's name.")]
Topic = Annotated[str | None, typer.Argument(help="The topic's name; or a cube: --user, --agent, --run, --cube.")]
Group = Annotated[str, typer.Option("--group", "-g", help="Name of the group that shares the work.")]
Types = Annotated[list[str] | None, typer.Option("--type", "-t", help="Only events of this type; * at the end.")]
LINES_AT_ONCE = 256


@app.command("create")
def create(
    name: Name,
    description: Annotated[str, typer.Option("--description")] = "",
    max_age: Annotated[float, typer.Option("--max-age", help="Seconds that events are kept; 0: for ever.")] = 0.0,
    max_bytes: Annotated[int, typer.Option("--max-bytes", help="Bytes that are kept; 0: no bound.")] = 0,
    max_events: Annotated[int, typer.Option("--max-events", help="Events that are kept; 0: no bound.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Make a topic."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.topics.create(
            name, description=description, max_age_s=max_age, max_bytes=max_bytes, max_events=max_events
        )
        if as_json:
            print_json(made)
        else:
            out.print(f"topic {made['name']} is made", markup=False)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit")] = 100,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """The topics that you may see."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.topics.list(limit=limit)
        if as_json:
            print_json(found)
            return
        for topic in found["results"]:
            line = Text(topic["name"])
            line.append(f"  {day(topic['created_at'])}  {topic['owner']}  {topic['description']}", style="dim")
            out.print(line)
        if not found["results"]:
            out.print("no topics")


@app.command("show")
def show(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """One topic: which events it has, and its groups."""
    with connect(server, api_key, home, timeout) as memory:
        topic = memory.topics.get(name) | {"groups": memory.topics.groups(name)["results"]}
        if as_json:
            print_json(topic)
            return
        count = topic["head_seq"] - topic["low_seq"] + 1
        out.print(f"{name}: {counted(count, 'event')} ({topic['low_seq']} to {topic['head_seq']})", markup=False)
        for group in topic["groups"]:
            waiting = f"next {group['next_seq']}, {group['open']} open, {counted(group['dead'], 'dead letter')}"
            out.print(f"  group {group['name']}: {waiting}", markup=False)


@app.command("delete")
def delete(
    name: Name,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Delete a topic with all its events and groups."""
    with connect(server, api_key, home, timeout) as memory:
        memory.topics.delete(name)
        if as_json:
            print_json({"deleted": name})
        else:
            out.print(f"topic {name} is deleted", markup=False)


@app.command("publish")
def publish(
    name: Name,
    data: Annotated[str, typer.Argument(help="A text; - for one event a line of standard input.")],
    kind: Annotated[str, typer.Option("--type", "-t", help="The event's type.")] = "",
    subject: Annotated[str, typer.Option("--subject")] = "",
    source: Annotated[str, typer.Option("--source")] = "",
    given_json: Annotated[bool, typer.Option("--data-json", help="What is given is JSON.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Publish an event, or one a line; done when they are durable."""

    def event(text: str) -> dict[str, Any]:
        value = json_value("data", text) if given_json else text
        return {"data": value, "type": kind, "subject": subject, "source": source}

    with connect(server, api_key, home, timeout) as memory:
        if data == "-":
            with memory.topics.publisher(name) as publisher:
                for lines in _in_parts(line.rstrip("\n") for line in sys.stdin):
                    publisher.send([event(line) for line in lines])
                done = publisher.flush(timeout)
        else:
            answer = memory.topics.publish(name, event(data))
            done = {"acknowledged": 1, "last_seq": answer["last_seq"]}
        if as_json:
            print_json(done)
        else:
            out.print(f"{counted(done['acknowledged'], 'event')} durable, the last is {done['last_seq']}")


@app.command("watch")
def watch(
    topic: Topic = None,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    start: Annotated[str, typer.Option("--from", help="latest, earliest, or a time.")] = "latest",
    cursor: Annotated[str | None, typer.Option("--cursor", help="Where an earlier watch ended.")] = None,
    types: Types = None,
    idle: Annotated[float | None, typer.Option("--idle", help="End when nothing came for so many seconds.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="End after so many events; 0: never.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show every event as it comes, in order; with --json an object a line, the last with the cursor to go on from."""
    with connect(server, api_key, home, timeout) as memory:
        ids = {} if topic else Scope(user, agent, run, cube).arguments()
        follow = memory.topics.watch(
            topic, **ids, start=None if cursor else start, cursor=cursor, select={"types": types}, idle_s=idle
        )
        with closing(follow):
            for count, event in enumerate(follow, 1):
                _show(event, as_json)
                if limit and count >= limit:
                    break
            if as_json:
                print_json_line({"cursor": follow.cursor})
            else:
                err.print(f"cursor: {follow.cursor}", style="dim", markup=False, soft_wrap=True)


@app.command("work")
def work(
    group: Group,
    topic: Topic = None,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    types: Types = None,
    idle: Annotated[float | None, typer.Option("--idle", help="End when nothing came for so many seconds.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="End after so many events; 0: never.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a group's events, show them, and acknowledge each once it is shown."""
    with connect(server, api_key, home, timeout) as memory:
        ids = {} if topic else Scope(user, agent, run, cube).arguments()
        with closing(memory.topics.work(group, topic, **ids, select={"types": types}, idle_s=idle)) as worker:
            for count, event in enumerate(worker, 1):
                _show(event, as_json)
                if "gap" not in event:
                    worker.ack(event)
                if limit and count >= limit:
                    break
            worker.flush(timeout)


@app.command("dead")
def dead(
    group: Group,
    topic: Topic = None,
    cube: Cube = None,
    redrive: Annotated[bool, typer.Option("--redrive", help="Deliver them all anew.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """What a group gave up, and why."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.topics.dead(group, topic, cube_id=cube)
        if redrive:
            found |= memory.topics.redrive(group, topic, cube_id=cube)
        if as_json:
            print_json(_printable(found))
            return
        for letter in found["results"]:
            line = Text(f"{letter['seq']}  ", style="dim")
            line.append(
                f"{counted(letter['attempts'], 'delivery', 'deliveries')}, {day(letter['died_at'], clock=True)}"
            )
            out.print(line.append(f"  {letter['reason']}", style="red"))
        out.print(f"{counted(found['total'], 'dead letter')}" + (f", {found['redriven']} redriven" if redrive else ""))


@app.command("mount")
def mount(
    source: Annotated[str, typer.Argument(help="The cube to be found, by its id, e.g. user:alice.")],
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    expires: Annotated[str | None, typer.Option("--expires", help="Until this time (with its zone).")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Have searches of a cube find another cube's memories too; nothing is copied."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.topics.mount(source, **Scope(user, agent, run, cube).arguments(), expires=expires)
        if as_json:
            print_json(made)
        else:
            out.print(f"{source} is mounted in {made['cube_id']} as {made['id']}", markup=False)


@app.command("unmount")
def unmount(
    mount_id: Annotated[str, typer.Argument(help="As mount or mounts names it.")],
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a mount."""
    with connect(server, api_key, home, timeout) as memory:
        memory.topics.unmount(mount_id)
        if as_json:
            print_json({"unmounted": mount_id})
        else:
            out.print(f"{mount_id} is not mounted any more", markup=False)


@app.command("mounts")
def mounts(
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
    """What is mounted in a cube."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.topics.mounts(**Scope(user, agent, run, cube).arguments())
        if as_json:
            print_json(found)
            return
        for one in found["results"]:
            ends = f", until {day(one['expires_at'], clock=True)}" if one["expires_at"] else ""
            out.print(f"{one['id']}  {one['source_cube_id']}, by {one['owner']}{ends}", markup=False)
        if not found["results"]:
            out.print("nothing is mounted")


def _in_parts(lines: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == LINES_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _printable(value: Any) -> Any:
    """Bytes have no form in JSON: as text where they are one, else in base 64 by name."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value


def _show(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json_line(_printable(event))
        return
    if "gap" in event:
        gap = event["gap"]
        err.print(
            f"events {gap['from_seq']} to {gap['to_seq']} are not there any more: {gap['reason']}", style="yellow"
        )
        return
    line = Text(f"{event['seq']}  {day(event.get('time'), clock=True)}  ", style="dim")
    line.append(f"{event['type'] or '-'}  ", style="cyan")
    item = (event.get("memory") or {}).get("item") or {}
    said = item.get("memory") if item else _printable(event["data"])
    out.print(line.append(said if isinstance(said, str) else str(said), style="default"))
