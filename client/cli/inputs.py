"""What ``memcube add`` takes in: words, files, directories, standard input; each becomes a few calls of ``add``.

*.json    a conversation in LoCoMo's shape, a list of messages, or ``{"messages": […]}``
*.jsonl   a message a line
others    text, UTF-8: a paragraph becomes a memory, with its place in the file as source
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcube.client.locomo import conversations_of
from memcube.model.errors import InvalidArgumentError

__all__ = ["adds_of"]

Add = dict[str, Any]
MESSAGES_A_CALL = 50
SUFFIXES = (".txt", ".md", ".rst", ".json", ".jsonl")
_PARAGRAPH = re.compile(r"\n\s*\n")


def adds_of(given: str) -> list[Add]:
    """The calls of ``add`` (without whose memory it is) that a command line argument stands for.

    Raises InvalidArgumentError for what can't be read, naming the file, and for what looks like a file that isn't
    there: a mistyped name is no memory.
    """
    if given == "-":
        return list(_cut(_of_text("standard input", _decode("standard input", sys.stdin.buffer.read()))))
    if not given.strip():
        # As a path it would be the current directory.
        raise InvalidArgumentError("what", "is empty")
    # A text longer than any path is a text; asking the file system about it would be an error.
    path = Path(given) if len(given) < 1024 and "\n" not in given else None
    try:
        if path is not None and path.is_dir():
            files = sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in SUFFIXES)
            if not files:
                raise InvalidArgumentError(given, f"has no files of these kinds: {', '.join(SUFFIXES)}")
            return [add for file in files for add in _of_file(file)]
        if path is not None and path.is_file():
            return _of_file(path)
    except OSError as error:
        raise InvalidArgumentError(given, f"cannot be read: {error.strerror}") from error
    if _looks_like_a_path(given):
        raise InvalidArgumentError(given, "no such file or directory; to store these words use --text")
    return [{"messages": given}]


def _looks_like_a_path(given: str) -> bool:
    return len(given.split()) == 1 and ("/" in given or given.lower().endswith(SUFFIXES))


def _of_file(path: Path) -> list[Add]:
    text = _decode(str(path), path.read_bytes())
    if path.suffix.lower() == ".json":
        try:
            return list(_cut(_of_json(path, json.loads(text))))
        except ValueError as error:
            if isinstance(error, InvalidArgumentError):
                raise
            raise InvalidArgumentError(str(path), f"is no JSON: {error}") from error
    if path.suffix.lower() == ".jsonl":
        return list(_cut([{"messages": list(_lines(path, text)), "session_id": path.stem}]))
    return list(_cut(_of_text(path.name, text)))


def _decode(name: str, body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(name, f"is not UTF-8 at byte {error.start}") from error


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InvalidArgumentError(f"{path}:{number}", f"is no JSON: {error}") from error


def _of_json(path: Path, plain: Any) -> list[Add]:
    if isinstance(plain, dict) and "messages" in plain:
        return [{"session_id": path.stem, **plain}]
    rows = plain if isinstance(plain, list) else [plain]
    if rows and all(isinstance(row, dict) and "conversation" in row for row in rows):
        return [session.add() for conversation in conversations_of(plain) for session in conversation.sessions]
    if isinstance(plain, list) and plain:
        return [{"messages": plain, "session_id": path.stem}]
    raise InvalidArgumentError(str(path), "is no list of messages, no {'messages': […]} and no LoCoMo conversation")


def _of_text(name: str, text: str) -> list[Add]:
    paragraphs = [part.strip() for part in _PARAGRAPH.split(text)]
    messages = [{"content": part, "id": f"{name}#{number}"} for number, part in enumerate(paragraphs, 1) if part]
    if not messages:
        raise InvalidArgumentError(name, "is empty")
    return [{"messages": messages, "session_id": name, "source_kind": "document"}]


def _cut(adds: list[Add]) -> Iterator[Add]:
    """The same in calls of a bounded number of messages."""
    for add in adds:
        messages = add["messages"]
        if not isinstance(messages, list):
            yield add
            continue
        for start in range(0, max(1, len(messages)), MESSAGES_A_CALL):
            yield {**add, "messages": messages[start : start + MESSAGES_A_CALL]}
