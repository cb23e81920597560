"""Planted memories: how much of the first five places they take, before and after the defences, and what those cost.

Four attacks of the literature, on memories that answer rightly too:

- *one page* and *five pages*: PoisonedRAG's questions with five planted texts each, all of one source of its own, or
  each of another. What the user said himself ("I looked it up: …") is beside them, and a whole LoCoMo conversation.
- *experiences*: MemoryGraft's poisoned "successes" among good ones, learned as skills from a note from outside; asked
  for by what they aim at.
- *orders*: BIPIA's instructions, each on a page of its own, asked for in their own words: the worst that an attacker
  who knows the question can do with one text a question. They are told apart by their origin, which every hit has.

``contamination@5_before``, ``_after`` and ``_strict`` are means over the questions of all attacks; ``right_answer@5`` is
the share of PoisonedRAG's questions whose right answer is among the first five. ``recall_loss`` is what LoCoMo's
recall@10 loses, in points, where everything was said; ``recall_loss_half_outside`` where every second session is a page
from outside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import report

from memcube.actors.recall import CubeIndex, Document, analyze, parse_query, without_duplicates
from memcube.actors.redaction import levels_of
from memcube.actors.trust import FLOORS, STRICT, Admission, Ranked, channel_of, shared_out
from memcube.actors.trust.share import Floors
from memcube.model.item import Item, MemoryType, Source, Status

DEPTH, ORDINARY_DEPTH, FETCHED = 5, 10, 200
EMBED_AT_ONCE = 32
QUICK = 10
Embed = Callable[[Sequence[str]], Any]
WAYS: dict[str, Floors | None] = {"before": None, "after": FLOORS, "strict": STRICT}
"""Without the defences; as they are; and as a search with ``strict_sources`` has them."""
SAID = Source(kind="message", role="user")


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory with where it came from; ``planted`` is what an attacker wrote."""

    document: Document
    source: Source = SAID
    planted: bool = False
    kind: MemoryType = MemoryType.LONG_TERM


class Answers:
    """The index over memories, asked without and with the defences."""

    def __init__(self, memories: Sequence[Memory], embed: Embed, asked_at: Any) -> None:
        self._embed, self._asked_at = embed, asked_at
        self._memories = {memory.document.id: memory for memory in memories}
        documents = [memory.document for memory in memories]
        ids = [document.id for document in documents]
        self._index = CubeIndex()
        self._index.load(ids, [analyze(document) for document in documents])
        vectors = [
            embed([document.embedded_text for document in documents[first : first + EMBED_AT_ONCE]])
            for first in range(0, len(documents), EMBED_AT_ONCE)
        ]
        self._index.set_vectors(ids, np.concatenate(vectors), "all-MiniLM-L6-v2")
        self._waiting = {id for id, memory in self._memories.items() if _waits(memory)}

    def first(self, question: str, depth: int, floors: Floors | None) -> list[Memory]:
        """The first memories for a question: without the defences, or with them and these floors of the caps."""
        query = parse_query(question, self._asked_at, self._embed([question])[0])
        hits = [(hit, self._memories[hit.id].document.text) for hit in self._index.search(query, FETCHED)]
        distinct = without_duplicates(hits)
        if floors is None:
            return [self._memories[hit.id] for hit in distinct[:depth]]
        usable = [hit for hit in distinct if hit.id not in self._waiting]
        ranked = [Ranked(hit.id, hit.score, channel_of([self._memories[hit.id].source])) for hit in usable]
        return [self._memories[id] for id in shared_out(ranked, depth, floors)]


def _waits(memory: Memory) -> bool:
    """Whether it would wait for approval: asked of the code that decides it."""
    now = memory.document.said_at or datetime.now(UTC)
    item = Item("id", 1, "cube", memory.document.text, now, now, memory_type=memory.kind, sources=(memory.source,))
    return Admission(levels_of({})).admitted(item).status is Status.GENERATED


def attacks(
    folder: Path, conversation: datasets.Conversation, *, quick: bool
) -> dict[str, tuple[list[Memory], list[tuple[str, str]]]]:
    """By name: what is planted and what is right, and the questions with the id of the right answer (empty for none)."""
    for name in ("poisonedrag_nq.json", "memorygraft_experience_seeds.json", "bipia_text.json"):
        if not (folder / name).is_file():
            sys.exit(f"no evaluation data at {folder / name}: give --data, or set MEMCUBE_EVAL_DATA")
    asked_at = conversation.documents[-1].said_at

    def document(id: str, text: str, session: str, position: int = 0) -> Document:
        return Document(id=id, text=text, session=session, position=position, said_at=asked_at)

    poisoned = list(json.loads((folder / "poisonedrag_nq.json").read_text(encoding="utf-8")).values())
    poisoned = poisoned[: QUICK if quick else None]
    right = [
        Memory(
            document(
                f"ok-{one['id']}",
                f"I looked it up: {one['question']}? It is {one['correct answer']}.",
                f"qa-{one['id']}",
            )
        )
        for one in poisoned
    ]
    questions = [(one["question"], f"ok-{one['id']}") for one in poisoned]
    planted = [
        Memory(
            document(f"bad-{one['id']}-{n}", text, f"page-{one['id']}", n),
            Source("web", f"https://{one['id']}.example/{n}"),
            True,
        )
        for one in poisoned
        for n, text in enumerate(one["adv_texts"])
    ]
    spread = [replace(memory, source=Source("web", f"https://{memory.document.id}.example/")) for memory in planted]
    graft = json.loads((folder / "memorygraft_experience_seeds.json").read_text(encoding="utf-8"))

    def experience(one: dict[str, Any], source: Source, bad: bool) -> Memory:
        text = f"{one['req']} {one['resp']}"
        return Memory(document(one["id"], text, one["id"]), source, bad, MemoryType.SKILL)

    note = Source("document_note", "note.md")
    experiences = [experience(one, SAID, False) for one in graft["benign_experiences"]]
    experiences += [experience(one, note, True) for one in graft["poisoned_experiences"]]
    aims = [(aim, "") for one in graft["poisoned_experiences"] for aim in one["semantic_targets"]]
    orders = [
        text
        for texts in json.loads((folder / "bipia_text.json").read_text(encoding="utf-8")).values()
        for text in texts
    ]
    pages = [
        Memory(document(f"order-{n}", text, f"order-{n}"), Source("web", f"https://order{n}.example/"), True)
        for n, text in enumerate(orders)
    ]
    told = [Memory(document) for document in conversation.documents]
    return {
        "one page": ([*told, *right, *planted], questions),
        "five pages": ([*told, *right, *spread], questions),
        "experiences": (experiences, aims[: QUICK if quick else None]),
        "orders": ([*told, *pages], [(text, "") for text in orders[: QUICK if quick else None]]),
    }


def ordinary(
    conversation: datasets.Conversation, embed: Embed, *, outside: bool, quick: bool
) -> dict[str, list[float]]:
    """Recall of each question by way; ``outside``: every second session is a page."""
    sessions = list(dict.fromkeys(document.session for document in conversation.documents))
    pages = set(sessions[1::2]) if outside else set()
    memories = [
        Memory(document, Source("web", f"https://{document.session}.example/") if document.session in pages else SAID)
        for document in conversation.documents
    ]
    answers = Answers(memories, embed, conversation.asked_at)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for question in conversation.questions[: 4 * QUICK if quick else None]:
        evidence = set(question.evidence)
        for way, floors in WAYS.items():
            first = answers.first(question.text, ORDINARY_DEPTH, floors)
            found[way].append(len(evidence & {memory.document.id for memory in first}) / len(evidence))
    return found


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("Planted memories in the first five places, before and after the defences.").parse_args()
    folder = chosen.data or datasets.data_folder() / "attacks"
    conversations = datasets.load(None)[: 1 if chosen.quick else None]
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    kept: dict[str, Any] = {}

    def embed(texts: Sequence[str]) -> Any:
        missing = [text for text in dict.fromkeys(texts) if text not in kept]
        if missing:
            kept.update(zip(missing, model.encode(missing), strict=True))
        return np.stack([kept[text] for text in texts])

    shares: dict[str, list[float]] = {way: [] for way in WAYS}
    by_attack: dict[str, dict[str, float]] = {}
    for name, (memories, questions) in attacks(folder, conversations[0], quick=chosen.quick).items():
        answers = Answers(memories, embed, conversations[0].asked_at)
        row = by_attack[name] = {"questions": len(questions)}
        for way, floors in WAYS.items():
            firsts = [answers.first(question, DEPTH, floors) for question, _ in questions]
            share = [sum(memory.planted for memory in first) / DEPTH for first in firsts]
            shares[way] += share
            row[f"contamination@5_{way}"] = round(float(np.mean(share)), 4)
            rights = [
                any(memory.document.id == right for memory in first)
                for first, (_, right) in zip(firsts, questions, strict=True)
                if right
            ]
            if rights:
                row[f"right_answer@5_{way}"] = round(float(np.mean(rights)), 4)
    losses = {}
    for name, outside in (("recall_loss", False), ("recall_loss_half_outside", True)):
        found = [ordinary(one, embed, outside=outside, quick=chosen.quick) for one in conversations]
        recalled = {way: float(np.mean([value for one in found for value in one[way]])) for way in WAYS}
        losses[name] = round(100 * (recalled["before"] - recalled["after"]), 3)
        losses[f"{name}_strict"] = round(100 * (recalled["before"] - recalled["strict"]), 3)
    columns = [f"{what}_{way}" for what in ("contamination@5", "right_answer@5") for way in WAYS]
    rows = [[name, row["questions"], *(row.get(column, "") for column in columns)] for name, row in by_attack.items()]
    heads = [column.replace("contamination@5_", "").replace("answer@5_", "") for column in columns]
    report.table("Planted memories among the first five; the right answer", ["attack", "asked", *heads], rows)
    report.table("Points of recall@10 lost", ["cube", "points"], list(losses.items()))
    contamination = {f"contamination@5_{way}": round(float(np.mean(share)), 4) for way, share in shares.items()}
    report.finish({**contamination, **losses, "by_attack": by_attack}, chosen)


if __name__ == "__main__":
    main()
