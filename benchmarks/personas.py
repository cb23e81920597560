"""PersonaMem: the right one of four answers, chosen by recalled memories and how the answers read; no LLM, nothing trained.

Each message of a persona's documents is one memory (system prompts are none). For a question and for each of its
options the first ten memories are recalled, and ``choice`` chooses. Figures:

- ``accuracy``: the share of questions with the right option chosen; ``by_type``: of each type of question.
- ``hybrid_baseline_accuracy``: the same with plain hybrid search in place of recall and choice: BM25 and cosine of
  each message alone, standardised and summed; an option's score is its similarity to what was retrieved. All of
  ``BASELINES`` are tried and the best one *on these questions* is taken, which favours the baseline.
- ``difference``, ``difference_interval``: accuracy less the baseline's, and 95 % of a paired bootstrap over
  questions; ``difference_interval_personas``: over personas, whose questions hang together.
- ``halves``: personas alternately in two halves; the accuracy of both systems in each, the baseline's form chosen on
  the other half. The chooser has nothing fitted to choose: its weights are 1, one is 2, set by hand.
- ``ablations``: accuracy with one signal left out, and with all that look at how options read.
- ``weights_tuned_on_the_other_half``: accuracy in both halves with weights picked from 0, 1, 2 on the other half:
  whether tuning would gain anything.
- ``controls``: what needs no memory of this persona: the longest and the shortest option, another persona's memories
  in place of this one's (``evidence_of_another``), no memories at all (``no_evidence``), and how options read, as if
  all that they claim were so (``reading_alone``).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import report
from choice import WEIGHTS, Evidence, Option, Weights, choose
from choice.reading import read_options
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from memcube.actors.reader.fast import split
from memcube.actors.recall import CubeIndex, Document, analyze, parse_query
from memcube.actors.recall.words import words

DEPTH = 10
BASELINE_DEPTHS = (5, 10, 20)
RESAMPLES = 10_000
QUICK_PERSONAS = 2
EMBED_AT_ONCE = 32
ASKED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""The data has no times; none of its questions names one."""

MESSAGE = re.compile(r"^\[(SYSTEM|USER|ASSISTANT)\] ?", re.MULTILINE)
LABEL = re.compile(r"^(?:User|Assistant): ?")
HEADER = re.compile(r"^User: .{1,80}\n\n")
OPTION = re.compile(r"^\(([a-z])\) ", re.MULTILINE)

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Embed = Callable[[Sequence[str]], Matrix]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a persona; ``right`` is the right option's place."""

    persona: str
    kind: str
    text: str
    options: tuple[str, ...]
    right: int


def load(folder: Path) -> tuple[dict[str, list[Document]], list[Asked]]:
    """Personas' messages as documents, in order, and the questions. Exits where the data is absent."""
    files = [folder / name for name in ("documents.json", "queries.json")]
    if not all(file.is_file() for file in files):
        sys.exit(f"no PersonaMem at {folder}: give --data a folder with documents.json and queries.json")
    documents, queries = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    memories: dict[str, list[Document]] = defaultdict(list)
    for document in sorted(documents, key=lambda each: (each["user_id"], int(each["id"].rpartition("_")[2]))):
        mine = memories[document["user_id"]]
        for role, text in _messages(document["content"]):
            mine.append(Document(f"m{len(mine)}", text, session=document["id"], position=len(mine), role=role))
    return dict(memories), [_asked(query) for query in queries]


def _messages(content: str) -> Iterator[tuple[str, str]]:
    pieces = MESSAGE.split(content)
    for role, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if role != "SYSTEM":
            message = LABEL.sub("", text.strip()).removesuffix("])").strip()
            yield from ((role.lower(), message[begins:ends].strip()) for begins, ends in split(message))


def _asked(query: dict[str, Any]) -> Asked:
    pieces = OPTION.split(query["query"])
    letter = query["gold_answers"][1]
    return Asked(
        persona=query["user_id"],
        kind=query["meta"]["question_type"],
        text=LABEL.sub("", HEADER.sub("", pieces[0])).strip(),
        options=tuple(option.strip() for option in pieces[2::2]),
        right=pieces[1::2].index(letter),
    )


class Persona:
    """The memories of one persona, in the project's index and for plain hybrid search."""

    def __init__(self, documents: Sequence[Document], vector_of: dict[str, Matrix]) -> None:
        self.documents = documents
        self.vector_of = vector_of
        self.matrix = np.stack([vector_of[document.text] for document in documents])
        ids = [document.id for document in documents]
        self.index = CubeIndex()
        self.index.load(ids, [analyze(document) for document in documents])
        self.index.set_vectors(ids, self.matrix, "all-MiniLM-L6-v2")
        self._counts = [Counter(term for term, _ in words(document.text)) for document in documents]
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, counts in enumerate(self._counts):
            for term in counts:
                self._rows[term].append(row)
        lengths = np.array([sum(counts.values()) for counts in self._counts], np.float64)
        self._norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())

    def recalled(self, asked: Asked) -> list[Evidence]:
        """The first memories for the question, with their scores, and for each option."""
        scores: dict[str, float] = {}
        for n, text in enumerate((asked.text, *asked.options)):
            for hit in self.index.search(parse_query(text, ASKED_AT, self.vector_of[text]), DEPTH):
                scores.setdefault(hit.id, hit.score if n == 0 else 0.0)
        rows = [int(id[1:]) for id in scores]
        return [
            Evidence(document.id, document.text, document.role or "user", score, self.matrix[row])
            for (row, score) in zip(rows, scores.values(), strict=True)
            for document in (self.documents[row],)
        ]

    def bm25(self, text: str) -> Matrix:
        """Plain BM25 (k1 1.2, b 0.75) of each memory."""
        scores = np.zeros(len(self.documents), np.float64)
        for term in {term for term, _ in words(text)}:
            rows = self._rows.get(term, [])
            rarity = np.log(1 + (len(scores) - len(rows) + 0.5) / (len(rows) + 0.5))
            for row in rows:
                count = self._counts[row][term]
                scores[row] += rarity * count * 2.2 / (count + self._norms[row])
        return scores.astype(np.float32)

    def baselines(self, asked: Asked) -> dict[str, int]:
        """What each form of plain hybrid search chooses."""
        question = _standard(self.bm25(asked.text)) + _standard(self.matrix @ self.vector_of[asked.text])
        order = np.argsort(-question, kind="stable")
        lexical = np.stack([self.bm25(option) for option in asked.options])
        dense = np.stack([self.matrix @ self.vector_of[option] for option in asked.options])
        alike = {"words": lexical, "cosine": dense, "hybrid": _standard(lexical) + _standard(dense)}
        chosen = {}
        for name, similar in alike.items():
            for depth in (*BASELINE_DEPTHS, 0):
                found = np.sort(similar[:, order[:depth]] if depth else similar, axis=1)[:, ::-1]
                where = f"first {depth} for the question" if depth else "searched by option"
                for way, values in (("best", found[:, 0]), ("mean of 3", found[:, :3].mean(axis=1)),
                                    ("mean of all", found.mean(axis=1))):  # fmt: skip
                    chosen[f"{name}, {where}, {way}"] = int(values.argmax())
        return chosen


def _standard(values: Matrix) -> Matrix:
    """Standard scores over all of ``values``: those of several options stay comparable."""
    scores: Matrix = (values - values.mean()) / (values.std() + 1e-9)
    return scores


@dataclass(slots=True)
class Measured:
    """What each way chose, 1 where right, a value a question."""

    ours: np.ndarray[Any, np.dtype[np.float64]]
    baselines: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    controls: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    parts: np.ndarray[Any, np.dtype[np.float64]]
    """The chooser's unweighted signals: question, option, signal (questions have equally many options)."""
    right: np.ndarray[Any, np.dtype[np.int64]]


UNWEIGHTED = Weights(**{field.name: 1.0 for field in fields(Weights)})
PLAIN = ("lexical", "covered", "dense")
"""Signals that do not look at how options read."""
NAMES = tuple(field.name for field in fields(Weights))


def measure(memories: dict[str, list[Document]], questions: Sequence[Asked], embed: Embed) -> Measured:
    """Embed every text once, choose for every question in every way."""
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=report.console) as progress:
        vector_of = _embedded(memories, questions, embed, progress)
        people = {name: Persona(documents, vector_of) for name, documents in memories.items()}
        names = sorted(people)
        ours, controls, baselines, parts = [], defaultdict(list), defaultdict(list), []
        for asked in progress.track(questions, description="choosing"):
            options = [Option(option, vector_of[option]) for option in asked.options]
            other = people[names[(names.index(asked.persona) + 1) % len(names)]]
            evidence = people[asked.persona].recalled(asked)
            ours.append(choose(options, evidence).index == asked.right)
            signals = choose(options, evidence, UNWEIGHTED).parts
            parts.append([[signal[name] for name in NAMES] for signal in signals])
            controls["evidence_of_another"].append(choose(options, other.recalled(asked)).index == asked.right)
            controls["reading_alone"].append(_by_reading(asked.options) == asked.right)
            controls["no_evidence"].append(choose(options, []).index == asked.right)
            lengths = [len(option) for option in asked.options]
            controls["longest_option"].append(int(np.argmax(lengths)) == asked.right)
            controls["shortest_option"].append(int(np.argmin(lengths)) == asked.right)
            for name, chosen in people[asked.persona].baselines(asked).items():
                baselines[name].append(chosen == asked.right)
    return Measured(
        ours=np.array(ours, float),
        baselines={name: np.array(values, float) for name, values in baselines.items()},
        controls={name: np.array(values, float) for name, values in controls.items()},
        parts=np.array(parts, float),
        right=np.array([asked.right for asked in questions]),
    )


def _by_reading(options: Sequence[str]) -> int:
    readings = read_options(options)
    sums = sum(
        weight * _standard(np.array(values, np.float32))
        for weight, values in (
            (WEIGHTS.past, [reading.speaks_of_past for reading in readings]),
            (WEIGHTS.turns, [reading.turns for reading in readings]),
            (WEIGHTS.absolutes, [reading.absolutes for reading in readings]),
            (WEIGHTS.own_life, [reading.own_life for reading in readings]),
        )
    )
    return int(np.argmax(sums))


def _embedded(
    memories: dict[str, list[Document]], questions: Sequence[Asked], embed: Embed, progress: Progress
) -> dict[str, Matrix]:
    texts = {document.text for documents in memories.values() for document in documents}
    for asked in questions:
        texts.update((asked.text, *asked.options))
    ordered = sorted(texts, key=lambda text: (len(text), text))  # alike in length: little padding
    task = progress.add_task("embedding", total=len(ordered))
    vector_of: dict[str, Matrix] = {}
    for first in range(0, len(ordered), EMBED_AT_ONCE):
        batch = ordered[first : first + EMBED_AT_ONCE]
        vector_of.update(zip(batch, embed(batch), strict=True))
        progress.advance(task, len(batch))
    return vector_of


def intervals(differences: np.ndarray[Any, np.dtype[np.float64]], personas: Sequence[str], seed: int) -> dict[str, Any]:
    """95 % of the paired bootstrap's mean differences: over questions, and over personas with all their questions."""
    draw = np.random.default_rng(seed)
    whole = differences[draw.integers(0, len(differences), (RESAMPLES, len(differences)))].mean(axis=1)
    names = sorted(set(personas))
    sums = np.array([sum(d for d, p in zip(differences, personas, strict=True) if p == name) for name in names])
    sizes = np.array([list(personas).count(name) for name in names])
    picked = draw.integers(0, len(names), (RESAMPLES, len(names)))
    grouped = sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)

    def middle(of: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
        return [round(float(edge), 4) for edge in np.percentile(of, (2.5, 97.5))]

    return {"difference_interval": middle(whole), "difference_interval_personas": middle(grouped)}


def tuned(measured: Measured, on: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights (0, 1 or 2, the signs kept) that do best on the questions ``on``, one signal at a time, twice round."""
    signs = np.array([np.sign(getattr(WEIGHTS, name)) for name in NAMES])
    sizes = np.array([abs(getattr(WEIGHTS, name)) for name in NAMES])
    for n in (*range(len(NAMES)), *range(len(NAMES))):
        tries = [np.array([*sizes[:n], size, *sizes[n + 1 :]]) for size in (sizes[n], 0.0, 1.0, 2.0)]
        sizes = max(tries, key=lambda each: _right(measured, signs * each)[on].mean())
    weights: np.ndarray[Any, np.dtype[np.float64]] = signs * sizes
    return weights


def _right(measured: Measured, weights: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[Any]]:
    right: np.ndarray[Any, np.dtype[Any]] = (measured.parts @ weights).argmax(axis=1) == measured.right
    return right


def summary(measured: Measured, questions: Sequence[Asked], seed: int) -> dict[str, Any]:
    """The figures of the module's docstring."""

    def mean(of: np.ndarray[Any, np.dtype[Any]]) -> float:
        return round(float(of.mean()), 4)

    def best(on: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
        return max(measured.baselines, key=lambda name: float(measured.baselines[name][on].mean()))

    everywhere = np.ones(len(questions), bool)
    name = best(everywhere)
    baseline = measured.baselines[name]
    kinds = np.array([asked.kind for asked in questions])
    personas = [asked.persona for asked in questions]
    ordered = sorted(set(personas))
    first = np.array([ordered.index(persona) % 2 == 0 for persona in personas])
    halves = (first, ~first) if first.any() and (~first).any() else ()
    by_hand = np.array([getattr(WEIGHTS, name) for name in NAMES])
    return {
        "questions": len(questions),
        "personas": len(ordered),
        "accuracy": mean(measured.ours),
        "hybrid_baseline_accuracy": mean(baseline),
        "hybrid_baseline": name,
        "difference": mean(measured.ours - baseline),
        **intervals(measured.ours - baseline, personas, seed),
        "by_type": {
            kind: {
                "questions": int((kinds == kind).sum()),
                "accuracy": mean(measured.ours[kinds == kind]),
                "hybrid_baseline_accuracy": mean(baseline[kinds == kind]),
                **{control: mean(values[kinds == kind]) for control, values in measured.controls.items()},
            }
            for kind in sorted(set(kinds.tolist()))
        },
        "controls": {control: mean(values) for control, values in measured.controls.items()},
        "halves": [
            {"questions": int(half.sum()), "accuracy": mean(measured.ours[half]),
             "hybrid_baseline_accuracy": mean(measured.baselines[best(~half)][half])}
            for half in halves
        ],
        "weights_tuned_on_the_other_half": [mean(_right(measured, tuned(measured, ~half))[half]) for half in halves],
        "ablations": {
            **{left_out: mean(_right(measured, by_hand * (np.array(NAMES) != left_out))) for left_out in NAMES},
            "all but lexical, covered, dense": mean(_right(measured, by_hand * np.isin(NAMES, PLAIN))),
        },
        "baselines": {form: mean(values) for form, values in sorted(measured.baselines.items())},
    }  # fmt: skip


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("PersonaMem: answers chosen by recalled evidence alone, no LLM.").parse_args()
    folder = chosen.data or datasets.data_folder() / "personamem32k"
    memories, questions = load(folder)
    if chosen.quick:
        kept = sorted(memories)[:QUICK_PERSONAS]
        memories = {name: memories[name] for name in kept}
        questions = [asked for asked in questions if asked.persona in memories]
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    result = summary(measure(memories, questions, lambda texts: model.encode(list(texts))), questions, chosen.seed)
    columns = ["accuracy", "hybrid_baseline_accuracy", *result["controls"]]
    whole = {**result, **result["controls"]}
    for title, some in ((f"PersonaMem: {folder.name}", columns[:2]), ("Controls", columns[2:])):
        rows = [[kind, row["questions"], *(row[column] for column in some)] for kind, row in result["by_type"].items()]
        rows.append(["all", result["questions"], *(whole[column] for column in some)])
        report.table(title, ["type", "questions", *some], rows)
    besides = ("hybrid_baseline", "difference", "difference_interval", "difference_interval_personas", "halves",
               "weights_tuned_on_the_other_half", "ablations")  # fmt: skip
    report.table("Besides", ["what", "value"], [[name, result[name]] for name in besides])
    if chosen.plot:
        kinds = list(result["by_type"])
        report.plot(
            chosen.plot,
            "PersonaMem: the right option chosen",
            ("type of question, in the table's order", "share of its questions"),
            {column: (range(len(kinds)), [result["by_type"][kind][column] for kind in kinds]) for column in columns},
        )
    report.finish({"data": folder.name, **result}, chosen)


if __name__ == "__main__":
    main()
