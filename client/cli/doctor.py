"""The commands ``memcube doctor security`` and ``memcube encrypt``: about the home of this machine's system."""

from __future__ import annotations

import typer
from rich.table import Table

from memcube.client.cli.maintenance import maintain
from memcube.client.cli.options import Home, Json
from memcube.client.cli.output import counted, out, print_json
from memcube.model.run_file import home_folder

__all__ = ["app", "encrypt"]

app = typer.Typer(help="Look for what is wrong with a system.", no_args_is_help=True)
SERIOUS = 1
STYLES = {"serious": "bold red", "caution": "yellow", "fine": "green"}


@app.callback()
def doctor() -> None:
    """Look for what is wrong with a system."""


@app.command("security")
def security(home: Home = None, as_json: Json = False) -> None:
    """Say what stands open: keys, addresses, TLS, files, encryption, policies, the audit log, Ray. Exit status 1 if
    something serious does."""
    found = maintain("doctor", "--home", str(home_folder(home)))
    serious = any(one["severity"] == "serious" for one in found["results"])
    if as_json:
        print_json(found | {"serious": serious})
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("", "check", "found", "what to do"):
            table.add_column(column, overflow="fold")
        for one in found["results"]:
            style = STYLES[one["severity"]]
            table.add_row(f"[{style}]{one['severity']}[/{style}]", one["check"], one["found"], one["advice"])
        out.print(table)
    if serious:
        raise typer.Exit(SERIOUS)


def encrypt(home: Home = None, as_json: Json = False) -> None:
    """Encrypt the home of a stopped system: make its keys, and seal every cube. Cut off, it goes on when called again.

    Keep the master key elsewhere too: without it nobody reads the memories again.
    """
    done = maintain("encrypt", "--home", str(home_folder(home)))
    if as_json:
        print_json(done)
        return
    out.print(f"sealed {counted(done['sealed'], 'cube')}; the master key is in {done['key']}", highlight=False)
