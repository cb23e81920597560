"""The commands ``memcube audit …`` and ``memcube provenance``: what was done, by whom, and where memories come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.tree import Tree

from memcube.client.audit import export, verify
from memcube.client.cli.options import TIMEOUT_S, ApiKey, Home, Json, Server, Timeout, connect, json_value
from memcube.client.cli.output import counted, day, err, out, print_json
from memcube.client.memory import Memory
from memcube.model.errors import InvalidArgumentError

__all__ = ["app", "provenance"]

app = typer.Typer(help="The audit log: read it, keep a copy, and verify that nobody changed it.", no_args_is_help=True)
NOT_SOUND = 1
File = Annotated[Path, typer.Argument(help="A copy of the log, as 'memcube audit export' wrote it.")]


@app.command("list")
def list_(
    from_seq: Annotated[int, typer.Option("--from", help="The first entry wanted.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n")] = 50,
    principal: Annotated[str | None, typer.Option("--principal")] = None,
    verb: Annotated[str | None, typer.Option("--verb")] = None,
    resource: Annotated[str | None, typer.Option("--resource", help="E.g. cube:user:alice.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show entries of the log, oldest first."""
    with connect(server, api_key, home, timeout) as memory:
        page = memory.audit.entries(from_seq=from_seq, limit=limit, principal=principal, verb=verb, resource=resource)
    if as_json:
        print_json(page)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("seq", "time", "principal", "verb", "resource", "outcome"):
        table.add_column(column, overflow="fold")
    for entry in page["results"]:
        outcome = entry["outcome"] + (f" ({entry['note']})" if entry.get("note") else "")
        what = (str(entry["seq"]), day(entry["time"], clock=True), entry["principal"], entry["verb"])
        table.add_row(*what, entry["resource"], outcome, style=None if entry["outcome"] == "OK" else "yellow")
    out.print(table)
    if page["next"] is not None:
        err.print(f"more: --from {page['next']}", style="dim")


@app.command("head")
def head(server: Server = None, api_key: ApiKey = None, home: Home = None, timeout: Timeout = TIMEOUT_S) -> None:
    """Print the newest signed head: keep it, and give it to 'memcube audit verify --witness' later."""
    with connect(server, api_key, home, timeout) as memory:
        print_json(memory.audit.head())


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="Where to write the copy; an older one is replaced.")],
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Write a copy of the whole log, with its signed head, that can be verified without a system."""
    with connect(server, api_key, home, timeout) as memory:
        signed = export(_pages(memory), file)
    if as_json:
        print_json({"file": str(file), "head": signed})
        return
    out.print(f"{counted(signed['size'], 'entry', 'entries')} in {file}")
    out.print(f"public key {signed['public_key']}", style="dim")


@app.command("verify")
def verify_(
    file: File,
    key: Annotated[str, typer.Option("--key", help="The public key: 64 hexadecimal digits, had from the operator.")],
    witness: Annotated[
        list[Path] | None, typer.Option("--witness", help="A head that was kept before: the JSON of 'audit head'.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a copy of a log: nothing of it was changed, moved, left out or put in. Needs no system."""
    found = verify(file, key, [_witness(path) for path in witness or []])
    if as_json:
        print_json(
            {
                "sound": found.sound,
                "tenant": found.tenant,
                "entries": found.entries,
                "root": found.root,
                "problems": found.problems,
            }
        )
    elif found.sound:
        count = counted(found.entries, "entry", "entries")
        out.print(f"sound: {count} of tenant {found.tenant}, all signed", style="green", highlight=False)
    else:
        for problem in found.problems:
            out.print(problem, style="red", highlight=False)
    if not found.sound:
        raise typer.Exit(NOT_SOUND)


def _pages(memory: Memory) -> Iterator[dict[str, Any]]:
    """All of the log that there was when this began; what is appended meanwhile is for the next copy."""
    size = memory.audit.head()["size"]
    at = 0
    while at < size:
        page = memory.audit.entries(from_seq=at, limit=min(1000, size - at))
        page["head"] = memory.audit.head(size)
        yield page
        at += len(page["results"])


def _witness(path: Path) -> Any:
    try:
        return json_value("witness", path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError("witness", f"{path} can't be read: {error}") from error


def provenance(
    memory_id: Annotated[str, typer.Argument(help="A memory's id.")],
    depth: Annotated[int, typer.Option("--depth", help="Steps back that are followed; 0: 8.")] = 0,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Show where a memory comes from: its versions, what it was made from, who did it. --json: W3C PROV-JSON."""
    with connect(server, api_key, home, timeout) as memory:
        told = memory.audit.provenance(memory_id, depth)
    if as_json:
        print_json(told["document"])
        return
    out.print(_tree(told["document"], told["root"]))
    if told["cut"]:
        err.print("what lies further back is left out: --depth", style="dim")


def _tree(document: Mapping[str, Any], root: str) -> Tree:
    """The entity and everything that it was derived from, as a tree."""
    derived: dict[str, list[tuple[str, str]]] = {}
    for one in document.get("wasDerivedFrom", {}).values():
        kind = one.get("prov:type", "")
        derived.setdefault(one["prov:generatedEntity"], []).append((one["prov:usedEntity"], kind))
    tree = Tree(_label(document, root))
    _grow(tree, document, derived, root, {root})
    return tree


def _grow(
    tree: Tree, document: Mapping[str, Any], derived: Mapping[str, list[tuple[str, str]]], entity: str, seen: set[str]
) -> None:
    for used, kind in derived.get(entity, ()):
        before = "revision of " if kind == "prov:Revision" else ""
        branch = tree.add(before + _label(document, used))
        if used not in seen:
            seen.add(used)
            _grow(branch, document, derived, used, seen)


def _label(document: Mapping[str, Any], entity: str) -> str:
    facts = document.get("entity", {}).get(entity, {})
    words = [f"[bold]{entity.removeprefix('mem:')}[/bold]" if entity.startswith("mem:") else _source(facts)]
    for made in document.get("wasGeneratedBy", {}).values():
        if made["prov:entity"] == entity:
            activity = made["prov:activity"]
            kind = document["activity"][activity]["prov:type"].removeprefix("memcube:")
            agents = [
                one["prov:agent"].removeprefix("agent:")
                for one in document.get("wasAssociatedWith", {}).values()
                if one["prov:activity"] == activity
            ]
            words.append(f"by {kind} of {', '.join(agents)}, {day(made['prov:time'], clock=True)}")
    return "  ".join(words)


def _source(facts: Mapping[str, Any]) -> str:
    kind = str(facts.get("prov:type", "source")).removeprefix("memcube:")
    who = facts.get("memcube:speaker") or facts.get("memcube:role") or ""
    name = facts.get("memcube:id") or ""
    return " ".join(str(word) for word in (kind, name, f"of {who}" if who else "") if word)
