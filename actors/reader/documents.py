"""Text of a document → chunks that begin and end where the text does: at headings, paragraphs, lines, sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from memcube.actors.reader.segments import CHUNK_CHARS, split

__all__ = ["Chunk", "chunks_of"]

LEAST_CHARS = CHUNK_CHARS // 3
"""A section that is shorter is put together with the next one: a heading alone answers nothing."""
TITLE_CHARS = 120
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]{1,8}([^\s#][^\n]{0,250})", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chunk:
    """``[start, end)`` in code points of the document's text, without blanks at its ends; ``heading`` is the one that
    it stands under, empty before the first."""

    start: int
    end: int
    heading: str


def chunks_of(text: str) -> Iterator[Chunk]:
    """The chunks of a document's text, in order: all of it but blanks at the seams, each at most ``CHUNK_CHARS``."""
    headings = list(_headings(text))
    places = [at for at, _ in headings]
    for first, last in _stretches(places, len(text)):
        for start, end in split(text[first:last]):
            piece = text[first + start : first + end]
            begin = first + start + len(piece) - len(piece.lstrip())
            above = bisect_right(places, begin) - 1
            yield Chunk(begin, begin + len(piece.strip()), headings[above][1] if above >= 0 else "")


def _stretches(headings: list[int], end: int) -> Iterator[tuple[int, int]]:
    """From heading to heading, short sections together with what follows them."""
    start = 0
    for at in headings:
        if at - start >= LEAST_CHARS:
            yield start, at
            start = at
    yield start, end


def _headings(text: str) -> Iterator[tuple[int, str]]:
    fences = [match.start() for match in _FENCE.finditer(text)]
    passed = 0
    for match in _HEADING.finditer(text):
        while passed < len(fences) and fences[passed] < match.start():
            passed += 1
        if passed % 2 == 0:  # not in a block of code
            yield match.start(), match[1].rstrip(" \t#\r")[:TITLE_CHARS]
