"""Where a document's text is cut."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

from memcube.actors.reader.documents import chunks_of
from memcube.actors.reader.segments import CHUNK_CHARS

LONG = "A sentence of some words. " * 30


def test_chunks_begin_at_headings_and_know_them() -> None:
    """A short section goes with what follows it; each chunk is under the heading above its first character."""
    text = f"intro\n\n# One\n\n## Sub\n\n{LONG}\n\n# Two #\n\n{LONG}{LONG}{LONG}\n\n# Three\n\nend"
    chunks = list(chunks_of(text))
    assert [chunk.heading for chunk in chunks] == ["", "Two", "Two", "Three"]
    assert text[chunks[0].start : chunks[0].end].startswith("intro\n\n# One\n\n## Sub\n\nA sentence")
    assert text[chunks[1].start :].startswith("# Two #")


def test_nothing_is_lost_and_every_chunk_fits() -> None:
    """All but blanks at the seams, in order, without overlap."""
    text = "\n\n".join(f"# H{n}\n\n{'wort ' * n}{'长' * n}" for n in range(0, 900, 37))
    chunks = list(chunks_of(text))
    assert "".join("".join(text[c.start : c.end].split()) for c in chunks) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(chunks))
    assert all(
        0 < c.end - c.start <= CHUNK_CHARS and text[c.start : c.end].strip() == text[c.start : c.end] for c in chunks
    )


def test_a_comment_in_code_is_no_heading() -> None:
    """Between fences, # begins a comment."""
    text = f"# Use\n\n{LONG}\n\n```sh\n# install it\nmake\n```\n\n{LONG}\n\n# After\n\n{LONG}"
    assert {chunk.heading for chunk in chunks_of(text)} == {"Use", "After"}


def test_odd_text_takes_no_time() -> None:
    """Half a megabyte of hashes and blanks, on one line and on many."""
    begun = perf_counter()
    for text in ("# " * 250_000, "#" * 500_000, "# x\n" * 500_000, " " * 500_000 + "# x", "```\n" * 500_000):
        for chunk in chunks_of(text):
            assert chunk.end <= len(text)
    assert perf_counter() - begun < 10
