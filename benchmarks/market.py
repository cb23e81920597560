"""The market's marks: do canaries come up in ordinary searches, what traces a leak, is anybody accused by chance.

LoCoMo's conversations (or ``--data``) as listings: each is copied for a grantee as the market copies it, indexed as a
cube, and asked its own questions; no LLM, no Ray.

- ``canary_hits@10``: share of ordinary questions with a canary among the first ten hits, in cubes of whole
  conversations; ``…_of_100`` and ``…_of_20``: in cubes of so many memories around the evidence.
  ``canary_unfiltered@10``: the same before the gateway leaves out canaries that were not asked for. ``asked_for@1``:
  canaries that are found first by a question about their own names.
- ``recall_loss``: points of recall@10 that copying costs (spellings and canaries together).
- ``sites_per_memory``: spellings that can be chosen. ``traced_…``: share of copies that are traced to their grant, and
  to it alone, of 50 grants, by spellings alone (``_canaries``: by canaries alone): the whole text, a fifth and a
  twentieth of the memories, a fifth of the words deleted, and in other words.
- ``false_accusations``: of ``unmarked`` texts (pieces of data that no grantee was given) against 50 grants.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import datasets
import numpy as np
import report
from rich.progress import Progress

from memcube.actors.cube.state import document_of
from memcube.actors.market.canary import Canary, canaries_of
from memcube.actors.market.copies import Copies
from memcube.actors.market.spelling import sites_of
from memcube.actors.market.trace import trace
from memcube.actors.recall import CubeIndex, Document, analyze, parse_query, without_duplicates
from memcube.model.ids import CubeRef, new_memory_id
from memcube.model.item import Item, Source
from memcube.protos.memcube.v1 import market_pb2 as pb

DEPTH = 10
EMBED_AT_ONCE = 32
GRANTS, CANARIES = 50, 4
PIECES, PIECE_MEMORIES = 200, 60
QUICK = 12
MODEL = "all-MiniLM-L6-v2"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Embed = Callable[[Sequence[str]], Any]


def items_of(conversation: datasets.Conversation) -> dict[str, Item]:
    """The owner's memories, by the ids that the questions know."""
    key = CubeRef("owner", conversation.name).key
    last = ""
    found = {}
    for one in conversation.documents:
        last = new_memory_id(key, (one.said_at or NOW).timestamp(), after=last)
        said = Source(speaker=one.speaker or "", role=one.role or "", time=one.said_at, position=one.position)
        found[one.id] = Item(
            last, 1, conversation.name, one.text, NOW, NOW,
            sources=(said,), session_id=one.session or "", valid_from=one.said_at,
        )  # fmt: skip
    return found


def index_of(documents: Sequence[Document], embed: Embed) -> CubeIndex:
    """A cube's index."""
    ids = [one.id for one in documents]
    index = CubeIndex()
    index.load(ids, [analyze(one) for one in documents])
    texts = [one.embedded_text for one in documents]
    rows = [embed(texts[first : first + EMBED_AT_ONCE]) for first in range(0, len(texts), EMBED_AT_ONCE)]
    index.set_vectors(ids, np.concatenate(rows), MODEL)
    return index


class Cube:
    """Documents with their index, asked as a frame is."""

    def __init__(self, documents: Sequence[Document], embed: Embed, asked_at: Any) -> None:
        self._texts = {one.id: one.text for one in documents}
        self._index = index_of(documents, embed)
        self._embed, self._asked_at = embed, asked_at

    def first(self, question: str) -> list[str]:
        """The ids of the first hits."""
        hits = self._index.search(parse_query(question, self._asked_at, self._embed([question])[0], MODEL), 3 * DEPTH)
        return [hit.id for hit in without_duplicates([(hit, self._texts[hit.id]) for hit in hits])[: DEPTH + CANARIES]]


def quiet(first: Sequence[str], question: str, made: Sequence[Item], canaries: Sequence[Canary]) -> list[str]:
    """The first hits as a gateway gives them (``market.quiet``)."""
    left_out = {one.text for one in canaries if not one.is_asked_for(question)}
    gone = {one.id for one in made if one.memory in left_out}
    return [one for one in first if one not in gone][:DEPTH]


def leaks(copies: Sequence[str], random_source: random.Random) -> dict[str, str]:
    """What may become of a copy."""

    def some(share: float) -> str:
        return "\n".join(random_source.sample(list(copies), max(1, round(share * len(copies)))))

    whole = "\n".join(copies)
    words = whole.split(" ")
    return {
        "whole": whole,
        "fifth": some(0.2),
        "twentieth": some(0.05),
        "words_deleted": " ".join(word for word in words if random_source.random() > 0.2),
        "reworded": " ".join(word[::-1] for word in words),
    }


def main() -> None:
    """Measure, print and report."""
    chosen = report.options("The market's marks: canaries in searches, leaks traced, false accusations.").parse_args()
    conversations = datasets.load(chosen.data)[: 1 if chosen.quick else None]
    if chosen.quick:
        conversations = [replace(one, questions=one.questions[:QUICK]) for one in conversations]
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    kept: dict[str, Any] = {}

    def embed(texts: Sequence[str]) -> Any:
        missing = [text for text in dict.fromkeys(texts) if text not in kept]
        if missing:
            kept.update(zip(missing, model.encode(missing), strict=True))
        return np.stack([kept[text] for text in texts])

    random_source = random.Random(chosen.seed)
    secret = random_source.randbytes(32)
    grants = [pb.ListingGrant(id=f"listing-{0:016x}.{number:016x}", tenant="other") for number in range(GRANTS)]
    listing = pb.Listing(id=f"listing-{0:016x}")
    shown: dict[str, list[bool]] = {"": [], "_of_100": [], "_of_20": []}
    bare: dict[str, list[bool]] = {"": [], "_of_100": [], "_of_20": []}
    before, after, own, sites, memories = [], [], [], 0, 0
    traced: dict[str, list[bool]] = {}
    with Progress(console=report.console) as progress:
        task = progress.add_task("copying and asking", total=len(conversations))
        for number, conversation in enumerate(conversations):
            grant = grants[number % GRANTS]
            items = items_of(conversation)
            copies = Copies(secret, listing, grant, NOW)
            made = copies.all(list(items.values()))
            canaries_here = list(canaries_of(secret, grant.id, CANARIES))
            fictions = {one.text for one in canaries_here}
            canaries = {one.id for one in made if one.memory in fictions}
            copy_of = {name: copies.id_of(item.id) for name, item in items.items()}
            whole = Cube([document_of(one) for one in made], embed, conversation.asked_at)
            plain = Cube(conversation.documents, embed, conversation.asked_at)
            names = list(items)
            for question in conversation.questions:
                evidence = {copy_of[name] for name in question.evidence}
                first = whole.first(question.text)
                bare[""].append(bool(canaries & set(first[:DEPTH])))
                first = quiet(first, question.text, made, canaries_here)
                shown[""].append(bool(canaries & set(first)))
                after.append(len(evidence & set(first)) / len(evidence))
                before.append(
                    len(set(question.evidence) & set(plain.first(question.text)[:DEPTH])) / len(question.evidence)
                )
            for size in (100, 20):
                for question in conversation.questions[:: 8 if not chosen.quick else 3]:
                    start = max(0, min(names.index(question.evidence[0]) - size // 2, len(names) - size))
                    part = copies.all([items[name] for name in names[start : start + size]])
                    small = Cube([document_of(one) for one in part], embed, conversation.asked_at)
                    there = {one.id for one in part if one.memory in fictions}
                    first = small.first(question.text)
                    bare[f"_of_{size}"].append(bool(there & set(first[:DEPTH])))
                    shown[f"_of_{size}"].append(bool(there & set(quiet(first, question.text, part, canaries_here))))
            for canary in canaries_of(secret, grant.id, CANARIES):
                question = f"What is known of {canary.person} and {canary.place}?"
                own.append(quiet(whole.first(question), question, made, canaries_here)[0] in canaries)
            sites += sum(len(list(sites_of(item.memory))) for item in items.values())
            memories += len(items)
            real = [one.memory for one in made if one.id not in canaries]
            for what, text in leaks(real, random_source).items():
                traced.setdefault(what, []).append([one.grant_id for one in trace(secret, grants, text)] == [grant.id])
            with_canary = "\n".join(word[::-1] for word in real) + f"\n{min(fictions)}"
            found = [one.grant_id for one in trace(secret, grants, with_canary)]
            traced.setdefault("reworded_with_a_canary", []).append(found == [grant.id])
            progress.advance(task)
        texts = [one.text for conversation in conversations for one in conversation.documents]
        pieces = [random_source.sample(texts, PIECE_MEMORIES) for _ in range(QUICK if chosen.quick else PIECES)]
        pieces += [[one.text for one in conversation.documents] for conversation in conversations]
        accused = sum(len(trace(secret, grants, "\n".join(piece))) for piece in pieces)
    result: dict[str, Any] = {
        f"canary_hits@{DEPTH}{name}": round(float(np.mean(one)), 4) for name, one in shown.items()
    }
    result |= {f"canary_unfiltered@{DEPTH}{name}": round(float(np.mean(one)), 4) for name, one in bare.items()}
    result["asked_for@1"] = round(float(np.mean(own)), 4)
    result["recall_loss"] = round(100 * float(np.mean(before) - np.mean(after)), 3)
    result["sites_per_memory"] = round(sites / memories, 3)
    result |= {f"traced_{what}": round(float(np.mean(one)), 3) for what, one in traced.items()}
    result |= {"unmarked": len(pieces), "false_accusations": accused, "questions": len(before)}
    report.table("The market's marks", ["what", "value"], [list(row) for row in result.items()])
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
