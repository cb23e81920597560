"""Are the preferences that a user stated put into the prompt when they matter? PrefEval, no LLM.

Each of PrefEval's users states one preference, talks about other things for 0, 10 or 300 turns, and asks a question whose
usual answer would go against it. Measured: ``injected@N``, the share of questions whose preference is among the at most 6
injected ones with N turns (a user's message and its answer) between; ``false_preferences``, the share of the distinct
distractor turns of which a message is taken for a preference.

Controls, harder or plain: one preference of each topic in one user's memory; all of a topic in one; and what a search without the classifier, over
all that was said, has among its first 6.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import report

from memcube.actors.operator.choose import TOP_K, choose
from memcube.actors.operator.conflict import superseded
from memcube.actors.operator.preference import Preference, Vector, read_preference
from memcube.actors.operator.stating import states_preference
from memcube.actors.reader.fast import split
from memcube.actors.recall import CubeIndex, Document, analyze, parse_query

TURNS_BETWEEN = (0, 10, 300)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
QUICK_QUESTIONS = 8
Embed = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A stated preference and the question that it bears on."""

    topic: str
    preference: str
    question: str


@dataclass(frozen=True, slots=True)
class Said:
    """One message as memory holds it (long ones in several pieces): with its vector, entry, and whether it states a
    preference; all are made once, when it is added."""

    text: str
    vector: Vector
    entry: bytes
    states: bool


def load(folder: Path) -> tuple[list[Case], list[list[tuple[str, str]]]]:
    """The cases of all topics in ``folder``, and its distractor turns as lists of (text, role). Exits where absent."""
    distractors = folder / "filtered_inter_turns.json"
    topics = sorted(set(folder.glob("*.json")) - {distractors})
    if not topics or not distractors.is_file():
        sys.exit(
            f"no PrefEval topics with filtered_inter_turns.json in {folder}: give --data, or set MEMCUBE_EVAL_DATA"
        )
    cases = [
        Case(file.stem, one["preference"], one["question"])
        for file in topics
        for one in json.loads(file.read_text(encoding="utf-8"))
    ]
    turns: list[list[tuple[str, str]]] = []
    for conversation in json.loads(distractors.read_text(encoding="utf-8")):
        for message in conversation["conversation"]:
            if message["role"] == "user" or not turns:
                turns.append([])
            turns[-1].append((message["content"], message["role"]))
    return cases, turns


def read(text: str, role: str, embed: Embed) -> list[Said]:
    """A message in the pieces that the fast reader makes of it."""
    pieces = [text[start:end].strip() for start, end in split(text)]
    vectors = embed(pieces) if pieces else []
    return [
        Said(piece, vector, analyze(Document("", piece, said_at=BEGAN, role=role)), states_preference(piece, role))
        for piece, vector in zip(pieces, vectors, strict=True)
    ]


def stated(said: Sequence[Said]) -> list[Preference]:
    """What of it memory takes for preferences; ids are places in ``said``."""
    return [
        read_preference(str(n), one.text, BEGAN + timedelta(minutes=n), arrival=n, vector=one.vector)
        for n, one in enumerate(said)
        if one.states
    ]


def injected(said: Sequence[Said], question: str, vector: Vector) -> set[int]:
    """Places in ``said`` of what is put into the prompt for ``question``."""
    preferences = stated(said)
    chosen = choose(preferences, question, vector, TOP_K, superseded(preferences))
    return {int(one.preference.id) for one in chosen}


def searched(said: Sequence[Said], question: str, vector: Vector) -> set[int]:
    """The same by a plain search over all that was said, without the classifier."""
    index = CubeIndex()
    ids = [str(n) for n in range(len(said))]
    index.load(ids, [one.entry for one in said])
    index.set_vectors(ids, np.array([one.vector for one in said], np.float32), "m")
    return {int(hit.id) for hit in index.search(parse_query(question, BEGAN + timedelta(days=1), vector), TOP_K)}


def in_one_memory(cases: Sequence[Case], vectors: dict[str, Vector]) -> dict[str, float]:
    """By topic: the share of questions whose preference, or one in the same words, is among the injected of all of them.

    They are different people's, so what one says against another replaces nothing here.
    """
    shares = {}
    for topic in dict.fromkeys(case.topic for case in cases):
        own = [case for case in cases if case.topic == topic]
        known = [
            read_preference(str(n), case.preference, BEGAN + timedelta(minutes=n), vector=vectors[case.preference])
            for n, case in enumerate(own)
        ]
        found = [
            case.preference
            in {own[int(one.preference.id)].preference for one in choose(known, case.question, vectors[case.question])}
            for case in own
        ]
        shares[topic] = float(np.mean(found))
    return shares


def one_of_each_topic(cases: Sequence[Case], vectors: dict[str, Vector], dice: random.Random) -> float:
    """The share of questions whose preference is among the injected, in a memory with one preference of each topic."""
    topics = list(dict.fromkeys(case.topic for case in cases))
    found = []
    for case in cases:
        others = [dice.choice([one for one in cases if one.topic == topic]) for topic in topics if topic != case.topic]
        known = [
            read_preference(str(n), one.preference, BEGAN + timedelta(minutes=n), vector=vectors[one.preference])
            for n, one in enumerate([case, *others])
        ]
        chosen = choose(known, case.question, vectors[case.question])
        found.append("0" in {one.preference.id for one in chosen})
    return float(np.mean(found))


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("Stated preferences injected for PrefEval's questions, no LLM.").parse_args()
    cases, turns = load(chosen.data or datasets.data_folder() / "prefeval")
    dice = random.Random(chosen.seed)
    if chosen.quick:
        cases = dice.sample(cases, min(QUICK_QUESTIONS, len(cases)))
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()

    def embed(texts: Sequence[str]) -> Any:
        return model.encode(list(texts))

    texts = list(dict.fromkeys(text for case in cases for text in (case.preference, case.question)))
    vectors: dict[str, Vector] = dict(zip(texts, embed(texts), strict=True))
    read_turns = [[piece for text, role in turn for piece in read(text, role, embed)] for turn in turns]
    false = [any(piece.states for piece in turn) for turn in read_turns]
    found: dict[str, list[tuple[bool, str]]] = {}
    plain: list[bool] = []
    for case in cases:
        for between in TURNS_BETWEEN:
            order = dice.sample(read_turns, len(read_turns)) * -(-between // len(read_turns))
            said = read(case.preference, "user", lambda texts: [vectors[text] for text in texts])
            said += [piece for turn in order[:between] for piece in turn]
            got = 0 in injected(said, case.question, vectors[case.question])
            found.setdefault(f"injected@{between}", []).append((got, case.topic))
            if between == max(TURNS_BETWEEN):
                plain.append(0 in searched(said, case.question, vectors[case.question]))
    controls = in_one_memory(cases, vectors)
    rows = [
        [topic, sum(case.topic == topic for case in cases),
         *(float(np.mean([got for got, of in row if of == topic])) for row in found.values()), controls[topic]]
        for topic in controls
    ]  # fmt: skip
    means = {name: round(float(np.mean([got for got, _ in row])), 4) for name, row in found.items()}
    sizes = [sum(case.topic == topic for case in cases) for topic in controls]
    result = {
        **means,
        "false_preferences": round(float(np.mean(false)), 4),
        "questions": len(cases),
        "distractor_turns": len(turns),
        "one_of_each_topic": round(one_of_each_topic(cases, vectors, dice), 4),
        "one_memory_a_topic": round(float(np.average(list(controls.values()), weights=sizes)), 4),
        "plain_search@300": round(float(np.mean(plain)), 4),
        "by_topic": {row[0]: dict(zip(("questions", *found, "one_memory"), row[1:], strict=True)) for row in rows},
    }
    report.table("Injected among at most 6", ["topic", "questions", *found, "all in one memory"],
                 [*rows, ["all", len(cases), *means.values(), result["one_memory_a_topic"]]])  # fmt: skip
    report.table("Besides", ["what", "value"], [[k, v] for k, v in result.items() if k not in ("by_topic", *means)])
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
