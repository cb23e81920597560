"""Conversations in the shape of LoCoMo's files: sessions with a date, turns with a speaker and a dialogue id.

    {"conversation": {"speaker_a", "speaker_b", "session_1": [{"speaker", "dia_id", "text"}],
                      "session_1_date_time": "1:56 pm on 8 May, 2023"}, "qa": [{"question", "answer", "evidence"}]}

A file holds one such object or a list of them. LoCoMo states no time zone; its times are taken as UTC.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memcube.model.errors import InvalidArgumentError

__all__ = ["Conversation", "Question", "Session", "conversations_of", "read_conversations"]

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
TURN_S = 20
"""Turns of a session carry no times of their own: they are put so many seconds apart, to keep their order."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sitting: ``messages`` as ``Memory.add`` takes them."""

    name: str
    time: datetime
    messages: list[dict[str, Any]]

    def add(self) -> dict[str, Any]:
        """Arguments of ``Memory.add`` for the whole session."""
        return {"messages": self.messages, "session_id": self.name, "timestamp": self.time}


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer and the dialogue ids that hold the evidence."""

    text: str
    answer: str
    evidence: tuple[str, ...]
    category: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """All sessions of two speakers, in order, and questions about them."""

    name: str
    speakers: tuple[str, ...]
    sessions: list[Session]
    questions: list[Question]

    @property
    def turns(self) -> int:
        """How many turns all sessions have together."""
        return sum(len(session.messages) for session in self.sessions)


def read_conversations(path: Path) -> list[Conversation]:
    """The conversations in a file; InvalidArgumentError says what is wrong with it."""
    try:
        return conversations_of(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidArgumentError(str(path), f"cannot be read as a conversation: {error}") from error


def conversations_of(plain: Any, field: str = "conversation") -> list[Conversation]:
    """The conversations in a parsed file."""
    rows = plain if isinstance(plain, list) else [plain]
    try:
        return [_conversation(row, f"{field}[{index}]") for index, row in enumerate(rows)]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidArgumentError(field, f"is not in LoCoMo's shape: {error!r}") from error


def _conversation(row: dict[str, Any], field: str) -> Conversation:
    told = row["conversation"]
    numbers = sorted(int(found.group(1)) for key in told if (found := re.fullmatch(r"session_(\d+)", key)))
    sessions = [
        _session(f"session_{number}", told, f"{field}.session_{number}")
        for number in numbers
        if told[f"session_{number}"]
    ]
    if not sessions:
        raise InvalidArgumentError(field, "has no session")
    speakers = tuple(told[key] for key in ("speaker_a", "speaker_b") if key in told)
    questions = [
        Question(
            one["question"],
            str(one.get("answer", one.get("adversarial_answer", ""))),
            tuple(one.get("evidence", ())),
            int(one.get("category", 0)),
        )
        for one in row.get("qa", ())
    ]
    return Conversation(str(row.get("sample_id", field)), speakers, sessions, questions)


def _session(name: str, told: dict[str, Any], field: str) -> Session:
    start = _time(f"{field}_date_time", told[f"{name}_date_time"])
    messages = []
    for index, turn in enumerate(told[name]):
        # LoCoMo's pictures come with a caption: what was shown is part of what was said.
        caption = turn.get("blip_caption")
        shown = f" [shares a picture: {caption}]" if caption else ""
        messages.append(
            {
                "role": "user",
                "name": turn["speaker"],
                "id": turn["dia_id"],
                "content": (turn["text"] or "") + shown,
                "timestamp": start + timedelta(seconds=TURN_S * index),
            }
        )
    return Session(name, start, [message for message in messages if message["content"].strip()])


def _time(field: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidArgumentError(field, f"{text!r} is not like '1:56 pm on 8 May, 2023'") from error
