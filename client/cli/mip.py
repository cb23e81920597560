"""The commands ``mip …``: bundles on this machine, and to and from a system. What a conformance test calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
    json_object,
)
from memcube.client.cli.output import out, print_json
from memcube.model.errors import InvalidArgumentError

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Bundles of the Memory Interchange Protocol: check, look into, move. MIP.md specifies them.",
)

Where = Annotated[Path, typer.Argument(help="A bundle: a folder, or a tar file.")]
Keys = Annotated[
    list[str] | None, typer.Option("--key", "-k", help="A public key that is trusted (ed25519:…); several times.")
]
SHOWN = 20


@app.command()
def verify(bundle: Where, key: Keys = None, as_json: Json = False) -> None:
    """Check all of a bundle: digests, signature, tree, every field and certificate. Ends with 1 where it is no good."""
    from memcube.interchange.mip import PublicKey
    from memcube.interchange.mip import verify as check

    if not key:
        raise InvalidArgumentError("key", "is missing: whose signature is to be trusted? See 'memcube mip key'")
    report = check(bundle, [PublicKey.parse(one) for one in key]).plain()
    _show(report, as_json, "good")


@app.command()
def inspect(
    bundle: Where,
    items: Annotated[int, typer.Option("--items", "-n", help="How many memories to show.")] = SHOWN,
    as_json: Json = False,
) -> None:
    """What a bundle says of itself, and its first memories. Digests are checked, no signature is: believe nothing."""
    from itertools import islice

    from memcube.interchange.mip import open_bundle
    from memcube.model.plain import item_to_plain

    with open_bundle(bundle) as opened:
        about = opened.descriptor
        layers = [layer.plain() for layer in opened.manifest.layers]
        found = [
            {**item_to_plain(one.item), "withheld": len(one.withheld), "unknown": {**one.extra, **one.header_extra}}
            for one in islice(opened.items(), items)
        ]
        document = {
            "bundle": opened.digest,
            "descriptor": about.model_dump(mode="json", by_alias=True, exclude_none=True),
            "signatures": len(opened.envelopes),
            "layers": layers,
            "items": found,
        }
    if as_json:
        print_json(document)
        return
    out.print(
        f"{document['bundle']}\n{about.cube.id}: {about.items.present} of {about.items.count} memories", markup=False
    )
    for layer in layers:
        out.print(f"  {layer['size']:>12} {layer['mediaType']}", markup=False)
    for one in found:
        out.print(f"{one['id']} v{one['version']}  {one['memory'] or '(withheld)'}", markup=False)


@app.command()
def convert(
    bundle: Where,
    target: Annotated[Path, typer.Argument(help="NAME.tar for a tar file, else a folder.")],
    as_json: Json = False,
) -> None:
    """Make a tar file of a folder, or a folder of a tar file: the same bundle, its signature as it was."""
    from memcube.interchange.mip import convert as copy

    _show({"bundle": copy(bundle, target), "path": str(target)}, as_json, "written")


@app.command()
def key(server: Server = None, api_key: ApiKey = None, home: Home = None, as_json: Json = False) -> None:
    """The public key that signs what a system exports for your tenant: give it to whoever is to trust your bundles."""
    with connect(server, api_key, home, TIMEOUT_S) as memory:
        found = memory.bundle_key()
    if as_json:
        print_json({"key": found})
    else:
        out.print(found, markup=False, soft_wrap=True)


@app.command()
def pull(
    folder: Annotated[Path, typer.Argument(help="Where the bundle is to be; what was begun there goes on.")],
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    filters: Annotated[str | None, typer.Option("--filter", help="Only memories that match this JSON.")] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", help="Digest of a bundle pulled before: only what changed since.")
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Get a cube as a signed bundle."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.pull(
            folder,
            **Scope(user, agent, run, cube).arguments(),
            filters=json_object("filter", filters),
            parent=parent,
        )
    _show(done, as_json, "pulled")


@app.command()
def push(
    bundle: Where,
    user: User = None,
    agent: Agent = None,
    run: Run = None,
    cube: Cube = None,
    key: Keys = None,
    keep_ids: Annotated[
        bool, typer.Option("--keep-ids", help="For a restore: memories of this cube keep their ids.")
    ] = False,
    server: Server = None,
    api_key: ApiKey = None,
    home: Home = None,
    timeout: Timeout = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Take a bundle into a cube (by default the one that it names): whole, or not at all."""
    with connect(server, api_key, home, timeout) as memory:
        done = memory.push(
            bundle, **Scope(user, agent, run, cube).arguments(), trusted_keys=key or [], keep_ids=keep_ids
        )
    _show(done, as_json, "taken in")


def _show(document: dict[str, Any], as_json: bool, said: str) -> None:
    if as_json:
        print_json(document)
        return
    out.print(f"{said}: {document['bundle']}", markup=False, soft_wrap=True)
    for name, value in document.items():
        if name not in ("bundle", "layers") and value not in (None, ""):
            out.print(f"  {name}: {value}", markup=False, soft_wrap=True)
