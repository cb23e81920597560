"""The training conversations of the ranker, read from ``ranking/data``; the format is told in ``ranking/README.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from memcube.actors.recall import Document

__all__ = ["DATA", "Conversation", "Question", "conversations"]

DATA = Path(__file__).resolve().parent / "data"
KINDS = ("single", "multi", "temporal", "open")
SESSION = re.compile(r"== (\d{4}-\d\d-\d\d \d\d:\d\d)")
TURN = re.compile(r"(?P<who>[^\s{:]+)(?: \{(?P<label>[^}]+)\})?: (?P<text>.+)")
QUESTION = re.compile(r"\? (?P<kind>\w+): (?P<text>.+) = (?P<labels>.+)")


@dataclass(frozen=True, slots=True)
class Question:
    """``evidence`` are ids of documents of the same conversation; ``kind`` is one of KINDS."""

    text: str
    kind: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One file: its turns as documents, in order, and what is asked of them at ``asked_at``."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    asked_at: datetime


def conversations(folder: Path = DATA) -> list[Conversation]:
    """All of them, by name. Raises ValueError, naming file and line, for what does not follow the format."""
    return [_read(file) for file in sorted(folder.glob("*.txt"))]


def _read(file: Path) -> Conversation:
    documents: list[Document] = []
    ids: dict[str, str] = {}
    questions: list[Question] = []
    roles: list[str] = []
    asked_at: datetime | None = None
    said_at: datetime | None = None
    session = position = 0
    for number, line in _lines(file):
        if line.startswith("asked: "):
            asked_at = datetime.fromisoformat(line[7:]).replace(tzinfo=UTC)
        elif line.startswith("roles: "):
            roles = line[7:].split()
        elif line.startswith("kind: "):
            continue
        elif opened := SESSION.fullmatch(line):
            said_at, session, position = datetime.fromisoformat(opened[1]).replace(tzinfo=UTC), session + 1, 0
        elif asked := QUESTION.fullmatch(line):
            labels = asked["labels"].split()
            if asked["kind"] not in KINDS or not set(labels) <= ids.keys():
                raise ValueError(f"{file.name}:{number}: no such kind or label: {line}")
            questions.append(Question(asked["text"], asked["kind"], tuple(ids[label] for label in labels)))
        elif (turn := TURN.fullmatch(line)) and said_at:
            who, label = turn["who"], turn["label"]
            id = f"{session}:{position}"
            if label in ids:
                raise ValueError(f"{file.name}:{number}: the label {label!r} was given before")
            if label:
                ids[label] = id
            speaks = {"role": who} if who in roles else {"speaker": who}
            documents.append(
                Document(id, turn["text"], session=str(session), position=position, said_at=said_at, **speaks)
            )
            position += 1
        else:
            raise ValueError(f"{file.name}:{number}: cannot be read: {line}")
    if asked_at is None:
        raise ValueError(f"{file.name}: does not say when its questions are asked")
    return Conversation(file.stem, tuple(documents), tuple(questions), asked_at)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            yield number, line
