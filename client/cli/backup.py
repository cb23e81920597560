"""``memcube backup`` and ``memcube restore``: the whole system of a home, running or not."""

from __future__ import annotations

from typing import Annotated

import typer

from memcube.client.cli.maintenance import maintain
from memcube.client.cli.options import Home, Json
from memcube.client.cli.output import counted, err, out, print_json
from memcube.model.run_file import home_folder

__all__ = ["backup", "restore"]

FAILED = 8


def backup(
    target: Annotated[str, typer.Argument(help="A folder for backups; the same one again copies only what changed.")],
    keep: Annotated[
        int, typer.Option("--keep", min=0, help="Remove all but so many backups afterwards; 0 keeps all.")
    ] = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Back the whole system up, while it runs or not: each cube as of one moment after the start, all verified.

    Keys are in it, so it is for its owner's eyes only.
    """
    told = maintain("backup", target, "--keep", str(keep), "--home", str(home_folder(home)))
    if as_json:
        print_json(told)
    else:
        size = f"{told['new_bytes'] / 1e6:.1f} of {told['bytes'] / 1e6:.1f} MB new"
        out.print(f"backed up {counted(told['cubes'], 'cube')} and {counted(told['files'], 'file')}: {size}")
        out.print(f"{told['unchanged']} cubes had not changed; {told['name']}", style="dim", markup=False)
        if not told["quiet"]:
            err.print("topics and governance were written to meanwhile: each file is whole, they may differ by moments")
        for one in told["problems"]:
            err.print(f"not in it: {one['what']}: {one['problem']}", style="red", markup=False, soft_wrap=True)
    if told["problems"]:
        raise typer.Exit(FAILED)


def restore(
    target: Annotated[str, typer.Argument(help="The folder of the backups.")],
    name: Annotated[
        str, typer.Option("--backup", help="Which one, by the beginning of its name; by default the newest.")
    ] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a home that is missing or empty; nothing is put there before every digest is checked."""
    told = maintain("restore", target, "--name", name, "--home", str(home_folder(home)))
    if as_json:
        print_json(told)
        return
    out.print(
        f"restored {counted(told['cubes'], 'cube')} and {counted(told['files'], 'file')} into {home_folder(home)}"
    )
    out.print(told["name"], style="dim", markup=False)
