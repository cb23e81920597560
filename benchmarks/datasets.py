"""LoCoMo and BEAM as conversations of documents with questions; shared by the benchmarks that search.

The data is read from ``--data``, or from the folder that MEMCUBE_EVAL_DATA names (default ``../shared/data``); it is
for evaluation only and no part of this project.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memcube.actors.recall import Document

LOCOMO_CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""Category 5 (adversarial) has no evidence to find and is left out, as everywhere."""
EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
MARK = re.compile(r"\s*->->.*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """``evidence`` are ids of documents of the same conversation."""

    text: str
    category: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in order; questions are asked at ``asked_at``, a day after its end."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    asked_at: datetime


def data_folder() -> Path:
    """Where the evaluation data lies unless an option says otherwise."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return Path(os.environ.get("MEMCUBE_EVAL_DATA", beside))


def load(path: Path | None) -> list[Conversation]:
    """A LoCoMo file, or a folder of BEAM chats; None: LoCoMo's dev half in ``data_folder``. Exits where absent."""
    path = path or data_folder() / "locomo" / "dev.json"
    if path.is_dir():
        chats = [chat for chat in sorted(path.glob("*.json"), key=lambda file: file.stem.zfill(4))]
        if chats:
            return [beam(chat) for chat in chats]
    elif path.is_file():
        return list(locomo(path))
    sys.exit(f"no evaluation data at {path}: give --data, or set MEMCUBE_EVAL_DATA to the folder that holds locomo/")


def locomo(path: Path) -> Iterator[Conversation]:
    """Each turn a document; a shared image is told by its caption in the turn's text."""
    for sample in json.loads(path.read_text(encoding="utf-8")):
        conversation = sample["conversation"]
        documents: list[Document] = []
        numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
        for number in numbers:
            began = datetime.strptime(conversation[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y")
            for position, turn in enumerate(conversation[f"session_{number}"]):
                caption = f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                documents.append(
                    Document(
                        id=turn["dia_id"],
                        text=turn["text"] + caption,
                        speaker=turn["speaker"],
                        session=f"session_{number}",
                        position=position,
                        said_at=began.replace(tzinfo=UTC),
                    )
                )
        present = {document.id for document in documents}
        yield Conversation(
            name=sample["sample_id"],
            documents=tuple(documents),
            questions=tuple(_locomo_questions(sample["qa"], present)),
            asked_at=_day_after(documents),
        )


def _locomo_questions(asked: list[dict[str, Any]], present: set[str]) -> Iterator[Question]:
    for question in asked:
        pairs = EVIDENCE.findall(" ".join(question.get("evidence") or []))  # 'D8:6; D9:17', 'D:11:26', 'D05:3' occur
        evidence = dict.fromkeys(f"D{int(session)}:{int(turn)}" for session, turn in pairs)
        known = tuple(id for id in evidence if id in present)
        if known and question["category"] in LOCOMO_CATEGORIES:
            yield Question(question["question"], LOCOMO_CATEGORIES[question["category"]], known)


def beam(path: Path) -> Conversation:
    """Each message a document of its role; a session is a batch of the chat, dated by its time anchor."""
    chat = json.loads(path.read_text(encoding="utf-8"))
    documents: list[Document] = []
    said_at: datetime | None = None
    for number, batch in enumerate(chat["chat"]):
        for message in (message for turn in batch["turns"] for message in turn):
            anchor = message.get("time_anchor")
            said_at = datetime.strptime(anchor, "%B-%d-%Y").replace(tzinfo=UTC) if anchor else said_at
            documents.append(
                Document(
                    id=str(message["id"]),
                    text=MARK.sub("", message["content"]),
                    session=f"batch_{number}",
                    position=int(message["id"]),
                    said_at=said_at,
                    role=message["role"],
                )
            )
    present = {document.id for document in documents}
    questions = []
    for category, asked in chat["probing_questions"].items():
        for question in asked:
            ids = dict.fromkeys(str(id) for id in _leaves(question.get("source_chat_ids")))
            known = tuple(id for id in ids if id in present)
            if known:  # abstention has none
                questions.append(Question(question["question"], category, known))
    return Conversation(path.stem, tuple(documents), tuple(questions), _day_after(documents))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield value


def _day_after(documents: list[Document]) -> datetime:
    times = [document.said_at for document in documents if document.said_at is not None]
    return max(times) + timedelta(days=1) if times else datetime(2026, 1, 1, tzinfo=UTC)
