"""What ``memcube add`` takes in: words, files, directories, standard input; each becomes a few calls of ``add``.

*.json    a conversation in LoCoMo's shape, a list of messages, or ``{"messages": […]}``
*.jsonl   a message a line
*.pdf     and other documents (docx, pptx, xlsx, html, csv): sent as they are, read by the server
others    text, UTF-8: a paragraph becomes a memory, with its place in the file as source
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from memcube.client import prepare
from memcube.client.cli.options import json_value
from memcube.client.locomo import conversations_of
from memcube.model.content import MAX_DATA_BYTES
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["Intake", "keyed"]

Add = dict[str, Any]
MESSAGES_A_CALL = 50
DOCUMENTS = (".pdf", ".docx", ".pptx", ".xlsx", ".html", ".htm", ".csv")
SUFFIXES = (".txt", ".md", ".rst", ".json", ".jsonl", *DOCUMENTS)
_NO_FILE = "is no regular file or directory"
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(slots=True)
class Intake:
    """What the arguments of one ``memcube add`` come to.

    ``adds`` are calls of ``add`` without whose memory it is; those of files have a ``session_id``. ``taken`` are the
    files, ``skipped`` maps what a directory holds besides to why it is left. ``listed`` has the documents that a
    directory holds, by their call's place in ``adds``: whether they can be read, the server finds out. ``named`` has
    those that were given by name.
    """

    adds: list[Add] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    listed: dict[int, str] = field(default_factory=dict)
    named: dict[int, str] = field(default_factory=dict)

    def leave(self, place: int, problem: str) -> None:
        """Skip the document of ``listed`` whose call the server refused."""
        path = self.listed.pop(place)
        self.taken.remove(path)
        self.skipped[path] = problem

    def take(self, given: str) -> None:
        """Take in one argument.

        Raises InvalidArgumentError for what can't be read, naming the file, for what looks like a file that isn't
        there (a mistyped name is no memory), and for pipes and devices. What a directory holds is skipped instead.
        """
        if given == "-":
            self.adds += _cut(_of_text("standard input", _decode("standard input", sys.stdin.buffer.read())))
            return
        if not given.strip():
            # As a path it would be the current directory.
            raise InvalidArgumentError("what", "is empty")
        # A text longer than any path is a text; asking the file system about it would be an error.
        path = Path(given) if len(given) < 1024 and "\n" not in given else None
        try:
            if path is not None and path.is_dir():
                self._take_directory(path)
            elif path is not None and path.is_file():
                adds = _of_file(path, path.name)
                if path.suffix.lower() in DOCUMENTS:
                    self.named[len(self.adds)] = given
                self.adds += adds
                self.taken.append(given)
            elif path is not None and os.path.lexists(path):
                raise InvalidArgumentError(given, f"{_NO_FILE}; '-' reads standard input, --text stores these words")
            elif _looks_like_a_path(given):
                raise InvalidArgumentError(given, "no such file or directory; to store these words use --text")
            else:
                self.adds.append({"messages": given})
        except OSError as error:
            raise InvalidArgumentError(given, f"cannot be read: {error.strerror}") from error

    def _take_directory(self, top: Path) -> None:
        before = len(self.taken)
        for folder, below, names in os.walk(top):
            place = Path(folder)
            for name in [one for one in below if one.startswith(".")]:
                self.skipped[f"{place / name}/"] = "hidden"
            below[:] = sorted(name for name in below if not name.startswith("."))
            for file in (place / name for name in sorted(names)):
                try:
                    adds = _of_listed_file(file, file.relative_to(top).as_posix())
                    if file.suffix.lower() in DOCUMENTS:
                        self.listed[len(self.adds)] = str(file)
                    self.adds += adds
                    self.taken.append(str(file))
                except InvalidArgumentError as error:
                    self.skipped[str(file)] = error.problem
                except OSError as error:
                    self.skipped[str(file)] = f"cannot be read: {error.strerror}"
        if len(self.taken) == before:
            why = "; ".join(f"{path}: {why}" for path, why in list(self.skipped.items())[:3])
            raise InvalidArgumentError(str(top), f"has nothing to take in{f' ({why})' if why else ''}")


def keyed(adds: Iterable[Add]) -> Iterator[Add]:
    """``adds``, complete with whose memory it is, each with an idempotency key of all that it says.

    The same file taken in again is thereby the same calls, which the server answers as it did the first time. What
    stands in a file twice is two calls.
    """
    times: Counter[str] = Counter()
    for add in adds:
        said = json.dumps(add, sort_keys=True, default=_digest, ensure_ascii=True)
        times[said] += 1
        digest = hashlib.sha256(f"{times[said]} {said}".encode()).hexdigest()
        yield {**add, "idempotency_key": f"file-{digest[:40]}"}


def _digest(value: object) -> str:
    """What stands for the bytes of a document in a key."""
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def _looks_like_a_path(given: str) -> bool:
    return len(given.split()) == 1 and ("/" in given or given.lower().endswith(SUFFIXES))


def _of_listed_file(path: Path, name: str) -> list[Add]:
    """A file that nobody named: what no ``add`` would take is found out here, so that only this file is left."""
    if path.name.startswith("."):
        raise InvalidArgumentError(name, "hidden")
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidArgumentError(name, f"is none of {', '.join(SUFFIXES)}")
    if not path.is_file():
        # Opening a pipe would wait for who writes into it.
        raise InvalidArgumentError(name, _NO_FILE)
    adds = _of_file(path, name)
    for add in adds:
        prepare.add_of({**add, "cube_id": "any"})
    return adds


def _of_file(path: Path, name: str) -> list[Add]:
    """``name`` is what the file's sources and sessions are called: its path in the directory that was given."""
    if path.suffix.lower() in DOCUMENTS:
        size = path.stat().st_size
        if size > MAX_DATA_BYTES:
            raise TooLargeError(str(path), size, MAX_DATA_BYTES)
        part = {"type": "file", "file": {"file_data": path.read_bytes(), "filename": name}}
        return [{"messages": [{"content": [part]}], "session_id": name}]
    text = _decode(str(path), path.read_bytes())
    if path.suffix.lower() == ".json":
        try:
            return list(_cut(_of_json(path, name, json_value(str(path), text))))
        except ValueError as error:
            if isinstance(error, InvalidArgumentError):
                raise
            raise InvalidArgumentError(str(path), f"is no conversation: {error}") from error
    if path.suffix.lower() == ".jsonl":
        return list(_cut([{"messages": list(_lines(path, text)), "session_id": _stem(name)}]))
    return list(_cut(_of_text(name, text)))


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _decode(name: str, body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(name, f"is not UTF-8 at byte {error.start}") from error


def _lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield json_value(f"{path}:{number}", line)


def _of_json(path: Path, name: str, plain: Any) -> list[Add]:
    if isinstance(plain, dict) and "messages" in plain:
        return [{"session_id": _stem(name), **plain}]
    rows = plain if isinstance(plain, list) else [plain]
    if rows and all(isinstance(row, dict) and "conversation" in row for row in rows):
        return [session.add() for conversation in conversations_of(plain) for session in conversation.sessions]
    if isinstance(plain, list) and plain:
        return [{"messages": plain, "session_id": _stem(name)}]
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
