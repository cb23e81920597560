"""The command as a whole: what there is is documented, and exit statuses tell errors apart."""

from __future__ import annotations

import io
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from rich.console import Console, RenderableType
from rich.table import Table

import memcube.client
from memcube.client.cli.app import app
from memcube.client.cli.output import (
    EXIT_STATUS,
    counted,
    day,
    exit_status,
    hits_table,
    memories_table,
    out,
    preferences_table,
    readable,
    score_parts,
    show_degraded,
)
from memcube.model.errors import ERRORS, DamagedError, InternalError, TooLargeError

ROOT = Path(__file__).parents[3]


def commands() -> list[str]:
    """Names of all commands, groups' too."""
    root = typer.main.get_command(app)
    return sorted(root.commands)  # type: ignore[attr-defined]


def test_every_command_is_in_the_pages() -> None:
    """A command that neither README nor docs/ shows is one that nobody finds."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    missing = [name for name in commands() if f"`memcube {name}`" not in shown]
    assert missing == []


def test_the_commands_are_those_that_were_promised() -> None:
    """Renaming one breaks scripts."""
    assert commands() == [
        "add",
        "archive",
        "archive-all",
        "audit",
        "backup",
        "check",
        "delete",
        "doctor",
        "down",
        "dump",
        "encrypt",
        "erase",
        "feedback",
        "get",
        "grants",
        "history",
        "holds",
        "keys",
        "list",
        "load",
        "market",
        "mip",
        "policies",
        "preferences",
        "provenance",
        "quotas",
        "repair",
        "restore",
        "retention",
        "roles",
        "search",
        "shares",
        "status",
        "tasks",
        "teams",
        "topics",
        "unarchive",
        "understand",
        "up",
        "update",
        "update-all",
        "users",
        "version",
        "whoami",
    ]


def test_every_error_has_a_status() -> None:
    """None ends as success, usage errors are 2, and a defect of ours is 1."""
    for kind, status in EXIT_STATUS:
        assert 2 <= status < 64
        assert kind.__name__ in ERRORS
    assert exit_status(InternalError("x")) == 1
    assert exit_status(TooLargeError("text", 2, 1)) == 2
    assert exit_status(DamagedError("a", "b")) == 8


@pytest.mark.parametrize(("given", "shown"), [(None, ""), ("2026-03-01T12:05:00Z", "1 Mar 2026")])
def test_days_are_readable(given: str | None, shown: str) -> None:
    """Dates as people write them."""
    assert day(given) == shown


def test_score_parts_are_ordered_and_few() -> None:
    """The strongest first, those that show nothing left out, a name never parted from its number."""
    parts = {"a": 0.1, "long_name": -3.0, "zero": 0.0, "tiny": 0.001} | {f"p{i}": 0.2 for i in range(9)}
    words = score_parts(parts).plain.split("  ")
    assert words[0] == "long-name=-3.00"
    assert len(words) == 6
    assert "zero" not in " ".join(words)


HIT = {"id": f"{'k' * 20}-{'i' * 26}", "memory": "tea [bold]not markup[/bold]", "created_at": "2026-03-01T12:05:00Z"}


def shown(what: RenderableType, width: int) -> list[str]:
    """The lines that a terminal of this width shows."""
    console = Console(width=width, file=io.StringIO())
    console.print(what)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_hits_mark_evidence() -> None:
    """Hits whose source is asked for carry a check mark; what they say is no markup."""
    hit = {**HIT, "score": 0.5, "score_parts": {"dense": 2.0}}
    lines = shown(
        hits_table([{**hit, "sources": [{"id": "D1:1"}]}, {**hit, "sources": [{"id": "D1:2"}]}], ["D1:2"]), 80
    )
    assert lines[0] == HIT["memory"]
    assert [line for line in lines if "0.50" in line] == ["  0.50 · 1 Mar 2026 · D1:1", "  ✓ 0.50 · 1 Mar 2026 · D1:2"]
    assert lines.count("  dense=2.00") == 2


@pytest.mark.parametrize("width", [60, 80])
def test_a_listing_shows_words_and_whole_ids(width: int) -> None:
    """However long the source: the words come first, the id stands whole on a line of its own."""
    row = {**HIT, "score": 0.5, "version": 1, "sources": [{"id": f"a/{'long/' * 30}path.md#1"}]}
    for table in (memories_table([row]), hits_table([row], ids=True)):
        lines = shown(table, width)
        assert lines[0] == HIT["memory"]
        assert f"  {HIT['id']}" in lines


def test_score_parts_are_set_in_at_80_columns() -> None:
    """Also where there are six with long names: no line wraps to the first column, where words of memories are."""
    hit = {**HIT, "sources": [], "score": 0.5, "score_parts": {f"context_lexical{n}": -1.0 for n in range(6)}}
    lines = shown(hits_table([hit]), 80)
    assert [line[:2] for line in lines[1:]] == ["  "] * 3


def test_preferences_show_their_reason_and_a_whole_id() -> None:
    """At 80 columns too; one that was inferred says from what."""
    why = "asked for it in 2 turns"
    lines = shown(preferences_table([{**HIT, "preference": "Short answers", "explicit": False, "reasoning": why}]), 80)
    assert lines == ["Short answers", "  inferred · 1 Mar 2026", f"  {why}", f"  {HIT['id']}"]


def test_what_an_answer_lacks_is_told_to_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    """Names in brackets are no markup, and nothing is broken over lines."""
    show_degraded([f"cube [red]x: {'not found ' * 20}"])
    assert f"degraded: cube [red]x: {'not found ' * 20}" in capsys.readouterr().err


def test_numbers_agree_with_their_nouns() -> None:
    """One memory, two memories."""
    assert [counted(n, "memory", "memories") for n in (0, 1, 2)] == ["0 memories", "1 memory", "2 memories"]
    assert counted(2, "cube") == "2 cubes"


def test_fields_are_readable() -> None:
    """No braces and quotes of Python's; what is empty is left out."""
    assert readable(["home", "work"]) == "home, work"
    assert readable({"n": 3, "ok": True, "none": None}) == "n: 3, ok: true"
    assert readable([{"speaker": "Ann", "id": "D1"}, {"id": "D2"}]) == "speaker: Ann, id: D1; id: D2"


def test_a_table_is_not_cut_where_no_terminal_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even in the middle of a word longer than a terminal is wide."""
    table = Table("principal")
    table.add_row("p" * 300)
    out.print(table)
    assert "p" * 300 in capsys.readouterr().out


def test_the_client_knows_its_version() -> None:
    """The one that ``memcube version`` prints."""
    assert memcube.client.__version__ == version("memcube")
