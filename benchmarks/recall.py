"""Evidence recall of the index on LoCoMo (default) or BEAM: no LLM, no Ray, the project's own embedder.

Each turn (LoCoMo) or message (BEAM) is one memory. Figures, all means over questions:

- ``recall@k``: the share of a question's evidence memories among its first k hits.
- ``multi_hop_recall@10``: recall@10 of LoCoMo's category multi-hop alone (evidence in several places).
- ``session_recall@10``: whether the first ten hits have one of the sessions that hold its evidence (recall_any, as
  LongMemEval and most systems count it); ``session_share@10``: the share of those sessions that they have.
- ``tokens_mean``: estimated tokens of the first ten hits; ``conversation_tokens_mean``: of the whole conversation.
- ``evidence_in_1000_tokens``: the share of the evidence that is in the hits packed, without near-duplicates, into
  1,000 tokens.
- ``search_ms_p50``: reading the question and searching the index; ``embed_ms_p50``: embedding it, alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import report
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from memcube.actors.recall import CubeIndex, analyze, estimate_tokens, pack, parse_query, without_duplicates

DEPTHS = (5, 10, 20, 50)
BUDGET_TOKENS = 1_000
SESSION_DEPTH = 10
EMBED_AT_ONCE = 32
QUICK_QUESTIONS = 40

Embed = Callable[[Sequence[str]], "np.ndarray[Any, np.dtype[np.float32]]"]


@dataclass(slots=True)
class Tally:
    """What was measured, a value a question."""

    categories: list[str] = field(default_factory=list)
    recalled: list[list[float]] = field(default_factory=list)
    session_any: list[float] = field(default_factory=list)
    session_share: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    whole_tokens: list[int] = field(default_factory=list)
    packed: list[float] = field(default_factory=list)
    search_ms: list[float] = field(default_factory=list)
    embed_ms: list[float] = field(default_factory=list)


def measure(conversation: datasets.Conversation, embed: Embed, tally: Tally, progress: Progress) -> None:
    """Index one conversation, ask its questions, and add what was found to ``tally``."""
    documents = conversation.documents
    task = progress.add_task(conversation.name, total=len(documents) + len(conversation.questions))
    vectors = []
    for first in range(0, len(documents), EMBED_AT_ONCE):
        batch = documents[first : first + EMBED_AT_ONCE]
        vectors.append(embed([document.embedded_text for document in batch]))
        progress.advance(task, len(batch))
    ids = [document.id for document in documents]
    index = CubeIndex()
    index.load(ids, [analyze(document) for document in documents])
    index.set_vectors(ids, np.concatenate(vectors), "all-MiniLM-L6-v2")
    texts = {document.id: document.text for document in documents}
    session_of = {document.id: document.session for document in documents}
    whole = sum(estimate_tokens(text) for text in texts.values())
    for question in conversation.questions:
        begun = time.perf_counter()
        vector = embed([question.text])[0]
        embedded = time.perf_counter()
        hits = [hit.id for hit in index.search(parse_query(question.text, conversation.asked_at, vector), max(DEPTHS))]
        searched = time.perf_counter()
        evidence = set(question.evidence)
        sessions = {session_of[id] for id in evidence}
        found = sessions & {session_of[id] for id in hits[:SESSION_DEPTH]}
        ranked = [(id, texts[id]) for id in hits]
        distinct = set(without_duplicates(ranked))
        packed, _ = pack(((id, text) for id, text in ranked if id in distinct), BUDGET_TOKENS)
        tally.categories.append(question.category)
        tally.recalled.append([len(evidence & set(hits[:depth])) / len(evidence) for depth in DEPTHS])
        tally.session_any.append(float(bool(found)))
        tally.session_share.append(len(found) / len(sessions))
        tally.tokens.append(sum(estimate_tokens(texts[id]) for id in hits[:SESSION_DEPTH]))
        tally.whole_tokens.append(whole)
        tally.packed.append(len(evidence & set(packed)) / len(evidence))
        tally.embed_ms.append(1000 * (embedded - begun))
        tally.search_ms.append(1000 * (searched - embedded))
        progress.advance(task)


def summary(tally: Tally) -> dict[str, Any]:
    """The figures of the module's docstring."""
    recalled, categories = np.array(tally.recalled), np.array(tally.categories)

    def by_depth(of: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float]:
        return {f"recall@{depth}": round(float(of[:, n].mean()), 4) for n, depth in enumerate(DEPTHS)}

    multi_hop: dict[str, float] = {}
    if "multi-hop" in tally.categories:
        multi_hop["multi_hop_recall@10"] = by_depth(recalled[categories == "multi-hop"])["recall@10"]
    return {
        "questions": len(categories),
        **by_depth(recalled),
        **multi_hop,
        "session_recall@10": round(float(np.mean(tally.session_any)), 4),
        "session_share@10": round(float(np.mean(tally.session_share)), 4),
        "by_category": {
            name: {"questions": int((categories == name).sum()), **by_depth(recalled[categories == name])}
            for name in sorted(set(tally.categories))
        },
        "tokens_mean": round(float(np.mean(tally.tokens)), 1),
        "conversation_tokens_mean": round(float(np.mean(tally.whole_tokens)), 1),
        "evidence_in_1000_tokens": round(float(np.mean(tally.packed)), 4),
        "search_ms_p50": round(float(np.median(tally.search_ms)), 3),
        "embed_ms_p50": round(float(np.median(tally.embed_ms)), 3),
    }


def main() -> None:
    """Measure, print and report."""
    parser = report.options("Evidence recall on LoCoMo or BEAM, no LLM.")
    chosen = parser.parse_args()
    conversations = datasets.load(chosen.data)
    if chosen.quick:
        first = conversations[0]
        conversations = [datasets.Conversation(first.name, first.documents, first.questions[:QUICK_QUESTIONS],
                                               first.asked_at)]  # fmt: skip
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    tally = Tally()
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=report.console) as progress:
        for conversation in conversations:
            measure(conversation, lambda texts: model.encode(list(texts)), tally, progress)
    result = summary(tally)
    depths = [f"recall@{depth}" for depth in DEPTHS]
    rows = [[name, row["questions"], *(row[key] for key in depths)] for name, row in result["by_category"].items()]
    rows.append(["all", result["questions"], *(result[key] for key in depths)])
    report.table(f"Evidence recall: {_name(chosen.data)}", ["category", "questions", *depths], rows)
    report.table("Besides", ["what", "value"], [[k, v] for k, v in result.items() if k not in ("by_category", *depths)])
    if chosen.plot:
        report.plot(
            chosen.plot,
            f"Evidence recall: {_name(chosen.data)}",
            ("first k hits", "share of the evidence found"),
            {name: (DEPTHS, [row[key] for key in depths]) for name, row in
             {**result["by_category"], "all": result}.items()},
            log_x=True,
        )  # fmt: skip
    report.finish({"data": _name(chosen.data), **result}, chosen)


def _name(data: Path | None) -> str:
    return "LoCoMo dev" if data is None else f"{data.parent.name}/{data.name}"


if __name__ == "__main__":
    main()
