"""The same conversations and the same embedder into MemCube, into mem0 and into a plain dense store, in one run.

Conversations are LoCoMo's (or BEAM's, ``--data``), each turn one memory of its conversation's user. Every system gets
the speaker's name and embeds with the very same all-MiniLM-L6-v2. mem0 runs as it comes from ``pip install``, with
``infer=False`` and its default store, in a process of its own; MemCube runs whole (gateway, frames, journal with an
fsync a call, embedder), through its SDK; the plain store is numpy in the benchmark's process, with nothing durable.
Adds run system by system, questions in turns. Keys, each with one value a system: ``recall@k``; ``tokens_mean``
(estimated, first ten hits); ``recall_in_1000_tokens`` (of the first 20 hits those that fit); ``add_ms_p50`` and
``p99``; ``add_total_s`` (until everything can be found by meaning); ``search_ms_p50`` and ``p99``.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import report
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from system import running_system
from versus_systems import Mem0, Ours, Plain, System

from memcube.actors.recall import estimate_tokens

DEPTHS = (5, 10, 20)
TOKEN_DEPTH = 10
BUDGET_TOKENS = 1_000
QUICK_QUESTIONS = 40


@dataclass(slots=True)
class Tally:
    """What one system did."""

    recalled: list[list[float]] = field(default_factory=list)
    packed: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    add_ms: list[float] = field(default_factory=list)
    search_ms: list[float] = field(default_factory=list)
    add_total_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """The module's keys."""
        recalled = np.array(self.recalled)
        return {
            **{f"recall@{depth}": round(float(recalled[:, n].mean()), 4) for n, depth in enumerate(DEPTHS)},
            "recall_in_1000_tokens": round(float(np.mean(self.packed)), 4),
            "tokens_mean": round(float(np.mean(self.tokens)), 1),
            "add_ms_p50": round(float(np.percentile(self.add_ms, 50)), 3),
            "add_ms_p99": round(float(np.percentile(self.add_ms, 99)), 3),
            "add_total_s": round(self.add_total_s, 2),
            "search_ms_p50": round(float(np.percentile(self.search_ms, 50)), 3),
            "search_ms_p99": round(float(np.percentile(self.search_ms, 99)), 3),
        }


def compare(
    conversation: datasets.Conversation, systems: list[System], tallies: dict[str, Tally], progress: Progress
) -> None:
    """Tell every system the conversation, then ask all of them each question, taking turns in going first."""
    task = progress.add_task(
        conversation.name, total=len(systems) * len(conversation.documents) + len(conversation.questions)
    )
    for system in systems:
        tally = tallies[system.name]
        begun = time.perf_counter()
        for document in conversation.documents:
            tally.add_ms.append(system.add(conversation, document))
            progress.advance(task)
        system.settle(conversation)
        tally.add_total_s += time.perf_counter() - begun
    texts = {document.id: document.embedded_text for document in conversation.documents}
    for number, question in enumerate(conversation.questions):
        evidence = set(question.evidence)
        for turn in range(len(systems)):
            system = systems[(number + turn) % len(systems)]
            found, took = system.search(conversation, question, max(DEPTHS))
            tally = tallies[system.name]
            tally.search_ms.append(took)
            tally.recalled.append([len(evidence & set(found[:depth])) / len(evidence) for depth in DEPTHS])
            sizes = [estimate_tokens(texts[one]) for one in found]
            fitting = int(np.searchsorted(np.cumsum(sizes), BUDGET_TOKENS, side="right"))
            tally.packed.append(len(evidence & set(found[:fitting])) / len(evidence))
            tally.tokens.append(sum(sizes[:TOKEN_DEPTH]))
        progress.advance(task)


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("MemCube, mem0 and a plain dense store on the same conversations.").parse_args()
    conversations = datasets.load(chosen.data)
    if chosen.quick:
        first = conversations[0]
        conversations = [replace(first, questions=first.questions[:QUICK_QUESTIONS])]
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mc-versus-")))
        model = OnnxMiniLM()
        model.encode(["warm"])
        running = stack.enter_context(running_system(folder / "home"))
        mem0 = Mem0(folder, model.encode)
        stack.callback(mem0.close)
        systems: list[System] = [Ours(running.memory()), mem0, Plain(model.encode)]
        tallies = {system.name: Tally() for system in systems}
        bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*bars, console=report.console) as progress:
            for conversation in conversations:
                compare(conversation, systems, tallies, progress)
    figures = {name: tally.figures() for name, tally in tallies.items()}
    keys = list(next(iter(figures.values())))
    questions = sum(len(conversation.questions) for conversation in conversations)
    memories = sum(len(conversation.documents) for conversation in conversations)
    report.table(
        f"{memories} turns, {questions} questions, the same embedder",
        ["what", *figures],
        [[key, *(figure[key] for figure in figures.values())] for key in keys],
    )
    report.table("mem0 as measured", ["what", "how"], [[name, str(value)] for name, value in mem0.config.items()])
    if chosen.plot:
        report.plot(
            chosen.plot,
            f"Evidence recall on {questions} questions",
            ("first k hits", "share of the evidence found"),
            {name: (DEPTHS, [figure[f"recall@{depth}"] for depth in DEPTHS]) for name, figure in figures.items()},
        )
    result: dict[str, Any] = {"memories": memories, "questions": questions, "systems": figures, "mem0": mem0.config}
    result["mem0"] |= {"top_k": max(DEPTHS), "threshold": 0.0}
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
