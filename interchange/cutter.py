"""A large JSON document, taken apart element by element: what is asked for is read, one at a time, and the rest is kept.

A *cut* is a path of keys, ``"[]"`` standing for every member of a list and ``"*"`` for every one of an object:
``("agents", "[]", "messages", "[]")``. The document is
read in pieces; held in memory are the one element and the *skeleton*, which is the document with empty containers
where the elements were. A pointer (RFC 6901, ``/agents/0/messages/12``) says where an element stood.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from memcube.interchange.strict_json import MAX_DEPTH, loads
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["MAX_ELEMENT_CHARS", "MAX_SKELETON_CHARS", "Cutter", "Element", "fits", "pointer", "tokens"]

MAX_ELEMENT_CHARS = 64 << 20
"""Of one element, or of one value of the skeleton: a conversation of a year is some 20 million."""
MAX_SKELETON_CHARS = 128 << 20
_PIECE_BYTES = 1 << 18
_BLANK = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MARK = re.compile(r'["\[\]{}]')
_SCALAR = re.compile(r"[^\s,\]}]+")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: where it stood, by which of the cuts it was taken, and what it is."""

    pointer: str
    cut: int
    value: Any


def pointer(*parts: str | int) -> str:
    """A JSON pointer of these keys."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def tokens(text: str) -> list[str]:
    """The keys of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


@dataclass(slots=True)
class Cutter:
    """Reads one document; ``skeleton`` is whole once ``elements`` is exhausted. ``name`` is what errors call it."""

    file: BinaryIO
    cuts: Sequence[tuple[str, ...]]
    name: str
    skeleton: Any = None
    peeking: bool = False
    """Whether elements are passed over: for a look at the skeleton alone."""
    wrapped: bool = False
    """Whether the document stood inside a JSON text, as some agent files do."""
    _buffer: str = ""
    _at: int = 0
    _ended: bool = False
    _kept_chars: int = 0
    _decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8-sig")())

    def elements(self) -> Iterator[Element]:
        """The elements in the order of the document. Raises InvalidArgumentError, TooLargeError."""
        self.opening()
        root: list[Any] = [None]
        yield from self._value(self.name, [], root, 0)
        self.skeleton = root[0]
        if self._peek():
            raise InvalidArgumentError(self.name, "has more behind its end")

    def opening(self) -> str:
        """The character that the next value begins with; empty at the end. A document inside a text is taken out."""
        if self._peek() == '"' and not self.wrapped:
            self._unwrap()
        return self._peek()

    def first(self) -> Any:
        """The first member of the list that comes next; None for an empty one."""
        self._at += 1
        return None if self._peek() == "]" else loads(self._raw(self.name), self.name)

    def keys(self) -> tuple[dict[str, Any], Any]:
        """The keys of the object that comes next, with their values where these are plain (else ``...``), and the first
        object in its first list of objects. What is large is passed over."""
        self._at += 1
        found: dict[str, Any] = {}
        first: Any = None
        while self._peek() != "}":
            if found:
                self._expect(self.name, ",")
                self._peek()
            key = loads(self._raw(self.name), self.name)
            if not isinstance(key, str):
                raise InvalidArgumentError(self.name, "has a key that is no text")
            self._expect(self.name, ":")
            opening = self._peek()
            if opening == "[" and first is None:
                first = self._pass_list()
                found[key] = ...
            elif opening in ("[", "{"):
                self._pass()
                found[key] = ...
            else:
                found[key] = loads(self._raw(self.name), self.name)
        self._at += 1
        return found, first

    def _pass_list(self) -> Any:
        """Pass over a list, and give its first member if that is an object."""
        self._at += 1
        first = None
        if self._peek() == "{":
            first = loads(self._raw(self.name), self.name)
        self._pass(depth=1)
        return first

    def _pass(self, depth: int = 0) -> None:
        """Go behind the container that comes next (or that we are in), keeping nothing of it."""
        while True:
            found = _MARK.search(self._buffer, self._at)
            if found is None:
                self._buffer, self._at = "", 0
                if not self._more():
                    raise InvalidArgumentError(self.name, "ends in the middle")
                continue
            self._at = found.end()
            if found.group() == '"':
                self._at = self._string_end(self.name, found.start())
            else:
                depth += 1 if found.group() in "{[" else -1
                if depth > MAX_DEPTH:
                    raise InvalidArgumentError(self.name, f"is nested deeper than {MAX_DEPTH}")
                if depth == 0:
                    return
            if self._at > _PIECE_BYTES:
                self._buffer, self._at = self._buffer[self._at :], 0

    def _unwrap(self) -> None:
        inner = loads(self._raw(self.name), self.name)
        if self._peek():
            raise InvalidArgumentError(self.name, "has more behind its end")
        self._buffer, self._at, self._ended, self.wrapped = str(inner), 0, True, True
        if self._peek() == '"':
            raise InvalidArgumentError(self.name, "is a text in a text in a text")

    def _value(self, name: str, path: list[str | int], into: Any, place: Any) -> Iterator[Element]:
        """Read the value that comes next: an element, a container with elements in it, or a part of the skeleton."""
        whole = next((i for i, cut in enumerate(self.cuts) if fits(cut, path)), None)
        if whole is not None:
            into[place] = None
            raw = self._raw(name)
            if not self.peeking:
                yield Element(pointer(*path), whole, loads(raw, name))
            return
        inside = any(len(cut) > len(path) and fits(cut[: len(path)], path) for cut in self.cuts)
        opening = self._peek()
        if not inside or opening not in ("{", "["):
            into[place] = self._kept(name)
            return
        made: Any = {} if opening == "{" else []
        into[place] = made
        self._at += 1
        yield from self._members(name, path, made)

    def _members(self, name: str, path: list[str | int], made: Any) -> Iterator[Element]:
        closing = "}" if isinstance(made, dict) else "]"
        seen: set[str] = set()
        index = 0
        while (mark := self._peek()) != closing or index == 0:
            if mark == closing:
                break
            if index:
                self._expect(name, ",")
            key: Any = index
            if isinstance(made, dict):
                if self._peek() != '"':
                    raise InvalidArgumentError(name, f"has {self._peek() or 'nothing'!r} where a key was to come")
                key = loads(self._raw(name), name)
                if key in seen:
                    raise InvalidArgumentError(f"{name}.{key[:64]}", "stands twice in one object")
                seen.add(key)
                self._expect(name, ":")
            below = f"{name}.{key[:64]}" if isinstance(made, dict) else f"{name}[{index}]"
            taken = any(fits(cut, [*path, key]) for cut in self.cuts)
            if isinstance(made, dict):
                holder: Any = {} if taken else made
                yield from self._value(below, [*path, key], holder, key)
            elif taken:
                yield from self._value(below, [*path, key], [None], 0)
            else:
                made.append(None)
                yield from self._value(below, [*path, key], made, len(made) - 1)
            index += 1
        self._expect(name, closing)

    def _kept(self, name: str) -> Any:
        raw = self._raw(name)
        self._kept_chars += len(raw)
        if self._kept_chars > MAX_SKELETON_CHARS:
            raise TooLargeError(name, self._kept_chars, MAX_SKELETON_CHARS, "characters")
        return loads(raw, name)

    def _raw(self, name: str) -> str:
        """The text of the value that comes next, and go on behind it."""
        opening = self._peek()
        start = self._at
        if opening == '"':
            end = self._string_end(name, start)
        elif opening in ("{", "["):
            end = self._container_end(name, start)
        else:
            while (match := _SCALAR.match(self._buffer, start)) and match.end() == len(self._buffer) and self._more():
                pass
            if match is None:
                raise InvalidArgumentError(name, f"has {opening or 'nothing'!r} where a value was to come")
            end = match.end()
        self._at = end
        return self._buffer[start:end]

    def _string_end(self, name: str, start: int) -> int:
        while (match := _STRING.match(self._buffer, start)) is None:
            self._grow(name, start)
        return match.end()

    def _container_end(self, name: str, start: int) -> int:
        depth, at = 0, start
        while True:
            found = _MARK.search(self._buffer, at)
            if found is None:
                at = len(self._buffer)
                self._grow(name, start)
                continue
            mark = found.group()
            at = found.end()
            if mark == '"':
                at = self._string_end(name, found.start())
            elif mark in "{[":
                depth += 1
                if depth > MAX_DEPTH:
                    raise InvalidArgumentError(name, f"is nested deeper than {MAX_DEPTH}")
            else:
                depth -= 1
                if depth == 0:
                    return at

    def _grow(self, name: str, start: int) -> None:
        if len(self._buffer) - start > MAX_ELEMENT_CHARS:
            raise TooLargeError(name, len(self._buffer) - start, MAX_ELEMENT_CHARS, "characters")
        # In ever larger pieces, so that a long value is looked through a few times only.
        if not self._more(max(_PIECE_BYTES, len(self._buffer) - start)):
            raise InvalidArgumentError(name, "ends in the middle")

    def _more(self, size: int = _PIECE_BYTES) -> bool:
        if self._ended:
            return False
        piece = self.file.read(size)
        self._ended = not piece
        try:
            self._buffer += self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise InvalidArgumentError(self.name, f"is not UTF-8: {error.reason}") from error
        return bool(piece)

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            match = _BLANK.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                if self._at > _PIECE_BYTES:
                    self._buffer, self._at = self._buffer[self._at :], 0
                return self._buffer[self._at]
            self._buffer, self._at = "", 0
            if not self._more():
                return ""

    def _expect(self, name: str, mark: str) -> None:
        found = self._peek()
        if found != mark:
            raise InvalidArgumentError(name, f"has {found or 'nothing'!r} where {mark!r} was to come")
        self._at += 1


def fits(cut: Sequence[str], path: Sequence[str | int]) -> bool:
    """Whether a path is one of a cut's; a list's places are numbers, or (out of a pointer) digits."""
    return len(cut) == len(path) and all(map(_stands_for, cut, path))


def _stands_for(mark: str, key: str | int) -> bool:
    if mark == "[]":
        return isinstance(key, int) or key.isdigit()
    return mark == key or (mark == "*" and isinstance(key, str))
