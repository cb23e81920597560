"""The commands that move memories between systems: ``load``, ``dump``, ``backup``, ``restore``."""

from __future__ import annotations

import typer

from memcube.client.cli.backup import backup, restore
from memcube.client.cli.dump import dump
from memcube.client.cli.load import load

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the commands into the app."""
    app.command("load")(load)
    app.command("dump")(dump)
    app.command("backup")(backup)
    app.command("restore")(restore)
