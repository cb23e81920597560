"""What is lost when a memory lies in several cubes: recall of one conversation in one, in three, and beside strangers.

LoCoMo's conversations (or ``--data``), each turn one memory, merged by the gateway's own code; no LLM, no Ray.

- ``recall@10``: all of a conversation in one cube. ``dealt_recall@10``: its sessions dealt to three cubes in turn.
  ``thirds_recall@10``: its first, middle and last sessions in a cube each. ``uneven_recall@10``: the first session,
  the next three, and the rest.
- ``small_strangers_recall@10``: in one cube, beside 15 cubes of ten turns each of another conversation;
  ``large_stranger_recall@10``: beside one cube with 300 turns of it. ``…_share`` is theirs of the first ten hits.
- ``lost_points``: the most that one of them loses, in points of recall@10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import datasets
import numpy as np
import report
from rich.progress import Progress

from memcube.actors.gateway.composite import Place, fill, ranked
from memcube.actors.gateway.queries import Query
from memcube.actors.recall import CubeIndex, Document, Hit, analyze, parse_query, without_duplicates
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

DEPTH = 10
EMBED_AT_ONCE = 32
QUICK_QUESTIONS = 20
CUBES = 3
SMALL_CUBES, SMALL_TURNS, LARGE_TURNS = 15, 10, 300
MODEL = "all-MiniLM-L6-v2"

Vectors = np.ndarray[Any, np.dtype[np.float32]]
Part = tuple[Sequence[Document], Vectors]


def index_of(part: Part) -> tuple[CubeIndex, dict[str, str]]:
    """A cube's index, and its texts by id."""
    documents, vectors = part
    ids = [document.id for document in documents]
    index = CubeIndex()
    index.load(ids, [analyze(document) for document in documents])
    index.set_vectors(ids, vectors, MODEL)
    return index, {document.id: document.text for document in documents}


def found_in(
    index: CubeIndex, texts: dict[str, str], question: str, vector: Vectors, asked_at: Any
) -> pb.SearchResponse:
    """One cube's answer, as a frame gives it."""
    hits = index.search(parse_query(question, asked_at, vector, MODEL), 2 * DEPTH)
    kept: list[Hit] = without_duplicates([(hit, texts[hit.id]) for hit in hits])[:DEPTH]
    answer = pb.SearchResponse()
    for hit in kept:
        parts = [pb.ScorePart(name=name, value=value) for name, value in hit.parts.items()]
        answer.hits.add(item=item_pb2.Item(id=hit.id, memory=texts[hit.id]), score=hit.score, parts=parts)
    return answer


def dealt(part: Part, cube_of: Callable[[int, int], int]) -> list[Part]:
    """A conversation over several cubes: ``cube_of`` says where a session goes, by its number and how many there are."""
    documents, vectors = part
    sessions = list(dict.fromkeys(document.session for document in documents))
    place = {session: cube_of(number, len(sessions)) for number, session in enumerate(sessions)}
    rows: dict[int, list[int]] = {}
    for row, document in enumerate(documents):
        rows.setdefault(place[document.session], []).append(row)
    return [([documents[row] for row in chosen], vectors[chosen]) for _, chosen in sorted(rows.items())]


def strangers(part: Part, cubes: int, turns: int) -> list[Part]:
    """Cubes with turns of another conversation, under ids of their own."""
    documents, vectors = part
    found: list[Part] = []
    for first in range(0, min(cubes * turns, len(documents)), turns):
        some = [replace(one, id=f"stranger-{one.id}") for one in documents[first : first + turns]]
        found.append((some, vectors[first : first + turns]))
    return found


def measure(
    cubes: Sequence[Part], conversation: datasets.Conversation, questions: Vectors
) -> tuple[list[float], list[float]]:
    """Recall at DEPTH, and the share of strangers among the first DEPTH hits, a value a question."""
    indexes = [index_of(part) for part in cubes]
    places = [Place(CubeRef("t", f"cube-{number}"), pb.Scope()) for number in range(len(cubes))]
    recalled, foreign = [], []
    for question, vector in zip(conversation.questions, questions, strict=True):
        parts = [found_in(*one, question.text, vector, conversation.asked_at) for one in indexes]
        answer, hits = ranked(list(zip(places, parts, strict=True)), Query(), [])
        asyncio.run(fill(answer, hits, top_k=DEPTH, token_budget=0))
        ids = [hit.item.id for hit in answer.hits]
        recalled.append(len(set(question.evidence) & set(ids)) / len(question.evidence))
        foreign.append(sum(one.startswith("stranger-") for one in ids) / DEPTH)
    return recalled, foreign


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("Recall of a memory in several cubes, no LLM.").parse_args()
    conversations = datasets.load(chosen.data)[: 2 if chosen.quick else None]
    if chosen.quick:
        conversations = [replace(one, questions=one.questions[:QUICK_QUESTIONS]) for one in conversations]
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    recalled: dict[str, list[float]] = {}
    foreign: dict[str, list[float]] = {}
    with Progress(console=report.console) as progress:
        task = progress.add_task("embedding", total=sum(len(one.documents) for one in conversations))
        wholes: list[Part] = []
        for conversation in conversations:
            texts = [document.embedded_text for document in conversation.documents]
            batches = [texts[first : first + EMBED_AT_ONCE] for first in range(0, len(texts), EMBED_AT_ONCE)]
            rows = []
            for batch in batches:
                rows.append(model.encode(batch))
                progress.advance(task, len(batch))
            wholes.append((conversation.documents, np.concatenate(rows)))
        task = progress.add_task("asking", total=len(conversations))
        for number, conversation in enumerate(conversations):
            questions = np.concatenate([model.encode([question.text]) for question in conversation.questions])
            whole, other = wholes[number], wholes[(number + 1) % len(wholes)]
            for name, cubes in {
                "": [whole],
                "dealt_": dealt(whole, lambda session, _: session % CUBES),
                "thirds_": dealt(whole, lambda session, count: session * CUBES // count),
                "uneven_": dealt(whole, lambda session, _: 0 if session < 1 else 1 if session < 4 else 2),
                "small_strangers_": [whole, *strangers(other, SMALL_CUBES, SMALL_TURNS)],
                "large_stranger_": [whole, *strangers(other, 1, LARGE_TURNS)],
            }.items():
                found, strange = measure(cubes, conversation, questions)
                recalled.setdefault(name, []).extend(found)
                foreign.setdefault(name, []).extend(strange)
            progress.advance(task)
    means = {name: float(np.mean(values)) for name, values in recalled.items()}
    result: dict[str, Any] = {f"{name}recall@{DEPTH}": round(mean, 4) for name, mean in means.items()}
    result |= {f"{name}share": round(float(np.mean(foreign[name])), 4) for name in foreign if "stranger" in name}
    result["lost_points"] = round(100 * (means[""] - min(means.values())), 2)
    result["questions"] = len(recalled[""])
    report.table("One memory in several cubes", ["what", "value"], [list(row) for row in result.items()])
    if chosen.plot:
        names = [name.rstrip("_").replace("_", " ") or "one cube" for name in means]
        report.plot(
            chosen.plot,
            "One memory in several cubes",
            ("way of lying", f"recall@{DEPTH}"),
            {", ".join(names): (range(len(means)), list(means.values()))},
        )
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
