"""From nothing to recall, on this machine: ``make demo``, or ``make demo DATA=conversation.json``.

Starts a system of its own, takes in a conversation of many sessions, asks it questions, shows the memories that
answer each, and stops. No LLM, no key, no download. ``--data`` takes a file in LoCoMo's shape.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from memcube.actors.recall.tokens import estimate_tokens
from memcube.client import Memory
from memcube.client.cli.output import hits_table, waiting
from memcube.client.local import start, stop
from memcube.client.locomo import CATEGORIES, Conversation, Question, read_conversations
from memcube.model.errors import MemCubeError
from memcube.model.run_file import RunFile

HERE = Path(__file__).parent
USER = "demo"
SHOWN = 4
BUDGET_TOKENS = 250
EMBED_S = 300.0
console = Console(highlight=False, width=min(Console().width, 130) if sys.stdout.isatty() else 120)


@dataclass(slots=True)
class Steps:
    """How long each step took."""

    rows: list[tuple[str, float, str]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; the list that it gets takes a remark."""
        began, remark = time.perf_counter(), [""]
        yield remark
        self.rows.append((name, time.perf_counter() - began, remark[-1]))

    def table(self) -> Table:
        """The steps with their seconds."""
        table = Table(box=box.SIMPLE_HEAD, title="how long each step took", title_style="bold", title_justify="left")
        table.add_column("step")
        table.add_column("time", justify="right", style="bold")
        table.add_column("", style="dim")
        for name, seconds, remark in self.rows:
            table.add_row(name, f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms", remark)
        return table


def main() -> int:
    """Run the demonstration; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "conversation.json", help="a file in LoCoMo's shape")
    parser.add_argument("--index", type=int, default=0, help="which conversation of the file")
    parser.add_argument("--questions", type=int, default=8, help="how many questions to ask")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memcube-demo-", ignore_cleanup_errors=True) as folder:
        try:
            conversation = read_conversations(options.data)[options.index]
            show(Path(folder), conversation, sample(conversation.questions, options.questions))
        except (MemCubeError, IndexError) as error:
            console.print(Text(f"{type(error).__name__}: {error}", style="red"))
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


def show(home: Path, conversation: Conversation, questions: list[Question]) -> None:
    """The whole demonstration, in a home folder of its own; the system is stopped whatever happens."""
    steps = Steps()
    console.print(_about(conversation))
    try:
        with steps.step("start the system"):
            file = start_system(home)
        with Memory(file.grpc) as memory:
            with steps.step("take in the conversation") as remark:
                add_sessions(memory, conversation)
                remark.append(
                    f"{conversation.turns} turns in {len(conversation.sessions)} sessions, durable and searchable"
                )
            with steps.step("embed it in the background") as remark:
                remark.append(wait_for_vectors(memory))
            ask(memory, conversation, questions, steps)
    finally:
        with steps.step("stop the system") as remark:
            stop(home, 60.0, lambda line: None)
            remark.append("no process left")
    console.print(steps.table())


def start_system(home: Path) -> RunFile:
    """Start a system in ``home``, on free ports, showing what it waits for."""
    ports = ["--port", "0", "--http-port", "0", "--frames", "4"]
    with waiting(console) as say:
        # Its line that a system is started says that it stays: this one doesn't.
        return start(home, ports, 180.0, lambda line: None if line.startswith("memcube:") else say(line))


def add_sessions(memory: Memory, conversation: Conversation) -> None:
    """Add every session, with progress by turns."""
    with _progress() as progress:
        bar = progress.add_task("taking in turns", total=conversation.turns)
        adds = [{**session.add(), "user_id": USER} for session in conversation.sessions]
        for session, answer in zip(conversation.sessions, memory.add_many(adds), strict=True):
            if isinstance(answer, MemCubeError):
                raise answer
            progress.advance(bar, len(session.messages))


def wait_for_vectors(memory: Memory) -> str:
    """Wait until all memories have vectors, with progress; says so when there is no embedder."""
    if not memory.status()["embedding_model"]:
        return "no embedder: recall goes by words only"
    deadline = time.monotonic() + EMBED_S
    with _progress() as progress:
        cube = memory.status(user_id=USER)["cube"]
        bar = progress.add_task("embedding", total=cube["items"])
        while cube["vector_coverage"] < 1.0 and time.monotonic() < deadline:
            time.sleep(0.2)
            cube = memory.status(user_id=USER)["cube"]
            progress.update(bar, completed=round(cube["vector_coverage"] * cube["items"]))
        progress.update(bar, completed=round(cube["vector_coverage"] * cube["items"]))
    return f"{cube['vector_coverage']:.0%} of {cube['items']} memories have vectors"


def ask(memory: Memory, conversation: Conversation, questions: list[Question], steps: Steps) -> None:
    """Ask every question, show what is recalled, and compare the tokens with those of the whole conversation."""
    reference = conversation.sessions[-1].time
    whole = sum(
        estimate_tokens(message["content"]) for session in conversation.sessions for message in session.messages
    )
    spent: list[int] = []
    took: list[float] = []
    firsts: list[int] = []
    console.print(
        "Each question comes with an answer to [green]expect[/green] and the turns that are evidence for it, both "
        "from the file; recall sees neither.\n[bold green]✓[/bold green] marks a recalled memory that is such "
        "evidence. What is recalled is what an agent would hand to its LLM.\n"
    )
    for number, question in enumerate(questions, 1):
        began = time.perf_counter()
        found = memory.search(question.text, user_id=USER, token_budget=BUDGET_TOKENS, reference_date=reference)
        took.append((time.perf_counter() - began) * 1000)
        spent.append(found["tokens"])
        ranks = evidence_ranks(question, found["results"])
        firsts += ranks[:1]
        console.print(_answer(number, question, found, ranks, took[-1]))
    median = sorted(took)[len(took) // 2]
    steps.rows.append(
        ("answer a question (median)", median / 1000, f"slowest {max(took):.0f} ms, through gRPC, no LLM")
    )
    mean = sum(spent) / len(spent)
    table = Table(box=box.SIMPLE_HEAD, title="what recall saves", title_style="bold", title_justify="left")
    for column in ("", "tokens a question", ""):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("the whole conversation in the prompt", f"{whole:,}", _bar(1.0))
    table.add_row("what was recalled", f"[bold]{mean:,.0f}[/bold]", _bar(mean / whole))
    console.print(table)
    console.print(
        f"[bold]{whole / mean:.0f} times[/bold] fewer tokens; evidence was recalled for "
        f"[bold]{len(firsts)} of {len(questions)}[/bold] questions within {BUDGET_TOKENS} tokens, "
        f"as the first memory for {firsts.count(1)}.\n"
    )


def evidence_ranks(question: Question, hits: list[dict[str, Any]]) -> list[int]:
    """At which ranks, from 1, the memories are that hold the question's evidence."""
    wanted = set(question.evidence)
    return [rank for rank, hit in enumerate(hits, 1) if wanted & {source.get("id") for source in hit["sources"]}]


def sample(questions: list[Question], wanted: int) -> list[Question]:
    """Questions that have evidence, spread evenly over their categories; adversarial ones have no answer to show."""
    by_category: dict[int, list[Question]] = {}
    for question in questions:
        if question.evidence and question.category != 5:
            by_category.setdefault(question.category, []).append(question)
    chosen: list[Question] = []
    while len(chosen) < wanted and any(by_category.values()):
        for category in sorted(by_category):
            if by_category[category] and len(chosen) < wanted:
                chosen.append(by_category[category].pop(0))
    return sorted(chosen, key=questions.index)


def _about(conversation: Conversation) -> Panel:
    first, last = conversation.sessions[0].time, conversation.sessions[-1].time
    words = Text()
    words.append(" and ".join(conversation.speakers) or conversation.name, style="bold")
    words.append(
        f"  {len(conversation.sessions)} sessions, {conversation.turns} turns, "
        f"{first:%d %b %Y} to {last:%d %b %Y}\nNo LLM, no key, no server elsewhere: everything runs on this machine.",
    )
    return Panel(words, title="MemCube", title_align="left", border_style="cyan", box=box.ROUNDED)


def _answer(number: int, question: Question, found: dict[str, Any], ranks: list[int], took_ms: float) -> Group:
    """The question, the first memories, the best that is evidence wherever it ranks, and what all of it took."""
    head = Text()
    head.append(f"{number}. {question.text}", style="bold")
    head.append(f"   {CATEGORIES.get(question.category, '')}", style="dim")
    expected = Padding(Text(f"expected: {question.answer}", style="green"), (0, 0, 0, 3))
    hits = found["results"]
    parts: list[Any] = [head, expected, Padding(hits_table(hits[:SHOWN], question.evidence), (1, 0, 1, 3))]
    if ranks and ranks[0] > SHOWN:
        parts.append(Text(f"   and at rank {ranks[0]}:", style="dim"))
        parts.append(Padding(hits_table([hits[ranks[0] - 1]], question.evidence), (0, 0, 1, 3)))
    where = f"✓ at rank {', '.join(map(str, ranks))}" if ranks else "no evidence"
    foot = Text(f"   {where} of {len(hits)} memories · {found['tokens']} tokens · {took_ms:.0f} ms\n", style="dim")
    for note in found["degraded"]:
        foot.append(f"degraded: {note}\n", style="yellow")
    return Group(*parts, foot)


def _bar(share: float) -> str:
    cells = max(1, round(share * 40))
    return f"[cyan]{'█' * cells}[/cyan]"


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
