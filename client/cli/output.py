"""What the command line shows: tables for people, JSON for machines, one red line for errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from memcube.model import errors
from memcube.model.plain import error_to_plain

__all__ = [
    "EXIT_STATUS",
    "block",
    "counted",
    "day",
    "err",
    "fail",
    "hits_table",
    "memories_table",
    "out",
    "preferences_table",
    "print_json",
    "print_json_line",
    "readable",
    "score_parts",
    "show_degraded",
]

PIPED = not sys.stdout.isatty()
out = Console(highlight=False, soft_wrap=PIPED, width=10_000 if PIPED else None)
"""Where no terminal reads, no line is broken or cut: a memory is a line to grep."""
err = Console(stderr=True, highlight=False)

EXIT_STATUS: tuple[tuple[type[errors.MemCubeError], int], ...] = (
    (errors.InvalidArgumentError, 2),
    (errors.NotFoundError, 3),
    (errors.UnavailableError, 4),
    (errors.DeadlineError, 4),
    (errors.UnauthenticatedError, 5),
    (errors.PermissionDeniedError, 5),
    (errors.UntrustedError, 5),
    (errors.AlreadyExistsError, 6),
    (errors.VersionConflictError, 6),
    (errors.IdempotencyConflictError, 6),
    (errors.TaskStateError, 6),
    (errors.HeldError, 6),
    (errors.StaleEpochError, 6),
    (errors.ExhaustedError, 7),
    (errors.DamagedError, 8),
    (errors.MissingExtraError, 9),
)
"""Exit status by kind of error; the first kind that fits counts, 1 is for all others."""

LEAST_PART, MOST_PARTS, PARTS_A_LINE = 0.005, 6, 3
PART_COLOURS = {
    "lexical": "cyan",
    "context_lexical": "cyan",
    "dense": "magenta",
    "context_dense": "magenta",
    "time": "green",
    "speaker": "yellow",
}


def exit_status(error: errors.MemCubeError) -> int:
    """The exit status for an error."""
    return next((status for kind, status in EXIT_STATUS if isinstance(error, kind)), 1)


def fail(error: errors.MemCubeError, as_json: bool) -> int:
    """Show an error and return its exit status."""
    if as_json:
        print_json({"error": error_to_plain(error)})
    else:
        err.print(Text(f"{type(error).__name__}: {error.message}", style="red"), soft_wrap=True)
    return exit_status(error)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """One of many JSON documents, each a line, at once: who follows a stream reads line by line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_degraded(notes: Iterable[str]) -> None:
    """What an answer lacks, on standard error; brackets in a note are no markup."""
    for note in notes:
        err.print(f"degraded: {note}", style="yellow", markup=False, soft_wrap=True)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, e.g. "1 memory", "2 cubes"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


@contextmanager
def waiting(console: Console) -> Iterator[Callable[[str], None]]:
    """Gives what ``local.start`` shall say its lines to: one that ends in "…" is shown as long as it holds, where
    there is a terminal; the others stay."""
    with console.status("starting …") as status:

        def say(line: str) -> None:
            if line.endswith("…"):
                status.update(line.strip())
            else:
                console.print(line, markup=False, style="dim")

        yield say


def day(text: str | None, *, clock: bool = False) -> str:
    """An RFC 3339 time as people read it, with ``clock`` to the minute; empty for None."""
    if not text:
        return ""
    return datetime.fromisoformat(text).strftime("%d %b %Y %H:%M UTC" if clock else "%d %b %Y").lstrip("0")


def readable(value: Any) -> str:
    """A field of a memory as people read it: lists with commas, names with colons."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {readable(one)}" for name, one in value.items() if one not in (None, "", [], {}))
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(one, Mapping) for one in value) else ", ").join(map(readable, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def score_parts(parts: Mapping[str, float]) -> Text:
    """A hit's score parts, the six strongest, strongest first; those that show nothing at two digits are left out."""
    line = Text(style="dim")
    for name, value in sorted(parts.items(), key=lambda part: -abs(part[1]))[:MOST_PARTS]:
        if abs(value) >= LEAST_PART:
            # No space inside: a name stays with its number where the line wraps.
            line.append(("  " if line else "") + name.replace("_", "-"), style=PART_COLOURS.get(name, "blue"))
            line.append(f"={value:.2f}")
    return line


def source_of(memory: Mapping[str, Any]) -> str:
    """Who said it and where, e.g. ``Maya · D2:7``."""
    sources = memory.get("sources") or [{}]
    first = sources[0]
    words = [first.get("speaker") or first.get("role", ""), first.get("id", "")]
    return " · ".join(word for word in words if word) or memory.get("session_id", "")


def hits_table(hits: Iterable[Mapping[str, Any]], marked: Iterable[str] = (), *, ids: bool = False) -> Group:
    """Search results: each memory, and below it score, date, source, and what its score is made of where it says so.

    Memories with their own or a source's id in ``marked`` get a check mark; with ``ids`` their own ids are shown too.
    Also used by ``examples/demo.py``.
    """
    blocks = []
    for hit in hits:
        score = Text(f"{hit['score']:.2f}", style="bold")
        if {hit["id"], *(source.get("id") for source in hit["sources"])} & set(marked):
            score = Text("✓ ", style="bold green") + score
        below = [Text(" · ").join([score, *_when_and_where(hit)])]
        if ids:
            below.append(Text(hit["id"], style="dim"))
        # Few a line: a line that wraps is not set in.
        parts = [part for part in score_parts(hit.get("score_parts", {})).split("  ") if part]
        below += [Text("  ").join(parts[at : at + PARTS_A_LINE]) for at in range(0, len(parts), PARTS_A_LINE)]
        blocks.append(block(hit["memory"], below))
    return Group(*blocks)


def preferences_table(preferences: Iterable[Mapping[str, Any]]) -> Group:
    """Preferences: each in words, and below it whether it was stated, when, why it is inferred, and its id."""
    blocks = []
    for one in preferences:
        how = Text("stated" if one["explicit"] else "inferred", style="magenta")
        below = [Text(" · ").join([how, Text(day(one.get("valid_from") or one["created_at"]), style="green")])]
        if one.get("reasoning"):
            below.append(Text(one["reasoning"], style="dim"))
        blocks.append(block(one["preference"], [*below, Text(one["id"], style="dim")]))
    return Group(*blocks)


def memories_table(memories: Iterable[Mapping[str, Any]]) -> Group:
    """A listing: each memory, and below it date, source, version and id."""
    return Group(
        *(
            block(
                memory["memory"],
                [
                    Text(" · ").join([*_when_and_where(memory), Text(f"v{memory['version']}")]),
                    Text(memory["id"], style="dim"),
                ],
            )
            for memory in memories
        )
    )


def _when_and_where(memory: Mapping[str, Any]) -> list[Text]:
    when, where = day(memory.get("valid_from") or memory["created_at"]), source_of(memory)
    return [Text(when, style="green"), *([Text(where, style="blue")] if where else [])]


def block(words: str | Text, below: Iterable[Text]) -> Text:
    """The words from the first column on, at any width of the terminal; what is known of them in lines of its own."""
    return Text("\n  ").join([Text(words) if isinstance(words, str) else words, *below])
