"""What the commands of governance share: options by name, and how their listings and answers are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from memcube.client.cli.output import out, print_json

__all__ = [
    "Cubes",
    "Describe",
    "Filter",
    "Id",
    "Name",
    "Roles",
    "Until",
    "Verbs",
    "show_gone",
    "show_made",
    "show_rows",
]

Name = Annotated[str, typer.Argument(help="Its name.")]
Id = Annotated[str, typer.Argument(help="Its id, as the list shows it.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="reader, writer, admin, or one of your own.")]
Cubes = Annotated[list[str] | None, typer.Option("--cubes", help="Patterns of cube ids, e.g. 'user:*'; 'topic:…'.")]
Verbs = Annotated[list[str] | None, typer.Option("--verb", help="E.g. search; may be given several times.")]
Describe = Annotated[str, typer.Option("--description")]
Filter = Annotated[str | None, typer.Option("--filter", help="A JSON filter: only the memories that it selects.")]
Until = Annotated[str | None, typer.Option("--expires", help="A time with its zone; then it is over.")]


def show_rows(found: Mapping[str, Any], columns: Sequence[str], as_json: bool, none: str) -> None:
    """A listing as a table, columns of which nothing is set left out, or as JSON."""
    if as_json:
        print_json(found)
        return
    rows: Iterable[Mapping[str, Any]] = found["results"]
    if not rows:
        out.print(none)
        return
    shown = [name for name in columns if any(row[name] not in (None, "", [], False) for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in shown:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*[Text(_cell(row[name])) for name in shown])
    out.print(table)


def _cell(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def show_made(made: Mapping[str, Any], name: str, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        out.print(name, markup=False)


def show_gone(answer: Mapping[str, Any], name: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        out.print(f"{name} is gone", markup=False)
