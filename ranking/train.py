"""Train the weights that ``actors/recall`` sums its signals with, on the conversations in ``ranking/data``.

    python ranking/train.py            # prints its figures; --write: also writes actors/recall/weights.json

Nothing of any benchmark is read. A question's evidence is to score above the other memories of its cube: the loss is
the mean, over a question's evidence, of minus the log share of that memory's exp(score) among its own and those of all
memories that are no evidence (sums are divided by TEMPERATURE, at which the hand-set weights lose least here). Each
conversation is a cube by itself, and those between people, and those with an assistant, also make one cube together.

What is learned are the weights of all but the four text signals, with the hand-set ones as prior. The balance of words
and meaning, and of a turn and its neighbours, stays set by hand: here it would follow from how far the questions were
paraphrased and how short the sessions are. How strongly the prior holds is the largest of STRENGTHS whose loss, on
conversations left out in turn, exceeds the least one by at most one standard error of the difference between the two
(conversations differ in difficulty far more than strengths do).

The second hop starts from the first hits by all other signals, so its weight is chosen after theirs, alone: the least of
HOPS whose mean of recall@5, @10 and @20 is the best one's, to within a standard error (a reordering far down, which the loss weighs like one at the top, is not what
it is for: by the loss it would be 0.02). For the figures of a conversation left out, neither its weight nor theirs have
seen it; which the first hits are is by the weights of all conversations.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from dialogues import DATA, Conversation, conversations

from memcube.actors.recall import CubeIndex, Document, analyze, parse_query
from memcube.actors.recall.weights import FILE, Weights

__all__ = ["Example", "digest", "examples", "fit", "stored_vectors", "weights_of", "with_hop"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Vectors = np.ndarray[Any, np.dtype[np.float32]]

HAND_SET = {
    "lexical": 0.5, "dense": 1.0, "context_lexical": 1.0, "context_dense": 1.0, "speaker": 2.0, "substance": 0.75,
    "question": -0.6, "tells_time": 1.0, "time": 2.5, "second_hop": 0.0,
}  # fmt: skip
NAMES = tuple(HAND_SET)
PRIOR = np.array([*HAND_SET.values()])
LEARNED = np.array([NAMES.index(name) for name in ("speaker", "substance", "question", "tells_time", "time")])
HOP = NAMES.index("second_hop")
HOPS = tuple(n / 20 for n in range(17))
DEPTHS = (5, 10, 20)
LOOSE = np.array([1.0, 0.4, 0.4, 0.5, 1.0])
"""How far a learned weight may be from its prior at the cost of one STRENGTH."""
TEMPERATURE = 2.0
STRENGTHS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
CANDIDATES = 60
"""Memories of a cube that a question's evidence competes with: the best by the hand-set weights."""
VECTORS = Path(__file__).resolve().parent / "vectors.npz"


@dataclass(frozen=True, slots=True)
class Example:
    """A question: signals of its cube's memories, (memories, NAMES), and which of them are its evidence."""

    conversation: str
    kind: str
    together: bool
    signals: Floats
    evidence: np.ndarray[Any, np.dtype[np.bool_]]


def digest() -> str:
    """SHA-256 over the names and contents of the training data."""
    whole = hashlib.sha256()
    for file in sorted(DATA.glob("*.txt")):
        whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()


def stored_vectors() -> dict[str, tuple[Vectors, Vectors]] | None:
    """Vectors of each conversation's turns and questions, None where those stored are of other data."""
    with np.load(VECTORS, allow_pickle=False) as stored:
        if str(stored["digest"]) != digest():
            return None
        whole = stored["vectors"].astype(np.float32) * stored["scales"][:, None]
    made, at = {}, 0
    for one in conversations():
        asked = at + len(one.documents)
        end = asked + len(one.questions)
        made[one.name], at = (whole[at:asked], whole[asked:end]), end
    return made


def embed() -> None:
    """Make the vectors anew with the embedder that MemCube ships, and store them as int8 with a scale each."""
    from memcube.deployments.embedder.onnx_model import OnnxMiniLM

    model = OnnxMiniLM()
    texts = [
        text
        for one in conversations()
        for text in (*(d.embedded_text for d in one.documents), *(q.text for q in one.questions))
    ]
    vectors = np.concatenate([model.encode(texts[first : first + 32]) for first in range(0, len(texts), 32)])
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    np.savez_compressed(VECTORS, digest=np.array(digest()), scales=scales,
                        vectors=np.rint(vectors / scales[:, None]).astype(np.int8))  # fmt: skip


def examples(vectors: dict[str, tuple[Vectors, Vectors]], weights: Floats = PRIOR) -> list[Example]:
    """All questions, each asked of its conversation alone and of all of its sort together.

    ``weights`` say which hits the second hop starts from.
    """
    hops_by = Weights(**dict(zip(NAMES, weights.tolist(), strict=True)))
    all_of_them = conversations()
    with_assistant = [one for one in all_of_them if one.documents[0].role]
    people = [one for one in all_of_them if not one.documents[0].role]
    return [
        example
        for group in [*([one] for one in all_of_them), people, with_assistant]
        for example in _of_cube(group, vectors, hops_by)
    ]


def _of_cube(
    group: Sequence[Conversation], vectors: dict[str, tuple[Vectors, Vectors]], hops_by: Weights
) -> list[Example]:
    def named(conversation: Conversation, id: str) -> str:
        return f"{conversation.name}/{id}"

    documents: list[Document] = [
        replace(document, id=named(one, document.id), session=named(one, document.session or ""))
        for one in group
        for document in one.documents
    ]
    index = CubeIndex(hops_by)
    index.load([document.id for document in documents], [analyze(document) for document in documents])
    index.set_vectors(
        [document.id for document in documents], np.concatenate([vectors[one.name][0] for one in group]), "minilm"
    )
    made = []
    for one in group:
        for question, vector in zip(one.questions, vectors[one.name][1], strict=True):
            ids, columns = index.explain(parse_query(question.text, one.asked_at, vector))
            signals = np.zeros((len(ids), len(NAMES)))
            for name, values in columns.items():
                signals[:, NAMES.index(name)] = values
            evidence = np.isin(ids, [named(one, id) for id in question.evidence])
            made.append(Example(one.name, question.kind, len(group) > 1, signals, evidence))
    return made


class Loss:
    """The loss of some examples, and its slope, for any weights."""

    def __init__(self, chosen: Sequence[Example]) -> None:
        signals, evidence = [], []
        for example in chosen:
            order = np.argsort(-(example.signals @ PRIOR), kind="stable")
            kept = example.evidence.copy()
            kept[order[:CANDIDATES]] = True
            signals.append(example.signals[kept])
            evidence.append(example.evidence[kept])
        sizes = np.array([len(one) for one in evidence])
        self._count, self._starts = len(sizes), np.cumsum(sizes) - sizes
        self._of = np.repeat(np.arange(len(sizes)), sizes)
        self._signals, self._evidence = np.concatenate(signals), np.concatenate(evidence)
        self._asked = self._of[self._evidence]
        self._share = 1 / np.bincount(self._asked)[self._asked]

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        """The mean loss of a question, and its slope."""
        scores = self._signals @ weights / TEMPERATURE
        raised = np.exp(scores - np.maximum.reduceat(scores, self._starts)[self._of])
        others = np.add.reduceat(np.where(self._evidence, 0, raised), self._starts)
        own = raised[self._evidence]
        whole = others[self._asked] + own
        loss = float((self._share * (np.log(whole) - np.log(own))).sum()) / self._count
        pushed = raised * np.bincount(self._asked, self._share / whole, self._count)[self._of]
        pushed[self._evidence] = self._share * (own / whole - 1)
        return loss, pushed @ self._signals / (self._count * TEMPERATURE)


def fit(chosen: Sequence[Example], strength: float) -> Floats:
    """The weights with the least loss plus what ``strength`` asks for leaving the prior, by Newton's method."""
    loss = Loss(chosen)

    def at(free: Floats) -> tuple[float, Floats]:
        weights = PRIOR.copy()
        weights[LEARNED] = free
        value, slope = loss(weights)
        off = (free - PRIOR[LEARNED]) / LOOSE
        return value + strength * float(off @ off), slope[LEARNED] + 2 * strength * off / LOOSE

    free, step = PRIOR[LEARNED].copy(), 1e-4
    value, slope = at(free)
    for _ in range(30):
        bend = np.stack([(at(free + step * axis)[1] - slope) / step for axis in np.eye(len(free))])
        move = -np.linalg.solve((bend + bend.T) / 2 + 1e-6 * np.eye(len(free)), slope)
        while True:  # the loss is convex but for ties of several pieces of evidence: halve what overshoots
            after, slope_after = at(free + move)
            if after <= value or np.abs(move).max() < 1e-6:
                break
            move /= 2
        free, value, slope = free + move, after, slope_after
        if np.abs(move).max() < 1e-5:
            break
    weights = PRIOR.copy()
    weights[LEARNED] = free
    return weights


def with_hop(chosen: Sequence[Example], weights: Floats) -> Floats:
    """``weights`` with the second hop's: the least that ranks ``chosen`` as well as the best, within a standard error."""
    tries = [np.where(np.arange(len(weights)) == HOP, hop, weights) for hop in HOPS]
    found = [np.array([_mean_recall(one, each) for one in chosen]) for each in tries]
    best = max(found, key=lambda each: float(each.mean()))
    return next(each for each, of in zip(tries, found, strict=True) if (best - of).mean() <= _error(best - of))


def _mean_recall(example: Example, weights: Floats) -> float:
    top = example.evidence[np.argsort(-(example.signals @ weights), kind="stable")[: max(DEPTHS)]]
    return float(np.mean([top[:depth].sum() for depth in DEPTHS])) / float(example.evidence.sum())


def recall(chosen: Sequence[Example], weights: Floats, depth: int) -> float:
    """Mean share of a question's evidence among its first ``depth`` memories."""
    shares = []
    for example in chosen:
        top = np.argsort(-(example.signals @ weights), kind="stable")[:depth]
        shares.append(example.evidence[top].sum() / example.evidence.sum())
    return float(np.mean(shares))


def weights_of(vectors: dict[str, tuple[Vectors, Vectors]], strength: float) -> dict[str, float]:
    """What ``weights.json`` holds."""
    first = fit(examples(vectors), strength).round(3)
    weights = with_hop(examples(vectors, first), first)
    return {name: round(value, 3) for name, value in zip(NAMES, weights.tolist(), strict=True)}


def main() -> None:
    """Cross-validate, print, and write where asked."""
    parser = argparse.ArgumentParser(description="Train the ranker's weights on ranking/data.")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}, and vectors of changed data")
    chosen = parser.parse_args()
    vectors = stored_vectors() if VECTORS.exists() else None
    if vectors is None:
        embed()
        vectors = stored_vectors()
        assert vectors is not None
    every = examples(vectors)
    names = sorted({example.conversation for example in every})
    together = [example for example in every if example.together]
    figures: dict[str, dict[str, float]] = {"hand_set": _figures(together, [PRIOR] * len(together))}
    print(f"{len(names)} conversations, {len(together)} questions; left out in turn; recall in cubes put together")
    print(f"hand-set weights: loss {Loss(every)(PRIOR)[0]:.3f} {figures['hand_set']}")
    losses: dict[float, Floats] = {}
    for strength in STRENGTHS:
        by = {name: fit([one for one in every if one.conversation != name], strength) for name in names}
        losses[strength] = np.array(
            [Loss([one for one in every if one.conversation == name])(by[name])[0] for name in names]
        )
        figures[f"{strength}"] = _figures(together, [by[one.conversation] for one in together])
        print(f"prior {strength}: loss {losses[strength].mean():.3f} {figures[f'{strength}']}")
    least = min(losses.values(), key=lambda loss: float(loss.mean()))
    strength = max(one for one, loss in losses.items() if (loss - least).mean() <= _error(loss - least))
    weights = weights_of(vectors, strength)
    print(f"chosen: prior {strength}: {weights}")
    hopping = examples(vectors, np.array([*weights.values()]))
    by = {}
    for name in names:
        others = [one for one in hopping if one.conversation != name]
        by[name] = with_hop(others, fit(others, strength))
    together = [example for example in hopping if example.together]
    figures["second_hop"] = _figures(together, [by[one.conversation] for one in together])
    print(f"with the second hop {figures['second_hop']}; its weights {[round(float(w[HOP]), 2) for w in by.values()]}")
    if chosen.write:
        provenance = {
            "made_by": "ranking/train.py", "on": date.today().isoformat(), "prior_strength": strength,
            "data": "ranking/data: conversations and questions written for this project", "data_sha256": digest(),
            "data_licence": "Apache-2.0", "licence": "Apache-2.0", "embedder": "all-MiniLM-L6-v2",
            "conversations": len(names), "questions": len(together),
            "left_out_in_turn": {
                "hand_set": figures["hand_set"], "learned": figures[f"{strength}"], "second_hop": figures["second_hop"],
            },
        }  # fmt: skip
        FILE.write_text(json.dumps({"weights": weights, "provenance": provenance}, indent=1) + "\n", encoding="utf-8")


def _error(values: Floats) -> float:
    """Standard error of their mean."""
    return float(values.std(ddof=1)) / float(len(values)) ** 0.5


def _figures(chosen: Sequence[Example], weights: Sequence[Floats]) -> dict[str, float]:
    found = {
        f"recall@{depth}": [recall([one], by, depth) for one, by in zip(chosen, weights, strict=True)]
        for depth in DEPTHS
    }
    found["multi@10"] = [value for one, value in zip(chosen, found["recall@10"], strict=True) if one.kind == "multi"]
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


if __name__ == "__main__":
    main()
