"""Where a long text is cut: at the end of a paragraph, a line, a sentence or a word, so that each piece fits the
embedder's window."""

from __future__ import annotations

import re

__all__ = ["CHUNK_CHARS", "split"]

CHUNK_CHARS = 1200
"""About 256 tokens of English: what all-MiniLM-L6-v2 reads of a text (its max_seq_length)."""

_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?。！？])\s*(?=\S)"),
    re.compile(r"\s+"),
)


def split(text: str, limit: int = CHUNK_CHARS) -> list[tuple[int, int]]:
    """Half-open ranges of code points that cover all of ``text`` but blanks at the seams, each at most ``limit``.

    The last break of the strongest kind (paragraph, line, sentence, word) in the second half of the window wins.
    """
    ranges: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > limit:
        window = text[start : start + limit]
        cut = limit
        for pattern in _BREAKS:
            ends = [match.end() for match in pattern.finditer(window, limit // 2)]
            if ends:
                cut = ends[-1]
                break
        ranges.append((start, start + cut))
        start += cut
    ranges.append((start, len(text)))
    return [(a, b) for a, b in ranges if text[a:b].strip()]
