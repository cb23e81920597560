"""What a system may be told, before any of it starts."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import typer

from memcube.client.cli.app import app
from memcube.deployments.config import embedder_of
from memcube.deployments.embedder.config import Kind
from memcube.model.errors import InvalidArgumentError

ROOT = Path(__file__).parents[3]


def up_help(option: str) -> str:
    """What ``memcube up --help`` says of an option."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    (found,) = [one for one in commands["up"].params if option in one.opts]
    return str(found.help)


def test_every_kind_of_embedder_is_told() -> None:
    """By the command's help (the client may not import the kinds), by the pages, and by the refusal of any other."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    (shown,) = [line for page in pages for line in page.splitlines() if line.startswith("`memcube up --emb")]
    with pytest.raises(InvalidArgumentError) as caught:
        embedder_of("unheard-of")
    for kind in get_args(Kind):
        assert kind in up_help("--embedder")
        assert kind in caught.value.problem
        assert f"`{kind}" in shown
