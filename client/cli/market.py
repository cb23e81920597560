"""``memcube market``: offer memories, grant, install, take back, and trace what leaked."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from memcube.client.cli.governance_options import show_rows
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
    Tag,
    Timeout,
    User,
    connect,
    json_object,
)
from memcube.client.cli.output import counted, out, print_json
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["app"]

app = typer.Typer(help="Memories offered to others, under contracts.", no_args_is_help=True)
ListingId = Annotated[str, typer.Argument(help="A listing's id.")]
GrantId = Annotated[str, typer.Argument(help="A grant's id.")]
Kind = Annotated[str | None, typer.Option("--kind", help="cube, selection or skill.")]
PIECE_CHARS = 250_000
"""Of a text to trace, in one call: at most 1 MiB whatever its characters."""
OVERLAP_CHARS = 500
MOST_FILE_BYTES = 64 * 1024 * 1024


@app.command("publish")
def publish(
    title: Annotated[str, typer.Argument(help="What it is called.")],
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    listing: Annotated[str | None, typer.Option("--listing", help="Make a new version of this listing.")] = None,
    filter_: Annotated[str | None, typer.Option("--filter", help="Offer only what this filter selects (JSON).")] = None,
    kind: Kind = None,
    description: Annotated[str, typer.Option("--description")] = "",
    sample: Annotated[list[str] | None, typer.Option("--sample", help="A text to show; up to five.")] = None,
    terms: Annotated[str | None, typer.Option("--terms", help="Price and terms, a JSON object.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="E.g. CC-BY-4.0.")] = "",
    tag: Tag = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Show it in every tenant.")] = False,
    personal: Annotated[bool, typer.Option("--personal", help="Offer what is marked personal too.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Give texts as they are, without marks in spelling.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Offer a cube's memories, or a new version of them."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.market.publish(
            title,
            **Scope(user, agent, run, cube).arguments(),
            listing_id=listing,
            filters=json_object("--filter", filter_),
            kind=kind,
            description=description,
            samples=sample or (),
            terms=json_object("--terms", terms),
            licence=licence,
            tags=tag or (),
            visible="all" if all_tenants else "tenant",
            personal_too=personal,
            exact_texts=exact,
        )
    if as_json:
        print_json(made)
        return
    told = made["provenance"]
    out.print(
        f"{made['id']}, version {made['version']}: {counted(told['memories'], 'memory', 'memories')}", markup=False
    )
    if told["withheld"]:
        out.print(f"{told['withheld']} withheld (secret, personal, private or not in use)", style="dim")


@app.command("list")
def list_(
    query: Annotated[str, typer.Argument(help="Words to find.")] = "",
    own: Annotated[bool, typer.Option("--own", help="Your own only.")] = False,
    kind: Kind = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """What is offered to you."""
    columns = ("id", "title", "kind", "version", "licence", "owner", "owner_tenant", "state")
    with connect(server, api_key, home, timeout) as memory:
        show_rows(memory.market.list(query, own=own, kind=kind), columns, as_json, "nothing is offered")


@app.command("show")
def show(
    listing: ListingId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """One listing, with samples, terms and where its memories come from."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.market.get(listing)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value not in (None, "", [], {}, False):
            out.print(Text(f"{name}: ", style="dim").append(_words(value), style="default"))


@app.command("withdraw")
def withdraw(
    listing: ListingId,
    revoke_grants: Annotated[bool, typer.Option("--revoke-grants", help="End all that was granted too.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Offer a listing no more."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.market.withdraw(listing, revoke_grants=revoke_grants)
    if as_json:
        print_json(done)
    else:
        out.print(f"{listing} is withdrawn, {counted(done['revoked'], 'grant')} revoked", markup=False)


@app.command("grant")
def grant(
    listing: ListingId,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Yours where it is not said.")] = None,
    principal: Annotated[str | None, typer.Option("--principal", help="Everyone of the tenant if not said.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="Until this time (with its zone).")] = None,
    calls: Annotated[int, typer.Option("--calls", help="At most so many calls in each --window.")] = 0,
    window: Annotated[int, typer.Option("--window", help="Seconds.")] = 0,
    reads: Annotated[int, typer.Option("--reads", help="At most so many calls in all.")] = 0,
    answer_bytes: Annotated[int, typer.Option("--bytes", help="At most so many bytes of answers in all.")] = 0,
    memories: Annotated[int, typer.Option("--memories", help="Refuse a listing with more.")] = 0,
    may_export: Annotated[bool, typer.Option("--may-export", help="The cube may be taken as a bundle too.")] = False,
    canaries: Annotated[int | None, typer.Option("--canaries", help="0 to 20; 4 where it is not said.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Let somebody install a listing, within bounds."""
    with connect(server, api_key, home, timeout) as memory:
        made = memory.market.grant(
            listing,
            tenant=tenant,
            principal=principal,
            expires=expires,
            calls=calls,
            window_s=window,
            reads=reads,
            answer_bytes=answer_bytes,
            memories=memories,
            may_export=may_export,
            canaries=canaries,
        )
    if as_json:
        print_json(made)
    else:
        out.print(made["id"], markup=False)


@app.command("grants")
def grants(
    listing: Annotated[str | None, typer.Argument(help="A listing's id; all of them if not said.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that have ended.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Grants that you gave or were given, and what was used of each."""
    with connect(server, api_key, home, timeout) as memory:
        found = memory.market.grants(listing, ended_too=ended)
    if not as_json:
        for row in found["results"]:
            row.update(row["usage"], expires_at=row["contract"]["expires_at"])
    columns = ("id", "tenant", "principal", "expires_at", "revoked_at", "installed_version", "searches", "reads")
    show_rows(found, (*columns, "answer_bytes", "memories", "refused"), as_json, "no grants")


@app.command("revoke")
def revoke(
    grant_id: GrantId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """End a grant: what was installed is read no more, and deleted."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.market.revoke(grant_id)
    if as_json:
        print_json(done)
    else:
        out.print(
            f"{grant_id} is revoked" + (", what was installed is deleted" if done["purged_at"] else ""), markup=False
        )


@app.command("install")
def install(
    listing: ListingId,
    grant_id: Annotated[str | None, typer.Option("--grant", help="Of several grants this one.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Install what you were granted, or bring it to the newest version."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.market.install(listing, grant_id=grant_id)
    if as_json:
        print_json(done)
        return
    changes = f"{done['added']} added, {done['changed']} changed, {done['removed']} removed"
    out.print(f"{done['cube_id']}, version {done['version']}: {changes}", markup=False)


@app.command("uninstall")
def uninstall(
    grant_id: GrantId,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Delete what is installed; the grant stays."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.market.uninstall(grant_id)
    if as_json:
        print_json(done)
    else:
        out.print(f"{grant_id} is not installed any more", markup=False)


@app.command("trace")
def trace(
    leaked: Annotated[str, typer.Argument(help="A file, a text, or - for standard input.", metavar="FILE|TEXT|-")],
    listing: Annotated[str | None, typer.Option("--listing", help="Of this listing's grants only.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Say which grant a text comes from that was found elsewhere, and how sure that is."""
    text = _text_of(leaked)
    with connect(server, api_key, home, timeout) as memory:
        found = _together([memory.market.trace(piece, listing_id=listing) for piece in _pieces(text)])
    if as_json:
        print_json(found)
        return
    for suspect in found["suspects"]:
        whose = suspect["principal"] or "everyone"
        line = f"{suspect['grant_id']}  {suspect['tenant']}/{whose}  p ≤ {suspect['p_value']:.1e}"
        out.print(line, markup=False, style="red")
        for one in suspect["evidence"]:
            out.print(f"  {one['mark']}: {one['found']} of {one['of']}, p ≤ {one['p_value']:.1e}", markup=False)
            for excerpt in one["excerpts"]:
                out.print(Text(f"    … {' '.join(excerpt.split())} …", style="dim"))
    if not found["suspects"]:
        out.print(f"no mark of {counted(found['grants'], 'grant')} was found")


def _text_of(leaked: str) -> str:
    """What is to be traced: a file's text where there is one of this name."""
    if leaked == "-":
        return sys.stdin.read(MOST_FILE_BYTES)
    try:
        path = Path(leaked)
        if not path.is_file():
            return leaked
        if path.stat().st_size > MOST_FILE_BYTES:
            raise TooLargeError("FILE", path.stat().st_size, MOST_FILE_BYTES)
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        return leaked


def _pieces(text: str) -> Iterator[str]:
    """A long text in pieces that a call takes, each with the end of the one before."""
    for start in range(0, max(1, len(text)), PIECE_CHARS):
        piece = text[max(0, start - OVERLAP_CHARS) : start + PIECE_CHARS]
        if piece.strip() or start == 0:
            yield piece


def _together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The surest finding of each grant; of so many pieces, each was another chance to be wrong."""
    surest: dict[str, dict[str, Any]] = {}
    for suspect in (one for piece in found for one in piece["suspects"]):
        before = surest.get(suspect["grant_id"])
        if before is None or suspect["p_value"] < before["p_value"]:
            surest[suspect["grant_id"]] = suspect
    for suspect in surest.values():
        suspect["p_value"] = min(1.0, suspect["p_value"] * len(found))
    suspects = sorted(surest.values(), key=lambda one: one["p_value"])
    return {"suspects": suspects, "grants": max((piece["grants"] for piece in found), default=0)}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items() if one not in (None, "", [], {}, 0))
    return " | ".join(map(str, value)) if isinstance(value, list) else str(value)
